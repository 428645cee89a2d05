"""Events to receivers: how many a second arrive at one that answers at once, in what memory, and how long a living one waits
beside a dead one that a hundred thousand events are behind, and beside another organization's that all begin to hang.

What is behind is written into the feed's table while no gateway serves it: making it by calls would take an hour.
"""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid

# First, because it says where `harness` is: this file is a program of its own as well, the receiver.
from measuring import free_port, wait_until
from batches import Memory
from harness import Gateway, http
from houses import House

EVENTS = int(os.environ.get("BENCH_EVENTS", "20000"))
BEHIND = int(os.environ.get("BENCH_BEHIND", "100000"))
# For how many seconds events are made at how many a second while the dead one is behind.
SECONDS, PACE = 20, 40
# How many receivers of one organization begin to hang together: all that it may have but one.
HANGING = 19
# What must be reached.
RATE, P99 = 500, 2


async def take(reader, writer):
    """One connection of a receiver that answers at once; of each request its id and the time."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            field = lambda name: head.split(f"\r\n{name}: ")[1].split("\r\n")[0]
            await reader.readexactly(int(field("content-length")))
            writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
            print(field("webhook-id"), time.time(), flush=False)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def serve(port):
    server = await asyncio.start_server(take, "127.0.0.1", port, backlog=512)
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.1)
        sys.stdout.flush()
        assert server.is_serving()


class Receiver:
    def __init__(self):
        self.port, self.seen = free_port(), {}
        command = [sys.executable, os.path.abspath(__file__), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            event, moment = line.split()
            self.seen.setdefault(event, float(moment))

    def end(self):
        self.process.kill()


def administrator(gateway):
    """The demo's administrator, as headers."""
    user = next(user for user in gateway.dev["users"] if user["role"] == "org_admin")
    login = {name: user[name] for name in ("username", "password", "organization")}
    token = gateway.call("POST", "/auth/login", login)[2]["data"]["token"]
    return {"Authorization": "Bearer " + token, "Content-Type": "application/json"}


def endpoint(gateway, headers, port, **more):
    body = {"url": f"http://127.0.0.1:{port}/", "types": ["key.revoked"], **more}
    status, _, made = http("POST", gateway.url + "/webhooks", body, headers)
    assert status == 201, made
    return made["data"]["webhook"]["id"]


def add(folder, count):
    """Events behind the newest one."""
    with sqlite3.connect(os.path.join(folder, "gateway.db")) as database:
        (owner,) = database.execute("SELECT organization_id FROM webhook_endpoints").fetchone()
        (last,) = database.execute("SELECT COALESCE(MAX(position), 0) FROM feed").fetchone()
        payload = json.dumps({"environment": "test", "role": "user", "name": "till"}, separators=(",", ":"))
        now = int(time.time() * 1000)
        database.executemany(
            "INSERT INTO feed (organization_id, event_id, kind, subject, subject_version, at_ms, payload, lane, position)"
            " VALUES (?, ?, 'key.revoked', ?, 1, ?, ?, 1, ?)",
            ((owner, str(uuid.uuid4()), str(uuid.uuid4()), now, payload, last + 1 + n) for n in range(count)),
        )


def rate():
    gateway, receiver = Gateway(), Receiver()
    endpoint(gateway, administrator(gateway), receiver.port)
    gateway.end()
    add(gateway.folder, EVENTS)
    gateway = gateway.again()
    memory = Memory(gateway.process.pid)
    wait_until("all of them", lambda: len(receiver.seen) >= EVENTS)
    more, moments = memory.end(), sorted(receiver.seen.values())
    found = EVENTS / (moments[-1] - moments[0])
    print(f"| {EVENTS:,} events to one receiver | {found:,.0f} a second (at least {RATE}) | {more:.0f} MB more |", flush=True)
    receiver.end()
    gateway.remove()


def beside():
    # It takes connections and answers nothing.
    dead = socket.create_server(("127.0.0.1", 0), backlog=512)
    gateway, receiver = Gateway(), Receiver()
    endpoint(gateway, administrator(gateway), dead.getsockname()[1])
    gateway.end()
    add(gateway.folder, BEHIND)
    gateway = gateway.again()
    headers = administrator(gateway)
    endpoint(gateway, headers, receiver.port)
    count, began = SECONDS * PACE, time.monotonic()
    for number in range(count):
        time.sleep(max(0, began + number / PACE - time.monotonic()))
        key = http("POST", gateway.url + "/admin/keys", {"name": "till", "environment": "test", "role": "user"}, headers)[2]
        http("DELETE", f"{gateway.url}/admin/keys/{key['data']['key']['id']}", headers=headers)
    wait_until("all of them", lambda: len(receiver.seen) >= count)
    with sqlite3.connect(os.path.join(gateway.folder, "gateway.db")) as database:
        rows = database.execute("SELECT event_id, at_ms FROM feed ORDER BY position DESC LIMIT ?", (count,)).fetchall()
    waits = sorted(receiver.seen[event] - at / 1000 for event, at in rows if event in receiver.seen)
    assert len(waits) == count, (len(waits), count)
    p99 = waits[len(waits) * 99 // 100]
    print(f"| {count} events beside a dead one, {BEHIND:,} behind | p99 {p99 * 1000:,.0f} ms (at most {P99 * 1000:,}) | |")
    receiver.end()
    gateway.remove()
    dead.close()


def crowd():
    dead = socket.create_server(("127.0.0.1", 0), backlog=512)
    gateway, receiver = Gateway(), Receiver()
    theirs = administrator(gateway)
    ours = {"Authorization": "Bearer " + House(gateway).admin, "Content-Type": "application/json"}
    for _ in range(HANGING):
        endpoint(gateway, theirs, dead.getsockname()[1])
    endpoint(gateway, ours, receiver.port)
    revoked, began = [], time.monotonic()
    for number in range(SECONDS):
        for headers in (theirs, ours):
            time.sleep(max(0, began + number - time.monotonic()))
            key = http("POST", gateway.url + "/admin/keys", {"name": "till", "environment": "test", "role": "user"}, headers)[2]
            # Theirs are on their way before ours happens: together, organizations would take turns.
            time.sleep(0.5)
            assert http("DELETE", f"{gateway.url}/admin/keys/{key['data']['key']['id']}", headers=headers)[0] < 300
        revoked.append(time.time())
    wait_until("all of them", lambda: len(receiver.seen) >= SECONDS)
    longest = max(came - at for came, at in zip(sorted(receiver.seen.values()), revoked))
    what = f"{SECONDS} events beside another organization's {HANGING} that hang"
    print(f"| {what} | longest {longest * 1000:,.0f} ms (at most {P99 * 1000:,}) | |")
    receiver.end()
    gateway.remove()
    dead.close()


def main():
    print("\n| what | found | memory |\n|---|---|---|")
    rate()
    beside()
    crowd()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
