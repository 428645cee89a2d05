"""The same program on PostgreSQL: a payment, a crash, and going on where it was."""

import glob
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import threading

from harness import PATIENCE, Gateway, Process, free_port, http, phone, wait_until


def database(postgres, name):
    """What names an empty database to a gateway."""
    subprocess.run(["createdb", "-h", postgres["host"], "-p", postgres["port"], "-U", postgres["user"], name], check=True)
    url = f"postgresql://{postgres['user']}@/{name}?host={postgres['host']}&port={postgres['port']}"
    return {"GATEWAY_DATABASE_URL": url}


def test_a_payment_and_a_crash_on_postgresql(simulator, postgres):
    environment = database(postgres, "crash")
    failing = {**environment, "GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": "after_send@2"}
    gateway = Gateway(simulator=simulator, environment=failing)
    number, second = phone(), phone()
    assert gateway.push(number, idempotency="pg-" + number)[2]["data"]["status"] == "PENDING"
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert gateway.push(number, idempotency="pg-" + number)[1]["Idempotent-Replayed"] == "true"
    try:
        gateway.push(second, idempotency="pg-" + second)
    except OSError:
        pass  # It died under the call, which is the point.
    gateway = gateway.again(simulator=simulator, environment=environment)
    assert gateway.transaction(second)["status"] == "PENDING"
    assert gateway.push(second, idempotency="pg-" + second)[1]["Idempotent-Replayed"] == "true"
    wait_until("the customer", lambda: simulator.charges(second)["count"] == 1)
    checkout = simulator.prompts(second)[0]["checkout_request_id"]
    http("POST", f"{simulator.url}/simulator/prompts/{checkout}/resend")
    assert gateway.wait_for(second, "succeeded")["receipt"]
    assert simulator.charges(second)["count"] == 1 and simulator.pushes(second) == 1
    gateway.remove()


def another(simulator, url):
    """A second gateway, with a folder of its own, on a database."""
    ports = ["--port", str(free_port()), "--management-port", str(free_port())]
    folder = tempfile.mkdtemp(prefix="gateway-")
    more = ["--data-dir", folder, "--simulator-url", simulator.url]
    return Process(["dev", *more, *ports], {"GATEWAY_DATABASE_URL": url})


def control(postgres, *command):
    """Has the server's own tool do something, as the server's user."""
    tool = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))[-1]
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    quiet = subprocess.DEVNULL
    data = os.path.join(postgres["host"], "data")
    subprocess.run([*user, tool, "-D", data, "-w", *command], check=True, cwd="/", stdout=quiet, stderr=quiet)


def backends(postgres, name):
    """The server's processes that serve a database."""
    found = []
    with open(os.path.join(postgres["host"], "data", "postmaster.pid")) as file:
        postmaster = file.readline().strip()
    with open(f"/proc/{postmaster}/task/{postmaster}/children") as file:
        for process in file.read().split():
            with open(f"/proc/{process}/cmdline") as line:
                if f"{postgres['user']} {name} " in line.read():
                    found.append(int(process))
    return found


class Cutter:
    """A loopback address before the server; while it cuts, a COMMIT reaches the server and its answer nobody."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.cuts, self.count = False, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(os.path.join(self.postgres["host"], ".s.PGSQL." + self.postgres["port"]))
            for pair in ((client, upstream, True), (upstream, client, False)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, target, is_client):
        try:
            while data := source.recv(65536):
                cut = is_client and self.cuts and b"COMMIT" in data
                if cut:
                    self.count += 1
                    source.shutdown(socket.SHUT_RDWR)
                target.sendall(data)
                if cut:
                    break
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The other side has gone, which is the point.


def readiness(gateway):
    return http("GET", f"http://127.0.0.1:{gateway.ports[1]}/readyz")


def test_a_server_that_cannot_be_reached_is_told_in_a_sentence(simulator):
    gateway = another(simulator, "postgres://127.0.0.1:1/x")
    assert gateway.process.wait(timeout=PATIENCE) == 1, gateway.output()
    assert "PostgreSQL cannot be reached" in gateway.output(), gateway.output()


def test_a_second_gateway_on_the_database_is_refused_and_touches_nothing(simulator, postgres):
    environment = database(postgres, "lease")
    gateway = Gateway(simulator=simulator, environment=environment)
    number = phone()
    simulator.outcome("open", phone=number)
    assert gateway.push(number)[2]["data"]["status"] == "PENDING"
    second = another(simulator, environment["GATEWAY_DATABASE_URL"])
    assert second.process.wait(timeout=PATIENCE) == 1, second.output()
    assert "Another gateway serves this database" in second.output(), second.output()
    assert gateway.transaction(number)["state"] != "unknown"
    gateway.remove()


def test_a_server_that_hangs_or_restarts_costs_answers_and_nothing_else(simulator, postgres):
    environment = database(postgres, "away")
    gateway = Gateway(simulator=simulator, environment=environment)
    stopped = backends(postgres, "away")
    assert stopped
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    number = phone()
    status, _, problem = gateway.push(number)
    assert status == 503 and problem["code"] == "unavailable", problem
    assert simulator.pushes(number) == 0
    for process in stopped:
        os.kill(process, signal.SIGCONT)
    wait_until("readiness", lambda: readiness(gateway)[0] == 200)

    with open(os.path.join(postgres["host"], "data", "postmaster.opts")) as file:
        options = shlex.join(shlex.split(file.read())[3:])
    control(postgres, "-m", "fast", "stop")
    assert gateway.push(phone())[0] == 503
    status, _, text = readiness(gateway)
    assert status == 503 and b"not_ready: store" in text, text
    control(postgres, "-l", "/dev/null", "-o", options, "start")
    wait_until("readiness", lambda: readiness(gateway)[0] == 200)
    number = phone()
    assert gateway.push(number)[2]["data"]["status"] == "PENDING"
    assert gateway.wait_for(number, "succeeded")["receipt"]
    gateway.remove()


def test_commits_whose_answers_are_lost_stand_in_nobodys_way(simulator, postgres):
    cutter = Cutter(postgres)
    environment = database(postgres, "cut")
    url = f"postgresql://{postgres['user']}@127.0.0.1:{cutter.port}/cut?sslmode=disable"
    gateway = Gateway(simulator=simulator, environment={**environment, "GATEWAY_DATABASE_URL": url})
    cutter.cuts = True
    number = phone()
    status, _, problem = gateway.push(number)
    assert status == 503 and problem["code"] == "unavailable", problem
    assert cutter.count > 0 and simulator.pushes(number) == 0
    cutter.cuts = False
    wait_until("readiness", lambda: readiness(gateway)[0] == 200)
    for number in [phone() for _ in range(10)]:
        assert gateway.push(number)[2]["data"]["status"] == "PENDING"
        assert simulator.pushes(number) == 1
    assert readiness(gateway)[0] == 200
    gateway.remove()
