"""A server of MCP as the Python SDK makes them, with one trivial tool: without sessions, and answering in JSON, as fast as it goes.

Usage: sdk_server.py PORT
"""

import logging
import sys

from mcp.server.fastmcp import FastMCP

logging.disable(logging.INFO)
server = FastMCP(
    "hello", host="127.0.0.1", port=int(sys.argv[1]), stateless_http=True, json_response=True, log_level="ERROR"
)


@server.tool()
def hello_greet(name: str) -> str:
    """Greets somebody."""
    return f"Karibu, {name}!"


server.run(transport="streamable-http")
