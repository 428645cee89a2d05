"""Access tokens that end by the clock, in the middle of work and under a request's feet: every payment is charged once."""

import base64
import threading

import pytest

from harness import Gateway, Simulator, http, phone, wait_until
from relay import Relay

DEMO = "demo-consumer-key"
PUSH = "/mpesa/stkpush/v1/processrequest"
PAYOUT = "/mpesa/b2c/v3/paymentrequest"


@pytest.fixture(scope="module")
def simulator(isolation):
    with Simulator(more=["--token-life", "2"]) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def relay(simulator):
    relay = Relay(simulator.url)
    yield relay
    relay.end()


@pytest.fixture(scope="module")
def gateway(relay):
    with Gateway(simulator=relay) as gateway:
        yield gateway


def tokens(simulator):
    return http("GET", simulator.url + "/simulator/tokens")[2]


def lives(simulator, milliseconds, stated):
    # A token lives as long as it was given: the last is voided by one that ends at once, so that the next is meant.
    for life, said in ((1, 1), (milliseconds, stated)):
        answer = http("POST", simulator.url + "/simulator/tokens", {"life_ms": life, "stated_s": said})
        assert answer[0] == 200 and answer[2]["stated_s"] == said, answer
        if life == 1:
            generate(simulator)
            wait_until("the last token's end", lambda: not any(tokens(simulator)["left_ms"].values()))


def generate(simulator):
    pair = base64.b64encode(b"demo-consumer-key:demo-consumer-secret").decode()
    url = simulator.url + "/oauth/v1/generate?grant_type=client_credentials"
    return http("GET", url, headers={"Authorization": "Basic " + pair})[2]


def ask(simulator, token):
    """Asks with a token; answers the error's code, which names the request's fault where the token is in force."""
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    return http("POST", simulator.url + PUSH, {}, headers)[2]["errorCode"]


def test_the_simulators_option_says_how_long_tokens_live(simulator):
    assert generate(simulator)["expires_in"] == "2" and tokens(simulator)["life_ms"] == 2000


def test_each_new_token_voids_the_last(simulator):
    lives(simulator, 3_600_000, stated=3600)
    first = generate(simulator)["access_token"]
    assert ask(simulator, first) == "400.002.02"

    second = generate(simulator)["access_token"]

    assert ask(simulator, first) == "404.001.03" and ask(simulator, second) == "400.002.02"


def test_a_token_ends_by_the_clock(simulator):
    lives(simulator, 3_600_000, stated=3600)
    lasting = generate(simulator)["access_token"]
    assert 0 < tokens(simulator)["left_ms"][DEMO] <= 3_600_000 and ask(simulator, lasting) == "400.002.02"
    lives(simulator, 500, stated=3600)
    token = generate(simulator)["access_token"]

    wait_until("its end", lambda: tokens(simulator)["left_ms"][DEMO] == 0)

    assert ask(simulator, token) == "404.001.03"


def test_a_life_that_is_none_is_refused(simulator):
    for body in ({}, {"life_ms": 0}, {"life_ms": "2000"}, {"life_ms": 1000, "stated_s": 0}):
        assert http("POST", simulator.url + "/simulator/tokens", body)[0] == 400, body


def work(gateway, simulator, expiries):
    """Four customers after each other in four lanes until tokens have been issued so often; answers all phones."""
    end = tokens(simulator)["issued"] + expiries
    numbers, faults, lock = [], [], threading.Lock()

    def lane():
        while tokens(simulator)["issued"] < end and not faults:
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


def test_tokens_that_end_in_the_middle_of_work_are_replaced_in_time(gateway, simulator):
    lives(simulator, 2000, stated=2)

    numbers = work(gateway, simulator, expiries=3)

    # A new token voids the last, so a request that is on its way with it meanwhile is sent once more; never twice.
    assert {simulator.pushes(number) for number in numbers} <= {1, 2}


def test_tokens_that_end_earlier_than_they_said_are_replaced_when_they_are_refused(gateway, simulator):
    lives(simulator, 2000, stated=3599)

    numbers = work(gateway, simulator, expiries=3)

    assert {simulator.pushes(number) for number in numbers} == {1, 2}


def held_until_the_token_ends(gateway, simulator, relay, path):
    """Holds the next request to a path on its way until its token, which is a new one, has ended."""
    # The gateway believes in the token that ended long ago: this payment finds out, and has it replaced.
    assert gateway.push(phone())[0] == 200
    held = []

    def before(where, _):
        if where == path and not held:
            held.append(tokens(simulator)["left_ms"][DEMO])
            wait_until("the token's end", lambda: tokens(simulator)["left_ms"][DEMO] == 0)

    relay.before = before
    return held


def test_a_token_that_ends_while_a_push_is_on_its_way(gateway, simulator, relay):
    lives(simulator, 5000, stated=3599)
    held = held_until_the_token_ends(gateway, simulator, relay, PUSH)
    number, before = phone(), tokens(simulator)["issued"]

    status, _, answer = gateway.push(number)

    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert len(held) == 1 and held[0] > 0, held
    assert gateway.wait_for(number, "succeeded")["receipt"]
    # Read twice, the first time refused for its token; charged once.
    assert simulator.pushes(number) == 2 and simulator.charges(number)["count"] == 1
    assert tokens(simulator)["issued"] == before + 1


def test_a_token_that_ends_while_a_payout_is_on_its_way(gateway, simulator, relay):
    lives(simulator, 5000, stated=3599)
    number = phone()
    held = held_until_the_token_ends(gateway, simulator, relay, PAYOUT)

    status, _, answer = gateway.pay_out(number, 100)

    assert status == 200 and answer["data"]["status"] == "PENDING", answer
    assert len(held) == 1 and held[0] > 0, held
    gateway.wait_for(number, "succeeded")
    paid = simulator.payouts(number)
    assert paid["count"] == 1 and len(paid["payouts"]) == 1, paid
    assert relay.read(PAYOUT, number) == 2
