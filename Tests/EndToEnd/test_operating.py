"""What docs/operating.md tells operators to install and to watch is what there is."""

import glob
import os
import re
import resource
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import pytest

import documents
from harness import PATIENCE, PROGRAM, ROOT, STARTED, Process, answers, free_port, http, phone, wait_until

# Nobody's on a usual system.
USER = 64_738
WRITTEN = {"user": "mpesa-gateway", "folder": "/var/lib/mpesa-gateway", "program": "/usr/local/bin/mpesa-gateway"}
HAS_SYSTEMD = os.path.isdir("/run/systemd/system") and os.geteuid() == 0


def unit():
    """The unit as it is printed."""
    text = next(block for block in documents.blocks("docs/operating.md") if block.startswith("[Unit]"))
    for word in WRITTEN.values():
        assert word in text, f"the unit names no {word}"
    return text


def directives(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def as_user(user):
    """What a command begins with to run as somebody else; nothing for who may not."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all", "--no-new-privs"]


class House:
    """What `init` makes for the unit's user, with ports that are free."""

    def __init__(self, user):
        self.user, self.ports = user, (free_port(), free_port())
        # Where that user may go, which the folder of a test is not.
        self.top = tempfile.mkdtemp(prefix="unit-", dir="/var/tmp")
        self.folder = os.path.join(self.top, "mpesa-gateway")
        os.chmod(self.top, 0o755)
        if os.geteuid() == 0:
            os.chown(self.top, user, user)
        init = [*as_user(user), PROGRAM, "init", "--data-dir", self.folder]
        done = subprocess.run(init, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, umask=0o077)
        assert done.returncode == 0, done.stderr
        self.file = os.path.join(self.folder, "gateway.env")
        with open(self.file, "a") as file:
            file.write(f"GATEWAY_HTTP_PORT={self.ports[0]}\nGATEWAY_MANAGEMENT_PORT={self.ports[1]}\n")
        self.management = f"http://127.0.0.1:{self.ports[1]}"

    def written(self, text):
        """The unit with the places of this machine."""
        return (
            text.replace(WRITTEN["folder"], self.folder)
            .replace(WRITTEN["program"], PROGRAM)
            .replace("User=" + WRITTEN["user"], f"User={self.user}")
        )

    def serves(self):
        return answers(self.management + "/readyz") and http("GET", self.management + "/readyz")[0] == 200

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)


@pytest.fixture
def house():
    house = House(USER if os.geteuid() == 0 else os.geteuid())
    yield house
    house.remove()


class Service(Process):
    """Runs a unit's command as systemd would: as its user, in /, with its environment file and limits, and nothing else."""

    def __init__(self, lines, house):
        with open(lines["EnvironmentFile"]) as file:
            settings = dict(word.split("=", 1) for word in shlex.split(file.read(), comments=True))
        command = [*as_user(house.user), *shlex.split(lines["ExecStart"])]
        files = int(lines["LimitNOFILE"])

        def limit():
            # Who may not raise a limit, as root in a container, takes what there is; systemd would raise it.
            most = min(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

        self.log, self.name = tempfile.TemporaryFile(), "the unit"
        self.process = subprocess.Popen(
            command, cwd="/", stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True,
            umask=int(lines["UMask"], 8), preexec_fn=limit,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", **settings},
        )
        STARTED.append(self)
        wait_until("the gateway", lambda: house.serves() or not self.is_running())
        assert self.is_running(), self.output()


def verify(text):
    """What systemd says of a unit."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mpesa-gateway.service")
        with open(path, "w") as file:
            file.write(text)
        command = ["systemd-analyze", "verify", "--man=no", path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def test_the_unit_is_one_that_systemd_reads(house):
    assert shutil.which("systemd-analyze"), "Scripts/setup --tools installs systemd, which has systemd-analyze"
    text = house.written(unit())
    assert verify(text) == (0, "")
    for right, wrong in [("UMask=", "UMasks="), ("TimeoutStopSec=60", "TimeoutStopSec=soon"), (PROGRAM, "/nowhere")]:
        assert right in text and verify(text.replace(right, wrong))[1], f"{wrong} is not told of"


def test_the_unit_starts_ends_and_is_started_again_as_a_user_of_its_own(house):
    lines = directives(house.written(unit()))
    service = Service(lines, house)
    with open(f"/proc/{service.process.pid}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    assert status["Uid"].split() == [str(house.user)] * 4 and int(status["CapEff"], 16) == 0 or os.geteuid(), status
    plugins = http("GET", house.management + "/plugins")[2]["plugins"]
    assert len(plugins) == 4 and all(plugin["state"] == "live" for plugin in plugins), plugins
    assert stat.S_IMODE(os.stat(house.folder).st_mode) == 0o700
    for path in glob.glob(house.folder + "/**", recursive=True):
        facts = os.lstat(path)
        is_open = facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        # Copies of libraries are read by plugins' users, where there are such; the folder keeps everybody else out.
        assert facts.st_uid == house.user and (not is_open or "/plugins" in path), (path, oct(facts.st_mode))

    # Restart=always: what was killed is started once more, and serves from the same folder.
    assert lines["Restart"] == "always"
    service.kill()
    service = Service(lines, house)
    began = time.monotonic()
    assert service.end(signal.SIGTERM) == 0, service.output()
    assert time.monotonic() - began < int(lines["TimeoutStopSec"]), "systemd would have killed it"


@pytest.mark.skipif(not HAS_SYSTEMD, reason="systemd is not what this machine was started with, or nobody is root")
def test_the_unit_is_started_and_stopped_by_systemd(house):
    name = f"mpesa-gateway-{os.getpid()}.service"
    path = "/run/systemd/system/" + name
    with open(path, "w") as file:
        file.write(house.written(unit()))

    def systemctl(*words):
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    try:
        systemctl("daemon-reload")
        systemctl("start", name)
        wait_until("the gateway", house.serves)
        first = systemctl("show", "-P", "MainPID", name)
        systemctl("kill", "--signal=KILL", name)
        wait_until("another process", lambda: systemctl("show", "-P", "MainPID", name) not in (first, "0\n"))
        wait_until("the gateway again", house.serves)
        systemctl("stop", name)
        assert systemctl("show", "-P", "Result", name) == "success\n"
    finally:
        subprocess.run(["systemctl", "stop", name], capture_output=True)
        os.unlink(path)
        subprocess.run(["systemctl", "daemon-reload"], capture_output=True)


def test_the_table_of_metrics_is_true(gateway):
    gateway.push(phone())
    text = http("GET", gateway.dev["management_url"] + "/metrics")[2].decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helped = set(re.findall(r"^# HELP (\S+) .+$", text, re.M))
    counted = {re.match(r"[a-z_]+", line).group() for line in text.splitlines() if line and line[0] != "#"}
    assert set(kinds) == helped and counted <= set(kinds), (kinds, helped, counted)
    with open(os.path.join(ROOT, "docs", "operating.md")) as file:
        document = file.read()
    told = dict(re.findall(r"^\| `((?:gateway|process)_[a-z_]+)` \| (counter|gauge) \|", document, re.M))
    assert told == kinds, f"docs/operating.md lacks {set(kinds) - set(told)} and has {set(told) - set(kinds)}"
    for name in documents.documents():
        with open(os.path.join(ROOT, name)) as file:
            named = set(re.findall(r"`(gateway_[a-z_]+(?:_total|_degraded|_live))[`{]", file.read()))
        assert named <= set(kinds), f"{name} names {named - set(kinds)}, which /metrics does not have"
