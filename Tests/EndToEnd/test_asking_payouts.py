"""No result of a payout comes: the gateway asks by itself, also when it crashes meanwhile.

Slow on purpose: the first question comes after 20 s. All gateways of this file run at the same time.
"""

import threading

import pytest

from harness import Gateway, phone, wait_until

pytestmark = [pytest.mark.long, pytest.mark.isolations("declared", "sandbox")]

ONE_AT_A_TIME = threading.Lock()
ASKED = [
    # What happens, the point of the crash, how it ends, whether it was paid, whether there is a receipt.
    ("no_callback", None, "succeeded", 1),
    ("silence", None, "succeeded", 1),
    ("no_callback", "before_query", "succeeded", 1),
    ("no_callback", "after_query", "succeeded", 1),
    ("timeout", None, "reconciling", 0),
]


def test_a_payout_without_a_result_is_found_out_by_asking(simulator):
    failures = []
    threads = [threading.Thread(target=ask, args=(simulator, *case, failures)) for case in ASKED]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def ask(simulator, outcome, point, state, paid, failures):
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
            wait_until(f"the crash at {point}", lambda: not own.is_running())
            own = own.again(simulator=simulator)
        found = own.wait_for(number, state)
        assert (found.get("receipt") is not None) == (state == "succeeded"), found
        payouts = simulator.payouts(number)
        assert payouts["count"] == paid and len(payouts["payouts"]) == 1, payouts
    except BaseException as error:  # A thread's failure must reach the test.
        failures.append(f"{outcome} {point}: {error!r}")
    finally:
        if own:
            own.remove()
