"""A receiver of webhooks, written with the public library of Standard Webhooks: it takes what its secret has signed.

Prints its port, then a line of JSON for each request: what the library said, the headers and the body.
"""

import base64
import http.server
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            WEBHOOK.verify(body, headers)
            status, refusal = 204, None
        except WebhookVerificationError as error:
            status, refusal = 400, str(error)
        seen = {"status": status, "refusal": refusal, "headers": headers, "body": base64.b64encode(body).decode()}
        print(json.dumps(seen), flush=True)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
