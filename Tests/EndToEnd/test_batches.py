"""A batch of payouts, with the simulator's ledger as judge: kill -9 in the middle, money that runs out and comes back, an operator
that M-Pesa refuses, and a pace that is too fast for it."""

import collections
import signal

import pytest

import harness
from harness import Gateway, phone, wait_until

pytestmark = [pytest.mark.long, pytest.mark.isolations("declared")]

# A batch leaves at ten payouts a second.
LONG = 240


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


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


def test_a_batch_of_two_thousand_without_a_pace_is_killed_twice_and_pays_nobody_twice(simulator):
    numbers = list({phone() for _ in range(2_000)})
    environment = {"GATEWAY_BATCH_PACE_MS": "0", "GATEWAY_BATCH_UNDECIDED_MAX": "100"}
    gateway = Gateway(simulator=simulator, environment=environment)
    make(gateway, "large", numbers)
    for paid_by_then in (len(numbers) // 5, len(numbers) // 2):
        wait_until(f"{paid_by_then} of it", lambda: show(gateway, "large")["successful_payments"] >= paid_by_then, seconds=LONG)
        gateway.end(signal.SIGKILL)
        gateway = gateway.again(simulator=simulator, environment=environment)
    try:
        wait_until("the rest of it", lambda: show(gateway, "large")["counts"]["waiting"] == 0, seconds=LONG)

        def decided():
            counts = paid_in_all(simulator, numbers)
            states = {item["transaction"]["party"]: item["transaction"]["state"] for item in items(gateway, "large")}
            unpaid = [number for number in numbers if not counts[number]]
            return all(states[number] in ("unknown", "reconciling", "manual") for number in unpaid) and (counts, states)

        counts, states = wait_until("what became of the rest", decided, seconds=LONG)
        assert set(states) == set(numbers) and max(counts.values()) == 1
        said = {number for number, state in states.items() if state == "succeeded"}
        assert all(counts[number] for number in said)
        assert all(state in ("succeeded", "accepted", "unknown", "reconciling", "manual") for state in states.values())
    finally:
        gateway.remove()


def paid_in_all(simulator, numbers):
    """How often each of so many was paid, asked for once."""
    found = harness.http("GET", simulator.url + "/simulator/payouts")[2]["payouts"]
    counts = collections.Counter(payout["phone"] for payout in found if payout.get("result_code") == "0")
    return {number: counts[number] for number in numbers}


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


@pytest.mark.parametrize("outcome, code", [("wrong_pin", "2001"), ("forbidden", "21"), ("pin_locked", "8006")])
def test_a_batch_whose_operator_is_refused_is_broken_and_sends_no_more(gateway, simulator, outcome, code):
    numbers, name = list({phone() for _ in range(40)}), "refused-" + code
    simulator.outcome(outcome, phone=numbers[2])
    make(gateway, name, numbers)
    ended = wait_until("the end", lambda: "ended_ms" in (b := show(gateway, name)) and b, seconds=LONG)
    assert ended["state"] == "broken" and f"({code})" in ended["reason"], ended
    counts = paid(simulator, numbers)
    states = {item["transaction"]["party"]: item["transaction"] for item in items(gateway, name)}
    for number, found in states.items():
        assert (found["state"], counts[number]) in [("succeeded", 1), ("withdrawn", 0), ("failed", 0)], (number, found)
    assert states[numbers[2]]["state"] == "failed" and states[numbers[-1]]["status"] == "CANCELLED", states
    assert sum(found["state"] == "failed" for found in states.values()) == 1, states
    # What was under way when M-Pesa said it, and what had left before.
    assert sum(counts.values()) == ended["successful_payments"] < len(numbers) - 1, ended


def test_a_batch_that_is_too_fast_for_m_pesa_waits_and_fails_nothing(simulator):
    numbers = list({phone() for _ in range(8)})
    pace = simulator.url + "/simulator/pace"
    assert harness.http("POST", pace, {"taken_per_s": 4})[0] == 200
    try:
        with Gateway(simulator=simulator, environment={"GATEWAY_BATCH_PACE_MS": "0"}) as gateway:
            make(gateway, "paced", numbers)
            ended = wait_until("the end", lambda: "ended_ms" in (b := show(gateway, "paced")) and b, seconds=LONG)
    finally:
        harness.http("POST", pace, {})
    assert ended["state"] == "completed" and ended["successful_payments"] == len(numbers), ended
    assert set(paid(simulator, numbers).values()) == {1}
    requests = harness.http("GET", simulator.url + "/simulator/requests")[2]["requests"]
    own = [r for r in requests if r["path"].endswith("paymentrequest") and any(number in r["body"] for number in numbers)]
    assert len(own) > len(numbers), "all were taken at once"
