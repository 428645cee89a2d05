"""Reads what a plugin asks about first, with a version of Python's `mcp` that can be asked; the person says yes.

Usage: mcp_asking_client.py DEV_JSON VERSION. Ends with status 1 unless a prompt asks twice and hears the answers, a resource
of a template is read and another asked about, and an argument is completed.
"""

import asyncio
import base64
import json
import sys

asked = []


async def person(context, params):
    from mcp import types

    asked.append(params.message)
    return types.ElicitResult(action="accept", content={"tone": "kind"} if "tone" in params.message else {"sure": True})


async def read(client, types):
    templates = [t.name for t in (await client.list_resource_templates()).resource_templates]
    assert {"book", "locked"} <= set(templates), templates
    prompt = await client.get_prompt("shelf_letter", {"title": "Mirabai"})
    assert prompt.messages[0].content.text == "Write a letter.", prompt
    assert asked == ["In which tone?", "Sure?"], asked
    book = await client.read_resource("shelf://book/Mirabai")
    assert book.contents[0].text == "Once upon a time.", book
    locked = await client.read_resource("gateway://shelf/locked/Mirabai")
    assert base64.b64decode(locked.contents[0].blob) == bytes([0, 1, 2, 255]), locked
    assert asked[2:] == ["Open it?"], asked
    reference = types.PromptReference(type="ref/prompt", name="shelf_letter")
    completion = (await client.complete(reference, {"name": "title", "value": "Kar"})).completion
    assert completion.values[0] == "Karibu", completion


async def newest(dev):
    import httpx2
    from mcp import Client, types
    from mcp.client.streamable_http import streamable_http_client

    http = httpx2.AsyncClient(headers={"Authorization": "Bearer " + dev["api_key"]})
    link = streamable_http_client(dev["mcp_url"], http_client=http)
    async with Client(link, elicitation_callback=person) as client:
        assert client.protocol_version == "2026-07-28", client.protocol_version
        await read(client, types)


class Older:
    """A session of an older library, by the newest's words."""

    def __init__(self, session):
        self.session = session

    async def list_resource_templates(self):
        return types_of(await self.session.list_resource_templates(), resource_templates="resourceTemplates")

    async def get_prompt(self, name, arguments):
        return await self.session.get_prompt(name, arguments)

    async def read_resource(self, uri):
        return await self.session.read_resource(uri)

    async def complete(self, reference, argument):
        return await self.session.complete(reference, argument)


def types_of(result, **names):
    return type("Named", (), {ours: getattr(result, theirs) for ours, theirs in names.items()})


async def older(dev, version):
    from mcp import ClientSession, types
    from mcp.client.streamable_http import streamablehttp_client

    link = streamablehttp_client(dev["mcp_url"], headers={"Authorization": "Bearer " + dev["api_key"]})
    async with link as streams, ClientSession(streams[0], streams[1], elicitation_callback=person) as session:
        negotiated = (await session.initialize()).protocolVersion
        assert version == negotiated, f"negotiated {negotiated}, not {version}"
        await read(Older(session), types)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        document = json.load(file)
    asyncio.run(newest(document) if sys.argv[2] == "2026-07-28" else older(document, sys.argv[2]))
