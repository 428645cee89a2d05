"""Access tokens that end by the clock, in the middle of work and under a request's feet: every payment is charged once."""

import base64
import threading

from harness import Gateway, Simulator, http, phone, wait_until
from relay import Relay

DEMO = "demo-consumer-key"
PUSH = "/mpesa/stkpush/v1/processrequest"
PAYOUT = "/mpesa/b2c/v3/paymentrequest"

simulator = None
relay = None
gateway = None


def set_up():
    global simulator, relay, gateway
    simulator = Simulator(more=["--token-life", "2"])
    relay = Relay(simulator.url)
    gateway = Gateway(simulator=relay)


def tear_down():
    gateway.remove()
    relay.end()
    simulator.end()


def tokens():
    return http("GET", simulator.url + "/simulator/tokens")[2]


def lives(milliseconds, stated):
    answer = http("POST", simulator.url + "/simulator/tokens", {"life_ms": milliseconds, "stated_s": stated})
    assert answer[0] == 200 and answer[2]["stated_s"] == stated, answer
    # A token that was issued before lives as long as it was given: the next are the ones that are meant.
    wait_until("the last token's end", lambda: not any(tokens()["left_ms"].values()))


def generate():
    pair = base64.b64encode(b"demo-consumer-key:demo-consumer-secret").decode()
    url = simulator.url + "/oauth/v1/generate?grant_type=client_credentials"
    return http("GET", url, headers={"Authorization": "Basic " + pair})[2]


def ask(token):
    """Asks with a token; answers the error's code, which names the request's fault where the token is in force."""
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    return http("POST", simulator.url + PUSH, {}, headers)[2]["errorCode"]


def test_the_simulators_option_says_how_long_tokens_live():
    assert generate()["expires_in"] == "2" and tokens()["life_ms"] == 2000


def test_each_new_token_voids_the_last():
    first = generate()["access_token"]
    assert ask(first) == "400.002.02"

    second = generate()["access_token"]

    assert ask(first) == "404.001.03" and ask(second) == "400.002.02"


def test_a_token_ends_by_the_clock():
    token = generate()["access_token"]
    assert 0 < tokens()["left_ms"][DEMO] <= 2000

    wait_until("its end", lambda: tokens()["left_ms"][DEMO] == 0)

    assert ask(token) == "404.001.03"


def test_a_life_that_is_none_is_refused():
    for body in ({}, {"life_ms": 0}, {"life_ms": "2000"}, {"life_ms": 1000, "stated_s": 0}):
        assert http("POST", simulator.url + "/simulator/tokens", body)[0] == 400, body


def work(expiries):
    """Four customers after each other in four lanes until tokens have been issued so often; answers all phones."""
    end = tokens()["issued"] + expiries
    numbers, faults, lock = [], [], threading.Lock()

    def lane():
        while tokens()["issued"] < end and not faults:
            with lock:
                number = phone()
            status, _, answer = gateway.push(number)
            if status != 200:
                return faults.append((number, answer))
            numbers.append(number)
            try:
                gateway.wait_for(number, "succeeded")
            except AssertionError as error:
                return faults.append((number, error))

    lanes = [threading.Thread(target=lane) for _ in range(4)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    assert not faults, faults
    for number in numbers:
        assert simulator.charges(number)["count"] == 1, number
    assert len(numbers) == len(set(numbers)) > expiries
    return numbers


def test_tokens_that_end_in_the_middle_of_work_are_replaced_in_time():
    lives(2000, stated=2)

    numbers = work(expiries=3)

    # A new token voids the last, so a request that is on its way with it meanwhile is sent once more; never twice.
    assert {simulator.pushes(number) for number in numbers} <= {1, 2}


def test_tokens_that_end_earlier_than_they_said_are_replaced_when_they_are_refused():
    lives(2000, stated=3599)

    numbers = work(expiries=3)

    assert {simulator.pushes(number) for number in numbers} == {1, 2}


def held_until_the_token_ends(path):
    """Holds the next request to a path on its way until its token, which is a new one, has ended."""
    # The gateway believes in the token that ended long ago: this payment finds out, and has it replaced.
    assert gateway.push(phone())[0] == 200
    held = []

    def before(where, _):
        if where == path and not held:
            held.append(tokens()["left_ms"][DEMO])
            wait_until("the token's end", lambda: tokens()["left_ms"][DEMO] == 0)

    relay.before = before
    return held


def test_a_token_that_ends_while_a_push_is_on_its_way():
    lives(5000, stated=3599)
    held = held_until_the_token_ends(PUSH)
    number, before = phone(), tokens()["issued"]

    status, _, answer = gateway.push(number)

    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert len(held) == 1 and held[0] > 0, held
    assert gateway.wait_for(number, "succeeded")["receipt"]
    # Read twice, the first time refused for its token; charged once.
    assert simulator.pushes(number) == 2 and simulator.charges(number)["count"] == 1
    assert tokens()["issued"] == before + 1


def test_a_token_that_ends_while_a_payout_is_on_its_way():
    lives(5000, stated=3599)
    number = phone()
    held = held_until_the_token_ends(PAYOUT)

    status, _, answer = gateway.pay_out(number, 100)

    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert len(held) == 1 and held[0] > 0, held
    gateway.wait_for(number, "succeeded")
    paid = simulator.payouts(number)
    assert paid["count"] == 1 and len(paid["payouts"]) == 1, paid
    assert relay.read(PAYOUT, number) == 2
