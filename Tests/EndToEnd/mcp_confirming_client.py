"""Asks for two payments that whoever asks must confirm, with a version of Python's `mcp` that can be asked: the person says yes
to the first, and no to the second.

Usage: mcp_confirming_client.py DEV_JSON http|stdio VERSION PROGRAM. Ends with status 1 unless the handshake ends with VERSION,
each is asked about once in a form that says what it is, the first is charged once by the simulator's ledger, and the second never.
"""

import asyncio
import contextlib
import json
import sys
import urllib.request
import uuid

from mcp_any_client import environment, output

asked = []


async def person(context, params):
    from mcp import types

    asked.append(params.message)
    if "60 shillings" in params.message:
        return types.ElicitResult(action="accept", content={"confirm": True})
    return types.ElicitResult(action="decline")


@contextlib.asynccontextmanager
async def newest(dev, transport, program):
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    if transport == "stdio":
        link = stdio_client(StdioServerParameters(command=program, args=["mcp"], env=environment(dev)))
    else:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        http = httpx2.AsyncClient(headers={"Authorization": "Bearer " + dev["api_key"]}, timeout=180)
        link = streamable_http_client(dev["mcp_url"], http_client=http)
    async with Client(link, elicitation_callback=person) as client:
        yield client, client.protocol_version


@contextlib.asynccontextmanager
async def older(dev, transport, program):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    if transport == "stdio":
        link = stdio_client(StdioServerParameters(command=program, args=["mcp"], env=environment(dev)))
    else:
        from mcp.client.streamable_http import streamablehttp_client

        link = streamablehttp_client(dev["mcp_url"], headers={"Authorization": "Bearer " + dev["api_key"]})
    async with link as streams, ClientSession(streams[0], streams[1], elicitation_callback=person) as client:
        yield client, (await client.initialize()).protocolVersion


def charged(dev, number):
    with urllib.request.urlopen(f"{dev['simulator_url']}/simulator/ledger?phone={number}", timeout=180) as answer:
        return json.load(answer)


async def pay(dev, transport, version, program):
    import mcp

    connect = newest if hasattr(mcp, "Client") else older
    async with connect(dev, transport, program) as (client, negotiated):
        assert version == negotiated, f"negotiated {negotiated}, not {version}"
        number = "2547" + str(uuid.uuid4().int)[:8]
        arguments = {
            "phone_number": number, "amount": 60, "account_reference": "CONFIRM", "transaction_desc": "By a person",
            "idempotency_key": str(uuid.uuid4()),
        }
        paid = output(await client.call_tool("mpesa_stk_push", arguments))
        for _ in range(720):
            if charged(dev, number)["count"]:
                break
            await asyncio.sleep(0.25)
        # The same call once more is the same payment, and nobody is asked again.
        again = output(await client.call_tool("mpesa_stk_push", arguments))
        assert again["transaction_id"] == paid["transaction_id"], (paid, again)
        assert charged(dev, number)["total"] == 60 and charged(dev, number)["count"] == 1, charged(dev, number)
        assert len(asked) == 1 and number in asked[0] and "no real money" in asked[0], asked

        refused = {**arguments, "amount": 70, "idempotency_key": str(uuid.uuid4())}
        for times in (1, 2):
            told = await client.call_tool("mpesa_stk_push", refused)
            words = " ".join(getattr(block, "text", "") for block in told.content)
            assert "withdrawn" in words or "approval_declined" in words, told
        assert len(asked) == 2 and "70 shillings" in asked[1], asked
    assert charged(dev, number)["count"] == 1, charged(dev, number)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(pay(json.load(file), *sys.argv[2:]))
