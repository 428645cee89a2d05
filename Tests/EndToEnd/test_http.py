"""The listener itself: what HTTP/1.1 asks of a server, and what nobody should send."""

import socket
import tempfile

from harness import Gateway, Process, free_port, wait_until

GATEWAY = None


def set_up():
    global GATEWAY
    GATEWAY = Gateway()


def tear_down():
    GATEWAY.remove()


def talk(data, until=None):
    """Sends bytes as they are; answers what comes back until the server closes, or until a text has come."""
    with socket.create_connection(("127.0.0.1", GATEWAY.ports[0]), timeout=20) as connection:
        connection.sendall(data)
        received = b""
        while until is None or until not in received:
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
        return received


def test_requests_that_come_together_are_answered_in_order():
    one = b"GET /nothing-%d HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(one % 1 + one % 2 + last)
    assert answer.count(b"HTTP/1.1 404") == 2 and answer.count(b"HTTP/1.1 200") == 1, answer[:2000]
    assert answer.index(b"404") < answer.index(b"HTTP/1.1 200")
    assert b"Connection: close" in answer and b"Date: " in answer


def test_a_body_in_chunks_is_read_and_a_large_one_is_refused_at_once():
    chunked = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b"422" in talk(chunked + b"2\r\n{}\r\n0\r\n\r\n").split(b"\r\n")[0]
    # The rest of it never comes, and need not.
    declared = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{"
    assert b"413" in talk(declared).split(b"\r\n")[0]
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert b"413" in talk(chunked + piece * 17).split(b"\r\n")[0]


def test_what_is_no_http_or_too_large_a_header_is_told_so():
    assert talk(b"NONSENSE\r\n\r\n").startswith(b"HTTP/1.1 400")
    header = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 40000 + b"\r\n\r\n"
    answer = talk(header)
    assert answer.startswith(b"HTTP/1.1 431") and b"application/problem+json" in answer, answer[:300]


def test_a_client_that_asks_first_is_told_to_go_on():
    request = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert talk(request, until=b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_head_has_the_header_of_get_and_no_body():
    answer = talk(b"HEAD /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n"), answer[-200:]


def test_the_program_ends_although_a_connection_is_idle():
    global GATEWAY
    with socket.create_connection(("127.0.0.1", GATEWAY.ports[0]), timeout=20) as idle:
        GATEWAY.end()
        assert idle.recv(1) == b""
    GATEWAY = GATEWAY.again()


def test_a_program_whose_port_is_taken_ends_and_says_so():
    for taken in ({"port": GATEWAY.ports[0]}, {"management-port": GATEWAY.ports[1]}):
        ports = {"port": free_port(), "management-port": free_port(), **taken}
        arguments = ["dev", "--data-dir", tempfile.mkdtemp(prefix="taken-")]
        for name, port in ports.items():
            arguments += [f"--{name}", str(port)]
        process = Process(arguments)
        wait_until("the end of the program", lambda: not process.is_running(), 30)
        assert process.end() != 0 and "ddress already in use" in process.output(), process.output()
