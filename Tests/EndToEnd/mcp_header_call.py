"""Calls a tool whose arguments stand in headers too, with Python's `mcp` client, which writes those headers itself.

Usage: mcp_header_call.py DEV_JSON ARGUMENTS_JSON. Prints the result's structured content.
"""

import asyncio
import json
import sys

import httpx2 as httpx_module  # mcp 2 brings its own HTTP library
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(dev, arguments):
    http = httpx_module.AsyncClient(headers={"Authorization": "Bearer " + dev["api_key"]})
    async with Client(streamable_http_client(dev["mcp_url"], http_client=http)) as client:
        # It learns from the list which arguments those are.
        await client.list_tools()
        result = await client.call_tool("fixture_echo", arguments)
        assert not result.is_error, result.content
        print(json.dumps(result.structured_content))


with open(sys.argv[1]) as file:
    asyncio.run(main(json.load(file), json.loads(sys.argv[2])))
