"""The same program on PostgreSQL: a payment, a crash, and going on where it was."""

import os
import subprocess

from harness import Gateway, Simulator, http, phone, wait_until

simulator = None
environment = None


def set_up():
    global simulator, environment
    server = dict(part.split("=") for part in os.environ["GATEWAY_TEST_POSTGRES"].split())
    subprocess.run(
        ["createdb", "-h", server["host"], "-p", server["port"], "-U", server["user"], "gateway"], check=True
    )
    url = f"postgresql://{server['user']}@/gateway?host={server['host']}&port={server['port']}"
    environment = {"GATEWAY_DATABASE_URL": url}
    simulator = Simulator()


def tear_down():
    simulator.end()


def test_a_payment_and_a_crash_on_postgresql():
    failing = {**environment, "GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": "after_send@2"}
    gateway = Gateway(simulator=simulator, environment=failing)
    number, second = phone(), phone()
    assert gateway.push(number, idempotency="pg-" + number)[2]["data"]["status"] == "PENDING"
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert gateway.push(number, idempotency="pg-" + number)[1]["Idempotent-Replayed"] == "true"
    try:
        gateway.push(second, idempotency="pg-" + second)
    except OSError:
        pass  # It died under the call, which is the point.
    gateway = gateway.again(simulator=simulator, environment=environment)
    assert gateway.transaction(second)["status"] == "PENDING"
    assert gateway.push(second, idempotency="pg-" + second)[1]["Idempotent-Replayed"] == "true"
    wait_until("the customer", lambda: simulator.charges(second)["count"] == 1)
    checkout = simulator.prompts(second)[0]["checkout_request_id"]
    http("POST", f"{simulator.url}/simulator/prompts/{checkout}/resend")
    assert gateway.wait_for(second, "succeeded")["receipt"]
    assert simulator.charges(second)["count"] == 1 and simulator.pushes(second) == 1
    gateway.remove()
