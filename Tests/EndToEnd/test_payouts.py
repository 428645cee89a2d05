"""Money out, and the balance: what the gateway says of a payout, and how often the customer was really paid."""

import http.client
import json
import urllib.error

import pytest

import harness
from harness import Gateway, phone, wait_until

pytestmark = pytest.mark.isolations("declared", "sandbox")


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def pay_out(gateway, simulator, outcome, amount=100):
    number = phone()
    simulator.outcome(outcome, phone=number)
    return number, gateway.pay_out(number, amount)


def ends(gateway, simulator, outcome, state, paid, code=None):
    number, (status, _, answer) = pay_out(gateway, simulator, outcome)
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert not answer["data"]["next"].startswith("Paid"), answer
    found = gateway.wait_for(number, state)
    assert code is None or found["code"] == code, found
    assert simulator.payouts(number)["count"] == paid
    assert len(simulator.payouts(number)["payouts"]) == 1
    return found


def test_a_payout_goes_from_accepted_to_paid(gateway, simulator):
    found = ends(gateway, simulator, "paid", "succeeded", 1, "0")
    assert found["receipt"] == simulator.payouts(found["party"])["payouts"][0]["receipt"], found
    for name in (found["id"], found["external_ids"]["conversation_id"]):
        shown = gateway.call("GET", "/tools/b2c-payment/" + name)[2]["data"]
        assert shown["status"] == "SUCCESS" and shown["mpesa_receipt_number"] == found["receipt"], shown


def test_the_operators_password_leaves_encrypted_only(gateway, simulator):
    number, _ = pay_out(gateway, simulator, "paid")
    gateway.wait_for(number, "succeeded")
    requests = harness.http("GET", simulator.url + "/simulator/requests")[2]["requests"]
    bodies = [json.loads(r["body"]) for r in requests if number in r["body"]]
    credential = bodies[0]["SecurityCredential"]
    assert len(credential) == 344, credential  # 2,048 bits in base64
    assert "demo-operator-password" not in json.dumps(requests) + gateway.output()
    assert credential not in gateway.output()


def test_payouts_that_fail_say_why(gateway, simulator):
    for outcome, code in [
        ("insufficient_funds", "1"), ("wrong_pin", "2001"), ("cancelled", "2040"), ("expired", "4"),
        ("product_mismatch", "2028"), ("pin_locked", "8006"),
    ]:
        found = ends(gateway, simulator, outcome, "failed", 0, code)
        assert "receipt" not in found and found["whose_move"], found


def test_a_repeated_payout_key_pays_once(gateway, simulator):
    number = phone()
    first = gateway.pay_out(number, idempotency="payout-" + number)
    again = gateway.pay_out(number, idempotency="payout-" + number)
    assert again[1]["Idempotent-Replayed"] == "true", again
    assert again[2]["data"]["transaction_id"] == first[2]["data"]["transaction_id"]
    gateway.wait_for(number, "succeeded")
    assert simulator.payouts(number)["count"] == 1
    status, _, problem = gateway.pay_out(number, idempotency="another-" + number)
    assert status == 409 and problem["code"] == "conflict", problem
    assert simulator.payouts(number)["count"] == 1


def test_repeated_results_of_a_payout_are_harmless(gateway, simulator):
    found = ends(gateway, simulator, "duplicate_callbacks", "succeeded", 1)
    number = found["party"]
    wait_until("all results", lambda: len(simulator.payouts(number)["payouts"][0]["callback_statuses"]) == 3)
    assert simulator.payouts(number)["payouts"][0]["callback_statuses"] == [200, 200, 200]
    assert gateway.transaction(number)["version"] == found["version"]


def test_a_result_before_the_reply(gateway, simulator):
    number, (status, _, answer) = pay_out(gateway, simulator, "early_callback")
    assert status == 200, answer
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.payouts(number)["count"] == 1


def test_a_payout_whose_reply_is_lost_is_ended_by_its_result(gateway, simulator):
    for outcome in ("reply_lost", "http_503", "garbage", "no_ids"):
        number, (status, _, answer) = pay_out(gateway, simulator, outcome)
        assert answer["data"]["status"] == "PENDING", answer
        assert gateway.wait_for(number, "succeeded")["receipt"]
        assert simulator.payouts(number)["count"] == 1


def test_a_payout_that_m_pesa_refuses(gateway, simulator):
    for outcome, state in (("refused", "rejected"), ("busy", "rejected")):
        number, (status, _, answer) = pay_out(gateway, simulator, outcome)
        found = gateway.wait_for(number, state)
        assert "receipt" not in found, found
        assert simulator.payouts(number)["payouts"] == []


def test_a_result_with_another_amount_is_looked_into(gateway, simulator):
    number, _ = pay_out(gateway, simulator, "altered_amount")
    wait_until("the result", lambda: (p := simulator.payouts(number)["payouts"]) and p[0]["callback_statuses"])
    found = gateway.transaction(number)
    assert found["state"] != "succeeded", found


def test_a_reply_that_names_an_id_of_darajas_own_leaves_ours(gateway, simulator):
    found = ends(gateway, simulator, "other_originator", "succeeded", 1, "0")
    assert found["external_ids"]["originator_conversation_id"] == found["id"], found
    assert found["external_ids"]["reply_originator_conversation_id"].startswith("5118-"), found


def test_a_payout_written_otherwise_is_the_same(gateway, simulator):
    for outcome in ("masked_phone", "text_values", "odd_bytes", "other_forms", "hashed_phone"):
        found = ends(gateway, simulator, outcome, "succeeded", 1, "0")
        assert found["receipt"] and "disputed" not in found, found


def test_a_payout_of_which_no_amount_is_stated_is_asked_about(gateway, simulator):
    for outcome in ("lone_receipt", "bare_success"):
        found = ends(gateway, simulator, outcome, "succeeded", 1)
        assert found["receipt"] and [d["kind"] for d in found["disputes"]] == ["no_receipt"], found


def test_a_damaged_account_costs_no_other(gateway, simulator):
    harness.http("POST", simulator.url + "/simulator/balance", {
        "text": "Working Account|KES|1,700,000.00|1.00|0.00|0.00&Utility Account|KES|7.00|0.008",
    })
    try:
        answer = gateway.call("GET", "/tools/account-balance")[2]["data"]
        assert answer["status"] == "SUCCESS" and answer["accounts"][0]["current"] == "1700000.00", answer
        assert answer["unread"] == ["Utility Account|KES|7.00|0.008"], answer
    finally:
        harness.http("POST", simulator.url + "/simulator/balance", {})


def test_bad_arguments_of_a_payout_name_their_field(gateway):
    for arguments, field in [
        ({"amount": 0}, "amount"), ({"amount": 1.5}, "amount"), ({"amount": 5}, "amount"), ({"remarks": "x"}, "remarks"),
        ({"phone_number": "12345678901"}, "phone_number"), ({"command_id": "Gift"}, "command_id"),
        ({"organization_id": "x"}, "organization_id"),
    ]:
        status, _, problem = gateway.call(
            "POST", "/tools/b2c-payment", {"phone_number": phone(), "amount": 100, "remarks": "Test", **arguments}
        )
        assert status in (400, 422) and field in json.dumps(problem), (arguments, status, problem)


def test_a_payout_of_another_organization_is_not_found(gateway, simulator):
    number, (_, _, answer) = pay_out(gateway, simulator, "paid")
    identifier = answer["data"]["transaction_id"]
    other = gateway.dev["limited"]["api_key"]
    assert gateway.call("GET", "/tools/b2c-payment/" + identifier, key=other)[0] == 404


def test_the_balance_is_told_by_rest(gateway, simulator):
    number, _ = pay_out(gateway, simulator, "paid", 250)
    gateway.wait_for(number, "succeeded")
    status, _, answer = gateway.call("GET", "/tools/account-balance")
    assert status == 200 and answer["data"]["status"] == "SUCCESS", answer
    accounts = {a["name"]: a for a in answer["data"]["accounts"]}
    paid = harness.http("GET", simulator.url + "/simulator/payouts")[2]["total"]
    assert float(accounts["Utility Account"]["current"]) == 10_000_000 - paid, (accounts, paid)
    till = gateway.call("GET", "/tools/account-balance", key=gateway.dev["limited"]["api_key"])[2]
    assert till["data"]["status"] == "SUCCESS", till


def crash_at(simulator, point, was_sent):
    number = phone()
    key = "crash-" + number
    first = Gateway(simulator=simulator, environment={"GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": point})
    try:
        first.pay_out(number, idempotency=key)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        pass  # It died under the call, which is the point.
    wait_until(f"the crash at {point}", lambda: not first.is_running())
    assert len(simulator.payouts(number)["payouts"]) == (1 if was_sent else 0), point
    second = first.again(simulator=simulator)
    answer = second.pay_out(number, idempotency=key)
    if was_sent:
        assert answer[1]["Idempotent-Replayed"] == "true", answer
        conversation = simulator.payouts(number)["payouts"][0]["conversation_id"]

        def is_paid():
            current = second.transaction(number)
            if current["state"] == "succeeded":
                return current
            harness.http("POST", f"{simulator.url}/simulator/payouts/{conversation}/resend")
            return None

        assert wait_until("the payout", is_paid)["receipt"]
        assert simulator.payouts(number)["count"] == 1
    assert len(simulator.payouts(number)["payouts"]) <= 1
    second.remove()


@pytest.mark.parametrize(
    "point, was_sent",
    [
        pytest.param(point, was_sent, id=point)
        for point, was_sent in [
            ("before_send", False), ("after_send", True), ("after_reply_commit", True),
            ("callback_received", True), ("callback_kept", True), ("before_callback_commit", True),
        ]
    ],
)
def test_a_crash_of_a_payout_at(simulator, point, was_sent):
    crash_at(simulator, point, was_sent)
