"""No callback comes: the gateway asks by itself, and a crash while it asks loses nothing and charges nobody twice.

Slow on purpose: the first question comes 20 s after the push. All gateways of this file run at the same time.
"""

import threading

import pytest

from harness import Gateway, phone, wait_until

pytestmark = pytest.mark.long

ONE_AT_A_TIME = threading.Lock()
POINTS = [None, "before_query", "after_query", "after_query_commit"]


def test_no_callback_is_found_out_by_asking_and_a_crash_while_asking_is_survived(simulator):
    failures = []
    threads = [threading.Thread(target=run, args=(simulator, point, failures)) for point in POINTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def run(simulator, point, failures):
    gateway = None
    try:
        number = phone()
        simulator.outcome("no_callback", phone=number)
        environment = {"GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": point} if point else None
        gateway = Gateway(simulator=simulator, environment=environment)
        # One at a time: these gateways share one M-Pesa credential, and each new token kills the others'.
        with ONE_AT_A_TIME:
            answer = gateway.push(number)[2]
        assert answer.get("data", {}).get("status") == "PENDING", answer
        if point:
            wait_until(f"the crash at {point}", lambda: not gateway.is_running())
            gateway = gateway.again(simulator=simulator)
        paid = gateway.wait_for(number, "succeeded")
        assert paid.get("receipt") is None, paid  # A query names no receipt.
        # Prompts, not requests: these gateways share one M-Pesa credential, so each new token kills the others', and
        # a push refused for its token is sent again, rightly.
        charges, prompts = simulator.charges(number)["count"], len(simulator.prompts(number))
        assert (charges, prompts) == (1, 1), f"{charges} charges, {prompts} prompts"
    except BaseException as error:  # A thread's failure must reach the test.
        failures.append(f"{point}: {error!r}")
    finally:
        if gateway:
            gateway.remove()
