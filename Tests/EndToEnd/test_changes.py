"""What an administrator changes is felt by everybody who calls meanwhile, in the time that is promised, and costs no payment."""

import itertools
import json
import os
import subprocess
import tempfile
import threading
import time
from collections import Counter, namedtuple

import pytest

import harness
from harness import PATIENCE, Gateway, http, phone, wait_until
from houses import TOOLS, House

# For how long a change may go unfelt, in seconds; what is measured begins once that is over.
PLAN, KEY, ORGANIZATION = 2, 1, 1
Seen = namedtuple("Seen", "begun what status number")


@pytest.fixture(scope="module")
def house(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield House(gateway)


class Load:
    """Callers who collect and look without a pause, by whatever key they are given, until they are told to stop."""

    def __init__(self, house, key, count=4):
        self.gateway, self.key, self.seen, self.stop = house.gateway, key, [], threading.Event()
        # Each thread takes one number of so many as there are threads: none is taken twice.
        first = int(phone()[5:])
        numbers = lambda place: (1_000_000 + number % 9_000_000 for number in itertools.count(first + place, count))
        self.threads = [threading.Thread(target=self.run, args=(numbers(place),)) for place in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until("calls that pass", lambda: sum(one.status == 200 for one in list(self.seen)) >= 20)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, numbers):
        for number in (f"25471{number}" for number in numbers):
            if self.stop.is_set():
                return
            for what in ("push", "look"):
                begun, key = time.monotonic(), self.key
                answer = self.gateway.push(number, key=key) if what == "push" else self.gateway.call("GET", "/tools", key=key)
                self.seen.append(Seen(begun, what, answer[0], number))

    def after(self, seconds):
        """What those met who began once a change that has just been answered must be felt."""
        felt = time.monotonic() + seconds
        late = lambda: [one for one in list(self.seen) if one.begun > felt]
        return wait_until("calls after it", lambda: len(found := late()) >= 24 and found)


def adds_up(house, simulator, load):
    """Whoever was told yes has paid once, and nobody else; no call met a fault of the gateway's."""
    seen = Counter((one.what, one.status) for one in load.seen)
    assert all(status < 500 for _, status in seen), seen
    waiting = lambda: house.ask("GET", "/transactions?status=PENDING&limit=1", token=house.admin)["data"]
    wait_until("the payments to end", lambda: not waiting())
    for one in (one for one in load.seen if one.what == "push"):
        assert simulator.charges(one.number)["count"] == (1 if one.status == 200 else 0), one


def test_a_file_of_the_audit_that_was_tampered_with_is_found_out_by_file_heads_and_key_alone(house):
    gateway, folder = house.gateway, tempfile.mkdtemp(prefix="audit-")
    demo = house.log_in(**house.demo("org_admin"))
    save = lambda name, bytes: open(os.path.join(folder, name), "wb").write(bytes)
    lines = {}
    for slug, token in (("duka", house.admin), ("demo", demo)):
        for _ in range(6):
            house.key(token)
        heads = house.ask("GET", "/admin/audit-logs/heads", token=token)
        _, _, file = http("GET", gateway.url + "/admin/audit-logs/export", headers={"Authorization": "Bearer " + token})
        lines[slug] = file.splitlines(keepends=True)
        save(f"{slug}.heads", json.dumps(heads).encode())
        save("key.pem", heads["data"]["public_key"].encode())

    def verify(lines, heads="duka.heads"):
        save("audit.jsonl", b"".join(lines))
        ran = subprocess.run(
            [harness.PROGRAM, "audit", "verify", "audit.jsonl", "--heads", heads, "--key", "key.pem"],
            cwd=folder, capture_output=True, text=True, timeout=PATIENCE, env={"PATH": os.environ["PATH"]},
        )
        assert ran.returncode == (1 if "FAULT" in ran.stdout else 0), (ran.stdout, ran.stderr)
        return ran.stdout

    own, other = lines["duka"], lines["demo"]
    assert len(own) > 10 and "as they were written" in verify(own)
    renamed = other[5].replace(house.gateway.dev["organization_id"].encode(), house.id.encode())
    for words, tampered in (
        ("was changed", own[:4] + [own[4].replace(b'"SUCCESS"', b'"FAILED"').replace(b'"begun"', b'"FAILED"')] + own[5:]),
        ("was removed", own[:4] + own[5:]),
        ("another order", own[:4] + [own[5], own[4]] + own[6:]),
        ("cut off", own[: len(own) // 2]),
        ("cut off", own[:1]),
        ("was removed", own[:5] + [other[5]] + own[6:]),
        ("was changed", own[:5] + [renamed] + own[6:]),
        ("cut off", other),
    ):
        assert words in verify(tampered), (words, verify(tampered))


def test_a_plan_is_changed_under_load(house, simulator):
    with Load(house, house.key()[1]) as load:
        house.plan(["mpesa_check_status"])
        late = load.after(PLAN)
        assert {one.status for one in late if one.what == "push"} == {404}, Counter(late)
        assert {one.status for one in late if one.what == "look"} == {200}, Counter(late)
        house.plan(TOOLS)
        assert {one.status for one in load.after(PLAN)} == {200}
    adds_up(house, simulator, load)


def test_a_key_is_rotated_and_revoked_under_load(house, simulator):
    number, first = house.key()
    with Load(house, first) as load:
        rotate = f"/admin/keys/{number}/rotate"
        second = house.ask("POST", rotate, {"overlap_minutes": 10}, house.admin)["data"]["api_key"]
        # Both are good while the one takes the other's place.
        assert {one.status for one in load.after(KEY)} == {200}
        load.key = second
        third = house.ask("POST", rotate, {"overlap_minutes": 0}, house.admin)["data"]["api_key"]
        assert {one.status for one in load.after(KEY)} == {401}
        load.key = third
        assert {one.status for one in load.after(KEY)} == {200}
        house.ask("DELETE", f"/admin/keys/{number}", token=house.admin)
        assert {one.status for one in load.after(KEY)} == {401}
    adds_up(house, simulator, load)


def test_an_organization_is_suspended_under_load(house, simulator):
    with Load(house, house.key()[1]) as load:
        change = lambda status: house.ask(
            "PUT", f"/admin/organizations/{house.id}", {"subscription_status": status}, house.boss
        )
        change("suspended")
        assert {one.status for one in load.after(ORGANIZATION) if one.what == "push"} == {403}
        # It still reads what became of its money.
        assert house.ask("GET", "/transactions?limit=1", token=house.admin)["data"]
        change("active")
        assert {one.status for one in load.after(ORGANIZATION)} == {200}
    adds_up(house, simulator, load)


def test_the_master_key_is_changed_while_payments_run(house, simulator):
    environment = {
        **os.environ, "GATEWAY_OPERATOR_TOKEN_FILE": house.gateway.dev["operator_token_file"],
        "GATEWAY_MANAGEMENT_URL": house.gateway.dev["management_url"],
    }
    command = lambda word: subprocess.run(
        [harness.PROGRAM, "master-key", word], capture_output=True, text=True, timeout=PATIENCE, env=environment
    )
    with Load(house, house.key()[1]) as load:
        for _ in range(2):
            rotated = command("rotate")
            assert rotated.returncode == 0, (rotated.stdout, rotated.stderr)
            house.ask("POST", f"/admin/organizations/{house.id}/credentials/rotate-key", {}, house.admin)
            load.after(0)
    assert json.loads(command("show").stdout)["left"] == 0
    assert {one.status for one in load.seen} == {200}, Counter(one.status for one in load.seen)
    adds_up(house, simulator, load)
