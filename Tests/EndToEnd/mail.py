"""A mail server over TLS, of a thread: what Python has, and no more."""

import base64
import email
import email.policy
import socket
import threading


class MailServer:
    """`url` is where it listens; `letters` are what it took, as email.message.EmailMessage."""

    def __init__(self, context):
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.url = f"smtps://127.0.0.1:{self.listener.getsockname()[1]}"
        self.letters = []
        self.logins = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue  # Somebody who did not trust it.
            with connection, connection.makefile("rwb") as lines:
                self.talk(lines)

    def talk(self, lines):
        def say(text):
            lines.write(text.encode() + b"\r\n")
            lines.flush()

        say("220 mail")
        for line in lines:
            word = line.strip().decode()
            if word.startswith("EHLO"):
                say("250-mail\r\n250 AUTH PLAIN")
            elif word.startswith("AUTH"):
                say("334 ")
                self.logins.append(base64.b64decode(lines.readline()).decode())
                say("235 welcome")
            elif word == "DATA":
                say("354 go on")
                body = b"".join(iter(lines.readline, b".\r\n"))
                self.letters.append(email.message_from_bytes(body, policy=email.policy.default))
                say("250 taken")
            elif word == "QUIT":
                return say("221 bye")
            else:
                say("250 fine")

    def end(self):
        self.listener.close()
