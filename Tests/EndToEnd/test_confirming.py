"""People confirm payments through real clients of MCP, and an agent that cheats moves nothing."""

import concurrent.futures
import json
import os
import subprocess

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, http, phone, wait_until
from test_approvals import log_in

NEWEST = "2026-07-28"
CLIENTS = [("mcp-client", NEWEST), ("mcp-1.30.0", "2025-11-25"), ("mcp-1.12.4", "2025-06-18")]


@pytest.fixture(scope="module")
def administrator(house):
    return house.administrator


@pytest.fixture(scope="module")
def house(simulator):
    with Gateway(simulator=simulator) as gateway:
        gateway.administrator = log_in(gateway, "org_admin")
        # More than is asked of agents otherwise, so that it holds at once; payouts of theirs others must approve as it is.
        rules = [{"direction": ["in"], "who": ["agent"], "then": "confirm", "agent_max": 1000}]
        answer = gateway.call("PUT", "/approval-rules", {"rules": rules}, key=gateway.administrator)
        assert answer[0] == 200 and not answer[2]["data"].get("pending"), answer
        yield gateway


def test_a_person_confirms_once_and_declines_for_good_through_every_client_that_asks(house):
    running = []
    for place, version in CLIENTS:
        for transport in ("http", "stdio"):
            python = os.path.join(ROOT, ".build-fixtures", place, "bin", "python")
            command = [python, os.path.join(ROOT, "Tests", "EndToEnd", "mcp_confirming_client.py")]
            command += [os.path.join(house.folder, "dev.json"), transport, version, PROGRAM]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            running.append((place, transport, process))
    failed = []
    for place, transport, process in running:
        told, _ = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            failed.append(f"{place} by {transport}:\n{told}")
    assert not failed, "\n".join(failed)


def call(house, tool, arguments, key=None, **more):
    """What an agent's own client is answered, whatever it makes up."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    }
    body = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta, **more},
    }
    headers = {
        "Authorization": "Bearer " + (key or house.dev["api_key"]), "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": NEWEST, "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return http("POST", house.url + "/mcp", json.dumps(body).encode(), headers)[2]


def push(number, **more):
    return {
        "phone_number": number, "amount": 100, "account_reference": "CHEAT", "transaction_desc": "Test",
        "idempotency_key": "k-" + number, **more,
    }


def answers(asked, action="accept", **content):
    answer = {"action": action, "content": content} if action == "accept" else {"action": action}
    return {"requestState": asked["result"]["requestState"], "inputResponses": {"question": answer}}


def test_an_agent_that_cheats_moves_nothing_and_what_it_confirms_leaves_once(house, simulator):
    number = phone()
    for word in ("confirm", "approved", "inputResponses"):
        told = call(house, "mpesa_stk_push", push(number, **{word: True}))
        assert told.get("error") or told["result"]["isError"], told
    asked = call(house, "mpesa_stk_push", push(number))
    assert asked["result"]["resultType"] == "input_required", asked
    yes = answers(asked, confirm=True)
    cheats = [
        call(house, "mpesa_stk_push", push(number, amount=900), **yes),
        call(house, "mpesa_stk_push", push(phone(), idempotency_key="k-" + number), **yes),
        call(house, "mpesa_stk_push", push(number, idempotency_key="other-" + number), **yes),
        call(house, "mpesa_stk_push", push(number), key=house.dev["limited"]["api_key"], **yes),
        call(house, "mpesa_b2c_payment", {"phone_number": number, "amount": 100, "remarks": "Test",
                                          "idempotency_key": "k-" + number}, **yes),
        call(house, "mpesa_stk_push", push(number), **{**yes, "requestState": yes["requestState"][:-8] + "AAAAAAA="}),
    ]
    assert all("error" in told for told in cheats), cheats
    assert simulator.pushes(number) == 0

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: call(house, "mpesa_stk_push", push(number), **yes), range(8)))
    assert any("result" in one and not one["result"]["isError"] for one in told), told
    house.wait_for(number, "succeeded")
    assert simulator.pushes(number) == 1 and simulator.charges(number)["count"] == 1

    refused = phone()
    asked = call(house, "mpesa_stk_push", push(refused))
    call(house, "mpesa_stk_push", push(refused), **answers(asked, "decline"))
    late = call(house, "mpesa_stk_push", push(refused), **answers(asked, confirm=True))
    assert late.get("error") or late["result"]["isError"], late
    assert simulator.pushes(refused) == 0


def test_a_payout_of_an_agents_leaves_by_a_person_alone(house, simulator, administrator):
    number = phone()
    payout = {"phone_number": number, "amount": 50, "remarks": "Test", "idempotency_key": "out-" + number}
    held = call(house, "mpesa_b2c_payment", payout)["result"]["structuredContent"]
    assert held["state"] == "draft", held
    path = "/approvals/" + held["transaction_id"]
    for word in ("approve", "confirm"):
        assert house.call("POST", f"{path}/{word}", {})[0] == 403, word
    token = log_in(house, "manager", with_factor=False)
    call(house, "transactions_show", {"id": held["transaction_id"]}, key=token)
    assert house.call("POST", path + "/approve", {}, key=token)[0] == 403, "a log-in that was used by MCP is an agent's"
    assert simulator.payouts(number)["count"] == 0

    assert house.call("POST", path + "/approve", {}, key=administrator)[0] == 200
    wait_until("the payout", lambda: simulator.payouts(number)["count"] == 1)
    again = call(house, "mpesa_b2c_payment", payout)["result"]["structuredContent"]
    assert again["transaction_id"] == held["transaction_id"] and again["replayed"] is True, again
    assert simulator.payouts(number)["count"] == 1
