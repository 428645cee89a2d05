"""A worker ends with its host, whatever its code does."""

import json
import os
import signal
import subprocess
import tempfile

import harness
from harness import Gateway, Simulator, http, plugins_file, wait_until

FOLDER = tempfile.mkdtemp(prefix="workers-")
SIMULATOR = None


def set_up():
    global SIMULATOR
    SIMULATOR = Simulator()
    subprocess.run(
        ["cc", "-std=gnu99", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-o", library()]
        + [f"-I{harness.ROOT}/Sources/PluginAPI/include", f"{harness.ROOT}/Tests/Fixtures/Plugins/hostile.c"],
        check=True,
    )


def tear_down():
    SIMULATOR.end()


def library():
    return os.path.join(FOLDER, "hostile.so")


def host_with_a_hostile_plugin(isolation):
    gateway = Gateway(simulator=SIMULATOR, more=("--plugins", plugins_file(isolation=isolation)))
    entry = os.path.join(FOLDER, f"{isolation}.json")
    # Its host must have no other reason to end it while the test looks.
    with open(entry, "w") as file:
        limits = {"idle_cpu_ms": 10_000, "deadline_ms": 60_000}
        json.dump({"id": "hostile", "source": "hostile.so", "isolation": isolation, "limits": limits}, file)
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_MANAGEMENT_URL": gateway.dev["management_url"],
        "GATEWAY_OPERATOR_TOKEN_FILE": gateway.dev["operator_token_file"],
    }
    command = [harness.PROGRAM, "plugin", "install", library(), "--entry", entry, "--unchecked"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return gateway


def do(gateway, deed):
    status, _, answer = gateway.call("POST", "/tools/hostile_do", {"do": deed})
    assert status == 200, answer
    return answer["data"]["got"]


def workers(gateway):
    plugins = http("GET", gateway.dev["management_url"] + "/plugins")[2]["plugins"]
    return {plugin["id"]: plugin["processes"] for plugin in plugins}


def runs(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_host_that_is_killed_leaves_no_worker_behind():
    for isolation in ("worker", "sandbox"):
        gateway = host_with_a_hostile_plugin(isolation)
        processes = [process for one in workers(gateway).values() for process in one]
        assert len(processes) == 3 and all(runs(process) for process in processes), processes
        # A socket of its own in the place of the link to its host, and a thread that never rests.
        assert do(gateway, "leave_host") == "done"
        gateway.end(signal.SIGKILL)
        wait_until(f"the end of each {isolation}", lambda: not any(runs(process) for process in processes))
        gateway.remove()


def test_what_a_killed_host_left_behind_all_the_same_is_ended_by_the_next():
    if os.geteuid() != 0:
        return  # Only root's workers can change their user, which is how one escapes the kernel's order.
    gateway = host_with_a_hostile_plugin("worker")
    [process] = workers(gateway)["hostile"]
    assert do(gateway, "shake_off") == "done"
    wait_until("its own thread, the last of it", lambda: len(os.listdir(f"/proc/{process}/task")) > 4)
    gateway.end(signal.SIGKILL)
    assert runs(process), "the kernel ended it, so this shows nothing"
    gateway = gateway.again(simulator=SIMULATOR)
    wait_until("its end", lambda: not runs(process))
    assert "ended workers that a host left behind" in gateway.output(), gateway.output()
    gateway.remove()
