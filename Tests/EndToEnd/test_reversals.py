"""Money given back: what the gateway says of a reversal, and what really went back, by the simulator's ledger."""

import json

import pytest

import harness
from harness import Gateway, phone, wait_until

pytestmark = pytest.mark.isolations("declared", "sandbox")


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def paid(gateway, amount=100):
    """A payment that has come in."""
    number = phone()
    gateway.push(number, amount)
    return gateway.wait_for(number, "succeeded")


def reverse(gateway, name, key, **more):
    body = {"transaction_id": name, "reason": "Test", **more}
    return gateway.call("POST", "/tools/reverse-transaction", body, Idempotency_Key=key)


def check(gateway, answer):
    """Where a reversal stands."""
    name = answer["data"]["transaction_id"]
    return gateway.call("GET", "/tools/reverse-transaction/" + name)[2]["data"]


def ends(gateway, answer, status):
    return wait_until(f"the reversal to be {status}", lambda: (c := check(gateway, answer))["status"] == status and c)


def returned(simulator, payment):
    return simulator.charges(payment["party"])["returned"]


def status_questions(simulator):
    requests = harness.http("GET", simulator.url + "/simulator/requests")[2]["requests"]
    return [json.loads(r["body"]) for r in requests if r["path"].endswith("transactionstatus/v1/query")]


def reversals(simulator, payment):
    return harness.http("GET", f"{simulator.url}/simulator/reversals?phone={payment['party']}")[2]["reversals"]


def test_a_part_goes_back_then_the_rest_with_a_kill_between(simulator):
    with Gateway(simulator=simulator) as killed:
        payment = paid(killed)
        first = reverse(killed, payment["receipt"], "part-" + payment["id"], amount=40)
        assert first[0] == 200 and first[2]["data"]["status"] == "PENDING", first
        killed.kill()
        with killed.again(simulator=simulator) as gateway:
            goes_on(gateway, simulator, payment, first[2])


def goes_on(gateway, simulator, payment, first):
    again = reverse(gateway, payment["receipt"], "part-" + payment["id"], amount=40)[2]
    assert again["data"]["transaction_id"] == first["data"]["transaction_id"], again
    one = wait_until("a decision", lambda: (r := reversals(simulator, payment)) and "result_code" in r[0] and r[0])
    # Its result may have come while nobody listened: once more, as M-Pesa would not.
    harness.http("POST", f"{simulator.url}/simulator/reversals/{one['conversation_id']}/resend")
    ends(gateway, first, "SUCCESS")
    assert returned(simulator, payment) == 40
    shown = gateway.call("GET", "/tools/transaction-status/" + payment["id"])[2]["data"]
    assert shown["status"] == "SUCCESS" and shown["reversed_amount"] == 40, shown

    status, _, problem = reverse(gateway, payment["id"], "more-" + payment["id"], amount=61)
    assert status == 422 and "60 shillings" in problem["detail"], problem
    rest = reverse(gateway, payment["id"], "rest-" + payment["id"])
    found = ends(gateway, rest[2], "SUCCESS")
    assert found["amount"] == 60 and found["original_receipt_number"] == payment["receipt"], found
    # What a look-up showed of a payment that has ended may be a second old.
    shown = wait_until(
        "the payment to be reversed",
        lambda: (d := gateway.call("GET", "/tools/transaction-status/" + payment["id"])[2]["data"])["status"]
        == "REVERSED" and d,
    )
    assert shown["reversed_amount"] == 100, shown
    assert returned(simulator, payment) == 100 and len(reversals(simulator, payment)) == 2
    assert reverse(gateway, payment["id"], "again-" + payment["id"])[0] == 409


def test_reversals_that_fail_say_why_and_give_nothing_back(gateway, simulator):
    for outcome, code in [("forbidden", "21"), ("insufficient_funds", "1"), ("product_mismatch", "2028")]:
        payment = paid(gateway)
        simulator.outcome(outcome, phone=payment["party"])
        found = ends(gateway, reverse(gateway, payment["receipt"], outcome + payment["id"])[2], "FAILED")
        assert found["result_code"] == code and found["whose_move"] == "organization", found
        assert returned(simulator, payment) == 0


def test_a_reversal_whose_result_comes_late_waits_for_it_and_goes_back_once(gateway, simulator):
    payment = paid(gateway)
    simulator.outcome("late_callback", phone=payment["party"])
    answer = reverse(gateway, payment["receipt"], "late-" + payment["id"])[2]
    wait_until("a decision", lambda: "result_code" in reversals(simulator, payment)[0])
    refused = reverse(gateway, payment["receipt"], "beside-" + payment["id"], amount=1)
    assert refused[0] in (409, 422), refused
    assert ends(gateway, answer, "SUCCESS")["amount"] == 100
    assert returned(simulator, payment) == 100 and len(reversals(simulator, payment)) == 1


def test_what_was_reversed_already_is_done_as_a_whole_and_disputed_in_part(gateway, simulator):
    whole, part = paid(gateway), paid(gateway)
    for payment in (whole, part):
        simulator.outcome("already_reversed", phone=payment["party"])
    found = ends(gateway, reverse(gateway, whole["receipt"], "whole-" + whole["id"])[2], "SUCCESS")
    assert found["result_code"] == "R000001" and returned(simulator, whole) == 100, found
    answer = reverse(gateway, part["receipt"], "piece-" + part["id"], amount=40)[2]
    found = wait_until("the dispute", lambda: (c := check(gateway, answer))["disputed"] and c)
    assert found["status"] == "PENDING" and "Not settled" in found["next"], found


def test_a_reversal_whose_reply_is_lost_waits_for_its_result_and_asks_by_no_receipt(gateway, simulator):
    for outcome in ("reply_lost", "early_callback", "other_originator", "text_values", "odd_bytes", "hashed_phone"):
        payment = paid(gateway)
        simulator.outcome(outcome, phone=payment["party"])
        answer = reverse(gateway, payment["receipt"], outcome + payment["id"])
        assert answer[0] == 200, answer
        found = ends(gateway, answer[2], "SUCCESS")
        assert found["mpesa_receipt_number"] and not found["disputed"], found
        assert returned(simulator, payment) == 100
        assert not [q for q in status_questions(simulator) if payment["receipt"] in json.dumps(q)]


def test_a_payout_is_not_reversed(gateway, simulator):
    number = phone()
    gateway.pay_out(number)
    payout = gateway.wait_for(number, "succeeded")
    status, _, problem = reverse(gateway, payout["receipt"], "payout-" + payout["id"])
    assert problem["code"] == "not_supported" and "portal" in problem["detail"], (status, problem)
    assert reverse(gateway, "NOSUCHRECEIPT", "nothing-" + payout["id"])[0] == 404


def test_the_balance_follows_the_ledger(gateway, simulator):
    def working():
        def told():
            data = gateway.call("GET", "/tools/account-balance?account_type=PAYBILL")[2]["data"]
            return data["status"] == "SUCCESS" and data["accounts"]

        accounts = wait_until("the balance", told)
        return float(next(a["current"] for a in accounts if a["name"] == "Working Account"))

    payment = paid(gateway, 50)
    before = working()
    ends(gateway, reverse(gateway, payment["receipt"], "balance-" + payment["id"], amount=20)[2], "SUCCESS")
    assert working() == before - 20
