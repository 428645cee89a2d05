"""A batch of payouts, with the simulator's ledger as judge: kill -9 in the middle, and money that runs out and comes back."""

import signal

import pytest

import harness
from harness import Gateway, phone, wait_until

pytestmark = pytest.mark.isolations("declared")

# A batch leaves at ten payouts a second.
LONG = 240


def make(gateway, name, numbers, amount=100):
    payments = [{"phone_number": number, "amount": amount} for number in numbers]
    body = {"batch_id": name, "batch_name": name, "payments": payments, "release": True}
    status, _, answer = gateway.call("POST", "/tools/bulk-payment", body)
    assert status == 200 and answer["data"]["state"] == "running", answer


def show(gateway, name):
    return gateway.call("GET", "/batches/" + name)[2]["data"]


def items(gateway, name):
    found, after = [], 0
    while True:
        answer = gateway.call("GET", f"/batches/{name}/items?after={after}")[2]
        found += answer["data"]
        if "next_after" not in answer:
            return found
        after = answer["next_after"]


def paid(simulator, numbers):
    return {number: simulator.payouts(number)["count"] for number in numbers}


def test_a_batch_that_is_killed_in_the_middle_pays_nobody_twice(simulator):
    numbers = list({phone() for _ in range(100)})
    first = Gateway(simulator=simulator)
    make(first, "killed", numbers)
    wait_until("a third of it", lambda: show(first, "killed")["successful_payments"] >= 30, seconds=LONG)
    first.end(signal.SIGKILL)
    second = first.again(simulator=simulator)
    try:
        wait_until("the rest of it", lambda: show(second, "killed")["counts"]["waiting"] == 0, seconds=LONG)

        def decided():
            counts = paid(simulator, numbers)
            states = {item["transaction"]["party"]: item["transaction"]["state"] for item in items(second, "killed")}
            unpaid = [number for number, count in counts.items() if count == 0]
            # What M-Pesa took, and does not say yet, is paid in a moment.
            return all(states[number] in ("unknown", "reconciling", "manual") for number in unpaid) and (counts, states)

        counts, states = wait_until("what became of the rest", decided, seconds=LONG)
        assert set(counts.values()) <= {0, 1}
        for number, state in states.items():
            assert not counts[number] or state not in ("failed", "rejected", "withdrawn", "draft"), (number, state)
    finally:
        second.remove()


def test_a_batch_whose_money_runs_out_goes_on_when_it_is_back(simulator):
    numbers = list({phone() for _ in range(40)})
    with Gateway(simulator=simulator) as gateway:
        assert harness.http("POST", simulator.url + "/simulator/funds", {"utility": 1_000})[0] == 200
        try:
            make(gateway, "poor", numbers)
            paused = wait_until("the pause", lambda: (b := show(gateway, "poor"))["state"] == "paused" and b, seconds=LONG)
            assert "(1)" in paused["reason"], paused
        finally:
            harness.http("POST", simulator.url + "/simulator/funds", {"utility": 10_000_000})
        wait_until("what has left", lambda: show(gateway, "poor")["counts"]["undecided"] == 0, seconds=LONG)
        assert 10 <= sum(paid(simulator, numbers).values()) < len(numbers)
        manager = next(user for user in gateway.dev["users"] if user["username"] == "manager")
        login = {name: manager[name] for name in ("username", "password", "organization")}
        token = harness.http("POST", gateway.url + "/auth/login", login)[2]["data"]["token"]
        resumed = harness.http(
            "POST", gateway.url + "/batches/poor/resume", {}, {"Authorization": "Bearer " + token}
        )
        assert resumed[0] == 200, resumed
        ended = wait_until("the end", lambda: "ended_ms" in (b := show(gateway, "poor")) and b, seconds=LONG)
        assert ended["status"] == "COMPLETED" and ended["paid_amount"] == 100 * len(numbers), ended
        assert set(paid(simulator, numbers).values()) == {1}
