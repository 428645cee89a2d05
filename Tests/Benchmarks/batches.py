"""A file of ten thousand payments: how long it takes to be checked and kept, how fast it leaves with no pace of its own, what
memory it takes, and what other payments notice of it.

Other payments are pushes at a steady pace from threads of their own, because a load that takes all there is would measure
itself. Their p99 before the batch stands beside that while it is released: at the pace that a gateway has by itself, and with
no pace at all, when two processors and one simulator are all that holds it.
"""

import os
import threading
import time

from harness import PATIENCE, Gateway, Simulator, http, phone
from measuring import rss_of

ITEMS = int(os.environ.get("BENCH_ITEMS", "10000"))
# How many pushes a second others make, and for how long before the batch.
OTHERS = int(os.environ.get("BENCH_OTHERS", "20"))
CALM = int(os.environ.get("BENCH_CALM", "15"))
# How many items may be undecided at once where there is no pace, and for how long the usual pace is watched.
UNDECIDED, WATCHED = 200, 60
# What the gateway must stay within.
MEMORY_MB, RATIO = 100, 2


class Others:
    """Pushes at a steady pace, each at its moment, whatever became of the one before."""

    def __init__(self, gateway):
        self.gateway, self.found, self.running = gateway, [], True
        self.begin = time.monotonic()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(OTHERS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        turn = 0
        while self.running:
            due = self.begin + turn + number / OTHERS
            time.sleep(max(0, due - time.monotonic()))
            status = self.gateway.push(phone(), amount=10)[0]
            # From its moment on: what waits behind a slow one counts too.
            self.found.append((time.monotonic() - due, status))
            turn += 1

    def take(self):
        found, self.found = self.found, []
        return found

    def end(self):
        self.running = False
        for thread in self.threads:
            thread.join()


class Memory:
    """The most that a process held since it was looked at first."""

    def __init__(self, pid):
        self.pid, self.first, self.most, self.running = pid, rss_of(pid), 0, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.running:
            self.most = max(self.most, rss_of(self.pid))
            time.sleep(0.02)

    def end(self):
        self.running = False
        self.thread.join()
        return self.most - self.first


def p99(found):
    times = sorted(seconds for seconds, _ in found)
    return times[min(len(times) - 1, len(times) * 99 // 100)] * 1000


def file_of(items):
    rows = (f"Person {number},2547{10_000_000 + number},10,EMP-{number}" for number in range(items))
    return ("Name,Phone,Amount,Staff No\n" + "\n".join(rows) + "\n").encode()


def released(gateway, engine, seconds=PATIENCE):
    others = Others(gateway)
    time.sleep(CALM)
    calm = others.take()
    memory, began = Memory(gateway.process.pid), time.monotonic()
    headers = {"X-API-Key": gateway.dev["api_key"], "Content-Type": "text/csv"}
    query = "tool=mpesa_bulk_payment&batch_id=bench&release=true"
    status, _, made = http("POST", f"{gateway.url}/batches?{query}", file_of(ITEMS), headers)
    assert status == 200 and made["data"]["state"] == "running", made
    kept, end = time.monotonic(), time.monotonic() + seconds
    while True:
        counts = gateway.call("GET", "/batches/bench")[2]["data"]["counts"]
        if counts["waiting"] + counts["undecided"] == 0 or time.monotonic() > end:
            break
        time.sleep(0.25)
    gone, more, during = time.monotonic(), memory.end(), others.take()
    others.end()
    bad = sum(status != 200 for _, status in calm + during)
    print(
        f"| {engine} | {kept - began:.1f} s | {(ITEMS - counts['waiting'] - counts['undecided']) / (gone - kept):,.0f} "
        f"| {more:.0f} (at most {MEMORY_MB}) | {p99(calm):.0f} ms, {p99(during):.0f} ms "
        f"(at most {RATIO} times) | {counts['succeeded']:,} of {ITEMS:,} | {bad} |",
        flush=True,
    )


def main(postgres):
    """`postgres` makes a database and answers the environment of a gateway on it; None leaves PostgreSQL out."""
    free = {"GATEWAY_BATCH_PACE_MS": "0", "GATEWAY_BATCH_UNDECIDED_MAX": str(UNDECIDED)}
    print(f"\n{ITEMS:,} payments of a file, {OTHERS} other pushes a second; at the usual pace the first {WATCHED} s of them\n")
    print("| engine | checked and kept | items/s until all is decided | MB more | p99 of pushes before, during | paid | not 2xx |")
    print("|---|---|---|---|---|---|---|")
    engines = {"SQLite": lambda name: {}, "PostgreSQL": postgres}
    for engine in [engine for engine, make in engines.items() if make]:
        for name, own, seconds in (("usual", {}, WATCHED), ("no", free, PATIENCE)):
            environment = engines[engine]("batches_" + name)
            with Simulator(prompt_delay=50, more=["--keep-connections"]) as simulator:
                http("POST", simulator.url + "/simulator/funds", {"utility": 100_000_000})
                with Gateway(simulator=simulator, environment={**environment, **own}) as gateway:
                    released(gateway, f"{engine}, {name} pace", seconds)
