"""Makes one payment with whichever MCP client is installed: Python's `mcp` of any version, or FastMCP.

Usage: mcp_any_client.py DEV_JSON mcp|fastmcp http|sse|stdio VERSION PROGRAM [MODE]. Ends with status 1 unless the handshake
ends with VERSION and the simulator's ledger shows the payment once. MODE is how version 2 of `mcp` begins: auto, legacy, or the
version to speak without asking.
"""

import asyncio
import contextlib
import json
import os
import sys
import urllib.request
import uuid


def environment(dev):
    return {"PATH": os.environ["PATH"], "GATEWAY_URL": dev["url"], "GATEWAY_API_KEY": dev["api_key"]}


@contextlib.asynccontextmanager
async def newest(dev, transport, program, mode="auto"):
    """Version 2: a client of its own, over what version 1 calls a transport."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    if transport == "stdio":
        link = stdio_client(StdioServerParameters(command=program, args=["mcp"], env=environment(dev)))
    else:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        http = httpx2.AsyncClient(headers={"Authorization": "Bearer " + dev["api_key"]})
        link = streamable_http_client(dev["mcp_url"], http_client=http)
    async with Client(link, mode=mode) as client:
        yield client, client.protocol_version


@contextlib.asynccontextmanager
async def session(dev, transport, program):
    """Version 1: a session over a pair of streams."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    if transport == "stdio":
        link = stdio_client(StdioServerParameters(command=program, args=["mcp"], env=environment(dev)))
    elif transport == "sse":
        from mcp.client.sse import sse_client

        link = sse_client(dev["mcp_url"] + "/sse", headers={"Authorization": "Bearer " + dev["api_key"]})
    else:
        from mcp.client.streamable_http import streamablehttp_client

        link = streamablehttp_client(dev["mcp_url"], headers={"Authorization": "Bearer " + dev["api_key"]})
    async with link as streams, ClientSession(streams[0], streams[1]) as client:
        yield client, (await client.initialize()).protocolVersion


@contextlib.asynccontextmanager
async def fast(dev, transport, program):
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

    if transport == "stdio":
        link = StdioTransport(command=program, args=["mcp"], env=environment(dev))
    else:
        link = StreamableHttpTransport(dev["mcp_url"], headers={"Authorization": "Bearer " + dev["api_key"]})
    async with Client(link) as client:
        shown = getattr(client, "initialize_result", None) or getattr(client, "session", None)
        version = getattr(shown, "protocolVersion", None) or getattr(shown, "protocol_version", None)
        yield client, version


def output(result):
    """The tool's output, which stands among the content as text in every revision."""
    for block in result.content:
        try:
            return json.loads(block.text)
        except (AttributeError, ValueError):
            continue
    raise AssertionError(result)


async def pay(dev, library, transport, version, program, *mode):
    connect = fast if library == "fastmcp" else session
    if library == "mcp":
        import mcp

        connect = newest if hasattr(mcp, "Client") else session
    async with connect(dev, transport, program, *mode) as (client, negotiated):
        assert version in ("any", negotiated), f"negotiated {negotiated}, not {version}"
        listed = await client.list_tools()
        tools = {tool.name for tool in getattr(listed, "tools", listed)}
        assert {"mpesa_stk_push", "mpesa_check_status"} <= tools, tools
        number = "2547" + str(uuid.uuid4().int)[:8]
        arguments = {
            "phone_number": number, "amount": 75, "account_reference": "CLIENT", "transaction_desc": "By a client",
            "idempotency_key": str(uuid.uuid4()),
        }
        accepted = output(await client.call_tool("mpesa_stk_push", arguments))
        assert accepted["status"] == "PENDING", accepted
        for _ in range(720):
            question = {"checkout_request_id": accepted["checkout_request_id"]}
            status = output(await client.call_tool("mpesa_check_status", question))
            if status["status"] != "PENDING":
                break
            await asyncio.sleep(0.25)
        assert status["status"] == "SUCCESS", status
        # Clients that know output schemas hold this to the one that was published.
        payout = {"phone_number": number, "amount": 40, "remarks": "By a client", "idempotency_key": str(uuid.uuid4())}
        held = output(await client.call_tool("mpesa_b2c_payment", payout))
        assert held["state"] == "draft" and held["approval"]["count"] == 1, held
        question = {"transaction_id": held["transaction_id"]}
        status = output(await client.call_tool("mpesa_check_payout", question))
        assert status["state"] == "draft", status
    with urllib.request.urlopen(f"{dev['simulator_url']}/simulator/ledger?phone={number}", timeout=180) as answer:
        charged = json.load(answer)
    assert charged["count"] == 1 and charged["total"] == 75, charged
    print(f"paid, in {negotiated}")


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(pay(json.load(file), *sys.argv[2:]))
