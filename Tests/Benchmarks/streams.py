"""A thousand clients of MCP that listen at once, of as many organizations as that takes: what they cost in memory, connections
included, and what of a processor while nothing happens: each is asked anew every second whether it may still listen."""

import json
import os
import socket
import time

import many
from measuring import cpu_of, hold, rss_of
from harness import Gateway

STREAMS = int(os.environ.get("BENCH_STREAMS", "1000"))
# How many of one organization, of at most 64; and how long nothing happens.
OF_ONE, CALM = 50, 20
MEMORY_MB = 100

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
WISHES = {"toolsListChanged": True, "resourcesListChanged": True}
BODY = json.dumps({
    "jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen",
    "params": {"notifications": WISHES, "_meta": META},
}).encode()


class Stream:
    """One subscription on a connection of its own, by hand, so that a thousand cost the machine little."""

    def __init__(self, gateway, key):
        self.socket = socket.create_connection(("127.0.0.1", gateway.ports[0]))
        self.socket.settimeout(60)
        self.read = b""
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{gateway.ports[0]}\r\nAuthorization: Bearer {key}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + BODY)
        self.wait_for(b"notifications/subscriptions/acknowledged")

    def wait_for(self, words):
        while words not in self.read:
            more = self.socket.recv(65536)
            assert more, self.read
            self.read += more

    def end(self):
        """Closes it, which nobody else has done meanwhile."""
        self.socket.setblocking(False)
        try:
            while True:
                assert self.socket.recv(65536), "the gateway has closed a stream"
        except BlockingIOError:
            self.socket.close()


def spent(gateway):
    """Seconds of a processor that the gateway has taken so far."""
    return sum(cpu_of([gateway.process.pid]).values()) / 1e9


def main():
    with Gateway() as first:
        folder = first.folder
        first.end()
        keys = many.add(os.path.join(folder, "gateway.db"), first.dev["api_key"], -(-STREAMS // OF_ONE))
        with first.again() as gateway:
            # What the first of each organization costs by itself is not the streams'.
            for key in keys:
                assert gateway.call("GET", "/tools", key=key)[0] == 200
            time.sleep(5)
            before = rss_of(gateway.process.pid)
            streams = [Stream(gateway, keys[number // OF_ONE]) for number in range(STREAMS)]
            taken, begun = spent(gateway), time.monotonic()
            time.sleep(CALM)
            share = (spent(gateway) - taken) / (time.monotonic() - begun)
            more = rss_of(gateway.process.pid) - before
            for stream in streams:
                stream.end()
    print(f"{STREAMS:,} streams of {len(keys)} organizations: {more:.1f} MB more (at most {MEMORY_MB}), "
          f"{more * 1000 / STREAMS:.0f} kB each; {share:.1%} of a processor while nothing happens")
    hold(more <= MEMORY_MB, f"{STREAMS:,} streams take {more:.1f} MB, and at most {MEMORY_MB} were asked for")
