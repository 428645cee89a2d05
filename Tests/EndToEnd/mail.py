"""A mail server over TLS, from its first byte or from STARTTLS on, of a thread: what Python has, and no more."""

import base64
import email
import email.policy
import socket
import threading


class MailServer:
    """`url` is where it listens; `letters` are what it took, as email.message.EmailMessage, and `open_words` what it was
    told before TLS began."""

    def __init__(self, context, starts=False):
        self.context, self.starts = context, starts
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp{'' if starts else 's'}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.letters, self.logins, self.open_words = [], [], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.starts:
                    self.begin(connection)
                with self.context.wrap_socket(connection, server_side=True) as safe, safe.makefile("rwb") as lines:
                    self.talk(lines, greets=not self.starts)
            except OSError:
                continue  # Somebody who did not trust it, or who went away.

    def begin(self, connection):
        """What is said in clear, until TLS begins: a byte at a time, so that none of its own is taken."""
        connection.sendall(b"220 mail\r\n")
        line = b""
        while byte := connection.recv(1):
            line += byte
            if byte != b"\n":
                continue
            word = line.strip().decode()
            self.open_words.append(word.split(" ")[0])
            line = b""
            if word == "STARTTLS":
                return connection.sendall(b"220 go on\r\n")
            connection.sendall(b"250-mail\r\n250 STARTTLS\r\n" if word.startswith("EHLO") else b"530 TLS first\r\n")
        raise OSError("nobody began TLS")

    def talk(self, lines, greets):
        def say(text):
            lines.write(text.encode() + b"\r\n")
            lines.flush()

        if greets:
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
