"""Drives a running gateway with wrk and reads its CPU time from /proc.

Every figure is a median of ROUNDS; what is compared takes turns within one run, because machines are shared: compare
ratios. The simulator is a process of its own and keeps its connections; nginx's proxying process is counted alone. Every
push is to a phone of its own: a repeated one would be answered from its record. BENCH_ONLY names groups: calls, many,
pushes, organizations, batches, webhooks, stdio, sdk, streams, tasks.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time

from measuring import Nginx, in_turn, lua, measure, rss_of, wrk
import batches
import many
import organizations
import sdk
import stdio
import streams
import tasks
import webhooks
from harness import Gateway, Simulator

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ORGANIZATIONS = int(os.environ.get("BENCH_ORGANIZATIONS", "10000"))
# More payments than are kept as they were shown.
PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "12000"))
ONLY = os.environ.get("BENCH_ONLY", "calls,many,pushes,organizations,batches,webhooks,stdio,sdk,streams,tasks").split(",")
FLOOR = os.environ.get("BENCH_FLOOR")
POSTGRES = os.environ.get("GATEWAY_TEST_POSTGRES")
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def simulated():
    """A gateway's own M-Pesa: a token that one gateway fetches ends another's of the same account."""
    return Simulator(prompt_delay=50, more=["--keep-connections"])


def mcp(method, params, key):
    headers = {
        "Authorization": "Bearer " + key, "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28",
        "Accept": "application/json, text/event-stream", "Mcp-Method": method,
    }
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    return lua("POST", headers, json.dumps(body))


def push(key):
    dynamic = f"""
local n = {random.randrange(10_000_000, 90_000_000)}
request = function()
  n = n + 1
  local phone = string.format("2547%08d", n)
  return wrk.format("POST", nil, nil, '{{"phone_number":"' .. phone .. '","amount":10,"account_reference":"B","transaction_desc":"b"}}')
end
"""
    return lua("POST", {"X-API-Key": key, "Content-Type": "application/json"}, dynamic=dynamic)


def settle(gateway):
    """Waits until nothing is open any more."""
    for _ in range(300):
        if not gateway.call("GET", "/transactions?status=PENDING&limit=1")[2]["data"]:
            return
        time.sleep(0.1)


def payments(gateway):
    """The ids of so many payments that have ended."""
    while True:
        ids, cursor = [], ""
        while len(ids) < PAYMENTS:
            page = gateway.call("GET", f"/transactions?status=SUCCESS&limit=100{cursor}")[2]
            ids += [record["external_ids"]["checkout_request_id"] for record in page["data"]]
            if not page.get("next_before"):
                break
            cursor = f"&before={page['next_before']}"
        if len(ids) >= PAYMENTS:
            return ids[:PAYMENTS]
        wrk(f"{gateway.url}/tools/stk-push", push(gateway.dev["api_key"]), 4)
        settle(gateway)


def calls(gateway, nginx, ids):
    key, url, pids = gateway.dev["api_key"], gateway.url, [gateway.process.pid]
    headers = {"X-API-Key": key}
    status = f"{url}/tools/transaction-status/{ids[0]}"
    uncached = in_turn(ids, 'wrk.format("GET", "/tools/transaction-status/" .. value)')
    arguments = {"name": "mpesa_check_status", "arguments": {"checkout_request_id": ids[0]}}
    yield measure("nginx: key check, limit, proxy; its proxying process", nginx.pids, nginx.url, lua("GET", {"X-API-Key": "secret-key"}))
    yield measure("read by REST", pids, status, lua("GET", headers))
    yield measure("read by MCP", pids, gateway.dev["mcp_url"], mcp("tools/call", arguments, key))
    yield measure("read by REST of what was not shown lately", pids, url, lua("GET", headers, dynamic=uncached))
    yield measure("list of tools by REST", pids, url + "/tools", lua("GET", headers))
    yield measure("list of tools by MCP", pids, gateway.dev["mcp_url"], mcp("tools/list", {}, key))
    yield measure("OpenAPI document", pids, url + "/openapi.json", lua("GET", headers))


def crowd(gateway, keys):
    """The same calls by one organization and by each of many in turn."""
    url, pids = gateway.url, [gateway.process.pid]
    for name, path in (("list of tools", "/tools"), ("a call that reads the store", "/tools/transaction-status/none")):
        for who, some in (("one organization", keys[:1]), (f"{len(keys):,} organizations in turn", keys)):
            script = in_turn(some, f'wrk.format("GET", "{path}", {{["X-API-Key"] = value}})')
            yield measure(f"{name}, {who}", pids, url, lua("GET", {}, dynamic=script))


def accepted():
    """Pushes that nobody answers, to a gateway that ends with them: no other measure pays for asking about them."""
    with simulated() as simulator, Gateway(simulator=simulator) as gateway:
        simulator.outcome("open", times=1_000_000)
        url, key = gateway.url + "/tools/stk-push", gateway.dev["api_key"]
        found = measure("STK push, until it is accepted, SQLite", [gateway.process.pid], url, push(key))
        yield found
        yield {**found, "name": "the same without its upstream", "cpu": found["cpu"] - found["egress"]}


def pushes(gateway, engine, servers=()):
    key, pids, url = gateway.dev["api_key"], [gateway.process.pid], gateway.url + "/tools/stk-push"
    yield measure(f"STK push, whole life with callback, {engine}", pids, url, push(key), others=servers)
    settle(gateway)


def floor():
    """The rows of a push in bare SQLite, in the same minutes."""
    out = subprocess.run([FLOOR, "/var/tmp"], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines()[:2]:
        found = re.match(r"\| (.*) \| median (\d+) us, best (\d+) us", line)
        yield {"name": found.group(1), "cpu": float(found.group(2)), "rate": 0, "bad": 0, "p50": "", "p99": "", "writer": 0, "others": 0}


def postgres(name="bench"):
    """A gateway's environment on a PostgreSQL that waits for its disk, and the server's processes."""
    server = dict(part.split("=") for part in POSTGRES.split())
    where = ["-h", server["host"], "-p", server["port"], "-U", server["user"]]
    for change in ("fsync = on", "full_page_writes = on"):
        subprocess.run(["psql", "-qAt", *where, "-d", "postgres", "-c", f"ALTER SYSTEM SET {change}"], check=True)
    subprocess.run(["psql", "-qAt", *where, "-d", "postgres", "-c", "SELECT pg_reload_conf()"], check=True, capture_output=True)
    subprocess.run(["createdb", *where, name], check=True)
    return {"GATEWAY_DATABASE_URL": f"postgresql://{server['user']}@/{name}?host={server['host']}&port={server['port']}"}


def server_pids():
    """Every process of the tests' server."""
    head = open(dict(part.split("=") for part in POSTGRES.split())["host"] + "/data/postmaster.pid").readline().strip()
    return [int(head), *map(int, subprocess.run(["pgrep", "-P", head], capture_output=True, text=True).stdout.split())]


def table(rows):
    print("| what | CPU-us a call: median, best | of the median, the store's writer; the engine's processes | calls/s | p50 | p99 | not 2xx |")
    print("|---|---|---|---|---|---|---|")
    for name, found in rows.items():
        middle = sorted(found, key=lambda r: r["cpu"])[len(found) // 2]
        rate = statistics.median(r["rate"] for r in found)
        bad = sum(r["bad"] for r in found)
        print(
            f"| {name} | {middle['cpu']:.1f}, {min(r['cpu'] for r in found):.1f} | {middle['writer']:.1f}; {middle['others']:.1f} "
            f"| {rate:,.0f} | {middle['p50']} | {middle['p99']} | {bad} |"
        )


def ratio(rows, what, over, budget):
    """The median of each round's ratio: what is compared ran in the same minute."""
    named = lambda text: next((found for name, found in rows.items() if name.startswith(text)), None)
    upper, lower = named(what), named(over)
    if upper and lower:
        found = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(upper, lower))
        print(f"{what} / {over}: {found:.2f} (budget {budget})")


def main():
    simulator, second = simulated(), simulated()
    gateway = Gateway(simulator=simulator)
    gateway.end()
    keys = many.add(os.path.join(gateway.folder, "gateway.db"), gateway.dev["api_key"], ORGANIZATIONS) if "many" in ONLY else []
    again = time.monotonic()
    gateway = gateway.again(simulator=simulator)
    ready = time.monotonic() - again
    idle = rss_of(gateway.process.pid)
    other = Gateway(simulator=second, environment=postgres()) if POSTGRES and "pushes" in ONLY else None
    nginx = Nginx()
    ids = payments(gateway) if "calls" in ONLY else []
    rows = {}
    for number in range(ROUNDS):
        groups = []
        if "calls" in ONLY:
            groups.append(calls(gateway, nginx, ids))
        if "many" in ONLY:
            groups.append(crowd(gateway, keys))
        if "pushes" in ONLY:
            groups += [accepted(), pushes(gateway, "SQLite")]
            if other:
                groups.append(pushes(other, "PostgreSQL", server_pids()))
            if FLOOR:
                groups.append(floor())
        for row in (row for group in groups for row in group):
            rows.setdefault(row["name"], []).append(row)
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    table(rows)
    print()
    ratio(rows, "read by REST", "nginx", 1.45)
    ratio(rows, "read by MCP", "read by REST", 1.25)
    ratio(rows, "list of tools by REST", "read by REST", 2)
    ratio(rows, "list of tools by MCP", "read by REST", 2)
    for name in ("list of tools", "a call that reads the store"):
        ratio(rows, f"{name}, {len(keys):,} organizations", f"{name}, one organization", 1.25)
    ratio(rows, "STK push, whole life with callback, PostgreSQL", "STK push, whole life with callback, SQLite", 1.3)
    ratio(rows, "the same without its upstream", "the rows of an STK push", "none")
    print(
        f"\nidle RSS {idle:.0f} MB; after the load {rss_of(gateway.process.pid):.0f} MB; "
        f"start to ready {ready * 1000:.0f} ms on an existing folder (polled every 50 ms)"
    )
    nginx.end()
    for one in (gateway, other, simulator, second):
        if one:
            one.remove()


if set(ONLY) - {"organizations", "batches", "webhooks", "stdio", "sdk", "streams", "tasks"}:
    main()
if "organizations" in ONLY:
    organizations.main(ORGANIZATIONS, ROUNDS)
if "batches" in ONLY:
    batches.main(postgres if POSTGRES else None)
if "webhooks" in ONLY:
    webhooks.main()
if "stdio" in ONLY:
    stdio.main(ROUNDS)
if "sdk" in ONLY:
    sdk.main(ROUNDS)
if "streams" in ONLY:
    streams.main()
if "tasks" in ONLY:
    tasks.main()
