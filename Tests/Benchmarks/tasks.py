"""A file of a million transactions, asked for as a task of a gateway that serves: how long it takes, how large it is, what memory
the gateway and its workers take beside what they had, and what whoever asks for something else waits meanwhile.

One payment is made as every payment is, and copied beside a stopped gateway, over thirty days.
"""

import datetime
import os
import sqlite3
import subprocess
import threading
import time
import urllib.request
import uuid

from harness import Gateway, Simulator, phone
from measuring import rss_of

TRANSACTIONS = int(os.environ.get("BENCH_TRANSACTIONS", "1000000"))
DAYS = 30
DAY = 86_400_000
NAIROBI = datetime.timezone(datetime.timedelta(hours=3))
# What the gateway and its workers must stay within.
MEMORY_MB = 100


def record_id(at_ms):
    """One of the form of ours, which are in the order of their time."""
    data = bytearray(at_ms.to_bytes(6, "big") + os.urandom(10))
    data[6], data[8] = data[6] & 0x0F | 0x70, data[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(data)))


def copy(path, count):
    """Copies the only payment so often, each with an id, a phone, a receipt and a moment of its own."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    names = [row[1] for row in database.execute("PRAGMA table_info(records)")]
    row = database.execute("SELECT * FROM records WHERE class = 'transaction' LIMIT 1").fetchone()
    pattern = dict(zip(names, row))
    now, old = int(time.time() * 1000) - 60_000, pattern["party"]
    first = now - DAYS * DAY
    marks = ", ".join("?" * len(names))

    def made():
        for number in range(count):
            at = first + number * (now - first) // count
            other = f"2547{number % 100_000_000:08d}"
            yield [
                {
                    "record_id": record_id(at), "party": other, "receipt": f"B{number:09d}", "party_digest": number,
                    "plan": pattern["plan"].replace(old, other),
                }.get(name, at if name.endswith("_ms") and value else value)
                for name, value in pattern.items()
            ]

    with database:
        database.executemany(f"INSERT INTO records ({', '.join(names)}) VALUES ({marks})", made())
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def processes(pid):
    """A gateway and its workers."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [pid] + [int(one) for one in found.split()]


def memory(pid):
    held = {}
    for one in processes(pid):
        try:
            held[one] = rss_of(one)
        except (OSError, AttributeError):
            pass  # A worker has ended since it was listed.
    return held.get(pid, 0), sum(held.values()) - held.get(pid, 0)


class Watch:
    """The most that the gateway and its workers held, and how long others waited for a list, until it is ended."""

    def __init__(self, gateway):
        self.gateway, self.running, self.waits = gateway, True, []
        self.first = self.most = memory(gateway.process.pid)
        self.threads = [threading.Thread(target=one) for one in (self.weigh, self.ask)]
        for thread in self.threads:
            thread.start()

    def weigh(self):
        while self.running:
            self.most = tuple(map(max, self.most, memory(self.gateway.process.pid)))
            time.sleep(0.1)

    def ask(self):
        while self.running:
            begun = time.monotonic()
            assert self.gateway.call("GET", "/transactions?limit=20")[0] == 200
            self.waits.append(time.monotonic() - begun)
            time.sleep(0.1)

    def end(self):
        self.running = False
        for thread in self.threads:
            thread.join()
        own, workers = (most - first for most, first in zip(self.most, self.first))
        return own, workers, sorted(self.waits)[len(self.waits) * 99 // 100] * 1000


def begin(gateway):
    today = datetime.datetime.now(NAIROBI).date()
    body = {
        "report_type": "CUSTOM", "date_from": (today - datetime.timedelta(days=DAYS)).isoformat(),
        "date_to": today.isoformat(), "transactions": True,
    }
    status, _, answer = gateway.call("POST", "/tools/reports/generate", body)
    assert status == 202, answer
    return answer["data"]["handle"]


def follow(gateway, name):
    """The task once it has ended, and how often its progress was seen to have grown."""
    seen, grown = -1.0, 0
    while True:
        found = gateway.call("GET", f"/tasks/{name}")[2]["data"]
        assert found["progress"] >= seen, found
        grown += found["progress"] > seen
        seen = found["progress"]
        if found["status"] != "WORKING":
            assert found["status"] == "COMPLETED", found
            return found, grown
        time.sleep(0.5)


def save(gateway, path):
    """Bytes and rows of a file, read piece by piece, and the seconds that this took."""
    request = urllib.request.Request(gateway.url + path, headers={"X-API-Key": gateway.dev["api_key"]})
    begun, size, lines = time.monotonic(), 0, 0
    with urllib.request.urlopen(request) as reply:
        while piece := reply.read(1 << 20):
            size += len(piece)
            lines += piece.count(b"\n")
    return size, lines - 1, time.monotonic() - begun


def main():
    with Simulator() as simulator, Gateway(simulator=simulator) as first:
        number = phone()
        first.push(number, 10)
        first.wait_for(number, "succeeded")
        first.end()
        begun = time.monotonic()
        copy(os.path.join(first.folder, "gateway.db"), TRANSACTIONS)
        print(f"{TRANSACTIONS:,} payments copied in {time.monotonic() - begun:.0f} s")
        with first.again(simulator=simulator) as gateway:
            assert gateway.call("GET", "/transactions?limit=20")[0] == 200
            time.sleep(5)
            watch, begun = Watch(gateway), time.monotonic()
            found, grown = follow(gateway, begin(gateway))
            taken = time.monotonic() - begun
            own, workers, p99 = watch.end()
            before = memory(gateway.process.pid)[0]
            size, rows, saving = save(gateway, found["content"][0]["uri"])
            after = memory(gateway.process.pid)[0]
    assert rows == TRANSACTIONS + 1, (rows, found)
    print(
        f"their file as a task: {taken:.0f} s, {rows:,} rows, {size / (1 << 20):.0f} MiB; progress grew {grown} times; "
        f"the gateway held {own:.0f} MB more and its workers {workers:.0f} MB (at most {MEMORY_MB} together); "
        f"p99 of a list meanwhile {p99:.0f} ms\nsaved in {saving:.1f} s, {after - before:.0f} MB more"
    )
