"""Rows that are struck before a batch leaves, and rows that another batch tries again, by REST and by the command line: the simulator's
ledger says what was paid."""

import json

import pytest

from harness import Gateway, phone, wait_until
from test_approvals import log_in
from test_batches import LONG, items, paid, show
from test_journey import Terminal

pytestmark = pytest.mark.isolations("declared")


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def people(gateway):
    """Two who may let batches leave, each with a second factor."""
    administrator, manager = log_in(gateway, "org_admin"), log_in(gateway, "manager")
    rules = {"rules": [{"direction": ["out"], "then": "approve", "count": 2}]}
    assert gateway.call("PUT", "/approval-rules", rules, key=administrator)[0] == 200
    return administrator, manager


class Door:
    """How somebody decides about a batch: what is answered, or None where that is refused."""

    def __init__(self, gateway, is_command_line):
        self.gateway, self.is_command_line = gateway, is_command_line

    def ask(self, token, action, batch, **arguments):
        if not self.is_command_line:
            answer = self.gateway.call("POST", f"/batches/{batch}/{action}", arguments, key=token)
            return answer[2]["data"] if answer[0] == 200 else None
        words = [f"{name}={str(value).replace(' ', '') if isinstance(value, list) else value}" for name, value in arguments.items()]
        words = ["call", f"batches.{action}", "id=" + batch, *words]
        if action == "retry":
            words += ["--idempotency-key", f"{batch}-{arguments['batch_id']}"]
        done = Terminal(self.gateway, token).ran(*words, "--json")
        return json.loads(done.stdout)["data"] if done.returncode == 0 else None


@pytest.fixture(params=["rest", "command line"])
def door(gateway, request):
    return Door(gateway, request.param == "command line")


def make(gateway, name, numbers):
    payments = [{"phone_number": number, "amount": 100} for number in numbers]
    status, _, answer = gateway.call("POST", "/tools/bulk-payment", {"batch_id": name, "batch_name": name, "payments": payments})
    assert status == 200 and answer["data"]["state"] == "draft", answer
    return answer["data"]


def ended(gateway, name):
    return wait_until("the end", lambda: "ended_ms" in (batch := show(gateway, name)) and batch, seconds=LONG)


def test_a_row_that_is_struck_is_never_paid_and_the_rest_is_asked_about_anew(gateway, simulator, people, door):
    (administrator, manager), numbers = people, [phone() for _ in range(4)]
    name = f"struck-{int(door.is_command_line)}"
    first = make(gateway, name, numbers)["sha256"]
    agreed = door.ask(administrator, "release", name, sha256=first)
    assert agreed["state"] == "draft" and len(agreed["approved_by"]) == 1, agreed
    assert door.ask(gateway.dev["api_key"], "strike", name, rows=[2], reason="Not by a key.") is None

    struck = door.ask(manager, "strike", name, rows=[2], reason="Has left the house.")
    assert struck["state"] == "draft" and struck["sha256"] != first and "approved_by" not in struck, struck
    assert struck["total_payments"] == 3 and struck["total_amount"] == 300, struck
    assert struck["struck"][0]["reason"] == "Has left the house." and struck["struck"][0]["by"], struck
    entries = gateway.call("GET", "/approvals", key=manager)[2]["data"]
    (entry,) = [entry["batch"] for entry in entries if entry.get("batch", {}).get("batch_id") == name]
    assert entry["sha256"] == struck["sha256"], entry

    assert door.ask(administrator, "release", name, sha256=first) is None, "what was seen is no longer what it is"
    assert door.ask(manager, "release", name, sha256=struck["sha256"])["state"] == "draft"
    assert sum(paid(simulator, numbers).values()) == 0
    assert door.ask(administrator, "release", name, sha256=struck["sha256"])["state"] == "running"
    done = ended(gateway, name)
    assert done["state"] == "completed" and done["paid_amount"] == 300, done
    assert [paid(simulator, numbers)[number] for number in numbers] == [1, 0, 1, 1]
    rows = [item["transaction"]["status"] for item in items(gateway, name)]
    assert rows == ["SUCCESS", "CANCELLED", "SUCCESS", "SUCCESS"], rows
    assert door.ask(manager, "strike", name, rows=[1], reason="Too late for it.") is None


def test_a_row_that_failed_is_tried_again_by_another_batch_and_paid_once(gateway, simulator, people, door):
    (administrator, manager), numbers = people, [phone() for _ in range(3)]
    name = f"failed-{int(door.is_command_line)}"
    simulator.outcome("cancelled", phone=numbers[1])
    make(gateway, name, numbers)
    for who in people:
        assert door.ask(who, "release", name) is not None
    done = ended(gateway, name)
    assert done["status"] == "PARTIALLY_COMPLETED" and done["successful_payments"] == 2, done
    assert [paid(simulator, numbers)[number] for number in numbers] == [1, 0, 1]

    simulator.outcome("paid", phone=numbers[1])
    again = door.ask(gateway.dev["api_key"], "retry", name, batch_id=name + "-again")
    assert again["state"] == "draft" and again["retry_of"] == name and again["total_payments"] == 1, again
    assert door.ask(gateway.dev["api_key"], "retry", name, batch_id=name + "-twice") is None
    assert sum(paid(simulator, numbers).values()) == 2, "it waits for people, as any does"
    for who in people:
        assert door.ask(who, "release", name + "-again") is not None
    assert ended(gateway, name + "-again")["status"] == "COMPLETED"
    assert [paid(simulator, numbers)[number] for number in numbers] == [1, 1, 1]
    assert show(gateway, name)["retried_by"] == [name + "-again"]
