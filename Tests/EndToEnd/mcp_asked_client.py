"""Calls a tool that asks a person, with a version of Python's `mcp` that can be asked; the person says yes.

Usage: mcp_asked_client.py DEV_JSON http|stdio VERSION PROGRAM. Ends with status 1 unless the handshake ends with VERSION, the
question comes once and the tool hears the answer.
"""

import asyncio
import json
import sys

from mcp_any_client import environment

asked = []


async def person(context, params):
    from mcp import types

    asked.append(params.message)
    return types.ElicitResult(action="accept", content={"sure": True})


async def ask(dev, transport, version, program):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    if transport == "stdio":
        link = stdio_client(StdioServerParameters(command=program, args=["mcp"], env=environment(dev)))
    else:
        from mcp.client.streamable_http import streamablehttp_client

        link = streamablehttp_client(dev["mcp_url"], headers={"Authorization": "Bearer " + dev["api_key"]})
    async with link as streams, ClientSession(streams[0], streams[1], elicitation_callback=person) as client:
        negotiated = (await client.initialize()).protocolVersion
        assert version == negotiated, f"negotiated {negotiated}, not {version}"
        result = await client.call_tool("desk_question", {"how": "question"})
        assert result.structuredContent["meta"]["input"] == {"action": "accept", "content": {"sure": True}}, result
        assert result.structuredContent["meta"]["state"] == {"step": 7}, result
        assert asked == ["Is this right?"], asked


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        asyncio.run(ask(json.load(file), *sys.argv[2:]))
