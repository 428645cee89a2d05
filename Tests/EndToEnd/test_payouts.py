"""Money out, and the balance: what the gateway says of a payout, and how often the customer was really paid."""

import http.client
import json
import os
import sqlite3
import subprocess
import threading
import urllib.error

import harness
from harness import Gateway, Simulator, phone, wait_until

gateway = None
simulator = None


def set_up():
    global gateway, simulator
    simulator = Simulator()
    gateway = Gateway(simulator=simulator)


def tear_down():
    gateway.remove()
    simulator.end()


def pay_out(outcome, amount=100):
    number = phone()
    simulator.outcome(outcome, phone=number)
    return number, gateway.pay_out(number, amount)


def ends(outcome, state, paid, code=None):
    number, (status, _, answer) = pay_out(outcome)
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert not answer["data"]["next"].startswith("Paid"), answer
    found = gateway.wait_for(number, state)
    assert code is None or found["code"] == code, found
    assert simulator.payouts(number)["count"] == paid
    assert len(simulator.payouts(number)["payouts"]) == 1
    return found


def test_a_payout_goes_from_accepted_to_paid():
    found = ends("paid", "succeeded", 1, "0")
    assert found["receipt"] == simulator.payouts(found["party"])["payouts"][0]["receipt"], found
    for name in (found["id"], found["external_ids"]["conversation_id"]):
        shown = gateway.call("GET", "/tools/b2c-payment/" + name)[2]["data"]
        assert shown["status"] == "SUCCESS" and shown["mpesa_receipt_number"] == found["receipt"], shown


def test_the_operators_password_leaves_encrypted_only():
    number, _ = pay_out("paid")
    gateway.wait_for(number, "succeeded")
    requests = harness.http("GET", simulator.url + "/simulator/requests")[2]["requests"]
    bodies = [json.loads(r["body"]) for r in requests if number in r["body"]]
    credential = bodies[0]["SecurityCredential"]
    assert len(credential) == 344, credential  # 2,048 bits in base64
    assert "demo-operator-password" not in json.dumps(requests) + gateway.output()
    assert credential not in gateway.output()


def test_payouts_that_fail_say_why():
    for outcome, code in [
        ("insufficient_funds", "1"), ("wrong_pin", "2001"), ("cancelled", "2040"), ("expired", "4"),
        ("product_mismatch", "2028"), ("pin_locked", "8006"),
    ]:
        found = ends(outcome, "failed", 0, code)
        assert "receipt" not in found and found["whose_move"], found


def test_a_repeated_payout_key_pays_once():
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


def test_repeated_results_of_a_payout_are_harmless():
    found = ends("duplicate_callbacks", "succeeded", 1)
    number = found["party"]
    wait_until("all results", lambda: len(simulator.payouts(number)["payouts"][0]["callback_statuses"]) == 3)
    assert simulator.payouts(number)["payouts"][0]["callback_statuses"] == [200, 200, 200]
    assert gateway.transaction(number)["version"] == found["version"]


def test_a_result_before_the_reply():
    number, (status, _, answer) = pay_out("early_callback")
    assert status == 200, answer
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.payouts(number)["count"] == 1


def test_a_payout_whose_reply_is_lost_is_ended_by_its_result():
    for outcome in ("reply_lost", "http_503", "garbage", "no_ids"):
        number, (status, _, answer) = pay_out(outcome)
        assert answer["data"]["status"] == "PENDING", answer
        assert gateway.wait_for(number, "succeeded")["receipt"]
        assert simulator.payouts(number)["count"] == 1


def test_a_payout_that_m_pesa_refuses():
    for outcome, state in (("refused", "rejected"), ("busy", "rejected")):
        number, (status, _, answer) = pay_out(outcome)
        found = gateway.wait_for(number, state)
        assert "receipt" not in found, found
        assert simulator.payouts(number)["payouts"] == []


def test_a_result_with_another_amount_is_looked_into():
    number, _ = pay_out("altered_amount")
    wait_until("the result", lambda: (p := simulator.payouts(number)["payouts"]) and p[0]["callback_statuses"])
    found = gateway.transaction(number)
    assert found["state"] != "succeeded", found


def test_a_reply_that_names_an_id_of_darajas_own_leaves_ours():
    found = ends("other_originator", "succeeded", 1, "0")
    assert found["external_ids"]["originator_conversation_id"] == found["id"], found
    assert found["external_ids"]["reply_originator_conversation_id"].startswith("5118-"), found


def test_a_payout_written_otherwise_is_the_same():
    for outcome in ("masked_phone", "text_values", "odd_bytes"):
        found = ends(outcome, "succeeded", 1, "0")
        assert found["receipt"] and "disputed" not in found, found


def test_a_damaged_account_costs_no_other():
    harness.http("POST", simulator.url + "/simulator/balance", {
        "text": "Working Account|KES|1,700,000.00|1.00|0.00|0.00&Utility Account|KES|7.00|0.008",
    })
    try:
        answer = gateway.call("GET", "/tools/account-balance")[2]["data"]
        assert answer["status"] == "SUCCESS" and answer["accounts"][0]["current"] == "1700000.00", answer
        assert answer["unread"] == ["Utility Account|KES|7.00|0.008"], answer
    finally:
        harness.http("POST", simulator.url + "/simulator/balance", {})


def test_bad_arguments_of_a_payout_name_their_field():
    for arguments, field in [
        ({"amount": 0}, "amount"), ({"amount": 1.5}, "amount"), ({"amount": 5}, "amount"), ({"remarks": "x"}, "remarks"),
        ({"phone_number": "12345678901"}, "phone_number"), ({"command_id": "Gift"}, "command_id"),
        ({"organization_id": "x"}, "organization_id"),
    ]:
        status, _, problem = gateway.call(
            "POST", "/tools/b2c-payment", {"phone_number": phone(), "amount": 100, "remarks": "Test", **arguments}
        )
        assert status in (400, 422) and field in json.dumps(problem), (arguments, status, problem)


def test_a_payout_of_another_organization_is_not_found():
    number, (_, _, answer) = pay_out("paid")
    identifier = answer["data"]["transaction_id"]
    other = gateway.dev["limited"]["api_key"]
    assert gateway.call("GET", "/tools/b2c-payment/" + identifier, key=other)[0] == 404


def test_the_balance_is_told_by_rest():
    number, _ = pay_out("paid", 250)
    gateway.wait_for(number, "succeeded")
    status, _, answer = gateway.call("GET", "/tools/account-balance")
    assert status == 200 and answer["data"]["status"] == "SUCCESS", answer
    accounts = {a["name"]: a for a in answer["data"]["accounts"]}
    paid = harness.http("GET", simulator.url + "/simulator/payouts")[2]["total"]
    assert float(accounts["Utility Account"]["current"]) == 10_000_000 - paid, (accounts, paid)
    till = gateway.call("GET", "/tools/account-balance", key=gateway.dev["limited"]["api_key"])[2]
    assert till["data"]["status"] == "SUCCESS", till


ONE_AT_A_TIME = threading.Lock()
ASKED = [
    # What happens, the point of the crash, how it ends, whether it was paid, whether there is a receipt.
    ("no_callback", None, "succeeded", 1),
    ("silence", None, "succeeded", 1),
    ("no_callback", "before_query", "succeeded", 1),
    ("no_callback", "after_query", "succeeded", 1),
    ("timeout", None, "reconciling", 0),
]


def test_a_payout_without_a_result_is_found_out_by_asking():
    """Slow on purpose: the first question comes after 20 s. All run at the same time."""
    failures = []
    threads = [threading.Thread(target=ask, args=(*case, failures)) for case in ASKED]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def ask(outcome, point, state, paid, failures):
    own = None
    try:
        number = phone()
        simulator.outcome(outcome, phone=number)
        environment = {"GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": point} if point else None
        own = Gateway(simulator=simulator, environment=environment)
        # One at a time: these gateways share one M-Pesa credential, and each new token kills the others'.
        with ONE_AT_A_TIME:
            answer = own.pay_out(number)[2]
        assert answer.get("data", {}).get("status") == "PENDING", answer
        if point:
            wait_until(f"the crash at {point}", lambda: not own.is_running(), 40)
            own = own.again(simulator=simulator)
        found = own.wait_for(number, state, seconds=60)
        assert (found.get("receipt") is not None) == (state == "succeeded"), found
        payouts = simulator.payouts(number)
        assert payouts["count"] == paid and len(payouts["payouts"]) == 1, payouts
    except BaseException as error:  # A thread's failure must reach the test.
        failures.append(f"{outcome} {point}: {error!r}")
    finally:
        if own:
            own.remove()


def crash_at(point, was_sent):
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


def make(point, was_sent):
    return lambda: crash_at(point, was_sent)


for _point, _was_sent in [
    ("before_send", False), ("after_send", True), ("after_reply_commit", True),
    ("callback_received", True), ("callback_kept", True), ("before_callback_commit", True),
]:
    globals()[f"test_a_crash_of_a_payout_at_{_point}"] = make(_point, _was_sent)


def test_an_operator_sets_an_organizations_switch_by_the_command_line():
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_MANAGEMENT_URL": gateway.dev["management_url"],
        "GATEWAY_OPERATOR_TOKEN_FILE": gateway.dev["operator_token_file"],
    }

    def organization(*arguments, **more):
        command = [harness.PROGRAM, "organization", *arguments]
        return subprocess.run(command, env={**environment, **more}, capture_output=True, text=True)

    assert json.loads(organization("show", "demo").stdout)["resends_not_found"] is False
    done = organization("set", "demo", "--resends-not-found", "on")
    assert done.returncode == 0 and json.loads(done.stdout)["resends_not_found"] is True, done
    assert json.loads(organization("show", "demo").stdout)["resends_not_found"] is True
    with sqlite3.connect(os.path.join(gateway.folder, "gateway.db")) as database:
        query = "SELECT subject, outcome FROM audit WHERE action = 'ORGANIZATION_CHANGED' ORDER BY audit_id"
        assert database.execute(query).fetchall() == [("operator", "begun"), ("operator", "SUCCESS")]
    wrong = os.path.join(gateway.folder, "wrong.token")
    with open(wrong, "w") as file:
        os.chmod(wrong, 0o600)
        file.write("x" * 40)
    stranger = organization("set", "demo", "--resends-not-found", "off", GATEWAY_OPERATOR_TOKEN_FILE=wrong)
    assert stranger.returncode == 1 and "operator's token" in stranger.stderr, stranger
    nobody = organization("set", "nobody", "--resends-not-found", "off")
    assert nobody.returncode == 1 and "no organization" in nobody.stderr, nobody
    assert json.loads(organization("show", "demo").stdout)["resends_not_found"] is True
    assert organization("set", "demo", "--resends-not-found", "off").returncode == 0
