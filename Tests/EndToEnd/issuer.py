"""An issuer of tokens: its metadata, its keys and client credentials, by PyJWT.

Usage: issuer.py PORT. Serves until it ends; run it with the Python of a client of MCP, which has PyJWT. POST /token gives
what its form asks for: `alg` says by which key it is signed, `claims` (JSON) what else it says.
"""

import json
import sys
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

KEYS = {
    "RS256": (rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "PS256": (rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
}
ISSUER = f"http://127.0.0.1:{sys.argv[1]}"


def published():
    keys = []
    for name, (key, form) in KEYS.items():
        document = json.loads(form.to_jwk(key.public_key()))
        document.pop("key_ops", None)
        keys.append({**document, "kid": "key-" + name, "alg": name, "use": "sig"})
    return {"keys": keys}


def token(form):
    now, name = int(time.time()), form.get("alg", "RS256")
    claims = {
        "iss": ISSUER, "sub": "assistant", "client_id": "assistant", "aud": form.get("resource"), "iat": now,
        "exp": now + 300, "jti": str(uuid.uuid4()), "scope": form.get("scope", ""),
    }
    claims.update(json.loads(form.get("claims", "{}")))
    signed = jwt.encode(claims, KEYS[name][0], name, headers={"kid": "key-" + name, "typ": "at+jwt"})
    return {"access_token": signed, "token_type": "Bearer", "expires_in": 300, "scope": claims["scope"]}


class Handler(BaseHTTPRequestHandler):
    def answer(self, document, status=200):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/.well-known/oauth-authorization-server":
            return self.answer({
                "issuer": ISSUER, "jwks_uri": ISSUER + "/keys", "token_endpoint": ISSUER + "/token",
                "authorization_endpoint": ISSUER + "/authorize", "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            })
        if self.path == "/keys":
            return self.answer(published())
        self.answer({}, 404)

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.answer(token(form))

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
