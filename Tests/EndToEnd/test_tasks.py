"""Tasks: a tool goes on after its reply, is asked about, cancelled, and begun again after kill -9."""

import csv
import datetime
import io
import urllib.request

import pytest

from harness import Gateway, phone, wait_until
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
