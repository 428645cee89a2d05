"""What a developer has at the terminal: events that are followed, brought to a program of theirs, and made to happen."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import threading

import pytest

from harness import PATIENCE, PROGRAM, Gateway, Process, free_port, wait_until


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


@pytest.fixture
def receiver():
    """A program that keeps what is posted to it."""
    kept = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            kept.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.kept = kept
    yield server
    server.shutdown()


def environment(gateway):
    return {"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.dev["api_key"]}


def trigger(gateway, kind):
    return subprocess.run(
        [PROGRAM, "trigger", kind], env={**os.environ, **environment(gateway)}, capture_output=True, text=True,
        timeout=PATIENCE,
    )


def test_events_are_brought_to_a_program_signed(gateway, receiver):
    place = f"http://127.0.0.1:{receiver.server_port}/hooks"
    with Process(["listen", "--forward-to", place], environment(gateway)) as listening:
        wait_until("the secret", lambda: "whsec_" in listening.output())
        secret = base64.b64decode(listening.output().split("whsec_")[1].split()[0])
        made = []
        # Whoever listens hears of what comes after they began: the first is made until one is heard of.
        wait_until(
            "the first event",
            lambda: made.append(trigger(gateway, "transaction.succeeded").stdout.strip()) or subjects(receiver) & set(made),
        )
        cancelled = trigger(gateway, "transaction.cancelled").stdout.strip()
        wait_until("a line of the other", lambda: f"204 transaction.cancelled {cancelled}" in listening.output())
    assert cancelled in subjects(receiver)
    for headers, body in receiver.kept:
        event = json.loads(body)
        assert headers["webhook-id"] == event["id"] and headers["Content-Type"] == "application/json", headers
        signed = f"{event['id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == "v1," + expected, headers


def subjects(receiver):
    """What the events that came are about."""
    return {json.loads(body)["subject"] for _, body in receiver.kept}


def test_what_is_followed_goes_on_after_the_gateway_was_away(simulator):
    with Gateway(simulator=simulator) as first:
        following = Process(["events", "tail", "--after", "now"], environment(first))
        with following:
            made = []
            wait_until(
                "the first event",
                lambda: made.append(trigger(first, "transaction.succeeded").stdout.strip()) or told(following) & set(made),
            )
            first.end()
            seen = told(following)
            wait_until("the cut", lambda: "going on from" in following.output())
            with first.again(simulator=simulator) as second:
                two = trigger(second, "transaction.failed").stdout.strip()
                wait_until("the other event", lambda: two in told(following))
            lines = [line for line in following.output().splitlines() if line.startswith("{")]
            assert len(lines) == len(set(lines)) and seen <= told(following), following.output()


def events(gateway):
    """What the feed has, and how each event's subject stood."""
    return [(event["type"], event["subject"]) for event in gateway.call("GET", "/events?limit=500")[2]["data"]]


@pytest.mark.parametrize("kind", [
    "transaction.late_success", "transaction.corrected", "transaction.disputed", "transaction.reversed",
    "transaction.withdrawn", "approval.requested", "approval.decided", "batch.requested",
    "batch.released", "batch.completed", "batch.paused", "task.succeeded",
])
def test_more_than_payments_can_be_made_to_happen(gateway, kind):
    done = trigger(gateway, kind)
    assert done.returncode == 0, done
    wait_until(kind, lambda: (kind, done.stdout.strip()) in events(gateway))


def told(following):
    return {json.loads(line)["subject"] for line in following.output().splitlines() if line.startswith("{")}


@pytest.mark.parametrize("words", [
    ["listen", "--forward-to", "https://example.com/hooks"], ["listen", "--forward-to", "ftp://127.0.0.1/"],
    ["listen", "--forward-to", "http://127.0.0.1:1/", "--secret", "whsec_AAAA"], ["trigger", "transaction.nonsense"],
])
def test_what_cannot_be_is_refused_in_a_line(gateway, words):
    done = subprocess.run(
        [PROGRAM, *words], env={**os.environ, **environment(gateway)}, capture_output=True, text=True, timeout=PATIENCE,
    )
    assert done.returncode == 1 and "expected" in done.stderr and len(done.stderr.splitlines()) == 1, done


def test_without_a_gateway_it_says_so_at_once():
    environment = {**os.environ, "GATEWAY_URL": f"http://127.0.0.1:{free_port()}", "GATEWAY_API_KEY": "k"}
    done = subprocess.run(
        [PROGRAM, "events", "tail"], env=environment, capture_output=True, text=True, timeout=PATIENCE,
    )
    assert done.returncode == 1 and "No gateway answers" in done.stderr, done
