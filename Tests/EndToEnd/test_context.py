"""What plugins offer beside their tools, and may ask about first: in the host, in a worker, in a sandbox."""

import os
import subprocess
import urllib.parse

import pytest

from harness import PATIENCE, ROOT, Gateway
from plugins import check, compile_shelf, failed, install_desk, plugin

MODES = ["in-process", "worker", "sandbox"]


@pytest.fixture(scope="module", params=MODES)
def gateway(request, simulator):
    """A host in which the plugin runs in each mode."""
    with Gateway(simulator=simulator) as gateway:
        entry = {"id": "shelf", "isolation": request.param}
        done = install_desk(gateway, compile_shelf(), entry, "--grant-needs")
        assert done.returncode == 0, done.stderr
        yield gateway


def answer(asked, action="accept", **content):
    return {"$state": asked["request_state"], "$input": {"action": action, "content": content}}


def read(gateway, uri):
    return gateway.call("GET", "/resources/content?uri=" + urllib.parse.quote(uri, safe=""))


def test_a_prompt_asks_by_rest_and_is_made_of_the_answers(gateway):
    letter = {"arguments": {"title": "Mirabai"}}
    status, _, asked = gateway.call("POST", "/prompts/shelf_letter", letter)
    assert status == 202 and "In which tone?" in asked["data"]["input_required"]["message"], asked
    assert set(asked["data"]["input_required"]["schema"]["properties"]) == {"tone", "sure"}, asked
    wrong = answer(asked["data"], tone={"tone": 7}, sure={"sure": True})
    status, _, problem = gateway.call("POST", "/prompts/shelf_letter", {**letter, **wrong})
    assert status == 422 and problem["errors"][0]["pointer"] == "/$input/content/tone/tone", problem
    right = answer(asked["data"], tone={"tone": "kind"}, sure={"sure": True})
    for _ in range(2):
        status, _, made = gateway.call("POST", "/prompts/shelf_letter", {**letter, **right})
        assert status == 200 and made["data"]["messages"][0]["content"]["text"] == "Write a letter.", made
    status, _, problem = gateway.call("POST", "/prompts/shelf_letter", {"arguments": {"title": "x"}, **right})
    assert status == 422, problem
    half = {"$state": asked["data"]["request_state"]}
    status, _, problem = gateway.call("POST", "/prompts/shelf_letter", {**letter, **half})
    assert status == 422 and problem["errors"][0]["pointer"] == "/$input", problem


def test_a_resource_of_a_template_is_read_and_one_asks_first(gateway):
    status, _, listed = gateway.call("GET", "/resources/templates")
    uris = [template["uriTemplate"] for template in listed["data"]]
    assert status == 200 and uris == ["gateway://shelf/locked/{title}", "shelf://book/{title}"], listed
    status, headers, body = read(gateway, "shelf://book/Mirabai")
    assert status == 200 and body == b"Once upon a time." and headers["Content-Type"] == "text/plain", (status, body)
    assert read(gateway, "shelf://book/none")[0] == 404
    assert read(gateway, "shelf://book/a/b")[0] == 404
    uri = "gateway://shelf/locked/Mirabai"
    status, _, asked = read(gateway, uri)
    assert status == 202 and asked["data"]["input_required"]["message"] == "Open it?", asked
    status, _, body = gateway.call("POST", "/resources/content", {"uri": uri, **answer(asked["data"], sure=True)})
    assert status == 200 and body == bytes([0, 1, 2, 255]), body
    asked = read(gateway, uri)[2]
    declined = {"uri": uri, **answer(asked["data"], "decline")}
    assert gateway.call("POST", "/resources/content", declined)[0] == 403


def test_an_argument_is_completed(gateway):
    typed = {"prompt": "shelf_letter", "argument": "title", "value": "K"}
    status, _, said = gateway.call("POST", "/completions", typed)
    assert status == 200 and said["data"]["values"][0] == "Karibu" and said["data"]["total"] == 9, said
    status, _, said = gateway.call("POST", "/completions", {**typed, "argument": "place"})
    assert said["data"] == {"values": [], "total": 0, "has_more": False}, said
    assert gateway.call("POST", "/completions", {**typed, "prompt": "nobody"})[0] == 404
    assert gateway.call("POST", "/completions", {**typed, "template": "shelf://book/{title}"})[0] == 422


@pytest.mark.parametrize("place, version", [("mcp-client", "2026-07-28"), ("mcp-1.30.0", "2025-11-25")])
def test_a_client_that_can_be_asked_is(gateway, place, version):
    python = os.path.join(ROOT, ".build-fixtures", place, "bin", "python")
    command = [python, os.path.join(ROOT, "Tests", "EndToEnd", "mcp_asking_client.py")]
    command += [os.path.join(gateway.folder, "dev.json"), version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_beginning_of_uris_is_granted_and_one_plugins(gateway):
    copy = compile_shelf('-DSHELF_ID="copy"')
    refused = install_desk(gateway, copy, {"id": "copy"}, "--grant-needs")
    assert refused.returncode != 0 and "rule C2: URIs that begin with shelf:// are shelf's" in refused.stderr, refused
    ungranted = install_desk(gateway, copy, {"id": "copy", "grants": {"x-uris": ["copies://"]}})
    assert ungranted.returncode != 0 and "rule C3: it needs URIs that begin with shelf://" in ungranted.stderr, ungranted
    taken = install_desk(gateway, copy, {"id": "copy", "grants": {"x-uris": ["mpesa://"]}})
    assert taken.returncode != 0 and "x-uris" in taken.stderr, taken
    assert plugin(gateway, "list").count("shelf") >= 1


def test_plugin_check_passes_it():
    report = check(compile_shelf())
    tried = {probe["probe"] for probe in report["probes"] if "nothing" not in probe}
    assert report["passed"] and {"asking.form", "asking.returns", "asking.index", "completion.form"} <= tried, failed(report)
