"""Plugins as those see them who run the gateway: isolation, crashes, and versions that come and go."""

import json
import os
import signal
import tempfile

import harness
from harness import Gateway, Simulator, http, phone, wait_until

SIMULATOR = None
FOLDER = tempfile.mkdtemp(prefix="plugins-")


def set_up():
    global SIMULATOR
    SIMULATOR = Simulator()


def tear_down():
    SIMULATOR.end()


def plugins_file(**changes):
    """The project's plugins.json with changes to STK push's entry."""
    with open(os.path.join(harness.ROOT, "plugins.json")) as file:
        document = json.load(file)
    document["plugins"][0].update(changes)
    path = os.path.join(FOLDER, f"plugins-{len(os.listdir(FOLDER))}.json")
    with open(path, "w") as file:
        json.dump(document, file)
    return path


def report(gateway, name="stk-push"):
    plugins = http("GET", gateway.dev["management_url"] + "/plugins")[2]["plugins"]
    return next(p for p in plugins if p["id"] == name)


def test_a_payment_is_collected_by_a_plugin_in_a_worker_and_in_a_sandbox():
    for isolation in ("worker", "sandbox"):
        gateway = Gateway(simulator=SIMULATOR, more=("--plugins", plugins_file(isolation=isolation)))
        number = phone()
        assert gateway.push(number)[0] in (200, 202)
        gateway.wait_for(number, "succeeded")
        status = report(gateway)
        assert status["isolation"] == isolation, status
        assert status["crashes"] == 0 and status["memory_bytes"] > 0 and len(status["processes"]) == 1, status
        gateway.remove()


def test_a_worker_killed_while_a_payment_is_open_loses_nothing():
    gateway = Gateway(simulator=SIMULATOR, more=("--plugins", plugins_file(isolation="worker")))
    numbers = [phone() for _ in range(5)]
    for number in numbers:
        assert gateway.push(number)[0] in (200, 202)
        for process in report(gateway)["processes"]:
            os.kill(process, signal.SIGKILL)
    for number in numbers:
        gateway.wait_for(number, "succeeded")
        assert SIMULATOR.charges(number)["count"] == 1, SIMULATOR.charges(number)
    status = report(gateway)
    assert status["crashes"] >= 1 and status["last_crash"] == "signal 9", status
    gateway.remove()


def test_a_host_without_its_worker_program_refuses_and_says_so():
    program = os.path.join(FOLDER, "mpesa-gateway")
    os.link(harness.PROGRAM, program)
    process = harness.Process(
        ["dev", "--data-dir", os.path.join(FOLDER, "alone"), "--port", "0", "--management-port", "0"]
        + ["--plugins", plugins_file(isolation="sandbox", source=os.path.join(harness.ROOT, ".build/debug/libSTKPush.so"))],
        program=program,
    )
    wait_until("the refusal", lambda: not process.is_running())
    assert "the worker program is missing" in process.output(), process.output()
