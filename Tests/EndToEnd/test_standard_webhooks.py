"""What the public library of Standard Webhooks makes of the events that `listen` brings."""

import base64
import contextlib
import json
import os
import subprocess
import threading
import urllib.request

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, Process, wait_until


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def told(gateway):
    """A cursor, and the subjects of what was made to happen behind it."""
    cursor = page(gateway, "after=now")["next_after"]
    subjects = [trigger(gateway, kind) for kind in ("transaction.succeeded", "transaction.cancelled")]
    wait_until("the events", lambda: set(subjects) <= seen_behind(gateway, cursor))
    return cursor, subjects


def seen_behind(gateway, cursor):
    """What the events behind a cursor are about."""
    return {event["subject"] for event in page(gateway, f"after={cursor}")["data"]}


def page(gateway, query):
    request = urllib.request.Request(f"{gateway.url}/events?{query}")
    request.add_header("Authorization", "Bearer " + gateway.dev["api_key"])
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def environment(gateway):
    return {"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.dev["api_key"]}


def trigger(gateway, kind):
    done = subprocess.run(
        [PROGRAM, "trigger", kind], env={**os.environ, **environment(gateway)}, capture_output=True, text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def new_secret(count=32):
    return "whsec_" + base64.b64encode(os.urandom(count)).decode()


@contextlib.contextmanager
def receiver(secret):
    """The receiver's port, and the list of what it has seen until now."""
    python = os.path.join(ROOT, ".build-fixtures", "standardwebhooks", "bin", "python")
    command = [python, os.path.join(ROOT, "Tests", "EndToEnd", "webhook_receiver.py"), secret]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port, seen = int(process.stdout.readline()), []
            reading = threading.Thread(target=lambda: seen.extend(map(json.loads, process.stdout)), daemon=True)
            reading.start()
            yield port, seen
        finally:
            process.kill()


def bring(gateway, cursor, count, signed_by, read_by):
    """What a receiver saw of so many events behind a cursor, in their order."""
    with receiver(read_by) as (port, seen):
        words = ["listen", "--forward-to", f"http://127.0.0.1:{port}/hooks", "--after", cursor, "--secret", signed_by]
        with Process(words, environment(gateway)):
            wait_until("the events", lambda: len(seen) >= count)
        return list(seen)


@pytest.mark.parametrize("count", [24, 32, 64])
def test_the_public_library_takes_what_is_brought(gateway, told, count):
    cursor, subjects = told
    secret = new_secret(count)
    seen = bring(gateway, cursor, len(subjects), secret, secret)
    assert [one["status"] for one in seen] == [204] * len(seen), seen
    assert {json.loads(base64.b64decode(one["body"]))["subject"] for one in seen} == set(subjects), seen


def test_the_public_library_refuses_what_another_secret_has_signed(gateway, told):
    cursor, subjects = told
    seen = bring(gateway, cursor, len(subjects), new_secret(), new_secret())
    assert [one["status"] for one in seen] == [400] * len(seen), seen


def test_what_is_brought_again_has_the_same_id_and_the_same_bytes(gateway, told):
    cursor, subjects = told
    secret = new_secret()
    first, again = (bring(gateway, cursor, len(subjects), secret, secret) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one["body"] == other["body"], (one, other)
        assert one["headers"]["webhook-id"] == other["headers"]["webhook-id"], (one, other)
