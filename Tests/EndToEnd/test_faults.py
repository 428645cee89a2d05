"""Every fault of the simulator: what the gateway says of the payment, and how often the person was charged."""

import json

import pytest

from harness import Gateway, http, phone, wait_until

pytestmark = pytest.mark.isolations("declared", "sandbox")


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def push(gateway, simulator, outcome, amount=100):
    number = phone()
    simulator.outcome(outcome, phone=number)
    return number, gateway.push(number, amount)


def ends(gateway, simulator, outcome, state, charged, code=None):
    number, (status, _, answer) = push(gateway, simulator, outcome)
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    found = gateway.wait_for(number, state)
    assert code is None or found["code"] == code, found
    assert simulator.charges(number)["count"] == charged
    assert simulator.pushes(number) == 1
    return found


def test_a_customer_who_cancels(gateway, simulator):
    assert ends(gateway, simulator, "cancelled", "cancelled", 0, "1032")["charge_again"] == "yes"


def test_a_wrong_pin(gateway, simulator):
    ends(gateway, simulator, "wrong_pin", "failed", 0, "2001")


def test_no_answer_from_the_phone(gateway, simulator):
    ends(gateway, simulator, "timeout", "expired", 0, "1037")


def test_insufficient_funds(gateway, simulator):
    ends(gateway, simulator, "insufficient_funds", "failed", 0, "1")


def test_an_expired_request(gateway, simulator):
    ends(gateway, simulator, "expired", "expired", 0, "1019")


def test_a_wrong_product(gateway, simulator):
    ends(gateway, simulator, "product_mismatch", "failed", 0, "2028")


def test_a_locked_pin(gateway, simulator):
    ends(gateway, simulator, "pin_locked", "failed", 0, "8006")


def test_duplicate_callbacks_are_harmless(gateway, simulator):
    found = ends(gateway, simulator, "duplicate_callbacks", "succeeded", 1)
    number = found["party"]
    wait_until("all callbacks", lambda: len(simulator.prompts(number)[0]["callback_statuses"]) == 3)
    assert simulator.prompts(number)[0]["callback_statuses"] == [200, 200, 200]
    assert gateway.transaction(number)["version"] == found["version"]


def test_a_callback_before_the_reply(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "early_callback")
    assert status == 200, answer
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.charges(number)["count"] == 1


def test_a_late_callback(gateway, simulator):
    ends(gateway, simulator, "late_callback", "succeeded", 1)


def test_an_altered_amount_is_raised_and_never_applied(gateway, simulator):
    number, _ = push(gateway, simulator, "altered_amount")
    found = wait_until("the dispute", lambda: (t := gateway.transaction(number)) and t.get("disputed") and t)
    assert found["status"] == "PENDING", found


def test_an_altered_id_is_raised_and_never_applied(gateway, simulator):
    number, _ = push(gateway, simulator, "altered_id")
    found = wait_until("the dispute", lambda: (t := gateway.transaction(number)) and t.get("disputed") and t)
    assert found["status"] == "PENDING", found


def test_a_lost_reply_is_unknown_and_the_callback_finds_its_row(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "reply_lost")
    assert status == 200 and answer["data"]["state"] == "unknown", answer
    assert "Do not ask again" in answer["data"]["next"]
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.charges(number)["count"] == 1 and simulator.pushes(number) == 1


def test_silence_stays_pending_and_is_never_sent_again(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "silence")
    assert status == 200 and answer["data"]["state"] == "unknown", answer
    wait_until("the charge", lambda: simulator.charges(number)["count"] == 1)
    assert gateway.push(number, 55)[0] == 409
    assert simulator.pushes(number) == 1 and gateway.transaction(number)["status"] == "PENDING"


def test_a_connection_closed_without_an_answer(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "closed")
    assert status == 200 and answer["data"]["state"] == "unknown", answer
    assert simulator.pushes(number) == 1 and simulator.charges(number)["count"] == 0


def test_a_bare_500_proves_nothing(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "http_500")
    assert status == 200 and answer["data"]["state"] == "unknown", answer
    assert simulator.pushes(number) == 1


def test_a_503_after_the_prompt_was_sent(gateway, simulator):
    number, (status, _, answer) = push(gateway, simulator, "http_503")
    assert answer["data"]["state"] == "unknown", answer
    assert gateway.wait_for(number, "succeeded")["receipt"] and simulator.charges(number)["count"] == 1


def test_bytes_that_are_no_json(gateway, simulator):
    number, (_, _, answer) = push(gateway, simulator, "garbage")
    assert answer["data"]["state"] == "unknown", answer
    gateway.wait_for(number, "succeeded")


def test_an_answer_without_ids(gateway, simulator):
    number, (_, _, answer) = push(gateway, simulator, "no_ids")
    assert answer["data"]["state"] == "unknown", answer
    gateway.wait_for(number, "succeeded")


def refused(gateway, simulator, outcome, status, code):
    number, (got, _, problem) = push(gateway, simulator, outcome)
    assert got == status and problem["code"] == code, problem
    assert gateway.transaction(number)["state"] == "rejected"
    assert simulator.pushes(number) == 1 and simulator.charges(number)["count"] == 0


def test_a_busy_mpesa(gateway, simulator):
    refused(gateway, simulator, "busy", 503, "upstream_unavailable")


def test_a_spike_arrest(gateway, simulator):
    refused(gateway, simulator, "spike_arrest", 503, "upstream_unavailable")


def test_throttling_as_http_429(gateway, simulator):
    refused(gateway, simulator, "too_many_requests", 503, "upstream_unavailable")


def test_a_throttled_payout_is_not_made(gateway, simulator):
    number = phone()
    simulator.outcome("too_many_requests", phone=number)
    status, _, problem = gateway.pay_out(number)
    assert status == 503 and problem["code"] == "upstream_unavailable", problem
    assert gateway.transaction(number)["state"] == "rejected"
    assert simulator.payouts(number) == {"count": 0, "total": 0, "payouts": []}


def test_a_locked_subscriber(gateway, simulator):
    refused(gateway, simulator, "lock", 422, "upstream_rejected")


def test_a_response_code_that_is_not_zero(gateway, simulator):
    refused(gateway, simulator, "refused", 422, "upstream_rejected")


def test_a_spike_arrest_as_a_fault(gateway, simulator):
    refused(gateway, simulator, "spike_fault", 503, "upstream_unavailable")


def test_wrong_credentials_say_what_is_meant(gateway, simulator):
    number, (status, _, problem) = push(gateway, simulator, "wrong_credentials")
    assert status == 422 and "passkey" in json.dumps(problem), problem
    assert gateway.transaction(number)["whose_move"] == "organization"


def test_a_block_page_shows_its_status_and_how_it_begins(gateway, simulator):
    for outcome, code, words in (("block_page", "http_403", "Incapsula"), ("portal_page", "http_200", "portal")):
        number, (status, _, answer) = push(gateway, simulator, outcome)
        shown = answer["data"]
        assert status == 200 and shown["state"] == "unknown" and shown["result_code"] == code, answer
        assert words in shown["result_desc"] and shown["charge_again"] == "check_first", answer
        assert simulator.pushes(number) == 1 and simulator.charges(number)["count"] == 0


def test_what_is_written_otherwise_is_the_same_payment(gateway, simulator):
    for outcome in ("masked_phone", "text_values", "odd_bytes", "other_forms", "hashed_phone"):
        found = ends(gateway, simulator, outcome, "succeeded", 1, "0")
        assert found["receipt"] and "disputed" not in found, found


def test_a_success_that_states_no_amount_ends_nothing_until_it_is_asked_about(gateway, simulator):
    for outcome in ("lone_receipt", "bare_success"):
        found = ends(gateway, simulator, outcome, "succeeded", 1)
        shown = gateway.call("GET", "/transactions/" + found["id"])[2]["data"]["events"]
        assert [e["source"] for e in shown if e["to"] == "succeeded"][0].startswith("query"), shown


def test_half_a_shilling_more_contradicts_and_is_shown(gateway, simulator):
    number, _ = push(gateway, simulator, "fractional_amount")
    found = wait_until("the dispute", lambda: (t := gateway.transaction(number)) and t.get("disputed") and t)
    shown = gateway.call("GET", "/tools/transaction-status/" + found["id"])[2]["data"]
    assert shown["status"] == "PENDING" and shown["disputed"] and "100.5" in shown["dispute"], shown
    assert shown["charge_again"] == "check_first" and "again" not in shown["next"], shown


def test_a_code_that_no_table_has_is_shown(gateway, simulator):
    number, _ = push(gateway, simulator, "undocumented_code")
    found = wait_until("the code", lambda: (t := gateway.transaction(number)) and t.get("code") == "4321" and t)
    assert found["status"] == "PENDING" and "not documented" in found["meaning"], found
    assert "M-Pesa said" in found["meaning"], found


def test_a_dead_token_is_replaced_once(gateway, simulator):
    before = tokens(simulator)
    number, (status, _, answer) = push(gateway, simulator, "token_expired")
    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    gateway.wait_for(number, "succeeded")
    assert tokens(simulator) == before + 1 and simulator.charges(number)["count"] == 1


def tokens(simulator):
    return http("GET", simulator.url + "/simulator/requests")[2]["tokens_issued"]


def test_the_control_api_refuses_a_number_of_times_that_it_cannot_keep(simulator):
    for times in (0, -1, 1.5, "two", 10**10):
        status, _, body = http("POST", simulator.url + "/simulator/outcomes", {"outcome": "open", "times": times})
        assert status == 400 and "times: expected" in body["error"], (times, status, body)
