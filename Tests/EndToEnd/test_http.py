"""The listener itself: what HTTP/1.1 asks of a server, and what nobody should send."""

import http.client
import json
import os
import socket
import tempfile

from harness import PATIENCE, PROGRAM, Gateway, Process, answers, free_port, http as ask, new_folder, phone, wait_until


def talk(gateway, data, until=None, port=None):
    """Sends bytes as they are; answers what comes back until the server closes, or until a text has come."""
    with socket.create_connection(("127.0.0.1", port or gateway.ports[0]), timeout=PATIENCE) as connection:
        connection.sendall(data)
        received = b""
        while until is None or until not in received:
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
        return received


def test_requests_that_come_together_are_answered_in_order(gateway):
    one = b"GET /nothing-%d HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(gateway, one % 1 + one % 2 + last)
    assert answer.count(b"HTTP/1.1 404") == 2 and answer.count(b"HTTP/1.1 200") == 1, answer[:2000]
    assert answer.index(b"404") < answer.index(b"HTTP/1.1 200")
    assert b"Connection: close" in answer and b"Date: " in answer


def test_a_body_in_chunks_is_read_and_a_large_one_is_refused_at_once(gateway):
    chunked = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b"422" in talk(gateway, chunked + b"2\r\n{}\r\n0\r\n\r\n").split(b"\r\n")[0]
    # The rest of it never comes, and need not.
    declared = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{"
    assert b"413" in talk(gateway, declared).split(b"\r\n")[0]
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert b"413" in talk(gateway, chunked + piece * 17).split(b"\r\n")[0]


def test_what_is_no_http_or_too_large_a_header_is_told_so(gateway):
    assert talk(gateway, b"NONSENSE\r\n\r\n").startswith(b"HTTP/1.1 400")
    header = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 40000 + b"\r\n\r\n"
    answer = talk(gateway, header)
    assert answer.startswith(b"HTTP/1.1 431") and b"application/problem+json" in answer, answer[:300]


def test_a_client_that_asks_first_is_told_to_go_on(gateway):
    request = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert talk(gateway, request, until=b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_head_has_the_header_of_get_and_no_body(gateway):
    answer = talk(gateway, b"HEAD /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and b"Content-Length: " in answer, answer
    assert answer.endswith(b"\r\n\r\n"), answer[-200:]


def test_thousands_of_requests_behind_one_that_waits_are_all_answered(gateway):
    body = b'{"username":"nobody","password":"wrong"}'
    login = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(gateway, login + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 7000 + last)
    assert answer.count(b"HTTP/1.1 404") == 7001 and answer.count(b"HTTP/1.1 ") == 7002, answer[:300]
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = talk(gateway, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 7000 + last, port=gateway.ports[1])
    assert answer.count(b"HTTP/1.1 200") == 7001, answer[:300]


def test_a_large_body_is_read_only_for_who_shows_a_credential(gateway):
    head = "POST /tools/stk-push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n%s\r\n"
    # Not a byte of it is sent, and an answer comes.
    assert talk(gateway, (head % "").encode()).startswith(b"HTTP/1.1 401")
    assert talk(gateway, (head % "Authorization: Bearer none\r\n").encode()).startswith(b"HTTP/1.1 401")
    known = (head % f"X-API-Key: {gateway.dev['api_key']}\r\n").encode() + b"x" * 1_000_000
    assert talk(gateway, known, until=b"\r\n\r\n").startswith(b"HTTP/1.1 400")
    both = head % f"X-API-Key: {gateway.dev['api_key']}\r\nAuthorization: Bearer other\r\n"
    assert talk(gateway, both.encode()).startswith(b"HTTP/1.1 400")


def test_a_callback_is_taken_however_its_address_was_written_on_the_way(gateway):
    number = phone()
    assert gateway.push(number)[0] == 200
    requests = ask("GET", gateway.dev["simulator_url"] + "/simulator/requests")[2]["requests"]
    body = next(json.loads(r["body"]) for r in requests if number in r["body"])
    path = body["CallBackURL"].split("/cb/")[1]
    for written in ("/cb/" + path, "/cb/" + path + "/", "//cb//" + path, "/cb/" + path.upper(), "/CB/" + path):
        assert ask("POST", gateway.url + written, b"{}")[0] == 200, written
    assert ask("POST", gateway.url + "/cb/" + path[:-1] + ("0" if path[-1] != "0" else "1"), b"{}")[0] == 404


def test_the_management_listener_answers_to_its_own_names_alone(gateway):
    for host, origin, status in (
        ("127.0.0.1:1", "", b"200"), ("[::1]", "", b"200"), ("localhost", "Origin: http://localhost:3000\r\n", b"200"),
        ("evil.example", "", b"421"), ("localhost:80@evil.example", "", b"400"),
        ("localhost", "Origin: http://localhost:80@evil.example\r\n", b"403"),
    ):
        request = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n".encode()
        answer = talk(gateway, request, port=gateway.ports[1])
        assert answer.split(b" ")[1] == status and (status == b"200") == (b"gateway_calls" in answer), (host, answer)


def test_more_connections_than_files_leave_what_money_needs():
    folder = tempfile.mkdtemp(prefix="few-files-")
    ports = (free_port(), free_port())
    command = 'ulimit -n 256; exec "$0" "$@"'
    arguments = ["dev", "--data-dir", folder, "--port", str(ports[0]), "--management-port", str(ports[1])]
    process = Process(["-c", command, PROGRAM, *arguments], program="bash")
    ready = f"http://127.0.0.1:{ports[1]}/readyz"
    wait_until("the gateway", lambda: answers(ready) and answers(f"http://127.0.0.1:{ports[0]}/openapi.json"))
    with open(os.path.join(folder, "dev.json")) as file:
        key = json.load(file)["api_key"]
    idle = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for port in ports for _ in range(300)]

    # Of those that ask nothing the oldest make room: for whoever comes to operate, and for money.
    assert idle[0].recv(1) == b"" and idle[300].recv(1) == b""
    assert answers(ready)
    for _ in range(3):
        known = http.client.HTTPConnection("127.0.0.1", ports[0], timeout=PATIENCE)
        body = json.dumps({"phone_number": phone(), "amount": 5, "account_reference": "A", "transaction_desc": "B"})
        known.request("POST", "/tools/stk-push", body, {"X-API-Key": key})
        answer = known.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        known.close()
    for connection in idle:
        connection.close()
    assert process.is_running() and "connections are limited" in process.output(), process.output()
    assert process.end() == 0


def test_the_program_ends_although_a_connection_is_idle():
    with Gateway() as gateway, socket.create_connection(("127.0.0.1", gateway.ports[0]), timeout=PATIENCE) as idle:
        # One that has been answered: what still waits to be accepted is cut by the kernel instead.
        idle.sendall(b"GET /mpesa/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += idle.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        gateway.end()
        assert idle.recv(1) == b""


def test_a_program_whose_port_is_taken_ends_and_says_so(gateway):
    for taken in ({"port": gateway.ports[0]}, {"management-port": gateway.ports[1]}):
        ports = {"port": free_port(), "management-port": free_port(), **taken}
        arguments = ["dev", "--data-dir", new_folder(None)]
        for name, port in ports.items():
            arguments += [f"--{name}", str(port)]
        process = Process(arguments)
        wait_until("the end of the program", lambda: not process.is_running())
        assert process.end() != 0 and "ddress already in use" in process.output(), process.output()
