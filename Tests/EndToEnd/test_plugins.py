"""Plugins as those see them who run the gateway: isolation, crashes, and versions that come and go."""

import concurrent.futures
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading

import harness
from harness import Gateway, http, phone, plugins_file, wait_until
from houses import House
from plugins import compile_fixture, install, plugin, report


def test_a_payment_is_collected_by_a_plugin_in_a_worker_and_in_a_sandbox(simulator):
    for isolation in ("worker", "sandbox"):
        gateway = Gateway(simulator=simulator, more=("--plugins", plugins_file("stk-push", isolation=isolation)))
        number = phone()
        assert gateway.push(number)[0] in (200, 202)
        gateway.wait_for(number, "succeeded")
        status = report(gateway)
        assert status["isolation"] == isolation, status
        assert status["crashes"] == 0 and status["memory_bytes"] > 0 and len(status["processes"]) == 1, status
        gateway.remove()


def test_a_worker_killed_while_a_payment_is_open_loses_nothing(simulator):
    gateway = Gateway(simulator=simulator, more=("--plugins", plugins_file("stk-push", isolation="worker")))
    numbers = [phone() for _ in range(5)]
    for number in numbers:
        assert gateway.push(number)[0] in (200, 202)
        for process in report(gateway)["processes"]:
            os.kill(process, signal.SIGKILL)
    for number in numbers:
        gateway.wait_for(number, "succeeded")
        assert simulator.charges(number)["count"] == 1, simulator.charges(number)
    status = report(gateway)
    assert status["crashes"] >= 1 and status["last_crash"] == "signal 9", status
    gateway.remove()


def test_a_host_without_its_worker_program_refuses_and_says_so(folder):
    program = os.path.join(folder, "mpesa-gateway")
    shutil.copy(harness.PROGRAM, program)
    library = os.path.join(harness.ROOT, ".build/debug/libSTKPush.so")
    process = harness.Process(
        ["dev", "--data-dir", os.path.join(folder, "alone"), "--port", "0", "--management-port", "0"]
        + ["--plugins", plugins_file("stk-push", isolation="sandbox", source=library)],
        program=program,
    )
    wait_until("the refusal", lambda: not process.is_running())
    assert "the worker program is missing" in process.output(), process.output()


def echo(gateway, how="inline"):
    return gateway.call("POST", "/tools/fixture_echo", {"how": how})


def version(gateway):
    answer = echo(gateway)
    assert answer[0] == 200, answer
    return answer[2]["data"]["version"]


def test_a_plugin_is_installed_promoted_and_rolled_back_by_the_command_line(simulator):
    gateway = Gateway(simulator=simulator)
    assert echo(gateway)[0] == 404
    assert "fixture: live" in install(gateway, compile_fixture("1.0.0"))
    assert version(gateway) == "1.0.0"
    assert "/tools/fixture_echo" in gateway.call("GET", "/openapi.json")[2]["paths"]
    # Not every plan of the demo's has it: whoever shows no credential is not told of it.
    assert "/tools/fixture_echo" not in http("GET", gateway.url + "/openapi.json")[2]["paths"]
    install(gateway, compile_fixture("1.1.0"))
    assert version(gateway) == "1.0.0"
    assert "generation 2 live" in plugin(gateway, "promote", "fixture")
    assert version(gateway) == "1.1.0"
    assert "rolled back from version 1.1.0 to version 1.0.0" in plugin(gateway, "rollback", "fixture")
    assert version(gateway) == "1.0.0"

    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator)
    assert version(gateway) == "1.0.0"
    listed = json.loads(plugin(gateway, "list", "--json"))["plugins"]
    assert [(p["id"], p["state"]) for p in listed] == [
        ("b2c", "live"), ("fixture", "live"), ("reports", "live"), ("reversal", "live"), ("stk-push", "live")
    ], listed
    fixture = listed[1]
    assert fixture["isolation"] == "sandbox" and len(fixture["sha256"]) == 64 and fixture["memory_bytes"] > 0, fixture
    plugin(gateway, "remove", "fixture")
    assert echo(gateway)[0] == 404
    assert "plugins.json" in plugin(gateway, "remove", "stk-push", fails=True)
    gateway.remove()


def test_a_plugin_that_is_refused_says_which_rule_it_breaks_and_changes_nothing(simulator):
    gateway = Gateway(simulator=simulator)
    install(gateway, compile_fixture("1.0.0"))
    for flags, rule in [
        (("-DTWO_EXPORTS",), "rule E1"), (("-DNO_MANIFEST",), "rule E2"), (("-DNULL_FUNCTION",), "rule E5"),
        (("-DMANIFEST_FLAGS=4",), "the flags 4"), (("-DBAD_CATALOGUE",), "rule C1"), (('-DFIXTURE_PATH="/admin/x"',), "rule C2"), (("-DFAIL_SELFTEST",), "self-test"),
        (('-DFIXTURE_TOOL="mpesa_stk_push"',), "rule C2"),
    ]:
        told = install(gateway, compile_fixture("2.0.0", *flags), "--allow-breaking", fails=True)
        assert rule in told and told.startswith("mpesa-gateway: "), told
    told = plugin(gateway, "install", os.path.join(harness.ROOT, "README.md"), fails=True)
    assert "not a shared library" in told, told
    told = plugin(gateway, "install", compile_fixture("1.0.1", '-DFIXTURE_ID="needy"'), "--unchecked", fails=True)
    assert "rule C3" in told, told
    assert version(gateway) == "1.0.0"
    gateway.remove()


def test_a_tool_that_has_others_agree_to_what_it_moves_waits_for_them_whatever_the_rules_are(simulator):
    asks = ('-DFIXTURE_APPROVAL="{\\"amount\\":\\"/phone\\"}"', '-DFIXTURE_FEATURES="[\\"approval\\",\\"batches\\"]"')
    with Gateway(simulator=simulator) as gateway:
        install(gateway, compile_fixture("1.0.0", "-DENTRY_OF_LEVEL_2", *asks))
        held = gateway.call("POST", "/tools/fixture-collect", {"phone": phone()})[2]["data"]
        assert held["state"] == "draft" and held["approval"]["role"] == "manager", held
        assert "the tool has others agree" in held["approval"]["reason"], held


def test_a_host_that_trusts_a_key_runs_what_it_signed_and_nothing_else(simulator, folder):
    key = os.path.join(folder, "key")

    def run(*arguments):
        return subprocess.run([harness.PROGRAM, "plugin", *arguments], capture_output=True, text=True)

    made = run("keygen", key)
    assert made.returncode == 0 and oct(os.stat(key).st_mode)[-3:] == "600", made
    assert run("keygen", key).returncode != 0, "a key was written over another"
    for name in ("libSTKPush.so", "libB2C.so", "libReversal.so", "libReports.so"):
        shutil.copy(os.path.join(harness.ROOT, ".build/debug", name), folder)
        signed = run("sign", os.path.join(folder, name), "--key", key)
        assert signed.returncode == 0 and '"needs"' in signed.stdout, signed
    environment = {"GATEWAY_PLUGIN_KEYS_FILE": key + ".pub", "GATEWAY_PLUGIN_FOLDER": folder}
    gateway = Gateway(simulator=simulator, environment=environment)
    assert report(gateway)["trust"].startswith("signed by "), report(gateway)
    library = compile_fixture("1.0.0", "-DSIGNED")
    assert "rule S1" in install(gateway, library, fails=True)
    assert run("sign", library, "--key", key).returncode == 0
    assert "signed by" in install(gateway, library)
    os.rename(library + ".sig", compile_fixture("1.2.0") + ".sig")
    assert "another library" in install(gateway, compile_fixture("1.2.0"), fails=True)
    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator, environment=environment)
    assert version(gateway) == "1.0.0" and report(gateway, "fixture")["trust"].startswith("signed by ")
    os.remove(compile_fixture("1.2.0") + ".sig")
    gateway.remove()


def test_plugins_are_changed_with_the_operators_token_only(simulator):
    gateway = Gateway(simulator=simulator)
    url = gateway.dev["management_url"] + "/plugins/install"
    for headers in ({}, {"Authorization": "Bearer " + "0" * 64}, {"X-API-Key": gateway.dev["api_key"]}):
        for body in (b"x", b"x" * (1 << 20)):
            status, _, problem = http("POST", url, body, headers)
            assert status == 401 and problem["code"] == "unauthenticated", problem
    with open(gateway.dev["operator_token_file"]) as file:
        token = {"Authorization": "Bearer " + file.read().strip()}
    assert oct(os.stat(gateway.dev["operator_token_file"]).st_mode)[-3:] == "600"
    assert http("POST", url + "?canary_share=2", b"x", token)[2]["detail"].startswith("canary_share: expected")
    assert http("POST", url.replace("install", "nobody/promote"), b"", token)[0] == 404
    assert http("PUT", url, b"", token)[0] == 405
    gateway.remove()


def test_upgrades_under_load_lose_no_call(simulator):
    gateway = Gateway(simulator=simulator)
    libraries = [compile_fixture("1.0.0"), compile_fixture("1.1.0")]
    install(gateway, libraries[0])
    stop, answers = threading.Event(), []

    def call():
        while not stop.is_set():
            answers.append(echo(gateway)[::2])

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in itertools.count(1):
        if number > 15 and len(answers) > 100:
            break
        plugin(gateway, "install", libraries[number % 2], "--promote", "--unchecked")
    stop.set()
    for thread in threads:
        thread.join()
    wrong = [a for a in answers if a[0] != 200 or a[1]["data"]["version"] not in ("1.0.0", "1.1.0")]
    assert not wrong, wrong[:3]
    generations = wait_until("draining to end", lambda: len(g := report(gateway, "fixture")["generations"]) == 2 and g)
    assert [g["role"] for g in generations] == ["live", "standby"], generations
    gateway.remove()


def test_a_version_that_crashes_loops_or_answers_rubbish_is_taken_back(simulator):
    gateway = Gateway(simulator=simulator)
    install(gateway, compile_fixture("1.0.0"))
    for name, flag in (("crashes", "-DCRASH"), ("rubbish", "-DBAD_PLAN"), ("loops", "-DLOOP")):
        bad = f"1.1.0-{name}"
        install(gateway, compile_fixture(bad, flag), "--promote")
        assert report(gateway, "fixture")["version"] == bad

        def fail(index):
            body = {"phone": f"2547000{index:05}"}
            return gateway.call("POST", "/tools/fixture-collect", body, Idempotency_Key=f"{name}-{index}")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = {answer[0] for answer in pool.map(fail, range(24))}
        status = wait_until(
            f"the rollback of the version that {name}",
            lambda: (s := report(gateway, "fixture"))["version"] == "1.0.0" and s,
        )
        assert "rolled back" in status["note"] and ("rules P2" in status["note"]) == (name == "rubbish"), status
        assert statuses <= {502, 503, 422, 409, 200, 202}, statuses
        assert version(gateway) == "1.0.0"
    gateway.remove()


def test_a_version_that_begins_to_crash_after_the_host_was_killed_is_taken_back_too(simulator):
    gateway = Gateway(simulator=simulator)
    install(gateway, compile_fixture("1.0.0"))
    install(gateway, compile_fixture("1.1.0", "-DCRASH"), "--promote")
    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator)
    assert report(gateway, "fixture")["version"] == "1.1.0"
    for index in range(2):
        answer = gateway.call("POST", "/tools/fixture-collect", {"phone": f"25470010000{index}"})
        assert answer[0] >= 500, answer
    status = wait_until("the rollback", lambda: (s := report(gateway, "fixture"))["version"] == "1.0.0" and s)
    assert status["note"].startswith("rolled back from version 1.1.0 to version 1.0.0: "), status
    assert status["note"].endswith(" crashes"), status
    gateway.remove()


def test_a_version_that_breaks_a_rule_with_each_call_is_taken_back_and_the_list_says_why(simulator):
    gateway = Gateway(simulator=simulator)
    install(gateway, compile_fixture("1.0.0"))
    install(gateway, compile_fixture("1.1.0", "-DTWICE"), "--promote")
    for _ in range(20):
        status, _, answer = echo(gateway)
        assert status == 200 and answer["data"]["echo"] in ("once", "inline"), answer
    wait_until("the rollback", lambda: report(gateway, "fixture")["version"] == "1.0.0")
    listed = plugin(gateway, "list")
    assert "of 20 calls failed, and rules were broken 20 times" in listed, listed
    assert "0 crashes, 0 violations" in listed, listed
    gateway.remove()


def test_a_host_starts_from_what_was_good_when_plugins_json_cannot_be_used_and_says_so_everywhere(simulator):
    path = plugins_file(isolation="worker")
    with open(path) as file:
        good = file.read()
    gateway = Gateway(simulator=simulator, more=("--plugins", path))
    number = phone()
    simulator.outcome("no_callback", phone=number)
    assert gateway.push(number)[0] in (200, 202)
    with open(path, "w") as file:
        file.write(good.replace('"plugins"', '"plugns"', 1))
    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator, more=("--plugins", path))
    management = gateway.dev["management_url"]
    status, _, ready = http("GET", management + "/readyz")
    assert status == 200 and b"degraded: plugins_file: plugins.json: /plugns: not a known setting" in ready, ready
    assert "degraded: plugins.json: /plugns" in plugin(gateway, "list")
    assert b'gateway_plugin_degraded{plugin=""} 1\n' in http("GET", management + "/metrics")[2]
    other = phone()
    assert gateway.push(other)[0] in (200, 202)
    gateway.wait_for(other, "succeeded")
    for process in report(gateway)["processes"]:
        os.kill(process, signal.SIGKILL)
    with open(path, "w") as file:
        file.write(good)
    wait_until("the file to be used again", lambda: http("GET", management + "/readyz")[2] == b"ready\n")
    crashes = b'gateway_plugin_crashes_total{plugin="stk-push"} 1\n'
    wait_until("the crash to be counted", lambda: crashes in http("GET", management + "/metrics")[2])
    query = "SELECT subject, action FROM audit WHERE action LIKE 'PLUGIN_%' AND organization_id = ?"

    def lines():
        with sqlite3.connect(os.path.join(gateway.folder, "gateway.db")) as database:
            return database.execute(query, ("00000000-0000-0000-0000-000000000000",)).fetchall()

    wait_until("the crash to be in the audit", lambda: ("host", "PLUGIN_CRASHED") in lines())
    assert {("host", "PLUGIN_DECLARED"), ("host", "PLUGIN_RESTORED"), ("host", "PLUGIN_FILE_REFUSED")} <= set(lines())
    gateway.remove()


def test_open_payments_move_to_the_new_version_and_keep_their_plugin_there(simulator, folder):
    gateway = Gateway(simulator=simulator)
    number = phone()
    simulator.outcome("no_callback", phone=number)
    assert gateway.push(number)[0] in (200, 202)
    with open(os.path.join(harness.ROOT, "plugins.json")) as file:
        entry = os.path.join(folder, "entry.json")
        stk = json.load(file)["plugins"][0]
        with open(entry, "w") as out:
            json.dump({**stk, "isolation": "worker"}, out)
    library = os.path.join(harness.ROOT, ".build/debug/libSTKPush.so")
    plugin(gateway, "install", library, "--entry", entry, "--promote", "--unchecked")
    assert report(gateway)["isolation"] == "worker"
    impostor = compile_fixture("9.0.0", '-DFIXTURE_ID="stk-push"')
    told = install(gateway, impostor, "--allow-breaking", fails=True)
    assert "of which records are open" in told, told
    gateway.wait_for(number, "succeeded")
    gateway.remove()


def test_tools_by_mcp_follow_the_plugins_at_once(simulator):
    gateway = Gateway(simulator=simulator)

    def tools():
        headers = {
            "Authorization": "Bearer " + gateway.dev["api_key"], "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list",
        }
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
        return [t["name"] for t in http("POST", gateway.dev["mcp_url"], body, headers)[2]["result"]["tools"]]

    before = tools()
    assert {"mpesa_check_status", "mpesa_stk_push"} <= set(before), before
    install(gateway, compile_fixture("1.0.0"))
    assert tools() == sorted(["fixture_collect", "fixture_echo", *before])
    plugin(gateway, "remove", "fixture")
    assert tools() == before
    gateway.remove()


def test_whoever_runs_the_gateway_follows_what_becomes_of_plugins(simulator):
    gateway = Gateway(simulator=simulator)
    house = House(gateway)
    install(gateway, compile_fixture("1.0.0"))
    install(gateway, compile_fixture("1.1.0"), "--promote")
    plugin(gateway, "rollback", "fixture")
    plugin(gateway, "remove", "fixture")

    def told(token, query=""):
        events = house.ask("GET", "/events?limit=500" + query, token=token)["data"]
        return [event for event in events if event["type"].startswith("plugin.")]

    events = [event for event in told(house.boss) if event["subject"] == "fixture"]
    assert [(event["type"], event["data"].get("version"), event["data"].get("was")) for event in events] == [
        ("plugin.promoted", "1.0.0", None), ("plugin.promoted", "1.1.0", "1.0.0"),
        ("plugin.rolled_back", "1.0.0", "1.1.0"), ("plugin.withdrawn", None, "1.0.0"),
    ], events
    assert all(event["data"]["by"] == "operator" for event in events), events
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(set(sequences)), sequences
    assert len(told(house.boss, "&types=plugin.rolled_back")) == 1
    assert told(house.admin) == [] and told(gateway.dev["api_key"]) == []

    def document(token):
        return http("GET", gateway.url + "/openapi.json", headers={"Authorization": "Bearer " + token})[2]

    assert "plugin.promoted" in document(house.boss)["webhooks"]
    theirs = json.dumps(document(house.admin))
    assert not any(word in theirs for word in ("plugin.promoted", "plugin.rolled_back", "PluginEvent"))
    gateway.remove()
