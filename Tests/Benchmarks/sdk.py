"""The same trivial tool, called by the same message: of this gateway, in its process and in a sandbox, and of a server by the
Python SDK. All three take turns within a round; what is compared is calls for each second of the processor.
"""

import json
import os
import statistics
import subprocess
import tempfile

from measuring import free_port, hold, lua, measure, wait_until
from harness import ROOT, Gateway, answers, http
from plugins import plugin

REVISION = "2025-06-18"
# The release of the SDK that `make setup-tests` fetches, newest of its major version.
SDK = os.path.join(ROOT, ".build-fixtures/mcp-1.30.0/bin/python")
BUDGETS = {"in the gateway's process": 10, "in a sandbox": 4}
CALL = {
    "jsonrpc": "2.0", "id": 1, "method": "tools/call",
    "params": {"name": "hello_greet", "arguments": {"name": "Amina"}},
}


def script(key=None):
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
    }
    if key:
        headers["Authorization"] = "Bearer " + key
    return lua("POST", headers, json.dumps(CALL))


def children(pid):
    """A process and all that it has begun, such as workers."""
    found = [pid]
    for one in found:
        found += map(int, subprocess.run(["pgrep", "-P", str(one)], capture_output=True, text=True).stdout.split())
    return found


def greets(url, headers):
    """One call before any is counted: it must be answered rightly."""
    status, _, answer = http("POST", url, CALL, {**headers, "MCP-Protocol-Version": REVISION})
    assert status == 200 and "Amina" in json.dumps(answer), (status, answer)


class PythonServer:
    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.process = subprocess.Popen([SDK, os.path.join(os.path.dirname(__file__), "sdk_server.py"), str(port)])
        wait_until("the server of the SDK", lambda: answers(self.url))

    def end(self):
        self.process.kill()
        self.process.wait()


def serve_greeter(gateway, isolation):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as entry:
        json.dump({"id": "hello", "source": "hello-swift.so", "isolation": isolation}, entry)
        entry.flush()
        library = os.path.join(ROOT, ".build/examples/hello-swift.so")
        plugin(gateway, "install", library, "--entry", entry.name, "--unchecked")


def main(rounds):
    begun = [PythonServer()]
    python, gateways = begun[0], {}
    accepts = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    try:
        greets(python.url, accepts)
        for name, isolation in (("in the gateway's process", "in-process"), ("in a sandbox", "sandbox")):
            begun.append(gateway := Gateway())
            serve_greeter(gateway, isolation)
            greets(gateway.url + "/mcp", {**accepts, "Authorization": "Bearer " + gateway.dev["api_key"]})
            gateways[name] = gateway
        compare(rounds, python, gateways)
    finally:
        for one in begun:
            one.end()


def compare(rounds, python, gateways):
    found = {}
    for _ in range(rounds):
        row = measure("Python SDK", [python.process.pid], python.url, script())
        found.setdefault("Python SDK", []).append(row)
        for name, gateway in gateways.items():
            pids, key = children(gateway.process.pid), gateway.dev["api_key"]
            row = measure(name, pids, gateway.url + "/mcp", script(key))
            found.setdefault(name, []).append(row)
    print("\n| one trivial tool by MCP | CPU-us a call: median, best | calls/s | not 2xx | times the SDK's, a CPU-second |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        cpu = [row["cpu"] for row in rows]
        times = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(found["Python SDK"], rows))
        asked = f" (at least {BUDGETS[name]})" if name in BUDGETS else ""
        print(
            f"| {name} | {statistics.median(cpu):,.0f}, {min(cpu):,.0f} | {statistics.median(r['rate'] for r in rows):,.0f} "
            f"| {sum(row['bad'] for row in rows)} | {times:.1f}{asked} |"
        )
        hold(times >= BUDGETS.get(name, 0), f"{name} it is {times:.1f} times the SDK's, and {asked.strip()} was asked for")
