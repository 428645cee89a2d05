"""Drives a running gateway with wrk and reads its CPU time from /proc, thread by thread.

Every figure is a median of ROUNDS; the gateway and nginx take turns within one run, because machines are shared. Every
push is to a phone of its own: a repeated one would be answered from its record.
"""

import glob
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "EndToEnd"))
from harness import Gateway, Simulator, free_port, http, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "64"))


def cpu_of(pids):
    """Nanoseconds of CPU by thread name, of all threads of some processes."""
    spent = {}
    for task in (task for pid in pids for task in glob.glob(f"/proc/{pid}/task/*")):
        try:
            name = open(task + "/comm").read().strip()
            spent[name] = spent.get(name, 0) + int(open(task + "/schedstat").read().split()[0])
        except OSError:
            pass  # It has ended since it was listed.
    return spent


def rss_of(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def wrk(url, script):
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as file:
        file.write(script)
    out = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", file.name, url],
        capture_output=True, text=True, check=True,
    ).stdout
    os.unlink(file.name)
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    latency = {p: v for p, v in re.findall(r"(50|99)%\s+(\S+)", out)}
    return requests, int(bad.group(1)) if bad else 0, latency


def lua(method, headers, body=None, dynamic=None):
    text = f'wrk.method = "{method}"\n'
    for name, value in headers.items():
        text += f'wrk.headers["{name}"] = "{value}"\n'
    if body is not None:
        text += f"wrk.body = {json.dumps(body)}\n"
    return text + (dynamic or "")


def measure(name, pids, url, script):
    before = cpu_of(pids)
    requests, bad, latency = wrk(url, script)
    spent = {thread: (total - before.get(thread, 0)) / 1000 / max(1, requests) for thread, total in cpu_of(pids).items()}
    return {
        "name": name, "cpu": sum(spent.values()), "egress": spent.get("egress", 0), "writer": spent.get("store-writer", 0),
        "rate": requests / SECONDS, "bad": bad, "p50": latency.get("50"), "p99": latency.get("99"),
    }


class Nginx:
    """The same journey as a read call makes, in nginx: key check, limit, proxy to a fixed answer."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nginx-")
        self.port, upstream = free_port(), free_port()
        config = f"""
worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log; daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  map $http_x_api_key $known {{ default 0; "secret-key" 1; }}
  limit_req_zone $http_x_api_key zone=one:10m rate=1000000r/s;
  upstream back {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{self.port}; location / {{
    if ($known = 0) {{ return 401; }}
    limit_req zone=one burst=100000 nodelay;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://back; }} }}
  server {{ listen 127.0.0.1:{upstream}; location / {{ default_type application/json; return 200 '{"x" * 600}'; }} }}
}}"""
        path = os.path.join(self.folder, "nginx.conf")
        open(path, "w").write(config)
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", path, "-p", self.folder])
        wait_until("nginx", lambda: os.path.exists(self.folder + "/pid"))
        time.sleep(0.3)
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        self.pids = [self.process.pid, *map(int, children)]
        self.url = f"http://127.0.0.1:{self.port}/x"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main():
    started = time.monotonic()
    simulator = Simulator(prompt_delay=50)
    gateway = Gateway(simulator=simulator)
    pid = gateway.process.pid
    idle = rss_of(pid)
    first = time.monotonic()
    gateway.end()
    again = time.monotonic()
    gateway = gateway.again(simulator=simulator)
    ready = time.monotonic() - again
    pid = gateway.process.pid
    key, url = gateway.dev["api_key"], gateway.url
    paid = gateway.push("254711111111", 10)[2]["data"]["checkout_request_id"]
    gateway.wait_for("254711111111", "succeeded")
    nginx = Nginx()
    read = lua("GET", {"X-API-Key": key})
    call = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "mpesa_check_status", "arguments": {"checkout_request_id": paid},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
    mcp_headers = {
        "Authorization": "Bearer " + key, "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28",
        "Accept": "application/json, text/event-stream", "Mcp-Method": "tools/call", "Mcp-Name": "mpesa_check_status",
    }
    def push():
        dynamic = f"""
local n = {random.randrange(10_000_000, 90_000_000)}
request = function()
  n = n + 1
  local phone = string.format("2547%08d", n)
  return wrk.format("POST", nil, nil, '{{"phone_number":"' .. phone .. '","amount":10,"account_reference":"B","transaction_desc":"b"}}')
end
"""
        return lua("POST", {"X-API-Key": key, "Content-Type": "application/json"}, dynamic=dynamic)

    def push_rows():
        simulator.outcome("open", times=1_000_000)
        accepted = measure("STK push by REST, until it is accepted", [pid], f"{url}/tools/stk-push", push())
        without = {**accepted, "name": "the same without its upstream", "cpu": accepted["cpu"] - accepted["egress"]}
        http("POST", simulator.url + "/simulator/reset")
        return accepted, without, measure("STK push by REST, whole life with callback", [pid], f"{url}/tools/stk-push", push())

    rows = {}
    for round_number in range(ROUNDS):
        for row in (
            measure("nginx: key check, limit, proxy", nginx.pids, nginx.url, lua("GET", {"X-API-Key": "secret-key"})),
            measure("read call by REST", [pid], f"{url}/tools/transaction-status/{paid}", read),
            measure("read call by MCP", [pid], gateway.dev["mcp_url"], lua("POST", mcp_headers, json.dumps(call))),
            *push_rows(),
        ):
            rows.setdefault(row["name"], []).append(row)
        print(f"round {round_number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    print("| what | CPU-us a call: median, best | of the median, the store's writer | calls/s | p50 | p99 | not 2xx |\n|---|---|---|---|---|---|---|")
    for name, found in rows.items():
        middle = sorted(found, key=lambda r: r["cpu"])[len(found) // 2]
        rate = statistics.median(r["rate"] for r in found)
        bad = sum(r["bad"] for r in found)
        print(f"| {name} | {middle['cpu']:.1f}, {min(r['cpu'] for r in found):.1f} | {middle['writer']:.1f} | {rate:,.0f} | {middle['p50']} | {middle['p99']} | {bad} |")
    print(f"\nidle RSS {idle:.0f} MB; after the load {rss_of(pid):.0f} MB; start to ready {ready * 1000:.0f} ms on an existing folder (polled every 50 ms)")
    nginx.end()
    gateway.remove()
    simulator.end()


main()
