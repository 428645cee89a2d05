"""kill -9 at every named point of a push, with the simulator's ledger as judge: nobody is charged twice, nothing is
reported paid that was not, and every key resolves."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import threading
import urllib.error

import pytest

import harness
from harness import PATIENCE, Gateway, phone, wait_until


# Where the process dies, and whether the request had left by then: True, False, or None for "either".
POINTS = [
    ("before_commit", False),
    ("before_send", False),
    ("after_send", True),
    ("after_reply_commit", True),
    ("callback_received", True),
    ("callback_kept", True),
    ("before_callback_commit", True),
    ("after_callback_commit", True),
]


def crash_at(simulator, point, was_sent):
    number = phone()
    key = "crash-" + number
    first = Gateway(simulator=simulator, environment={"GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": point})
    try:
        first.push(number, idempotency=key)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        pass  # It died under the call, which is the point.
    wait_until(f"the crash at {point}", lambda: not first.is_running())
    assert simulator.pushes(number) == (1 if was_sent else 0), point
    second = first.again(simulator=simulator)
    try:
        check_after(simulator, second, number, key, point, was_sent)
    finally:
        second.remove()


def check_after(simulator, gateway, number, key, point, was_sent):
    found = gateway.transaction(number)
    if point == "before_commit":
        assert found is None, found
    elif found["status"] == "PENDING":
        assert found["state"] in ("unknown", "reconciling", "accepted"), found
    # The caller retries with its key, as it should.
    status, headers, answer = gateway.push(number, idempotency=key)
    if was_sent or point == "before_send":
        assert headers["Idempotent-Replayed"] == "true", answer
    else:
        assert status == 200 and headers["Idempotent-Replayed"] is None, answer
    if point in ("before_send",):
        # Nothing left, but nobody can know: the money stays unknown, and nobody was charged.
        assert simulator.charges(number)["count"] == 0 and simulator.pushes(number) == 0
        return
    # A callback that M-Pesa delivered while the gateway was down is lost; asking finds the outcome.
    checkout = wait_until("a prompt", lambda: simulator.prompts(number))[0]["checkout_request_id"]
    wait_until("the customer", lambda: simulator.charges(number)["count"] == 1)
    def paid():
        current = gateway.transaction(number)
        if current["state"] == "succeeded":
            return current
        harness.http("POST", f"{simulator.url}/simulator/prompts/{checkout}/resend")
        return None

    assert wait_until("the payment", paid)["receipt"]
    assert simulator.charges(number)["count"] == 1 and simulator.pushes(number) == 1


def test_a_crash_among_many_pushes_loses_none_that_was_answered(simulator):
    simulator.outcome("open", times=1_000_000)
    gateway = Gateway(simulator=simulator)
    answered, enough = [], threading.Semaphore(0)

    def keep_pushing():
        while True:
            try:
                status, _, answer = gateway.push(phone())
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
                return  # It is dead.
            assert status == 200, answer
            answered.append(answer["data"]["checkout_request_id"])
            enough.release()

    threads = [threading.Thread(target=keep_pushing) for _ in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        assert enough.acquire(timeout=PATIENCE)
    gateway.end(signal.SIGKILL)
    for thread in threads:
        thread.join()
    # The other tests' customers pay.
    assert harness.http("POST", simulator.url + "/simulator/reset")[0] == 200
    database = sqlite3.connect(os.path.join(gateway.folder, "gateway.db"))
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = {value for (value,) in database.execute("SELECT value FROM external_ids")}
    # Each is metered in the commit of its first outcome: neither lost nor doubled by the kill.
    ended = database.execute("SELECT COUNT(*) FROM records WHERE class = 'transaction' AND state <> 'sending'").fetchone()
    metered = database.execute("SELECT SUM(succeeded + failed) FROM usage WHERE counted = 'money'").fetchone()
    assert metered == ended, (metered, ended)
    database.close()
    gateway.remove()
    assert len(answered) >= 300 and set(answered) <= kept, set(answered) - kept


@pytest.mark.parametrize("point, was_sent", POINTS, ids=[point for point, _ in POINTS])
def test_a_crash_at(simulator, point, was_sent):
    crash_at(simulator, point, was_sent)


def test_an_unknown_failpoint_is_refused_by_name():
    for wrong in ("after_commit", "before_send@0", "before_send@x", "before_send@1@2"):
        done = subprocess.run(
            [harness.PROGRAM, "dev", "--data-dir", tempfile.mkdtemp(prefix="gateway-"), "--port", "0"],
            env={**os.environ, "GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": wrong},
            cwd=harness.ROOT, capture_output=True, text=True, timeout=PATIENCE,
        )
        assert done.returncode != 0, wrong
        assert "GATEWAY_FAILPOINT: expected name or name@n, where name is before_commit, " in done.stderr, done


# Where a host dies that changes its master key, in the order in which it comes there.
MASTER_KEY_POINTS = [
    "master_key_next", "master_key_root", "master_key_wrapped", "master_key_old", "master_key_taken",
]


def test_a_host_that_dies_while_it_changes_its_master_key_opens_and_finds_everything(simulator):
    def master_key(gateway, word):
        environment = {
            **os.environ, "GATEWAY_OPERATOR_TOKEN_FILE": gateway.dev["operator_token_file"],
            "GATEWAY_MANAGEMENT_URL": gateway.dev["management_url"],
        }
        return subprocess.run(
            [harness.PROGRAM, "master-key", word], capture_output=True, text=True, timeout=PATIENCE, env=environment
        )

    gateway = Gateway(simulator=simulator)
    seen = set()
    for point in MASTER_KEY_POINTS:
        # Asked before the crash, answered after it: the address that M-Pesa was told must be known still.
        number = phone()
        simulator.outcome("open", phone=number)
        assert gateway.push(number)[0] == 200
        gateway.end()
        dying = gateway.again(
            simulator=simulator, environment={"GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": point}
        )
        assert master_key(dying, "rotate").returncode != 0, point
        wait_until(f"the crash at {point}", lambda: not dying.is_running())
        gateway = dying.again(simulator=simulator)
        shown = master_key(gateway, "show")
        assert json.loads(shown.stdout)["left"] == 0, (point, shown.stdout, shown.stderr)
        seen.add(json.loads(shown.stdout)["master_key"])
        # What was begun is done, unless nothing was: then the key of before goes on.
        left = os.path.exists(os.path.join(gateway.folder, "master.key.next"))
        assert left == (point == "master_key_next"), point
        prompt = wait_until("a prompt", lambda: simulator.prompts(number))[0]["checkout_request_id"]
        assert harness.http("POST", f"{simulator.url}/simulator/prompts/{prompt}/settle")[0] == 200
        gateway.wait_for(number, "succeeded")
        other = phone()
        assert gateway.push(other)[0] == 200
        gateway.wait_for(other, "succeeded")
    assert len(seen) == len(MASTER_KEY_POINTS)
    gateway.remove()
