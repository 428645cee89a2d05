"""What `dev` is told about where it sends."""

from harness import Gateway, phone


def test_dev_sends_to_the_upstream_that_it_is_given_and_starts_no_simulator(simulator):
    gateway = Gateway(environment={"GATEWAY_DARAJA_URL": simulator.url})
    assert gateway.dev["simulator_url"] == simulator.url and "No simulator was started" in gateway.output()
    number = phone()
    assert gateway.push(number)[0] in (200, 202)
    gateway.wait_for(number, "succeeded")
    assert simulator.pushes(number) == 1
    gateway.remove()
