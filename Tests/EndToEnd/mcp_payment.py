"""Makes a payment as an AI client would: Python's `mcp` client against a running gateway.

Usage: mcp_payment.py DEV_JSON. Prints one line per check and ends with status 1 at the first that fails.
"""

import asyncio
import datetime
import json
import sys
import uuid

import httpx2 as httpx_module  # mcp 2 brings its own HTTP library
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def check(name, holds, shown=""):
    print(("ok   " if holds else "FAIL ") + name + (f": {shown}" if shown else ""))
    if not holds:
        sys.exit(1)


async def main(dev):
    headers = {"Authorization": "Bearer " + dev["api_key"]}
    http = httpx_module.AsyncClient(headers=headers)
    async with Client(streamable_http_client(dev["mcp_url"], http_client=http)) as client:
        check("negotiates 2026-07-28", client.protocol_version == "2026-07-28", client.protocol_version)
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check("lists both tools", {"mpesa_stk_push", "mpesa_check_status"} <= set(tools), sorted(tools))
        check("adds an idempotency key", "idempotency_key" in tools["mpesa_stk_push"].input_schema["properties"])
        check("marks the push as destructive", tools["mpesa_stk_push"].annotations.destructive_hint is True)
        phone = "2547" + str(uuid.uuid4().int)[:8]
        arguments = {
            "phone_number": phone,
            "amount": 250,
            "account_reference": "MCP-1",
            "transaction_desc": "By an agent",
            "idempotency_key": str(uuid.uuid4()),
        }
        first = await client.call_tool("mpesa_stk_push", arguments)
        check("is accepted, not paid", first.structured_content["status"] == "PENDING", first.structured_content["next"])
        again = await client.call_tool("mpesa_stk_push", arguments)
        same = again.structured_content["transaction_id"] == first.structured_content["transaction_id"]
        check("a repeat is the same payment", same)
        wrong = await client.call_tool("mpesa_stk_push", {**arguments, "amount": 1.5})
        check("a wrong argument is told by name", wrong.is_error and "amount" in wrong.content[0].text, wrong.content[0].text)
        status = first
        for _ in range(720):
            status = await client.call_tool(
                "mpesa_check_status", {"checkout_request_id": first.structured_content["checkout_request_id"]}
            )
            if status.structured_content["status"] != "PENDING":
                break
            await asyncio.sleep(0.25)
        check("is paid", status.structured_content["status"] == "SUCCESS", status.structured_content)
        charged = (await http.get(dev["simulator_url"] + f"/simulator/ledger?phone={phone}")).json()
        check("was charged once", charged["count"] == 1 and charged["total"] == 250, charged)
        await ask_to_pay_out(client, http, dev)


async def ask_to_pay_out(client, http, dev):
    phone = "2547" + str(uuid.uuid4().int)[:8]
    arguments = {"phone_number": phone, "amount": 40, "remarks": "By an agent", "idempotency_key": str(uuid.uuid4())}
    held = await client.call_tool("mpesa_b2c_payment", arguments)
    check("a payout waits for a person", held.structured_content["state"] == "draft", held.structured_content)
    status = await client.call_tool(
        "mpesa_check_payout", {"transaction_id": held.structured_content["transaction_id"]}
    )
    check("its status says so too", status.structured_content["approval"]["role"] == "manager", status.structured_content)
    payouts = (await http.get(dev["simulator_url"] + f"/simulator/payouts?phone={phone}")).json()
    check("nothing was paid", payouts["count"] == 0, payouts)
    balance = await client.call_tool("mpesa_check_balance", {})
    check("the balance is told", balance.structured_content["accounts"], balance.structured_content)
    found = await client.call_tool("mpesa_transaction_history", {"phone_number": phone})
    amounts = [shown["amount"] for shown in found.structured_content["transactions"]]
    check("the history shows the payout", amounts == [40], found.structured_content)
    today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=3))).date().isoformat()
    report = await client.call_tool("mpesa_generate_report", {"date_from": today})
    check("a report is made and kept", report.structured_content["report_id"], report.structured_content)


with open(sys.argv[1]) as file:
    asyncio.run(main(json.load(file)))
