"""M-Pesa over TLS: whom the gateway believes to be M-Pesa, and what it knows when a connection breaks."""

import os
import shutil
import tempfile

import pytest

from authority import Authority
from harness import PATIENCE, Gateway, Process, free_port, phone
from relay import Cut, Relay

PUSH = "processrequest"
OAUTH = "/oauth/v1/generate"
# Whatever may not stand in a log: the credentials of both organizations, and what is made of them.
SECRETS = ["demo-consumer-secret", "limited-consumer-secret", "bfb279f9aa9b", "limited-passkey", "ZGVtby1jb25zdW1lci1rZXk"]


@pytest.fixture(scope="module")
def authority(isolation):
    return Authority()


@pytest.fixture(scope="module")
def good(authority):
    return authority.server()


@pytest.fixture(scope="module")
def relay(simulator, good):
    relay = Relay(simulator.url, tls=good)
    yield relay
    relay.end()


@pytest.fixture(scope="module")
def gateway(relay, authority):
    with Gateway(simulator=relay, environment=trusting(authority)) as gateway:
        yield gateway


def trusting(whom):
    return {"GATEWAY_DARAJA_CA_FILE": whom.file, "GATEWAY_LOG_LEVEL": "trace"}


def becomes(gateway, relay, good, context):
    """The server shows this from now on, also to whom it knows; the token that the gateway holds stays good."""
    relay.tls = good
    relay.drop()
    assert gateway.push(phone())[0] == 200
    relay.tls = context
    relay.drop()


def keeps_secrets(gateway, number):
    log = "\n".join(line for line in gateway.output().splitlines() if line.startswith("{\"time\""))
    assert "transaction changed" in log
    token = gateway.dev["api_key"]
    for secret in [*SECRETS, token, number, "Bearer "]:
        assert secret not in log, secret


def is_never_sent(gateway, simulator, relay, reason):
    """A payment ends as never sent, for this reason, and the caller and the log say so."""
    number, read = phone(), len(relay.requests)

    status, fields, problem = gateway.push(number)

    assert status == 503 and problem["code"] == "upstream_unavailable", problem
    assert "nothing was sent" in problem["detail"] and reason in problem["detail"], problem
    row = gateway.transaction(number)
    assert row["state"] == "rejected" and row["charge_again"] == "yes", row
    assert "nothing was sent" in row["meaning"] and reason in row["meaning"], row
    assert "sent_ms" not in row and row["attempts"] == 1, row
    assert len(relay.requests) == read and simulator.charges(number)["count"] == 0
    assert reason in gateway.output(), gateway.output()
    keeps_secrets(gateway, number)


def test_a_server_that_a_trusted_authority_vouches_for(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server())
    number = phone()

    status, _, answer = gateway.push(number)

    assert status == 200, answer
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.charges(number)["count"] == 1 and relay.read(PUSH, number) == 1
    assert gateway.transaction(number)["sent_ms"] > 0
    keeps_secrets(gateway, number)


def test_a_payout_over_tls(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server())
    number = phone()

    assert gateway.pay_out(number)[0] == 200

    gateway.wait_for(number, "succeeded")
    assert simulator.payouts(number)["count"] == 1


def test_an_authority_that_nobody_knows(gateway, simulator, relay, good):
    becomes(gateway, relay, good, Authority().server())

    is_never_sent(gateway, simulator, relay, "unable to get local issuer certificate")


def test_another_hosts_name(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server(names="DNS:sandbox.safaricom.co.ke"))

    is_never_sent(gateway, simulator, relay, "no alternative certificate subject name matches target host name '127.0.0.1'")


def test_a_certificate_that_has_expired(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server(days=-1))

    is_never_sent(gateway, simulator, relay, "certificate has expired")


def test_a_connection_cut_in_the_handshake(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server())
    relay.cuts_handshake = True
    cut = relay.handshakes_cut
    try:
        is_never_sent(gateway, simulator, relay, "SSL connect error")
    finally:
        relay.cuts_handshake = False
    assert relay.handshakes_cut > cut


def test_a_server_that_speaks_no_tls(gateway, simulator, relay, good):
    becomes(gateway, relay, good, None)

    is_never_sent(gateway, simulator, relay, "SSL connect error")


def test_a_connection_cut_when_the_request_was_read_is_unknown(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server())
    number = phone()

    answer = cut_at(gateway, simulator, relay, "before", number)

    assert answer["data"]["state"] == "unknown" and "Do not ask again" in answer["data"]["next"], answer
    # The gateway cannot know what the test knows: that M-Pesa was never told.
    assert simulator.charges(number)["count"] == 0 and gateway.transaction(number)["status"] == "PENDING"
    keeps_secrets(gateway, number)


def test_a_connection_cut_when_mpesa_had_answered_is_unknown_and_the_callback_ends_it(gateway, simulator, relay, authority, good):
    becomes(gateway, relay, good, authority.server())
    number = phone()

    answer = cut_at(gateway, simulator, relay, "after", number)

    assert answer["data"]["state"] == "unknown", answer
    assert gateway.wait_for(number, "succeeded")["receipt"]
    assert simulator.charges(number)["count"] == 1


def cut_at(gateway, simulator, relay, moment, number):
    """Pushes; the connection is cut at this moment of the request for this number, which is read once."""

    def cut(_, body):
        if number in body:
            raise Cut

    setattr(relay, moment, cut)
    status, _, answer = gateway.push(number)
    assert status == 200, answer
    assert relay.read(PUSH, number) == 1 and simulator.pushes(number) <= 1
    return answer


def test_no_token_is_asked_of_a_server_that_is_not_believed(gateway, simulator, relay, good):
    becomes(gateway, relay, good, Authority().server())
    number, asked = phone(), relay.read(OAUTH)

    # The second organization has sent nothing yet, so it holds no token.
    status, _, problem = gateway.push(number, key=gateway.dev["limited"]["api_key"])

    assert status == 503 and problem["code"] == "upstream_unavailable", problem
    assert "nothing was sent" in problem["detail"], problem
    assert relay.read(OAUTH) == asked and simulator.charges(number)["count"] == 0
    assert "unable to get local issuer certificate" in gateway.output()
    keeps_secrets(gateway, number)


def test_a_gateway_without_the_file_believes_the_systems_authorities_only(simulator, relay, authority):
    relay.tls = authority.server()
    folder = tempfile.mkdtemp(prefix="gateway-")
    other = Gateway(folder=folder, simulator=relay)
    number = phone()
    try:
        status, _, problem = other.push(number)
        assert status == 503 and "nothing was sent" in problem["detail"], problem
        assert simulator.charges(number)["count"] == 0
    finally:
        other.remove()


def test_a_file_without_certificates_is_refused_at_the_start(authority):
    folder = tempfile.mkdtemp(prefix="gateway-")
    key = authority.path("authority.key")
    none = os.path.join(folder, "none.pem")
    for file, told in ((key, f"{key} must hold certificates"), (none, f"the file {none} cannot be read: No such file")):
        arguments = ["dev", "--data-dir", folder, "--port", str(free_port()), "--management-port", str(free_port())]
        process = Process(arguments, {"GATEWAY_DARAJA_CA_FILE": file})
        assert process.process.wait(timeout=PATIENCE) == 1
        assert f"GATEWAY_DARAJA_CA_FILE: {told}" in process.output(), process.output()
    shutil.rmtree(folder)
