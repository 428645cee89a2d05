"""Starts the real program as a user would, and asks it things over real sockets."""

import atexit
import functools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.environ.get("GATEWAY_PROGRAM", os.path.join(ROOT, ".build", "debug", "mpesa-gateway"))
# One seed for a whole run; every process of pytest draws from its own numbers, so that no two tests share a phone.
SEED = int(os.environ.setdefault("GATEWAY_TEST_SEED", str(random.SystemRandom().randrange(1 << 32))))
RANDOM = random.Random(f"{SEED} {os.environ.get('PYTEST_XDIST_WORKER', '')}")
# How many seconds anything may take that must come: so many that a busy machine never uses them up.
PATIENCE = 180
# How every plugin runs, where a test does not say; None for what plugins.json says.
ISOLATION = None
# Whether a new data folder is a copy of one that a gateway has served: the passwords of the demo's people take two seconds
# of a processor to make. Not for who measures a first start.
COPIES_FOLDERS = False


def plugins_file(plugin="*", **changes):
    """The project's plugins.json with changes to a plugin's entry, or to every one; answers its path."""
    with open(os.path.join(ROOT, "plugins.json")) as file:
        document = json.load(file)
    for entry in document["plugins"]:
        if plugin in ("*", entry["id"]):
            entry.update(changes)
    handle, path = tempfile.mkstemp(prefix="plugins-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(document, file)
    return path


def free_port():
    """A port that is nobody else's as long as this process holds it, also while the gateway that uses it starts again.

    A socket is bound to it and never listens: the kernel gives the port to nobody who asks for any, and to who names it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    HELD.append(holder)
    return holder.getsockname()[1]


# Every phone that was given out: of some thousands by chance two would be the same.
PHONES, DRAWING = set(), threading.Lock()


def phone():
    """A phone that has no magic outcome and that no other test uses."""
    with DRAWING:
        while True:
            number = "25471" + str(RANDOM.randrange(10_000_000, 99_999_999))[:7]
            if number not in PHONES:
                PHONES.add(number)
                return number


def http(method, url, body=None, headers=None, timeout=PATIENCE):
    """Answers (status, headers, parsed body or bytes)."""
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, fields, raw = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, fields, raw = error.code, error.headers, error.read()
    try:
        return status, fields, json.loads(raw)
    except ValueError:
        return status, fields, raw


def wait_until(what, holds, seconds=PATIENCE):
    """Polls until something holds; the last value is answered, and a timeout names what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.05)


# What runs, and the ports that are held for it, in the order in which they began.
STARTED, HELD = [], []


def end_since(started=0, held=0):
    """Ends what was started since there were so many, as a test that failed leaves it behind."""
    for process in reversed(STARTED[started:]):
        process.kill()
    del STARTED[started:]
    for holder in HELD[held:]:
        holder.close()
    del HELD[held:]


atexit.register(end_since)


class Process:
    """A program that runs until its `with` ends, or the test."""

    def __init__(self, arguments, environment=None, program=PROGRAM, **more):
        self.log = tempfile.TemporaryFile()
        self.name = " ".join([os.path.basename(program), *arguments[:1]])
        self.process = subprocess.Popen(
            [program, *arguments], cwd=ROOT, stdout=self.log, stderr=self.log, env={**os.environ, **(environment or {})},
            **more,
        )
        STARTED.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def output(self, since=0):
        # By its place, because the program writes through the same one.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, since).decode(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def end(self, number=signal.SIGTERM):
        if self.is_running():
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait(timeout=PATIENCE)

    def remove(self):
        self.end()


class Simulator(Process):
    """A Daraja of its own process, so that it outlives a gateway that is killed."""

    def __init__(self, prompt_delay=400, more=()):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(["simulator", "--port", str(port), "--prompt-delay", str(prompt_delay), *more])
        wait_until("the simulator", lambda: answers(self.url + "/simulator/ledger"))

    def outcome(self, name, **more):
        assert http("POST", self.url + "/simulator/outcomes", {"outcome": name, **more})[0] == 200

    def charges(self, number):
        return http("GET", f"{self.url}/simulator/ledger?phone={number}")[2]

    def pushes(self, number):
        """How many push requests for a phone were read."""
        requests = http("GET", self.url + "/simulator/requests")[2]["requests"]
        return sum(1 for r in requests if r["path"].endswith("processrequest") and number in r["body"])

    def payouts(self, number):
        """Who was paid out: `count`, `total`, and every payout that was taken."""
        return http("GET", f"{self.url}/simulator/payouts?phone={number}")[2]

    def repeat_results(self):
        """Says once more what came of payouts whose result nobody has taken: a gateway that was killed was not there."""
        for payout in http("GET", f"{self.url}/simulator/payouts")[2]["payouts"]:
            if 200 not in payout["callback_statuses"] and "result_code" in payout:
                http("POST", f"{self.url}/simulator/payouts/{payout['conversation_id']}/resend")

    def prompts(self, number):
        return [p for p in http("GET", self.url + "/simulator/prompts")[2]["prompts"] if p["phone"] == number]


def answers(url):
    try:
        return http("GET", url, timeout=5)[0] < 500
    except OSError:
        return False


@functools.cache
def served_folder():
    """A data folder with the demo's organizations and people, which no gateway serves any more."""
    with tempfile.TemporaryDirectory() as folder:
        Gateway(folder=folder).end()
        copy = tempfile.mkdtemp(prefix="served-")
        shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
    return copy


def new_folder(environment):
    """A data folder for a new gateway; an empty one where its data will stand elsewhere."""
    folder = tempfile.mkdtemp(prefix="gateway-")
    if COPIES_FOLDERS and "GATEWAY_DATABASE_URL" not in (environment or {}):
        shutil.copytree(served_folder(), folder, symlinks=True, dirs_exist_ok=True)
    return folder


class Gateway(Process):
    """`mpesa-gateway dev` on a folder; start it again on the same folder to go on."""

    def __init__(self, folder=None, simulator=None, environment=None, ports=None, more=()):
        self.folder = folder or new_folder(environment)
        self.ports = ports or (free_port(), free_port())
        arguments = ["dev", "--data-dir", self.folder, "--port", str(self.ports[0])]
        arguments += ["--management-port", str(self.ports[1]), "--prompt-delay", "400", *more]
        if ISOLATION and "--plugins" not in more:
            arguments += ["--plugins", plugins_file(isolation=ISOLATION)]
        if simulator:
            arguments += ["--simulator-url", simulator.url]
        super().__init__(arguments, environment)
        management = f"http://127.0.0.1:{self.ports[1]}/readyz"
        wait_until("the gateway", lambda: answers(management) or self.failed())
        with open(os.path.join(self.folder, "dev.json")) as file:
            self.dev = json.load(file)
        self.url = self.dev["url"]
        wait_until("the main listener", lambda: answers(self.url + "/openapi.json") or self.failed())

    def failed(self):
        if not self.is_running():
            raise AssertionError("the gateway ended: " + self.output())

    def again(self, **more):
        """The same gateway, started again: same folder, same ports."""
        return Gateway(folder=self.folder, ports=self.ports, **more)

    def call(self, method, path, body=None, key=None, **headers):
        fields = {"X-API-Key": key or self.dev["api_key"], "Content-Type": "application/json"}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        return http(method, self.url + path, body, fields)

    def push(self, number, amount=100, key=None, idempotency=None, **more):
        body = {"phone_number": number, "amount": amount, "account_reference": "TEST", "transaction_desc": "Test"}
        headers = {"Idempotency_Key": idempotency} if idempotency else {}
        return self.call("POST", "/tools/stk-push", {**body, **more}, key=key, **headers)

    def pay_out(self, number, amount=100, key=None, idempotency=None, **more):
        body = {"phone_number": number, "amount": amount, "remarks": "Test"}
        headers = {"Idempotency_Key": idempotency} if idempotency else {}
        return self.call("POST", "/tools/b2c-payment", {**body, **more}, key=key, **headers)

    def transaction(self, number):
        """The newest transaction of a phone, or None."""
        found = self.call("GET", f"/transactions?phone_number={number}")[2]["data"]
        return found[0] if found else None

    def wait_for(self, number, *states, seconds=PATIENCE):
        return wait_until(
            f"{number} to be {' or '.join(states)}",
            lambda: (t := self.transaction(number)) and t["state"] in states and t,
            seconds,
        )

    def remove(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)
