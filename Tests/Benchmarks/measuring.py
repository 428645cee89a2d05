"""How the benchmarks measure: load by wrk, CPU of chosen processes from /proc, thread by thread, nginx beside it."""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "EndToEnd"))
from harness import free_port, wait_until  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "64"))


def hold(holds, words):
    """Says that a budget was missed; with BENCH_STRICT=1 that ends the run, with status 1."""
    if not holds:
        print("MISSED: " + words)
        if os.environ.get("BENCH_STRICT") == "1":
            sys.exit(1)


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


def wrk(url, script, seconds=None):
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as file:
        file.write(script)
    out = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds or SECONDS}s", "--latency", "-s", file.name, url],
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


def in_turn(values, make):
    """A script whose requests take the lines of a file in turn: `make` is the call of wrk.format, of `value`."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("\n".join(values))
    return f"""
local values, n = {{}}, 0
for line in io.lines("{file.name}") do values[#values + 1] = line end
request = function()
  n = n % #values + 1
  local value = values[n]
  return {make}
end
"""


def measure(name, pids, url, script, others=(), seconds=None):
    """One row; `others` are processes whose CPU is told apart."""
    before, beside = cpu_of(pids), cpu_of(others)
    requests, bad, latency = wrk(url, script, seconds)
    spent = {thread: (total - before.get(thread, 0)) / 1000 / max(1, requests) for thread, total in cpu_of(pids).items()}
    return {
        "name": name, "cpu": sum(spent.values()), "egress": spent.get("egress", 0), "writer": spent.get("store-writer", 0),
        "others": (sum(cpu_of(others).values()) - sum(beside.values())) / 1000 / max(1, requests),
        "rate": requests / (seconds or SECONDS), "bad": bad, "p50": latency.get("50"), "p99": latency.get("99"),
    }


class Nginx:
    """The same journey as a read call makes, in nginx: key check, limit, proxy to a fixed answer.

    What answers is an nginx of its own, and is not counted: `pids` are of the one that proxies.
    """

    def __init__(self):
        port, upstream = free_port(), free_port()
        answering = f"""server {{ listen 127.0.0.1:{upstream}; keepalive_requests 1000000;
          location / {{ default_type application/json; return 200 '{"x" * 600}'; }} }}"""
        proxying = f"""
  map $http_x_api_key $known {{ default 0; "secret-key" 1; }}
  limit_req_zone $http_x_api_key zone=one:10m rate=1000000r/s;
  upstream back {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000; location / {{
    if ($known = 0) {{ return 401; }}
    limit_req zone=one burst=100000 nodelay;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://back; }} }}"""
        self.processes = [self.start(answering), self.start(proxying)]
        proxy = self.processes[1].pid
        children = subprocess.run(["pgrep", "-P", str(proxy)], capture_output=True, text=True).stdout.split()
        self.pids = [proxy, *map(int, children)]
        self.url = f"http://127.0.0.1:{port}/x"

    def start(self, servers):
        folder = tempfile.mkdtemp(prefix="nginx-")
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(
                f"worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; daemon off;\n"
                f"events {{ worker_connections 1024; }}\nhttp {{ access_log off; {servers} }}\n"
            )
        process = subprocess.Popen(["/usr/sbin/nginx", "-c", path, "-p", folder])
        wait_until("nginx", lambda: os.path.exists(folder + "/pid"))
        time.sleep(0.3)
        return process

    def end(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait()
