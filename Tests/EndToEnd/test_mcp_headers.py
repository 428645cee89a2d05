"""Headers that repeat a tool's arguments (`x-mcp-header`), from a plugin in C to the MCP door."""

import base64
import json
import os
import subprocess

import pytest

import harness
from harness import Gateway, http
from plugins import compile_fixture, install, plugin

PROPERTIES = {
    "how": {"type": "string"},
    "region": {"type": "string", "x-mcp-header": "Region"},
    "urgent": {"type": "boolean", "x-mcp-header": "Urgent"},
    "to": {"type": "object", "properties": {"branch": {"type": "integer", "x-mcp-header": "Branch"}}},
}


@pytest.fixture(scope="module")
def gateway(isolation):
    with Gateway() as gateway:
        install(gateway, fixture("1.0.0", PROPERTIES))
        yield gateway


def in_c(value):
    """A JSON document as a text of C."""
    return json.dumps(json.dumps(value))


def fixture(version, properties, sensitive=()):
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return compile_fixture(version, "-DFIXTURE_ECHO=" + in_c(schema), "-DFIXTURE_SENSITIVE=" + in_c(list(sensitive)))


def echo(gateway, arguments, key=None, version="2026-07-28", tool="fixture_echo", **parameters):
    """Calls the tool; each parameter is sent as Mcp-Param-…, exactly as given."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Authorization": "Bearer " + (key or gateway.dev["api_key"]), "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version,
        "Mcp-Method": "tools/call", "Mcp-Name": tool,
    }
    headers.update({"Mcp-Param-" + name: value for name, value in parameters.items()})
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    return http("POST", gateway.dev["mcp_url"], {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, headers)


def served(answer):
    assert answer[0] == 200 and answer[2]["result"].get("isError") is not True, answer


def mismatch(answer, name):
    assert answer[0] == 400 and answer[2]["error"]["code"] == -32020, answer
    told = answer[2]["error"]["message"]
    assert f"Mcp-Param-{name}" in told or "base64" in told, told


def encoded(text):
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def test_a_client_is_told_the_marks(gateway):
    (tool,) = [t for t in listed(gateway) if t["name"] == "fixture_echo"]
    assert tool["inputSchema"]["properties"]["region"]["x-mcp-header"] == "Region", tool


def listed(gateway):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Authorization": "Bearer " + gateway.dev["api_key"], "Content-Type": "application/json",
        "Accept": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    return http("POST", gateway.dev["mcp_url"], body, headers)[2]["result"]["tools"]


def test_headers_that_say_what_the_arguments_say(gateway):
    served(echo(gateway, {"region": "nairobi"}, Region="nairobi"))
    served(echo(gateway, {"region": "nairobi"}, rEGION="nairobi"))
    served(echo(gateway, {"region": "=?x?="}, Region="=?x?="))
    served(echo(gateway, {"urgent": False}, Urgent="false"))
    served(echo(gateway, {"region": "a", "urgent": True, "to": {"branch": 7}}, Region="a", Urgent="true", Branch="7"))


def test_text_that_is_not_visible_ascii_is_encoded(gateway):
    served(echo(gateway, {"region": "Mūranga"}, Region=encoded("Mūranga")))
    served(echo(gateway, {"region": "plain"}, Region=encoded("plain")))
    served(echo(gateway, {"region": ""}, Region=encoded("")))
    mismatch(echo(gateway, {"region": "Mūranga"}, Region=encoded("Muranga")), "Region")
    # The same letters to a reader, other bytes to a router.
    mismatch(echo(gateway, {"region": "M\u016branga"}, Region=encoded("Mu\u0304ranga")), "Region")
    mismatch(echo(gateway, {"region": "Mūranga"}, Region="Mūranga".encode()), "Region")
    for malformed in ("=?base64?QQ?=", "=?base64?Q===?=", "=?base64?QR==?=", "=?base64?****?=", "=?base64?/w==?="):
        mismatch(echo(gateway, {"region": "A"}, Region=malformed), "Region")


def test_whole_numbers_are_compared_as_numbers(gateway):
    for text in ("7", "7.0", "70e-1"):
        served(echo(gateway, {"to": {"branch": 7}}, Branch=text))
        served(echo(gateway, {"to": {"branch": 7.0}}, Branch=text))
    served(echo(gateway, {"to": {"branch": -(2**53 - 1)}}, Branch=str(-(2**53 - 1))))
    for text in ("8", "seven", "07", "7 7", "0x7", ""):
        mismatch(echo(gateway, {"to": {"branch": 7}}, Branch=text), "Branch")
    mismatch(echo(gateway, {"to": {"branch": 2**53}}, Branch=str(2**53)), "Branch")
    mismatch(echo(gateway, {"to": {"branch": 10**30}}, Branch="1e30"), "Branch")


def test_a_header_that_is_missing_or_says_something_else(gateway):
    mismatch(echo(gateway, {"region": "nairobi"}), "Region")
    mismatch(echo(gateway, {"region": "nairobi"}, Region="mombasa"), "Region")
    mismatch(echo(gateway, {"region": "nairobi"}, Region="Nairobi"), "Region")
    mismatch(echo(gateway, {"urgent": True}, Urgent="True"), "Urgent")
    mismatch(echo(gateway, {"to": {"branch": 7}, "region": "a"}, Region="a"), "Branch")


def test_a_header_without_its_argument(gateway):
    served(echo(gateway, {}))
    served(echo(gateway, {"to": {}}))
    mismatch(echo(gateway, {}, Region="nairobi"), "Region")
    mismatch(echo(gateway, {"region": None}, Region="null"), "Region")
    mismatch(echo(gateway, {"to": {}}, Branch="7"), "Branch")


def test_a_client_that_writes_the_headers_itself(gateway):
    python = os.path.join(harness.ROOT, ".build-fixtures", "mcp-client", "bin", "python")
    script = os.path.join(harness.ROOT, "Tests", "EndToEnd", "mcp_header_call.py")
    arguments = json.dumps({"region": "Mūranga", "urgent": True, "to": {"branch": 7}})
    dev = os.path.join(gateway.folder, "dev.json")
    done = subprocess.run([python, script, dev, arguments], capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["echo"] == "inline", done.stdout + done.stderr


def test_headers_that_no_argument_asks_for_say_nothing(gateway):
    served(echo(gateway, {"how": "inline"}, How="other"))


def test_an_argument_of_another_type_is_the_schemas_to_refuse(gateway):
    wrong = [({"region": 7}, "Region", "7"), ({"urgent": "true"}, "Urgent", "true"), ({"to": {"branch": 1.5}}, "Branch", "1.5")]
    for arguments, name, value in wrong:
        status, _, answer = echo(gateway, arguments, **{name: value})
        assert status == 200 and answer["result"]["isError"] is True, answer


def test_the_check_stands_after_the_version_and_before_the_tool(gateway):
    late = echo(gateway, {"region": "nairobi"}, version="2099-01-01")
    assert late[0] == 400 and late[2]["error"]["code"] == -32022, late
    assert echo(gateway, {"region": "nairobi"}, key="nonsense")[0] == 401
    # Missing, although the schema would refuse the call too.
    mismatch(echo(gateway, {"region": "nairobi", "surprise": 1}), "Region")


def test_a_caller_that_may_not_use_the_tool_learns_nothing_of_it(gateway):
    other = gateway.dev["limited"]["api_key"]
    known = echo(gateway, {"region": "nairobi"}, key=other)
    unknown = echo(gateway, {"region": "nairobi"}, key=other, tool="no_such_tool")
    assert known[0] == unknown[0] == 400, (known, unknown)
    assert known[2]["error"]["code"] == unknown[2]["error"]["code"] == -32602, (known, unknown)


def test_rest_asks_for_no_such_headers(gateway):
    status, _, answer = gateway.call("POST", "/tools/fixture_echo", {"region": "nairobi", "to": {"branch": 7}})
    assert status == 200, answer


def test_a_plugin_whose_marks_are_wrong_is_refused(gateway):
    wrong = [
        ({"a": {"type": "string", "x-mcp-header": "no name"}}, ()),
        ({"a": {"type": "number", "x-mcp-header": "A"}}, ()),
        ({"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}}, ()),
        ({"a": {"type": "string", "x-mcp-header": "A"}, "b": {"type": "string", "x-mcp-header": "a"}}, ()),
        ({"phone": {"type": "string", "x-mcp-header": "Phone"}}, ("/phone",)),
    ]
    for number, (properties, sensitive) in enumerate(wrong):
        library = fixture(f"2.0.{number}", {"how": {"type": "string"}, **properties}, sensitive)
        told = install(gateway, library, "--allow-breaking", fails=True)
        assert "rule C5: /tools/1/input_schema/properties/" in told, told
        os.remove(library)


def test_a_mark_on_an_argument_that_was_there_breaks_callers(gateway):
    marked = {**PROPERTIES, "how": {"type": "string", "x-mcp-header": "How"}}
    told = install(gateway, fixture("1.1.0", marked), fails=True)
    assert "input/how must now be sent as the header Mcp-Param-How too" in told, told
    fresh = {**PROPERTIES, "more": {"type": "string", "x-mcp-header": "More"}}
    install(gateway, fixture("1.2.0", fresh))
    plugin(gateway, "rollback", "fixture")
