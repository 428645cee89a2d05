"""The examples, as somebody would use them who has only read the docs."""

import os
import re
import subprocess
import tempfile

import harness
from harness import http, phone, wait_until
from plugins import greets, make, plugin

EXAMPLES = os.path.join(harness.ROOT, ".build/examples")


def test_examples_in_three_languages_greet(gateway):
    for language in ("c", "rust", "swift"):
        library = os.path.join(EXAMPLES, f"hello-{language}.so")
        symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True).stdout
        assert [line.split()[-1] for line in symbols.splitlines()] == ["gateway_plugin_v1"], symbols
        plugin(gateway, "install", library, "--unchecked")
        greets(gateway, "hello_greet")
        plugin(gateway, "remove", "hello")


def read(name):
    with open(os.path.join(harness.ROOT, name)) as file:
        return file.read()


def test_rust_has_every_status_of_the_headers():
    header = re.findall(r"^#define GATEWAY_([A-Z_]+) (\d+)(?: |$)", read("Sources/PluginAPI/include/gateway/base.h"), re.MULTILINE)
    rust = re.findall(r"^pub const ([A-Z_]+): i32 = (\d+);", read("Examples/hello-rust/gateway.rs"), re.MULTILINE)
    assert len(header) > 15 and rust == header


def test_rust_asks_services_and_is_answered_once(folder):
    program = os.path.join(folder, "services")
    source = os.path.join(harness.ROOT, "Tests/Fixtures/Plugins/services.rs")
    subprocess.run(["rustc", "--edition", "2021", "-o", program, source], check=True, timeout=harness.PATIENCE)
    subprocess.run([program], check=True, timeout=harness.PATIENCE)


def test_the_example_operation_is_paid(gateway):
    plugin(gateway, "install", os.path.join(EXAMPLES, "till-request.so"), "--grant-needs", "--unchecked")
    number = phone()
    status, _, answer = gateway.call("POST", "/tools/till_request", {"phone_number": number, "amount": 25})
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    paid = gateway.wait_for(number, "succeeded")
    assert paid["amount"] == 25 and http("GET", f"{gateway.dev['simulator_url']}/simulator/ledger?phone={number}")[2]["count"] == 1


def test_the_example_operation_means_what_its_schemas_say():
    done = make(os.path.join(harness.ROOT, "Examples/till-request"), "test")
    assert done.returncode == 0, done


def test_the_example_with_notes_uses_what_the_host_keeps(gateway):
    plugin(gateway, "install", os.path.join(EXAMPLES, "notes.so"), "--grant-needs", "--unchecked")

    def tool(name, **arguments):
        return gateway.call("POST", "/tools/" + name, arguments)

    def listed():
        return tool("notes_list")[2]["data"]["notes"]

    assert tool("notes_add", text="Count the float")[0] == 200
    assert tool("notes_add", text="Call Zoë", remind_after_s=0)[0] == 200
    wait_until("the reminder", lambda: {"text": "Call Zoë", "is_due": True} in listed())
    assert {"text": "Count the float", "is_due": False} in listed(), listed()
    status, _, answer = tool("notes_export")
    assert status == 200 and answer["data"] == {"count": 2}, answer
    status, headers, body = gateway.call("GET", answer["content"][0]["uri"])
    assert status == 200 and body.decode().split("\n")[:2] == ["Count the float", "Call Zoë"], body
    note = tool("notes_add", text="Count the till")[2]["data"]["note"]
    status, _, body = gateway.call("GET", "/resources/content?uri=notes://" + note)
    assert status == 200 and body == b"Count the till", body
    typed = {"template": "notes://{key}", "argument": "key", "value": note}
    assert gateway.call("POST", "/completions", typed)[2]["data"]["values"] == [note]
    typed = {"prompt": "notes_digest", "argument": "about", "value": "C"}
    assert gateway.call("POST", "/completions", typed)[2]["data"]["values"] == ["Call", "Count"]
    digest = {"arguments": {"about": "money"}}
    status, _, answer = gateway.call("POST", "/prompts/notes_digest", digest)
    assert status == 202 and "How many lines" in answer["data"]["input_required"]["message"], answer
    told = {"action": "accept", "content": {"lines": {"most": 3}, "due": {"only": True}}}
    answered = {**digest, "$state": answer["data"]["request_state"], "$input": told}
    text = gateway.call("POST", "/prompts/notes_digest", answered)[2]["data"]["messages"][0]["content"]["text"]
    assert text.startswith("In at most 3 lines") and text.endswith("\nCall Zoë"), text
    status, _, answer = tool("notes_clear")
    assert status == 202 and "Delete 3 notes" in answer["data"]["input_required"]["message"], answer
    state = answer["data"]["request_state"]
    declined = {"$state": state, "$input": {"action": "decline"}}
    assert tool("notes_clear", **declined)[2]["data"] == {"deleted": 0}
    agreed = {"$state": state, "$input": {"action": "accept", "content": {"sure": True}}}
    tool("notes_add", text="A fourth")
    assert tool("notes_clear", **agreed)[0] == 422, "a question that was answered was answered otherwise"
    state = tool("notes_clear")[2]["data"]["request_state"]
    assert tool("notes_clear", **{**agreed, "$state": state})[2]["data"] == {"deleted": 4}
    assert listed() == []


def test_the_templates_json_reader_finds_what_is_there_and_nothing_else():
    program = os.path.join(tempfile.mkdtemp(prefix="json-"), "reader")
    subprocess.run(
        ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-o", program]
        + [f"-I{harness.ROOT}/Examples/hello-c", f"-I{harness.ROOT}/Sources/PluginAPI/include"]
        + [f"{harness.ROOT}/Tests/Fixtures/Plugins/json_reader.c"],
        check=True,
    )
    subprocess.run([program], check=True)
