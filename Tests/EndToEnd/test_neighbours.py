"""Two organizations, and everything of the one's that the other may try, by every door: it is as if it were not there."""

import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

import pytest

import harness
from harness import PATIENCE, Gateway, http, phone, wait_until
from houses import House

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def listed(gateway):
    return [tool["name"] for tool in gateway.call("GET", "/tools")[2]["data"]]


@pytest.fixture(scope="module")
def house(simulator):
    with Gateway(simulator=simulator) as gateway:
        house = House(gateway, listed(gateway))
        house.key_text = house.key(role="manager")[1]
        yield house


@pytest.fixture(scope="module")
def foreign(house):
    """Names of what the demo's organization has: what it paid, reported and sent together, who and what is in it."""
    gateway, number = house.gateway, phone()
    assert gateway.push(number, 60, idempotency="order-of-the-demo-17")[0] == 200
    paid = gateway.wait_for(number, "succeeded")
    report = gateway.call("POST", "/tools/reports/generate", {"report_type": "DAILY", "date_from": "2026-11-01"})
    items = [{"phone_number": phone(), "amount": 10}]
    batch = gateway.call("POST", "/batches", {"tool": "mpesa_bulk_payment", "batch_name": "b", "items": items})
    assert report[0] == 200 and batch[0] < 300, (report, batch)
    verified = gateway.call("GET", "/auth/verify")[2]["data"]
    found = {
        "transaction": paid["id"], "receipt": paid["receipt"], "key": "order-of-the-demo-17",
        "checkout": paid["external_ids"]["checkout_request_id"], "organization": gateway.dev["organization_id"],
        "report": report[2]["data"]["report_id"], "batch": batch[2]["data"]["batch_id"], "api key": verified["subject"].removeprefix("key:"),
    }
    assert all(found.values()), found
    return found


def like(name):
    """A name of the same form that nobody has."""
    return name[:-1] + ("1" if name[-1] != "1" else "2")


def told(answer, name):
    """What an answer tells, without the name that was asked for and what differs each time."""
    status, _, body = answer
    shown = json.dumps(body).replace(name, "NAME").replace(urllib.parse.quote(name), "NAME")
    return status, re.sub(r'"(instance|call|call_id|request_id)": "[^"]*"|request_id: [-0-9a-f]+', "", shown)


def filled(schema, name):
    """What is required of a body, filled so that it is asked about the name wherever that may stand."""
    body = {}
    for member in schema.get("required", []):
        rules = schema["properties"].get(member, {})
        kind = rules.get("type")
        body[member] = (
            rules["enum"][0] if "enum" in rules
            else {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}.get(kind, name)
        )
    return body


def test_no_route_tells_a_foreign_name_from_one_that_nobody_has(house, foreign):
    document = house.ask("GET", "/openapi.json", token=house.admin)
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = content.get("schema", {})
            if "{" not in path and not any(name.endswith("_id") for name in schema.get("properties", {})):
                continue
            for what, name in foreign.items():
                seen = []
                for one in (name, like(name)):
                    place = re.sub(r"\{[^}]*\}", urllib.parse.quote(one, safe=""), path)
                    body = filled(schema, one) if schema else None
                    seen.append(told(house.gateway.call(method.upper(), place, body, key=house.admin), one))
                asked += 1
                assert seen[0] == seen[1] and seen[0][0] >= 400, (method, path, what, seen)
    assert asked > 100


def mcp(house, method, **params):
    headers = {
        "Authorization": "Bearer " + house.key_text, "Content-Type": "application/json", "Mcp-Method": method,
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
    }
    if name := params.get("name", params.get("uri")):
        headers["Mcp-Name"] = name
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    return http("POST", house.gateway.url + "/mcp", body, headers)


def test_no_tool_and_no_resource_of_mcp_does_either(house, foreign):
    tools = mcp(house, "tools/list")[2]["result"]["tools"]
    named = [tool for tool in tools if any(name.endswith("id") for name in tool["inputSchema"].get("properties", {}))]
    assert {"mpesa_check_status", "transactions_show"} <= {tool["name"] for tool in named}
    for what, name in foreign.items():
        for tool in named:
            seen = []
            for one in (name, like(name)):
                arguments = filled(tool["inputSchema"], one)
                ids = [key for key in tool["inputSchema"]["properties"] if key.endswith("id")]
                arguments |= {key: one for key in ids if key not in ("org_id", "user_id")}
                seen.append(told(mcp(house, "tools/call", name=tool["name"], arguments=arguments), one))
            assert seen[0] == seen[1], (tool["name"], what, seen)
            assert '"isError": true' in seen[0][1] or '"error"' in seen[0][1], (tool["name"], what, seen)
        uris = [f"mpesa://transactions/{one}" for one in (name, like(name))]
        read = [told(mcp(house, "resources/read", uri=uri), uri) for uri in uris]
        assert read[0] == read[1] and "error" in read[0][1], (what, read)


def test_no_command_does_either(house, foreign):
    environment = {**os.environ, "GATEWAY_URL": house.gateway.url, "GATEWAY_API_KEY": house.admin}
    for words, name in (
        (["call", "transactions.show", "id=NAME"], foreign["transaction"]),
        (["call", "mpesa_check_status", "checkout_request_id=NAME"], foreign["checkout"]),
        (["key", "revoke", "NAME"], foreign["api key"]),
    ):
        seen = []
        for one in (name, like(name)):
            ran = subprocess.run(
                [harness.PROGRAM, *(word.replace("NAME", one) for word in words)],
                cwd=harness.ROOT, capture_output=True, text=True, timeout=PATIENCE, env=environment,
            )
            seen.append((ran.returncode, ran.stdout, ran.stderr.replace(one, "NAME")))
        assert seen[0] == seen[1] and seen[0][0] == 1, seen


def settle(simulator, number):
    """The customer pays what was left open."""
    prompt = wait_until("a prompt", lambda: simulator.prompts(number))[0]["checkout_request_id"]
    assert http("POST", f"{simulator.url}/simulator/prompts/{prompt}/settle")[0] == 200


def test_nobody_hears_of_a_neighbours_payment(house, simulator):
    """Whoever listens to a neighbour's and then to an own payment hears of the own one first, though it ends later."""
    gateway, theirs, own = house.gateway, phone(), phone()
    for number in (theirs, own):
        simulator.outcome("open", phone=number)
    body = {"phone_number": own, "amount": 20, "account_reference": "A", "transaction_desc": "B"}
    assert gateway.push(theirs, 10)[0] == 200
    made = gateway.call("POST", "/tools/stk-push", body, key=house.key_text)[2]["data"]["transaction_id"]
    foreign = gateway.transaction(theirs)["id"]
    headers = {
        "Authorization": "Bearer " + house.key_text, "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen",
    }
    wishes = {"resourceSubscriptions": [f"mpesa://transactions/{name}" for name in (foreign, made)]}
    message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {"notifications": wishes, "_meta": META}}
    asked = urllib.request.Request(gateway.url + "/mcp", json.dumps(message).encode(), headers, method="POST")
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        messages = (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))
        next(messages)
        settle(simulator, theirs)
        gateway.wait_for(theirs, "succeeded")
        settle(simulator, own)
        told = next(message for message in messages if message.get("method") == "notifications/resources/updated")
        assert told["params"]["uri"].endswith(made), told
    wait_until("one's own event", lambda: made in json.dumps(house.ask("GET", "/events", token=house.admin)["data"]))
    for path in ("/events", "/transactions?limit=100", "/balances", "/reports", "/batches"):
        assert foreign not in json.dumps(house.ask("GET", path, token=house.admin)), path


def test_a_callback_is_no_neighbours(house, simulator):
    gateway, number = house.gateway, phone()
    simulator.outcome("open", phone=number)
    assert gateway.push(number, 10)[0] == 200
    sent = next(
        json.loads(request["body"]) for request in http("GET", simulator.url + "/simulator/requests")[2]["requests"]
        if request["path"].endswith("processrequest") and number in request["body"]
    )
    address = sent["CallBackURL"]
    assert gateway.dev["organization_id"] in address
    paid = {"MerchantRequestID": "x", "CheckoutRequestID": "x", "ResultCode": 0, "ResultDesc": "paid"}
    moved = address.replace(gateway.dev["organization_id"], house.id)
    assert http("POST", moved, {"Body": {"stkCallback": paid}})[0] == 404
    assert gateway.transaction(number)["status"] == "PENDING"
