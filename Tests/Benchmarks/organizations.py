"""Ten thousand organizations and fifty tools: what they cost in memory, what a neighbour whose calls are refused costs a
quiet caller, how soon changes are felt under load, and what it costs that a refused payment is written before that is told."""

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

from measuring import CONNECTIONS, SECONDS, in_turn, lua, measure, rss_of, wrk
import many
from harness import ROOT, Gateway, Simulator, http as ask
from plugins import install

TOOLS = 50
QUIET_RATE = 50
QUIET_SECONDS = int(os.environ.get("BENCH_QUIET_SECONDS", "10"))
CHANGES = int(os.environ.get("BENCH_CHANGES", "10"))


def library(count):
    """A plugin with so many tools: the example in C, whose one tool is there so many times."""
    with open(os.path.join(ROOT, "Examples/hello-c/plugin.c")) as file:
        source = file.read()
    beginning, end = source.index("    \"   \\\"name\\\": \\\"hello_greet"), source.index('}],"\n    " \\"operations')
    tool = source[beginning:end]
    tools = [tool.replace("hello_greet", f"hello_greet_{number}") for number in range(count)]
    source = source[:beginning] + "},\"\n    \"{\"\n".join(tools) + source[end:]
    source = source.replace("if (tool != 0) return GATEWAY_NOT_SUPPORTED;", "(void)tool;")
    folder = tempfile.mkdtemp(prefix="tools-")
    with open(folder + "/plugin.c", "w") as file:
        file.write(source)
    command = ["cc", "-std=gnu99", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o", folder + "/tools.so"]
    include = [f"-I{ROOT}/Examples/hello-c/include", f"-I{ROOT}/Examples/hello-c"]
    subprocess.run([*command, *include, folder + "/plugin.c"], check=True)
    return folder + "/tools.so"


class Quiet:
    """A caller of so many calls a second, each at its moment: what waits for another counts as waiting."""

    def __init__(self, gateway, key):
        self.port, self.headers = gateway.ports[0], {"X-API-Key": key}

    def p99(self):
        connection, taken = http.client.HTTPConnection("127.0.0.1", self.port), []
        begun = time.monotonic()
        for number in range(QUIET_SECONDS * QUIET_RATE):
            moment = begun + number / QUIET_RATE
            time.sleep(max(0, moment - time.monotonic()))
            connection.request("GET", "/tools", headers=self.headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            taken.append(time.monotonic() - moment)
        connection.close()
        return sorted(taken)[int(len(taken) * 0.99)] * 1000


class Load:
    """Calls at full speed beside what is measured."""

    def __init__(self, url, script, seconds):
        self.found = None
        self.thread = threading.Thread(target=lambda: setattr(self, "found", wrk(url, script, seconds)))
        self.thread.start()
        time.sleep(0.5)

    def end(self):
        self.thread.join()
        return self.found


def log_in(gateway, role):
    user = next(user for user in gateway.dev["users"] if user["role"] == role)
    names = {name: user[name] for name in ("username", "password", "organization")}
    return ask("POST", gateway.url + "/auth/login", names, {"Content-Type": "application/json"})[2]["data"]["token"]


def felt(gateway, key, change, path, is_felt):
    """Seconds from a change's beginning until a caller feels it."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports[0])
    begun = time.monotonic()
    status = change()[0]
    assert status < 300, status
    while True:
        connection.request("GET", path, headers={"X-API-Key": key})
        answer = connection.getresponse()
        body = answer.read()
        if is_felt(answer.status, body):
            return time.monotonic() - begun
        assert time.monotonic() - begun < 30, (answer.status, body)


def person(gateway, role):
    headers = {"Authorization": "Bearer " + log_in(gateway, role), "Content-Type": "application/json"}
    return lambda method, path, body=None: ask(method, gateway.url + path, body, headers)


def changes(gateway, keys):
    """How soon each kind of change is felt by whom it concerns."""
    boss, admin = person(gateway, "super_admin"), person(gateway, "org_admin")
    for number in range(CHANGES):
        one, other = 2 * number + 1, 2 * number + 2
        change = lambda: boss("PUT", f"/admin/plans/plan-{one}", {"tools": []})
        is_empty = lambda status, body: status == 200 and json.loads(body)["data"] == []
        yield "a changed plan", felt(gateway, keys[one], change, "/tools", is_empty)
        change = lambda: boss("PUT", f"/admin/organizations/many-{other}", {"subscription_status": "suspended"})
        status = "/tools/transaction-status/none"
        yield "a suspended organization", felt(gateway, keys[other], change, status, lambda found, _: found == 403)
        made = admin("POST", "/admin/keys", {"name": f"bench {number}", "environment": "test"})[2]["data"]
        change = lambda: admin("DELETE", "/admin/keys/" + made["key"]["id"])
        yield "a revoked key", felt(gateway, made["api_key"], change, "/tools", lambda found, _: found == 401)


# Refused for the same cause, by their arguments: of the first audit and usage are durable before that is told.
REFUSED = {
    "a payment": ("POST", "/tools/stk-push", '{"amount":0}'), "a reading": ("GET", "/tools/account-balance?account_type=NONE", None),
}


def alone(gateway, key, method, path, body):
    """The median of one caller's calls, each after the other, in milliseconds."""
    connection, taken = http.client.HTTPConnection("127.0.0.1", gateway.ports[0]), []
    for _ in range(200):
        begun = time.monotonic()
        connection.request(method, path, body=body, headers={"X-API-Key": key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 422, answer.status
        taken.append((time.monotonic() - begun) * 1000)
    connection.close()
    return statistics.median(taken)


def refusals(gateway, key, rounds):
    """What a call costs that is refused for its arguments, written first or told first, in turns."""
    found = {what: [] for what in REFUSED}
    for _ in range(rounds):
        for what, (method, path, body) in REFUSED.items():
            script = lua(method, {"X-API-Key": key, "Content-Type": "application/json"}, body)
            row = measure(what, [gateway.process.pid], gateway.url + path, script)
            # What is not refused costs something else.
            assert row["bad"] > 0.99 * row["rate"] * SECONDS, row
            found[what].append({**row, "alone": alone(gateway, key, method, path, body)})
    for what, rows in found.items():
        middle = lambda name: statistics.median(row[name] for row in rows)
        print(f"{what} that is refused: {middle('cpu'):.1f} CPU-us ({middle('writer'):.1f} of the store's writer), "
              f"{middle('rate'):,.0f} a second by {CONNECTIONS} connections (p99 {rows[-1]['p99']}), "
              f"{middle('alone'):.2f} ms for one caller alone")


def main(count, rounds):
    """Prints the figures; `count` organizations, `rounds` turns of the quiet caller alone and beside a noisy one."""
    with Simulator() as simulator, Gateway(simulator=simulator) as first:
        install(first, library(TOOLS), "--promote")
        key = first.dev["api_key"]
        tools = len(first.call("GET", "/tools")[2]["data"])
        first.end()
        keys = many.add(os.path.join(first.folder, "gateway.db"), key, count)
        with first.again(simulator=simulator) as gateway:
            idle = rss_of(gateway.process.pid)
            script = lambda some: lua("GET", {}, dynamic=in_turn(some, 'wrk.format("GET", "/tools", {["X-API-Key"] = value})'))
            calls = 0
            while calls < 2 * count:
                calls += wrk(gateway.url, script(keys), 5)[0]
            print(f"{tools} tools, {count:,} organizations on plans of their own, each of which listed its tools twice: "
                  f"RSS {rss_of(gateway.process.pid):.0f} MB (budget 200; {idle:.0f} before)")
            limit = {"read": {"units": 1, "per_seconds": 60}}
            plan = {"tools": ["mpesa_*"], "organization_limits": limit}
            assert person(gateway, "super_admin")("PUT", "/admin/plans/plan-0", plan)[0] == 200
            quiet, ratios = Quiet(gateway, key), []
            for number in range(rounds):
                alone = quiet.p99()
                noise = Load(gateway.url, script(keys[:1]), QUIET_SECONDS + 2)
                beside = quiet.p99()
                requests, refused, _ = noise.end()
                ratios.append(beside / alone)
                print(f"a quiet caller at {QUIET_RATE}/s, p99: {alone:.1f} ms alone, {beside:.1f} ms beside {CONNECTIONS} "
                      f"connections of a neighbour whose calls are refused ({refused:,} of {requests:,})")
            print(f"beside / alone, median of {rounds}: {statistics.median(ratios):.2f} (budget 2)")
            load, seen = Load(gateway.url, script(keys[100:]), 4 + CHANGES), {}
            for what, seconds in changes(gateway, keys):
                seen.setdefault(what, []).append(seconds)
            requests = load.end()[0]
            for what, budget in (("a changed plan", 2), ("a revoked key", 1), ("a suspended organization", 1)):
                print(f"{what} is felt within {max(seen[what]) * 1000:.0f} ms, median {statistics.median(seen[what]) * 1000:.0f} ms, "
                      f"of {CHANGES} under load (budget {budget} s)")
            print(f"({requests:,} calls of others meanwhile)")
            refusals(gateway, key, rounds)


if __name__ == "__main__":
    main(int(os.environ.get("BENCH_ORGANIZATIONS", "10000")), int(os.environ.get("BENCH_ROUNDS", "5")))
