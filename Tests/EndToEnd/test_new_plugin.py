"""What `plugin new` makes, as somebody would use it who has only read the docs."""

import os
import subprocess

import pytest

import harness
from plugins import check, failed, greets, make, plugin

pytestmark = pytest.mark.long


def new(folder, language, name, *more):
    command = [harness.PROGRAM, "plugin", "new", "--language", language, *more, name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


# Names with the word that the template replaces, and of a module that the gateway has itself.
@pytest.mark.parametrize("language, name", [("c", "my-hello-tool"), ("rust", "hello-world"), ("swift", "gateway")])
def test_a_new_plugin_is_two_commands_from_a_running_gateway(gateway, folder, language, name):
    made = new(folder, language, name)
    assert made.returncode == 0 and f"make -C {name}" in made.stdout, made
    built = make(os.path.join(folder, name))
    assert built.returncode == 0, built
    plugin(gateway, "install", os.path.join(folder, name, f"{name}.so"))
    greets(gateway, name.replace("-", "_") + "_greet")
    if language == "swift":
        its_own_test_holds_its_schemas_to_its_types(folder, name)


def its_own_test_holds_its_schemas_to_its_types(folder, name):
    right = make(os.path.join(folder, name), "test")
    assert right.returncode == 0, right
    source = os.path.join(folder, name, "Sources/GatewayPlugin/Plugin.swift")
    with open(source) as file:
        text = file.read()
    with open(source, "w") as file:
        file.write(text.replace('"properties": ["greeting": ["type": "string"]]', '"properties": ["greeting": ["type": "integer"]]'))
    wrong = make(os.path.join(folder, name), "test")
    assert wrong.returncode != 0 and "greeting: the schema says integer, and Greeting writes string." in wrong.stdout, wrong


def test_plugin_new_takes_no_folder_that_is_there_and_no_name_that_is_none(folder):
    assert new(folder, "c", "hello-world").returncode == 0
    again = new(folder, "c", "hello-world")
    assert again.returncode == 1 and "exists already" in again.stderr, again
    wrong = new(folder, "c", "../x")
    assert wrong.returncode == 1 and "NAME: expected" in wrong.stderr, wrong


def test_a_new_plugin_of_an_operation_has_recorded_messages_that_it_is_held_to(gateway, folder):
    assert new(folder, "swift", "pay-a-bill", "--operation").returncode == 0
    built = make(os.path.join(folder, "pay-a-bill"))
    assert built.returncode == 0, built
    library = os.path.join(folder, "pay-a-bill", "pay-a-bill.so")
    report = check(library, "--only", "operation")
    recorded = next(probe for probe in report["probes"] if probe["probe"] == "operation.recorded")
    assert not failed(report) and "nothing" not in recorded, report
    plugin(gateway, "install", library, "--grant-needs")
    number = harness.phone()
    status, _, answer = gateway.call("POST", "/tools/pay_a_bill", {"phone_number": number, "amount": 10})
    assert status == 200, answer
    gateway.wait_for(number, "succeeded")
    refused = new(folder, "c", "pay-by-c", "--operation")
    assert refused.returncode == 1 and "--language swift" in refused.stderr, refused
