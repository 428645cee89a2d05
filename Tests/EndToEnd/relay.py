"""A server between the gateway and the simulator, plain or over TLS, that a test can make hold or cut a request."""

import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Cut(Exception):
    """Raised by a relay's `before` or `after`: the connection is closed without an answer."""


class Relay:
    """Hands each request on to `target`.

    `before(path, body)` is called when a request has been read, `after(path, body)` when the target has answered it;
    both may block, or raise Cut. With `tls`, an ssl.SSLContext, it speaks TLS; `cuts_handshake` makes it read the
    beginning of a handshake and close.
    """

    def __init__(self, target, tls=None):
        self.target, self.tls = urlsplit(target), tls
        self.before = self.after = lambda path, body: None
        self.cuts_handshake = False
        self.requests = []
        self.handshakes_cut = 0
        self.connections = []
        self.server = Server(("127.0.0.1", 0), handler(self))
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def read(self, ending, text=""):
        """How many requests were read whose path ends like this and whose body holds a text."""
        return sum(1 for path, body in self.requests if path.endswith(ending) and text in body)

    def forward(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=180)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type"), answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Cut from error
        finally:
            connection.close()

    def drop(self):
        """Closes every connection, so that the next request needs a new one; it does what it did at first again."""
        self.before = self.after = lambda path, body: None
        while self.connections:
            try:
                self.connections.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # Closed by the other side already.

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A connection that breaks is what these tests are about: nothing is printed."""


def handler(relay):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is its head and its body: without this the second waits for the first one's acknowledgement.
        disable_nagle_algorithm = True

        def setup(self):
            if relay.cuts_handshake:
                self.request.recv(1)
                relay.handshakes_cut += 1
                self.request.shutdown(socket.SHUT_RDWR)
                raise Cut
            if relay.tls:
                self.request = relay.tls.wrap_socket(self.request, server_side=True)
            relay.connections.append(self.request)
            super().setup()

        def finish(self):
            super().finish()
            # The server closes the socket that it accepted, which the one for TLS has replaced.
            self.request.close()

        def relay_request(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            text = body.decode(errors="replace")
            relay.requests.append((self.path.partition("?")[0], text))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            try:
                relay.before(self.path, text)
                status, kind, answer = relay.forward(self.command, self.path, headers, body)
                relay.after(self.path, text)
            except Cut:
                self.close_connection = True
                return
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = relay_request

        def log_message(self, *_):
            pass

    return Handler
