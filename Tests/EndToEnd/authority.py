"""A certificate authority for one test run: made by openssl in a folder, trusted by nobody who is not told to."""

import os
import ssl
import subprocess
import tempfile

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """`file` is its own certificate; `server` answers an ssl.SSLContext for a server that it vouches for."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="authority-")
        self.file = self.path("authority.pem")
        subject = ["-subj", "/CN=an authority of a test"]
        openssl("req", "-x509", *KEY, "-keyout", self.path("authority.key"), "-out", self.file, *subject, "-days", "30")

    def path(self, name):
        return os.path.join(self.folder, name)

    def server(self, names="IP:127.0.0.1", days=30):
        certificate, key, request = (self.path("server." + ending) for ending in ("pem", "key", "csr"))
        with open(self.path("names"), "w") as file:
            file.write(f"subjectAltName={names}\n")
        openssl("req", *KEY, "-keyout", key, "-out", request, "-subj", "/CN=a server of a test")
        signer = ["-CA", self.file, "-CAkey", self.path("authority.key"), "-CAcreateserial"]
        names = ["-extfile", self.path("names")]
        openssl("x509", "-req", "-in", request, *signer, *names, "-days", str(days), "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context
