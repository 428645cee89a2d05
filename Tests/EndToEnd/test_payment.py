"""The main job, by every door: a payment goes from accepted to paid."""

import json
import os
import re
import subprocess

import pytest

from harness import ROOT, Gateway, Simulator, http, phone, wait_until

pytestmark = pytest.mark.isolations("declared", "sandbox")


def test_a_payment_goes_from_accepted_to_paid(gateway):
    number = phone()
    status, headers, answer = gateway.push(number, 150)
    assert status == 200 and answer["success"], answer
    assert answer["data"]["status"] == "PENDING" and "Not paid yet" in answer["data"]["next"], answer
    paid = gateway.wait_for(number, "succeeded")
    assert paid["receipt"] and paid["amount"] == 150, paid
    shown = gateway.call("GET", "/tools/transaction-status/" + answer["data"]["checkout_request_id"])[2]["data"]
    assert shown["status"] == "SUCCESS" and shown["mpesa_receipt_number"] == paid["receipt"], shown


def test_an_mcp_client_makes_the_same_payment(gateway):
    python = os.path.join(ROOT, ".build-fixtures", "mcp-client", "bin", "python")
    script = os.path.join(ROOT, "Tests", "EndToEnd", "mcp_payment.py")
    done = subprocess.run([python, script, os.path.join(gateway.folder, "dev.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_caller_may_wait_for_the_outcome(gateway):
    status, _, answer = gateway.call(
        "POST",
        "/tools/stk-push",
        {"phone_number": phone(), "amount": 75, "account_reference": "WAIT", "transaction_desc": "Wait"},
        Prefer="wait=20",
    )
    assert status == 200 and answer["data"]["status"] == "SUCCESS", answer


def test_a_repeat_may_wait_for_the_outcome_too(gateway):
    number = phone()
    body = {"phone_number": number, "amount": 75, "account_reference": "WAIT", "transaction_desc": "Wait"}
    first = gateway.call("POST", "/tools/stk-push", body, Idempotency_Key="wait-" + number)
    assert first[2]["data"]["status"] == "PENDING", first
    again = gateway.call("POST", "/tools/stk-push", body, Idempotency_Key="wait-" + number, Prefer="wait=20")
    assert again[1]["Idempotent-Replayed"] == "true" and again[2]["data"]["status"] == "SUCCESS", again
    assert again[2]["data"]["transaction_id"] == first[2]["data"]["transaction_id"]


def test_a_repeated_key_replays_and_charges_once(gateway):
    number = phone()
    first = gateway.push(number, idempotency="key-" + number)
    again = gateway.push(number, idempotency="key-" + number)
    assert again[1]["Idempotent-Replayed"] == "true", again
    assert again[2]["data"]["transaction_id"] == first[2]["data"]["transaction_id"]
    gateway.wait_for(number, "succeeded")
    charged = http("GET", f"{gateway.dev['simulator_url']}/simulator/ledger?phone={number}")[2]
    assert charged["count"] == 1, charged


def test_a_repeat_is_answered_after_a_restart_while_mpesa_is_away():
    simulator = Simulator()
    first = Gateway(simulator=simulator)
    number = phone()
    before = first.push(number, idempotency="away-" + number)[2]
    first.wait_for(number, "succeeded")
    first.end()
    second = first.again(simulator=simulator)
    simulator.end()
    try:
        status, headers, answer = second.push(number, idempotency="away-" + number)
        assert status == 200 and headers["Idempotent-Replayed"] == "true", answer
        assert answer["data"]["transaction_id"] == before["data"]["transaction_id"], answer
        other = second.push(number, 101, idempotency="away-" + number)
        assert other[0] == 422 and other[2]["code"] == "idempotency_key_reused", other
        new = second.push(phone(), idempotency="new-" + number)
        assert new[0] == 503 and new[2]["code"] == "upstream_unavailable", new
    finally:
        second.remove()


def test_the_same_call_without_a_key_is_the_same_payment(gateway):
    number = phone()
    first = gateway.push(number)
    again = gateway.push(number)
    assert again[2]["data"]["transaction_id"] == first[2]["data"]["transaction_id"], again


def test_a_key_with_other_arguments_is_refused(gateway):
    number = phone()
    gateway.push(number, 100, idempotency="other-" + number)
    status, _, problem = gateway.push(number, 101, idempotency="other-" + number)
    assert status == 422 and problem["code"] == "idempotency_key_reused", problem


def test_a_second_push_to_an_open_phone_is_guarded(gateway):
    number = phone()
    http("POST", gateway.dev["simulator_url"] + "/simulator/outcomes", {"outcome": "open", "phone": number})
    first = gateway.push(number, 10)[2]["data"]
    status, headers, problem = gateway.push(number, 20)
    assert status == 409 and problem["code"] == "conflict", problem
    assert problem["transaction_id"] == first["transaction_id"] and int(headers["Retry-After"]) > 0


def test_a_till_collects_by_buy_goods(gateway):
    number = phone()
    answer = gateway.push(number, 30, key=gateway.dev["limited"]["api_key"])[2]
    assert answer["data"]["status"] == "PENDING", answer
    requests = http("GET", gateway.dev["simulator_url"] + "/simulator/requests")[2]["requests"]
    body = next(r["body"] for r in requests if number in r["body"])
    assert "CustomerBuyGoodsOnline" in body and '"PartyB":"510100"' in body, body


def test_users_of_all_roles_log_in_and_out(gateway):
    for user in gateway.dev["users"]:
        credentials = {"username": user["username"], "password": user["password"], "organization": user["organization"]}
        status, _, answer = http("POST", gateway.url + "/auth/login", credentials)
        assert status == 200 and answer["data"]["user"]["role"] == user["role"], answer
        bearer = {"Authorization": "Bearer " + answer["data"]["token"]}
        assert http("GET", gateway.url + "/auth/verify", headers=bearer)[0] == 200
        assert http("POST", gateway.url + "/auth/logout", headers=bearer)[0] == 200
        assert http("GET", gateway.url + "/auth/verify", headers=bearer)[0] == 401
    wrong = {"username": "user", "password": "wrong", "organization": "demo"}
    assert http("POST", gateway.url + "/auth/login", wrong)[0] == 401


def test_the_documents_describe_the_tools(gateway):
    document = http("GET", gateway.url + "/openapi.json")[2]
    assert document["openapi"] == "3.1.0" and "/tools/stk-push" in document["paths"]
    listed = gateway.call("GET", "/tools")[2]["data"]
    assert {tool["name"] for tool in listed} == {
        "mpesa_stk_push", "mpesa_check_status", "mpesa_b2c_payment", "mpesa_bulk_payment", "mpesa_check_payout",
        "mpesa_check_balance", "mpesa_reverse_transaction", "mpesa_check_reversal", "mpesa_transaction_history",
        "mpesa_generate_report",
    }, listed


def test_the_openapi_document_is_one(gateway):
    python = os.path.join(ROOT, ".build-fixtures", "mcp-client", "bin", "python")
    document = os.path.join(gateway.folder, "openapi.json")
    with open(document, "w") as file:
        json.dump(http("GET", gateway.url + "/openapi.json")[2], file)
    done = subprocess.run([python, "-m", "openapi_spec_validator", document], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = json.dumps({"openapi": "3.1.0", "info": {"title": "x"}, "paths": {}})
    with open(document, "w") as file:
        file.write(broken)
    done = subprocess.run([python, "-m", "openapi_spec_validator", document], capture_output=True, text=True)
    assert done.returncode != 0, "the validator takes anything"


def test_the_table_of_actions_is_true(gateway):
    shown = set()
    for path, operations in http("GET", gateway.url + "/openapi.json")[2]["paths"].items():
        for method, operation in operations.items():
            if "x-role" in operation:
                scopes = ", ".join(f"`{scope}`" for scope in operation.get("x-scopes", []))
                words = [f"`{operation['operationId']}`", f"`{method.upper()} {path}`", operation["x-role"], scopes]
                shown.add("| " + " | ".join([*words, operation["summary"]]) + " |")
    with open(os.path.join(ROOT, "docs", "rest.md")) as file:
        told = {line.strip() for line in file if re.match(r"\| `[a-z_]+\.[a-z_]+` \| `", line)}
    assert told == shown, f"docs/rest.md lacks {shown - told} and has {told - shown}"


def test_operators_see_life_readiness_metrics_and_plugins(gateway):
    management = gateway.dev["management_url"]
    assert http("GET", management + "/livez")[0] == 200 and http("GET", management + "/readyz")[0] == 200
    metrics = http("GET", management + "/metrics")[2].decode()
    assert 'gateway_calls_total{door="rest",tool="mpesa_stk_push",result="ok"}' in metrics
    plugins = http("GET", management + "/plugins")[2]["plugins"]
    assert [(p["id"], p["state"]) for p in plugins] == [
        ("b2c", "live"), ("reports", "live"), ("reversal", "live"), ("stk-push", "live")
    ], plugins


def test_it_goes_on_where_it_was():
    gateway = Gateway()
    number = phone()
    gateway.push(number, 90)
    paid = gateway.wait_for(number, "succeeded")
    key = gateway.dev["api_key"]
    gateway.end()
    gateway = gateway.again()
    assert gateway.dev["api_key"] == key
    assert gateway.transaction(number)["receipt"] == paid["receipt"]
    wait_until("readiness", lambda: http("GET", gateway.dev["management_url"] + "/readyz")[0] == 200)
    gateway.remove()
