"""Behind a real proxy (nginx, as Debian has it): who called is what the named proxy says, and nobody else."""

import http.client
import json
import os
import tempfile

import documents
from harness import PATIENCE, Gateway, Process, Simulator, answers, free_port, http as ask, phone, wait_until

NGINX = "/usr/sbin/nginx"
# All of 127.0.0.0/8 is this machine's: two callers of different addresses, and a proxy of a third.
MPESA, STRANGER = "127.0.0.2", "127.0.0.3"


def location(gateway_port):
    """The lines that docs/operating.md tells to write."""
    (text,) = [block for block in documents.blocks("docs/operating.md") if block.startswith("location / {")]
    assert "127.0.0.1:8080" in text
    return text.replace("127.0.0.1:8080", f"127.0.0.1:{gateway_port}")


class Nginx(Process):
    """nginx in front of a gateway, with what the documents say: it adds whom it sees to X-Forwarded-For."""

    def __init__(self, gateway_port):
        self.port = free_port()
        folder = tempfile.mkdtemp(prefix="nginx-")
        paths = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(
                f"""worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; daemon off;
                events {{ worker_connections 64; }}
                http {{ access_log off; {paths}
                    server {{ listen 127.0.0.1:{self.port}; listen {MPESA}:{self.port}; {location(gateway_port)} }} }}"""
            )
        super().__init__(["-c", path, "-p", folder, "-e", folder + "/start.log"], program=NGINX)
        wait_until("nginx", lambda: answers(f"http://127.0.0.1:{self.port}/openapi.json") or not self.is_running())
        assert self.is_running(), self.output()


def post(port, path, body, source, forged=None):
    """Posts from an address of this machine; answers the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(source, 0))
    headers = {"Content-Type": "application/json"}
    if forged:
        headers["X-Forwarded-For"] = forged
    connection.request("POST", path, json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_callbacks_come_through_a_named_proxy_from_named_addresses_alone():
    simulator = Simulator()
    settings = {"GATEWAY_TRUSTED_PROXIES": "127.0.0.1", "GATEWAY_CALLBACK_SOURCES": MPESA}
    gateway = Gateway(simulator=simulator, environment=settings)
    proxy = Nginx(gateway.ports[0])
    number = phone()
    # M-Pesa's own simulator comes from the proxy's address: what it sends finds nothing there.
    simulator.outcome("silence", phone=number)
    assert gateway.push(number)[0] == 200
    requests = ask("GET", simulator.url + "/simulator/requests")[2]["requests"]
    pushed = next(json.loads(r["body"]) for r in requests if number in r["body"])
    path = "/cb/" + pushed["CallBackURL"].split("/cb/")[1]
    made = gateway.transaction(number)
    body = {"Body": {"stkCallback": {"ResultCode": 1032, "ResultDesc": "Request cancelled by user."}}}

    # From elsewhere, whatever it says of itself, and past the proxy.
    assert post(proxy.port, path, body, STRANGER) == 404
    for forged in (MPESA, f"{MPESA}, {MPESA}", f"{MPESA}, 127.0.0.1", f"{STRANGER}, {MPESA}"):
        assert post(proxy.port, path, body, STRANGER, forged) == 404, forged
        assert post(gateway.ports[0], path, body, STRANGER, forged) == 404, forged
    assert gateway.transaction(number)["state"] == made["state"]
    # From where M-Pesa calls, past the proxy or through it, with whatever somebody put in front.
    assert post(proxy.port, path, body, MPESA, STRANGER) == 200
    assert post(proxy.port, path, body, MPESA) == 200
    audit = gateway.output()
    assert "addresses off the list" in audit
    for process in (proxy, gateway, simulator):
        process.end()
