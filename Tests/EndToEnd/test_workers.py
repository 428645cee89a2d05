"""A worker ends with its host, whatever its code does."""

import json
import os
import signal
import subprocess

import pytest

import harness
from harness import Gateway, http, plugins_file, wait_until
from plugins import compile_library, operator



@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_library(str(tmp_path_factory.mktemp("hostile") / "hostile.so"), "hostile.c")


def host_with_a_hostile_plugin(simulator, library, folder, isolation):
    gateway = Gateway(simulator=simulator, more=("--plugins", plugins_file(isolation=isolation)))
    entry = os.path.join(folder, f"{isolation}.json")
    # Its host must have no other reason to end it while the test looks.
    with open(entry, "w") as file:
        limits = {"idle_cpu_ms": 10_000, "deadline_ms": 60_000}
        json.dump({"id": "hostile", "source": "hostile.so", "isolation": isolation, "limits": limits}, file)
    command = [harness.PROGRAM, "plugin", "install", library, "--entry", entry, "--unchecked"]
    done = subprocess.run(command, env=operator(gateway), capture_output=True, text=True)
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


def test_a_host_that_is_killed_leaves_no_worker_behind(simulator, library, folder):
    for isolation in ("worker", "sandbox"):
        gateway = host_with_a_hostile_plugin(simulator, library, folder, isolation)
        by_plugin = workers(gateway)
        processes = [process for one in by_plugin.values() for process in one]
        # One each, of whatever plugins there are besides the one that was installed.
        assert "hostile" in by_plugin and [len(one) for one in by_plugin.values()] == [1] * len(by_plugin), by_plugin
        assert len(processes) > 1 and all(runs(process) for process in processes), processes
        # A socket of its own in the place of the link to its host, and a thread that never rests.
        assert do(gateway, "leave_host") == "done"
        gateway.end(signal.SIGKILL)
        wait_until(f"the end of each {isolation}", lambda: not any(runs(process) for process in processes))
        gateway.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's workers can change their user, which is how one escapes the kernel")
def test_what_a_killed_host_left_behind_all_the_same_is_ended_by_the_next(simulator, library, folder):
    gateway = host_with_a_hostile_plugin(simulator, library, folder, "worker")
    [process] = workers(gateway)["hostile"]
    assert do(gateway, "shake_off") == "done"
    wait_until("its own thread, the last of it", lambda: len(os.listdir(f"/proc/{process}/task")) > 4)
    gateway.end(signal.SIGKILL)
    assert runs(process), "the kernel ended it, so this shows nothing"
    gateway = gateway.again(simulator=simulator)
    wait_until("its end", lambda: not runs(process))
    assert "ended workers that a host left behind" in gateway.output(), gateway.output()
    gateway.remove()
