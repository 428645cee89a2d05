"""What the documents tell a reader to type does what they say it does."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import documents
from harness import PATIENCE, PROGRAM, ROOT, Process, free_port, http, wait_until

pytestmark = pytest.mark.long

# What is not run, by document and the beginning of its block, and why.
NOT_RUN = {
    ("README.md", "make run "): "the fixture `reader` runs `make run` with free ports; `make test` runs this test",
    ("README.md", '{"mcpServers"'): "configurations of assistants; a test of its own reads the one that `make run` prints",
    ("README.md", '{"success":true'): "an answer; the block that asks for it is checked",
    ("docs/architecture.md", "Sources/"): "the layout of the sources",
    ("docs/abi.md", "{"): "a document of the protocol",
    ("docs/abi.md", "\"x-"): "members of a document; STK push, till-request and Examples/notes carry theirs",
    ("docs/administration.md", "mpesa-gateway init"): "test_serve does these steps, on a folder of its own",
    ("docs/administration.md", "export GATEWAY_URL"): "test_serve calls by the command",
    ("docs/administration.md", "export GATEWAY_API_KEY"): "test_serve sets credentials and makes keys",
    ("docs/administration.md", "mpesa-gateway call"): "test_serve calls by the command",
    ("docs/administration.md", "mpesa-gateway key list"): "test_seed calls words of the command line",
    ("docs/administration.md", "mpesa-gateway account create"): "words made from actions, which OrganizationsTests ask",
    ("docs/administration.md", "mpesa-gateway organization export"): "test_seed saves an archive",
    ("docs/administration.md", "mpesa-gateway audit heads"): "test_seed verifies a file of the audit",
    ("docs/architecture.md", "authenticate -> "): "a picture",
    ("docs/webhooks.md", "mpesa-gateway webhook create"): "test_webhooks sets endpoints up",
    ("docs/webhooks.md", "from standardwebhooks"): "a part of a receiver; webhook_receiver.py is one",
    ("docs/architecture.md", "plugin.prepare"): "a picture",
    ("docs/abi.md", "host   "): "a picture of a call",
    ("docs/adr/0031-drafts.md", "draft --released"): "a picture",
    ("docs/approvals.md", "curl -s "): "people who log in; test_approvals does it, and stops payments",
    ("docs/adr/0034-batches.md", "draft --release"): "a picture",
    ("docs/events.md", "{"): "an event; test_event_documents.py compares it with one that is made",
    ("docs/operating.md", "location / {"): "lines for nginx; test_proxy runs it with them",
    ("docs/operating.md", "[Unit]"): "a unit of systemd; test_operating verifies it, and runs it as it says",
    ("docs/writing-a-plugin.md", "struct Person:"): "Swift; Examples/hello-swift and till-request are built this way",
    ("docs/writing-a-plugin.md", "let "): "Swift; Plugins/STKPush, Plugins/Reports and Examples/notes hold these lines",
    ("docs/writing-a-plugin.md", "struct pending"): "C; a test of its own compiles it against the headers",
    ("docs/writing-a-plugin.md", "import PluginKitTesting"): "Swift; the tests of Examples/hello-swift hold these lines",
    ("docs/writing-a-plugin.md", "hello_greet, arguments: nam"): "sentences that PluginKitTests compares word by word",
    ("docs/writing-a-plugin.md", "Operation(refund"): "Swift; Plugins/Reversal is built this way, and ReversalTests hold it",
    ("docs/writing-a-plugin.md", "if (memmem(meta.data"): "C; the fixture of PluginHostTests goes on this way",
    ("docs/writing-a-plugin.md", "AskingPrompt(letter)"): "Swift; Examples/notes is built this way",
}
# What each block that is run must have printed, by document and the beginning of its block.
CHECKS = {}

def example(document, beginning):
    def register(check):
        CHECKS[(document, beginning)] = check
        return check

    return register


@pytest.fixture(scope="module")
def reader():
    """Somebody who started what the README says, `make run`, in a folder that looks like the project's."""
    with Reader() as reader:
        yield reader


class Reader(Process):
    """`make run` in a process group of its own, so that what it started ends with it."""

    def __init__(self):
        self.folder = documents.workspace()
        self.ports = {8080: free_port(), 8081: free_port(), 8090: free_port()}
        data = os.path.join(self.folder, ".data/dev")
        arguments = f"--port {self.ports[8080]} --management-port {self.ports[8081]} --data-dir {data} --prompt-delay 400"
        command = ["--no-print-directory", "run", "ARGS=" + arguments]
        super().__init__(command, program="make", start_new_session=True)
        wait_until("make run to say that it is ready", self.is_ready, seconds=300)

    def is_ready(self):
        assert self.is_running(), self.output()
        return "are in dev.json in the data folder." in self.output()

    def run(self, texts, environment=None):
        """Runs blocks; answers what each printed."""
        return documents.run(texts, self.folder, self.ports, environment or {})

    def kill(self):
        if self.is_running():
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=PATIENCE)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def check_of(document, text):
    found = [check for (name, beginning), check in CHECKS.items() if name == document and text.startswith(beginning)]
    assert len(found) <= 1, f"{document}: two checks for the block\n{text}"
    return found[0] if found else None


def is_left_out(document, text):
    return any(name == document and text.startswith(beginning) for name, beginning in NOT_RUN)


def does_what_it_says(reader, document):
    texts = [text for text in documents.blocks(document) if not is_left_out(document, text)]
    checks = [check_of(document, text) for text in texts]
    assert all(checks), f"{document}: no check in test_docs.py for\n{texts[checks.index(None)]}"
    environment = {
        "GATEWAY_URL": f"http://127.0.0.1:{reader.ports[8080]}",
        "GATEWAY_MANAGEMENT_URL": f"http://127.0.0.1:{reader.ports[8081]}",
    }
    outputs = reader.run(texts, environment)
    assert len(outputs) == len(texts)
    for check, output, text in zip(checks, outputs, texts):
        try:
            check(output, reader.folder)
        except Exception as error:
            raise AssertionError(f"{document}:\n{text}\nprinted:\n{output}") from error


def answers(output):
    """Every JSON document that stands in an output, in order."""
    found, rest, decoder = [], output, json.JSONDecoder()
    while (start := rest.find("{")) >= 0:
        document, end = decoder.raw_decode(rest[start:])
        found.append(document)
        rest = rest[start + end :]
    return found


# README.md


@example("README.md", "KEY=")
def _(output, folder):
    payout, balance = answers(output)
    assert payout["data"]["status"] == "PENDING" and payout["data"]["amount"] == 500, payout
    assert balance["data"]["accounts"], balance


@example("README.md", ".build-fixtures/mcp-client")
def _(output, folder):
    assert "ok   negotiates 2026-07-28" in output and "ok   was charged once" in output and "FAIL" not in output


# docs/rest.md


@example("docs/rest.md", "KEY=")
def _(output, folder):
    (answer,) = answers(output)
    assert output.startswith("HTTP/1.1 200") and answer["data"]["status"] == "PENDING", output
    assert answer["message"].startswith("Accepted, and not ended yet"), answer


@example("docs/rest.md", "pay -H 'Prefer: wait=20'")
def _(output, folder):
    (answer,) = answers(output)
    assert "idempotent-replayed: true" in output.lower() and answer["data"]["status"] == "SUCCESS", output


@example("docs/rest.md", "curl -s http://127.0.0.1:8080/tools/stk-push")
def _(output, folder):
    (problem,) = answers(output)
    assert problem["status"] == 422 and problem["code"] == "idempotency_key_reused", problem


@example("docs/rest.md", 'curl -s "http://127.0.0.1:8080/transactions?phone_number=')
def _(output, folder):
    listed, one, status = answers(output)
    newest = listed["data"][0]
    assert newest["state"] == "succeeded" and one["data"]["transaction"]["id"] == newest["id"], output
    assert [step["to"] for step in one["data"]["events"]][-1] == "succeeded", one
    assert status["data"]["status"] == "SUCCESS" and status["data"]["mpesa_receipt_number"], status


@example("docs/rest.md", "PASSWORD=")
def _(output, folder):
    verified, tools = answers(output)
    assert verified["data"]["user"]["username"] == "manager", verified
    assert "mpesa_stk_push" in [tool["name"] for tool in tools["data"]], tools


@example("docs/rest.md", "curl -s http://127.0.0.1:8080/openapi.json")
def _(output, folder):
    (document,) = answers(output)
    assert document["openapi"].startswith("3.") and "/tools/stk-push" in document["paths"]


@example("docs/batches.md", "KEY=")
def _(output, folder):
    (made,) = answers(output)
    assert made["data"]["state"] == "draft" and made["data"]["total_amount"] == 3300, made


@example("docs/batches.md", "printf")
def _(output, folder):
    (made,) = answers(output)
    assert made["data"]["state"] == "draft" and made["data"]["total_amount"] == 3300, made


@example("docs/batches.md", "PASSWORD=")
def _(output, folder):
    assert answers(output)[0]["data"]["state"] == "running", output


@example("docs/batches.md", "until curl")
def _(output, folder):
    (shown,) = answers(output.split("row,")[0])
    assert shown["data"]["status"] == "COMPLETED" and shown["data"]["paid_amount"] == 3300, shown
    assert output.split("row,")[1].count(",SUCCESS,succeeded,") == 2, output


# docs/mcp.md


@example("docs/mcp.md", "KEY=")
def _(output, folder):
    discovered, listed = answers(output)
    assert "2026-07-28" in discovered["result"]["supportedVersions"], discovered
    assert "mpesa_stk_push" in [tool["name"] for tool in listed["result"]["tools"]], listed


@example("docs/mcp.md", "PAID=")
def _(output, folder):
    paid, status = answers(output)
    assert paid["result"]["structuredContent"]["status"] == "PENDING", paid
    asked = paid["result"]["structuredContent"]["checkout_request_id"]
    assert status["result"]["structuredContent"]["checkout_request_id"] == asked, status


@example("docs/mcp.md", "echo '{")
def _(output, folder):
    (listed,) = answers(output)
    assert {"mpesa_stk_push", "mpesa_check_status"} <= {tool["name"] for tool in listed["result"]["tools"]}, listed


# docs/simulator.md


@example("docs/simulator.md", "KEY=")
def _(output, folder):
    chosen, payment, ledger = answers(output)
    assert chosen == {"outcome": "cancelled"}, chosen
    assert payment["data"]["status"] == "CANCELLED" and payment["data"]["result_code"] == "1032", payment
    assert ledger["count"] == 0, ledger


@example("docs/simulator.md", "curl -s http://127.0.0.1:8080/tools/stk-push")
def _(output, folder):
    (payment,) = answers(output)
    assert payment["data"]["status"] == "FAILED" and payment["data"]["result_code"] == "2001", payment


@example("docs/simulator.md", ".build/debug/mpesa-gateway simulator")
def _(output, folder):
    (tokens,) = answers(output.partition("simulator: http")[0] or output)
    assert tokens["life_ms"] == 60_000 and tokens["stated_s"] == 60, output


# docs/operating.md


@example("docs/operating.md", "curl -s http://127.0.0.1:8081/livez")
def _(output, folder):
    assert "gateway_" in output and '"stk-push"' in output, output


@example("docs/operating.md", "export PATH=")
def _(output, folder):
    assert "libSTKPush.so.sig, by " in output, output
    assert "generation 2 live" in output and "rolled back" in output, output
    with open(os.path.join(folder, "release.key.pub")) as file:
        assert file.readline() == "-----BEGIN PUBLIC KEY-----\n"


@example("docs/operating.md", "login() {")
def _(output, folder):
    seen = [answer["data"]["resends_not_found"] for answer in answers(output) if "data" in answer]
    assert seen == [True, True, False], output


@example("docs/operating.md", "mpesa-gateway master-key rotate")
def _(output, folder):
    rotated, shown = answers(output)
    assert rotated["rewrapped"] >= 1 and rotated["left"] == 0, output
    assert shown == {"master_key": rotated["master_key"], "left": 0}, output


# docs/writing-a-plugin.md


@example("docs/writing-a-plugin.md", "export PATH=")
def _(output, folder):
    assert "my-tool" in output and "live" in output, output


@example("docs/writing-a-plugin.md", "KEY=")
def _(output, folder):
    (answer,) = answers(output)
    assert answer["data"] == {"greeting": "Karibu, Amina!"}, answer


@example("docs/writing-a-plugin.md", "make -C my-tool &&")
def _(output, folder):
    assert "generation 2 live" in output and "rolled back" in output, output


def test_the_readmes_commands(reader):
    does_what_it_says(reader, "README.md")


def test_the_commands_of_rest(reader):
    does_what_it_says(reader, "docs/rest.md")


def test_the_commands_of_batches(reader):
    does_what_it_says(reader, "docs/batches.md")


def test_the_commands_of_mcp(reader):
    does_what_it_says(reader, "docs/mcp.md")


def test_the_commands_of_the_simulator(reader):
    does_what_it_says(reader, "docs/simulator.md")


def test_the_commands_of_operating(reader):
    does_what_it_says(reader, "docs/operating.md")


def test_a_plugin_in_five_minutes(reader):
    does_what_it_says(reader, "docs/writing-a-plugin.md")


def test_the_c_of_writing_a_plugin_compiles():
    (text,) = [block for block in documents.blocks("docs/writing-a-plugin.md") if block.startswith("struct pending")]
    before = """
#include <gateway/function.h>
#include <gateway/plugin.h>
#include <stdlib.h>
#include <string.h>
static void *host;
static const gateway_complete_t *completion;
static const gateway_call_t *services;
static gateway_bytes_t bytes(const char *text) { return (gateway_bytes_t){(const uint8_t *)text, strlen(text)}; }
"""
    after = "\nint32_t (*const used)(uint64_t) = keep;\n"
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-", "-I"]
    include = os.path.join(ROOT, "Sources/PluginAPI/include")
    done = subprocess.run([*command, include], input=before + text + after, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_make_run_prints_can_be_copied(reader):
    push, ask = re.findall(r"^  (curl -s .*)$", reader.output(), re.MULTILINE)
    (made,) = answers(reader.run([push])[0])
    assert made["data"]["status"] == "PENDING", made

    ask = ask.replace("CHECKOUT_REQUEST_ID", made["data"]["checkout_request_id"])

    (asked,) = answers(reader.run([ask])[0])
    assert asked["data"]["checkout_request_id"] == made["data"]["checkout_request_id"], asked
    configuration = json.loads(re.search(r'^  (\{"mcpServers".*)$', reader.output(), re.MULTILINE)[1])
    server = configuration["mcpServers"]["mpesa"]
    assert http("GET", server["url"], headers=server["headers"])[0] == 405


def test_every_block_of_every_document_is_run_or_left_out_for_a_reason():
    known = {*CHECKS, *NOT_RUN}
    seen = set()
    for document in documents.documents():
        for text in documents.blocks(document):
            by = [entry for entry in known if entry[0] == document and text.startswith(entry[1])]
            assert len(by) == 1, f"{document}: {len(by)} entries in test_docs.py for the block\n{text}"
            seen.add(by[0])
    assert known == seen, f"no document has {known - seen}"


def test_commands_and_options_that_are_named_in_passing_exist():
    with open(os.path.join(ROOT, "Makefile")) as file:
        targets = re.findall(r"^([a-z-]+):", file.read(), re.MULTILINE)
    named = 0
    for document in documents.documents():
        with open(os.path.join(ROOT, document)) as file:
            text = file.read()
        for target in re.findall(r"`make ([a-z-]+)[^`]*`", text):
            assert target in targets, f"{document} names make {target}"
        for words in re.findall(r"`(?:mpesa-gateway )?((?:plugin|organization|dev|serve|simulator) [^`]+)`", text):
            named += documents.names_a_command(document, words)
    assert named > 5, named
