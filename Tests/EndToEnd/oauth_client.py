"""Gets a token as Python's `mcp` client does, by what the gateway says of itself, and makes one payment with it.

Usage: oauth_client.py DEV_JSON MCP_URL ISSUER. Ends with status 1 where anything is otherwise than it should be.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request
import uuid

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client


class Memory:
    """Where the client keeps its token."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def verify(dev, token):
    request = urllib.request.Request(dev["url"] + "/auth/verify", headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


async def main(dev, url, issuer):
    memory = Memory()
    auth = ClientCredentialsOAuthProvider(
        server_url=url, storage=memory, client_id="assistant", client_secret="secret", issuer=issuer
    )
    http = httpx2.AsyncClient(auth=auth, timeout=60)
    async with Client(streamable_http_client(url, http_client=http)) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "mpesa_stk_push" in tools, tools
        number = "2547" + str(uuid.uuid4().int)[:8]
        arguments = {
            "phone_number": number, "amount": 70, "account_reference": "OAUTH-1", "transaction_desc": "By a token",
            "idempotency_key": str(uuid.uuid4()), "wait": 30,
        }
        paid = await client.call_tool("mpesa_stk_push", arguments)
        assert not paid.is_error, paid
    # The same token is good by REST.
    seen = verify(dev, memory.tokens.access_token)
    assert seen["issuer"] == issuer and seen["issued_to"] == "assistant", seen
    ledger = dev["simulator_url"] + f"/simulator/ledger?phone={number}"
    with urllib.request.urlopen(ledger, timeout=60) as answer:
        charged = json.load(answer)
    assert charged["count"] == 1 and charged["total"] == 70, charged


with open(sys.argv[1]) as file:
    asyncio.run(main(json.load(file), *sys.argv[2:4]))
