"""What `dev` is told about where it sends."""

import json

from guests import compile_guest
from harness import Gateway, phone, wait_until
from plugins import install


def test_dev_sends_to_the_upstream_that_it_is_given_and_starts_no_simulator(simulator):
    gateway = Gateway(environment={"GATEWAY_DARAJA_URL": simulator.url})
    assert gateway.dev["simulator_url"] == simulator.url and "No simulator was started" in gateway.output()
    number = phone()
    assert gateway.push(number)[0] in (200, 202)
    gateway.wait_for(number, "succeeded")
    assert simulator.pushes(number) == 1
    gateway.remove()


RECORDED = [
    {
        "title": "Taken", "source": {"type": "reply", "status": 200}, "body": {"ResponseCode": "0"},
        "evidence": {"verdict": "accepted"},
    },
    {
        "title": "Paid", "source": {"type": "callback", "name": "result"},
        "body": {"ResultCode": 0, "Receipt": "NLJ7RT61SV"}, "evidence": {"verdict": "succeeded", "receipt": "NLJ7RT61SV"},
    },
]


def test_a_capability_that_the_simulator_does_not_know_is_tried_with_what_its_plugin_has_recorded():
    gateway = Gateway()
    text = ",".join(json.dumps(example, separators=(",", ":")).replace('"', '\\"') for example in RECORDED)
    # Without a recording the simulator's answer is Daraja's to a path that there is not, which proves nothing.
    for amount, recorded, state in [(10, '""', "unknown"), (20, f'"{text}"', "succeeded")]:
        install(gateway, compile_guest("RECORDED", recorded), "--promote")
        status, _, answer = gateway.call("POST", "/tools/guest_pay", {"phone": "254712345678", "amount": amount})
        assert status == 200 and "replayed" not in answer, answer
        wait_until(
            f"the payment to be {state}",
            lambda: gateway.call("GET", "/transactions?limit=1")[2]["data"][0]["state"] == state,
        )
    gateway.remove()
