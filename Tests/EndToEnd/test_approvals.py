"""Two people and a payment that waits for one of them, over real sockets: docs/approvals.md in the order of the document."""

import base64
import hashlib
import hmac
import struct
import time

import pytest

from harness import Gateway, http, phone, wait_until


@pytest.fixture(scope="module")
def house(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def code(secret):
    """What an authenticator shows now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place:place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def log_in(gateway, role, with_factor=True):
    user = next(u for u in gateway.dev["users"] if u["role"] == role)
    credentials = {name: user[name] for name in ("username", "password", "organization")}
    token = http("POST", gateway.url + "/auth/login", credentials)[2]["data"]["token"]
    if with_factor:
        password = {"password": user["password"]}
        secret = gateway.call("POST", "/auth/second-factor", password, key=token)[2]["data"]["secret"]
        confirmed = gateway.call("POST", "/auth/second-factor/confirm", {**password, "code": code(secret)}, key=token)
        assert confirmed[0] == 200, confirmed
    return token


@pytest.fixture(scope="module")
def administrator(house):
    return log_in(house, "org_admin")


def test_a_payment_waits_for_somebody_else_and_is_sent_once(house, simulator, administrator):
    manager = log_in(house, "manager", with_factor=False)
    rules = {"rules": [{"direction": ["out"], "then": "approve"}]}
    assert house.call("PUT", "/approval-rules", rules, key=administrator)[0] == 200

    number = phone()
    held = house.pay_out(number, idempotency="held-" + number)[2]["data"]
    assert held["state"] == "draft" and held["approval"]["role"] == "manager", held
    path = "/approvals/" + held["transaction_id"]
    shown = house.call("GET", path, key=manager)[2]["data"]
    assert shown["transaction"]["party"] == number and shown["earlier_payments"] == 0, shown
    explained = house.call("GET", f"/transactions/{held['transaction_id']}/explanation", key=manager)[2]["data"]
    assert explained["whose_move"] == "approvers", explained

    assert house.call("POST", path + "/approve", {}, key=manager)[0] == 403
    assert house.call("POST", path + "/approve", {})[0] == 403
    assert simulator.payouts(number)["count"] == 0

    stopped = house.call("POST", "/payment-stops", {"what": "all"}, key=manager)
    assert stopped[0] == 200 and stopped[2]["data"]["stops"] == ["all"], stopped
    assert house.pay_out(phone())[0] == 403 and house.call("POST", path + "/approve", {}, key=administrator)[0] == 403
    assert house.call("DELETE", "/payment-stops/all", key=administrator)[0] == 200

    assert house.call("POST", path + "/approve", {}, key=administrator)[0] == 200
    wait_until("the payout", lambda: simulator.payouts(number)["count"] == 1)
    assert house.call("POST", path + "/approve", {}, key=administrator)[0] == 409
    house.wait_for(number, "succeeded")
    assert house.pay_out(number, idempotency="held-" + number)[2]["data"]["transaction_id"] == held["transaction_id"]
    assert simulator.payouts(number)["count"] == 1


def test_what_is_declined_is_never_sent(house, simulator):
    manager = log_in(house, "manager", with_factor=False)
    number = phone()
    held = house.pay_out(number, idempotency="no-" + number)[2]["data"]
    declined = house.call("POST", f"/approvals/{held['transaction_id']}/decline", {"reason": "no"}, key=manager)
    assert declined[0] == 200 and declined[2]["data"]["withdrawal"] == "declined", declined
    again = house.pay_out(number, idempotency="no-" + number)
    assert again[0] == 409 and again[2]["code"] == "approval_declined" and again[2]["charge_again"] == "no", again
    assert simulator.payouts(number)["count"] == 0


def test_a_mandate_and_people_by_name_are_set_shown_and_taken_back(house, administrator):
    manager = log_in(house, "manager", with_factor=False)
    key = house.call("GET", "/admin/keys", key=administrator)[2]["data"][0]["id"]
    later = int(time.time() * 1000) + 86_400_000
    terms = {"purpose": "refunds", "tools": ["mpesa_b2c_payment"], "call_max": 200, "day_max": 500, "until_ms": later}
    status, _, answer = house.call("PUT", "/mandates/" + key, terms, key=administrator)
    assert status == 200 and answer["data"]["state"] == "pending" and answer["data"]["pending"]["call_max"] == 200, answer
    assert house.call("PUT", "/mandates/" + key, terms)[0] == 403
    assert house.call("POST", f"/mandates/{key}/agree", {}, key=administrator)[0] == 403
    assert [m["key"] for m in house.call("GET", "/mandates", key=manager)[2]["data"]] == [key]
    assert house.call("DELETE", "/mandates/" + key, key=manager)[0] == 200
    assert house.call("GET", "/mandates", key=manager)[2]["data"] == []

    people = house.call("GET", "/admin/users", key=administrator)[2]["data"]
    named = [person["id"] for person in people if person["role"] == "org_admin"]
    rule = {"direction": ["out"], "then": "approve", "approvers": named}
    answer = house.call("PUT", "/approval-rules", {"rules": [rule]}, key=administrator)
    assert answer[0] == 200 and answer[2]["data"]["rules"][0]["approvers"] == named, answer
    held = house.pay_out(phone())[2]["data"]
    assert house.call("GET", "/approvals/" + held["transaction_id"], key=manager)[2]["data"]["approvers"] == named
    assert house.call("PUT", "/approvers/away", {"until_ms": later}, key=manager)[0] == 403
    assert house.call("PUT", "/approvers/away", {"until_ms": later}, key=administrator)[0] == 200
    assert house.call("GET", "/approval-rules", key=manager)[2]["data"]["away"][0]["user"] == named[0]
