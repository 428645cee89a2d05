"""A receiver of webhooks, written with public libraries: it takes what its secret, or its public key, has signed.

Prints its port, then a line of JSON for each request: its path, what the library said, the status, the headers and the
body. How it answers is the path's to say: /ok, /500, /410, /redirect, /flood, /late, /flaky (503 the first time, with
Retry-After) and /paused (503 with Retry-After).
"""

import base64
import collections
import http.server
import json
import sys
import threading

from nacl.signing import VerifyKey
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = sys.argv[1]
SEEN = collections.Counter()
LOCK = threading.Lock()


def refusal(body, headers):
    """What is wrong with a request; None where it is signed."""
    if not SECRET.startswith("whpk_"):
        try:
            Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as error:
            return str(error)
        return None
    key = VerifyKey(base64.b64decode(SECRET.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for one in headers["webhook-signature"].split():
        version, _, signature = one.partition(",")
        if version == "v1a":
            key.verify(signed, base64.b64decode(signature))
            return None
    return "no v1a"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind = self.path.split("?")[0].split("/")[1]
        # Other paths are other endpoints', which have secrets of their own.
        wrong = refusal(body, headers) if kind in ("ok", "hooks") else None
        with LOCK:
            SEEN[self.path, headers["webhook-id"]] += 1
            count = SEEN[self.path, headers["webhook-id"]]
        status = {"500": 500, "410": 410, "redirect": 307, "flood": 200, "late": 204, "paused": 503}.get(kind, 204)
        if kind == "flaky":
            status = 503 if count == 1 else 204
        if wrong and status < 300:
            status = 400
        seen = {
            "path": self.path, "status": status, "refusal": wrong, "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        with LOCK:
            print(json.dumps(seen), flush=True)
        if kind == "late":
            # Longer than anybody waits for it; the process is ended first.
            threading.Event().wait(600)
        self.send_response(status)
        if kind == "redirect":
            self.send_header("Location", self.path.replace("redirect", "ok"))
        if status == 503:
            self.send_header("Retry-After", "1" if kind == "flaky" else "3600")
        if kind == "flood":
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                return
        self.send_header("Content-Length", "2" if status != 204 else "0")
        self.end_headers()
        if status != 204:
            self.wfile.write(b"no")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
