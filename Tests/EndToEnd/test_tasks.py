"""Tasks: a tool goes on after its reply, is asked about, cancelled, and begun again after kill -9."""

import csv
import datetime
import io
import json
import urllib.request

import pytest

from harness import PATIENCE, Gateway, phone, wait_until
from plugins import compile_fixture, install

pytestmark = pytest.mark.isolations("declared", "sandbox")
NAIROBI = datetime.timezone(datetime.timedelta(hours=3))


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def begin(gateway, idempotency=None, **more):
    """A report of yesterday and today, as a task: the test may run over midnight."""
    today = datetime.datetime.now(NAIROBI).date()
    first = (today - datetime.timedelta(days=1)).isoformat()
    body = {"report_type": "CUSTOM", "date_from": first, "date_to": today.isoformat(), "as_task": True, **more}
    headers = {"Idempotency_Key": idempotency} if idempotency else {}
    return gateway.call("POST", "/tools/reports/generate", body, **headers)


def task(gateway, name):
    status, _, answer = gateway.call("GET", f"/tasks/{name}")
    assert status == 200, answer
    return answer["data"]


def ended(gateway, name):
    return wait_until("the task", lambda: (found := task(gateway, name))["status"] != "WORKING" and found)


def saved(gateway, path):
    request = urllib.request.Request(gateway.url + path, headers={"X-API-Key": gateway.dev["api_key"]})
    with urllib.request.urlopen(request) as reply:
        return list(csv.DictReader(io.StringIO(reply.read().decode())))


def test_a_report_goes_on_after_its_reply(gateway):
    numbers = [phone() for _ in range(3)]
    for number in numbers:
        gateway.push(number, 10)
    for number in numbers:
        gateway.wait_for(number, "succeeded")
    status, _, answer = begin(gateway, "once", transactions=True)
    assert status == 202 and answer["data"]["tool"] == "tasks_show", answer
    name = answer["data"]["handle"]
    found = ended(gateway, name)
    assert found["status"] == "COMPLETED" and found["tool"] == "mpesa_generate_report", found
    rows = saved(gateway, found["content"][0]["uri"])
    assert {row["phone_number"] for row in rows} == set(numbers) and {row["amount"] for row in rows} == {"10"}, rows
    kept = gateway.call("GET", f"/reports/{found['output']['report_id']}")[2]["data"]
    assert kept == found["output"], (kept, found)
    # The same call once more is answered by what came of it.
    status, headers, again = begin(gateway, "once", transactions=True)
    assert status == 200 and again["data"] == found["output"] and headers["Idempotent-Replayed"] == "true", again
    assert again["content"] == found["content"] and "nothing new was begun" in again["message"], again
    status, _, other = begin(gateway, "once")
    assert status in (409, 422) and other["code"] == "idempotency_key_reused", other
    listed = gateway.call("GET", "/tasks")[2]["data"]
    assert [one["task_id"] for one in listed] == [name] and "output" not in listed[0], listed
    assert gateway.call("POST", f"/tasks/{name}/cancel", {})[0] == 409


def test_what_is_no_task_of_the_callers_is_not_found(gateway):
    assert gateway.call("GET", "/tasks/nonsense")[0] == 404
    assert gateway.call("POST", "/tasks/019ab3c4-0000-7000-8000-000000000001/cancel", {})[0] == 404


def test_a_task_goes_on_after_kill_9(simulator):
    first = Gateway(simulator=simulator)
    status, _, answer = begin(first)
    first.kill()
    assert status == 202, answer
    with first.again(simulator=simulator) as second:
        found = ended(second, answer["data"]["handle"])
        assert found["status"] == "COMPLETED" and found["output"]["report_id"], found


def by_mcp(gateway, method, identifier=1, **params):
    """What a client is answered that takes tasks."""
    name = params.get("name") or params.get("taskId")
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    }
    headers = {
        "Authorization": "Bearer " + gateway.dev["api_key"], "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method,
    }
    if name:
        headers["Mcp-Name"] = name
    body = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
    request = urllib.request.Request(gateway.url + "/mcp", json.dumps(body).encode(), headers, method="POST")
    return urllib.request.urlopen(request, timeout=PATIENCE)


def test_what_mcp_calls_tasks_outlives_the_process_and_is_told_of_by_the_next(simulator):
    number, other, today = phone(), phone(), datetime.datetime.now(NAIROBI).date().isoformat()
    push = {"phone_number": number, "amount": 30, "account_reference": "TASK", "transaction_desc": "Test"}
    payout = {"phone_number": other, "amount": 40, "remarks": "Test", "idempotency_key": "task-" + other}
    batch = {"payments": [{"phone_number": other, "amount": 50}], "batch_name": "Tasks", "batch_id": "task-" + other}
    calls = {
        "mpesa_stk_push": {**push, "idempotency_key": "task-" + number}, "mpesa_b2c_payment": payout,
        "mpesa_bulk_payment": batch, "mpesa_generate_report": {"date_from": today, "as_task": True},
    }
    first, tasks = Gateway(simulator=simulator), {}
    for tool, arguments in calls.items():
        begun = json.load(by_mcp(first, "tools/call", name=tool, arguments=arguments))
        assert begun["result"]["resultType"] == "task", begun
        tasks[tool] = begun["result"]["taskId"]
    first.kill()
    with first.again(simulator=simulator) as second:
        def shown(tool):
            found = json.load(by_mcp(second, "tasks/get", taskId=tasks[tool]))["result"]
            assert found["taskId"] == tasks[tool] and "no real money" in found["statusMessage"], found
            return found

        for tool in ("mpesa_b2c_payment", "mpesa_bulk_payment"):
            assert shown(tool)["status"] == "working", shown(tool)
        waiting = by_mcp(second, "subscriptions/listen", 7, notifications={"taskIds": [tasks["mpesa_b2c_payment"]]})
        told = (json.loads(line[6:]) for line in waiting if line.startswith(b"data: "))
        assert next(told)["params"]["notifications"] == {"taskIds": [tasks["mpesa_b2c_payment"]]}
        assert json.load(by_mcp(second, "tasks/cancel", taskId=tasks["mpesa_b2c_payment"]))["result"]
        news = next(told)
        assert news["method"] == "notifications/tasks" and news["params"]["status"] == "cancelled", news
        waiting.close()
        assert shown("mpesa_b2c_payment")["status"] == "cancelled" and simulator.payouts(other)["count"] == 0

        for tool in ("mpesa_stk_push", "mpesa_generate_report"):
            ended = wait_until(tool, lambda: (found := shown(tool))["status"] != "working" and found)
            assert ended["status"] == "completed" and not ended["result"]["isError"], ended
        paid = shown("mpesa_stk_push")["result"]["structuredContent"]
        assert paid["status"] == "SUCCESS" and simulator.charges(number)["count"] == 1, paid
        assert shown("mpesa_generate_report")["result"]["structuredContent"]["report_id"]


def test_a_task_keeps_no_gateway_from_stopping(simulator):
    terms = '-DFIXTURE_SENSITIVE="[],\\"x-task\\":{\\"deadline_ms\\":3600000}"'
    first = Gateway(simulator=simulator)
    install(first, compile_fixture("1.0.0", terms))
    status, _, answer = first.call("POST", "/tools/fixture_echo", {"how": "long never"})
    assert status == 202, answer
    name = answer["data"]["handle"]
    wait_until("the task to be worked on", lambda: task(first, name)["attempts"] == 1)
    # Its tool never ends, and has an hour.
    assert first.end() == 0
    with first.again(simulator=simulator) as second:
        found = ended(second, name)
        assert found["status"] == "FAILED" and "stopped while it worked" in found["error"]["message"], found
