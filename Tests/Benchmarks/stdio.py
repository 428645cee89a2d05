"""How long a message takes through `mpesa-gateway mcp`: a line in, a POST to the gateway, a line out, one after another.

The same message by HTTP on a connection that is kept is measured in turns with it, so that what the bridge adds is seen.
"""

import http.client
import json
import os
import statistics
import subprocess
import time
import urllib.parse

from harness import PROGRAM, Gateway
from measuring import hold

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "2000"))
# At most so many milliseconds for a round trip through the bridge, by the median.
MEDIAN_MS = 1
CALLS = {"ping": {}, "tools/list": {}, "tools/call": {"name": "transactions_list", "arguments": {}}}


class Bridge:
    """A bridge to a gateway, and the messages that it answers."""

    def __init__(self, gateway):
        environment = {**os.environ, "GATEWAY_API_KEY": gateway.dev["api_key"]}
        self.process = subprocess.Popen(
            [PROGRAM, "mcp", "--url", gateway.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def ask(self, message):
        self.process.stdin.write(message + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class Direct:
    """The same gateway by HTTP."""

    def __init__(self, gateway):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(gateway.url).netloc)
        self.headers = {
            "Authorization": "Bearer " + gateway.dev["api_key"], "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18",
        }

    def ask(self, message):
        self.connection.request("POST", "/mcp", message, self.headers)
        return self.connection.getresponse().read()

    def end(self):
        self.connection.close()


def round_trips(way, method, count):
    """Milliseconds of each of so many messages, one after another."""
    taken = []
    for number in range(count):
        message = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": CALLS[method]}).encode()
        begun = time.perf_counter()
        answer = way.ask(message)
        taken.append((time.perf_counter() - begun) * 1000)
        assert b'"result"' in answer, answer
    return taken


def main(rounds):
    with Gateway() as gateway:
        ways = {"stdio": Bridge(gateway), "HTTP": Direct(gateway)}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        opening = json.dumps({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello}).encode()
        for way in ways.values():
            assert b'"result"' in way.ask(opening)
        found = {}
        for method in CALLS:
            for name, way in ways.items():
                round_trips(way, method, 100)
            for _ in range(rounds):
                for name, way in ways.items():
                    found.setdefault((method, name), []).extend(round_trips(way, method, MESSAGES // rounds))
        for way in ways.values():
            way.end()
    print("| message, one after another | median | p99 | of |")
    print("|---|---|---|---|")
    for (method, name), taken in found.items():
        print(
            f"| `{method}` by {name} | {statistics.median(taken):.2f} ms | {statistics.quantiles(taken, n=100)[98]:.2f} ms "
            f"| {len(taken):,} |"
        )
    for method in CALLS:
        median = statistics.median(found[method, "stdio"])
        hold(median < MEDIAN_MS, f"`{method}` by stdio takes {median:.2f} ms, and at most {MEDIAN_MS} was asked for")
