"""The examples, and what `plugin new` makes, as somebody would use them who has only read the docs."""

import os
import shutil
import subprocess
import tempfile

import harness
from harness import Gateway, http, phone
from test_plugins import plugin

EXAMPLES = os.path.join(harness.ROOT, ".build/examples")
NAMES = ["Amina", "Zoë \"the\" O'Hara\\", "\u0001 tab\t", "😀 kasuku", "</script>"]


def set_up():
    global gateway
    gateway = Gateway()


def tear_down():
    gateway.remove()


def greets(tool):
    for name in NAMES:
        status, _, answer = gateway.call("POST", f"/tools/{tool}", {"name": name})
        assert status == 200 and answer["data"] == {"greeting": f"Karibu, {name}!"}, answer
    status, _, problem = gateway.call("POST", f"/tools/{tool}", {"nam": "x"})
    assert status == 422 and problem["errors"][0]["pointer"], problem


def test_examples_in_three_languages_greet():
    for language in ("c", "rust", "swift"):
        library = os.path.join(EXAMPLES, f"hello-{language}.so")
        symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True).stdout
        assert [line.split()[-1] for line in symbols.splitlines()] == ["gateway_plugin_v1"], symbols
        plugin(gateway, "install", library)
        greets("hello_greet")
        plugin(gateway, "remove", "hello")


def test_the_example_operation_is_paid():
    plugin(gateway, "install", os.path.join(EXAMPLES, "till-request.so"), "--grant-needs")
    number = phone()
    status, _, answer = gateway.call("POST", "/tools/till_request", {"phone_number": number, "amount": 25})
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    paid = gateway.wait_for(number, "succeeded")
    assert paid["amount"] == 25 and http("GET", f"{gateway.dev['simulator_url']}/simulator/ledger?phone={number}")[2]["count"] == 1


def test_a_new_plugin_is_two_commands_from_a_running_gateway():
    folder = tempfile.mkdtemp(prefix="new-")
    for language in ("c", "rust", "swift"):
        name = f"my-{language}-tool"
        made = subprocess.run(
            [harness.PROGRAM, "plugin", "new", "--language", language, name], cwd=folder, capture_output=True, text=True
        )
        assert made.returncode == 0 and f"make -C {name}" in made.stdout, made
        subprocess.run(["make", "-s", "-C", name], cwd=folder, check=True, capture_output=True)
        plugin(gateway, "install", os.path.join(folder, name, f"{name}.so"))
        greets(f"my_{language}_tool_greet")
    again = subprocess.run([harness.PROGRAM, "plugin", "new", "--language", "c", "my-c-tool"], cwd=folder, capture_output=True)
    assert again.returncode == 1 and b"exists already" in again.stderr, again
    wrong = subprocess.run([harness.PROGRAM, "plugin", "new", "--language", "c", "../x"], cwd=folder, capture_output=True)
    assert wrong.returncode == 1 and b"NAME: expected" in wrong.stderr, wrong
    shutil.rmtree(folder)
