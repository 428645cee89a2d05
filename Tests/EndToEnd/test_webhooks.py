"""Events at their receivers: signed as public libraries read it, again until they are taken, and once more when asked for."""

import base64
import contextlib
import json
import os
import subprocess
import threading

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, free_port, http, phone, wait_until
from houses import House
from plugins import compile_fixture, install, plugin


class Receiver:
    """A receiver on a port of its own, and what it has seen."""

    PYTHON = os.path.join(ROOT, ".build-fixtures", "standardwebhooks", "bin", "python")
    SCRIPT = os.path.join(ROOT, "Tests", "EndToEnd", "webhook_receiver.py")

    def __init__(self, secret, port):
        self.process = subprocess.Popen(
            [self.PYTHON, self.SCRIPT, secret, str(port)], stdout=subprocess.PIPE, text=True
        )
        assert int(self.process.stdout.readline()) == port
        self.seen = []
        read = lambda: self.seen.extend(map(json.loads, self.process.stdout))
        threading.Thread(target=read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def at(self, path):
        return [one for one in list(self.seen) if one["path"] == path]

    def ids(self, path="/ok"):
        return {one["headers"]["webhook-id"] for one in self.at(path)}


class Desk:
    """An administrator's key of the demo's organization, and what it sets up."""

    def __init__(self, gateway):
        self.gateway = gateway
        user = next(user for user in gateway.dev["users"] if user["role"] == "org_admin")
        login = {name: user[name] for name in ("username", "password", "organization")}
        token = gateway.call("POST", "/auth/login", login)[2]["data"]["token"]
        body = {"name": "webhooks", "environment": "test", "role": "org_admin", "scopes": None}
        body = {name: value for name, value in body.items() if value is not None}
        bearer = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        status, _, made = http("POST", gateway.url + "/admin/keys", body, bearer)
        assert status < 300, made
        self.token, self.key = token, made["data"]["api_key"]

    def ask(self, method, path, body=None, expected=None):
        status, _, answer = self.gateway.call(method, path, body, key=self.key)
        assert status == expected if expected else status < 300, (method, path, status, answer)
        return answer

    def endpoint(self, port, path="/ok", host="127.0.0.1", **more):
        body = {"url": f"http://{host}:{port}{path}", **more}
        made = self.ask("POST", "/webhooks", body)["data"]
        return made["webhook"]["id"], made

    def happen(self):
        """Something becomes true at once: a key is revoked. Its id is the event's subject."""
        bearer = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        body = {"name": "till", "environment": "test", "role": "user"}
        made = http("POST", self.gateway.url + "/admin/keys", body, bearer)[2]["data"]["key"]["id"]
        assert http("DELETE", f"{self.gateway.url}/admin/keys/{made}", headers=bearer)[0] < 300
        return made

    def events(self, after):
        """Every event behind a cursor, by its id."""
        found, more = {}, True
        while more:
            page = self.ask("GET", f"/events?after={after}&limit=500")
            found |= {event["id"]: event for event in page["data"]}
            after, more = page["next_after"], page["has_more"]
        return found

    def now(self):
        return self.ask("GET", "/events?after=now")["next_after"]

    def command(self, *words):
        environment = {**os.environ, "GATEWAY_URL": self.gateway.url, "GATEWAY_API_KEY": self.key}
        return subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=PATIENCE)

    def delivery(self, endpoint, event):
        return self.ask("GET", f"/webhooks/{endpoint}/deliveries/{event}")["data"]


@pytest.fixture(scope="module")
def desk(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield Desk(gateway)


def body(seen):
    return json.loads(base64.b64decode(seen["body"]))


def test_a_payment_arrives_signed_and_may_be_sent_once_more(desk):
    port, number = free_port(), phone()
    endpoint, made = desk.endpoint(port, types=["transaction.succeeded"])
    with Receiver(made["secret"], port) as receiver:
        desk.gateway.push(number, 7)
        seen = wait_until("the event", lambda: receiver.at("/ok"))[0]
        assert (seen["refusal"], seen["status"]) == (None, 204), seen
        event = body(seen)
        assert event["type"] == "transaction.succeeded" and event["data"]["amount"] == 7, event
        assert event["id"] == seen["headers"]["webhook-id"] and event["data"]["receipt"], event
        assert event["data"]["party"] == f"{number[:4]}•••••{number[-3:]}", event
        delivery = wait_until(
            "what came of it", lambda: (d := desk.delivery(endpoint, event["id"])) and d["state"] == "delivered" and d
        )
        assert [attempt["status"] for attempt in delivery["attempts"]] == [204], delivery

        desk.ask("POST", f"/webhooks/{endpoint}/replay", {"event": event["id"]}, 202)
        again = wait_until("it again", lambda: receiver.at("/ok")[1:])[0]
        assert again["body"] == seen["body"] and again["refusal"] is None, again
        test = desk.ask("POST", f"/webhooks/{endpoint}/test", None, 202)["data"]
        trial = wait_until("the test", lambda: receiver.at("/ok")[2:])[0]
        assert body(trial)["type"] == "webhook.test" and trial["refusal"] is None, (test, trial)
        assert "secret" not in json.dumps(desk.ask("GET", "/webhooks")), desk.ask("GET", "/webhooks")


def test_a_public_key_is_all_that_a_receiver_needs(desk):
    port = free_port()
    _, made = desk.endpoint(port, signing="ed25519", types=["key.revoked"])
    public = made["webhook"]["signing"][0]["public_key"]
    assert "secret" not in made and public.startswith("whpk_"), made
    with Receiver(public, port) as receiver:
        desk.happen()
        seen = wait_until("the event", lambda: receiver.at("/ok"))[0]
        assert seen["refusal"] is None, seen


def test_a_secret_is_changed_while_events_arrive(desk):
    ports = [free_port(), free_port()]
    endpoint, made = desk.endpoint(ports[0], types=["key.revoked"])
    old = made["secret"]
    new = desk.ask("POST", f"/webhooks/{endpoint}/rotate", {"overlap_minutes": 10})["data"]["secret"]
    with Receiver(old, ports[0]) as receiver, Receiver(new, ports[1]) as other:
        desk.happen()
        seen = wait_until("the event", lambda: receiver.at("/ok"))[0]
        assert seen["refusal"] is None and seen["headers"]["webhook-signature"].count("v1,") == 2, seen
        desk.ask("PUT", f"/webhooks/{endpoint}", {"url": f"http://127.0.0.1:{ports[1]}/ok"})
        desk.happen()
        assert wait_until("the event there", lambda: other.at("/ok"))[0]["refusal"] is None
        newest = desk.ask("POST", f"/webhooks/{endpoint}/rotate", {"overlap_minutes": 0})["data"]["secret"]
        assert len({old, new, newest}) == 3
        desk.happen()
        refused = wait_until("another", lambda: other.at("/ok")[1:])[0]
        assert refused["refusal"] and refused["headers"]["webhook-signature"].count("v1,") == 1, refused


def test_odd_receivers_are_borne_and_keep_nobody_from_theirs(desk):
    port = free_port()
    _, made = desk.endpoint(port, "/ok", types=["key.revoked"])
    odd = {}
    for path in ("/500", "/410", "/redirect", "/flood", "/late", "/flaky", "/paused"):
        odd[path] = desk.endpoint(port, path, types=["key.revoked"])[0]
    after = desk.now()
    with Receiver(made["secret"], port) as receiver:
        subject = desk.happen()
        event = wait_until("the event", lambda: [e for e in desk.events(after).values() if e["subject"] == subject])[0]
        wait_until("the living one's", lambda: event["id"] in receiver.ids())
        state = lambda path: desk.ask("GET", f"/webhooks/{odd[path]}/deliveries")["data"]
        found = lambda path: wait_until(f"what came of {path}", lambda: state(path))[0]
        assert found("/500")["state"] == "waiting" and found("/500")["status"] == 500, found("/500")
        assert found("/redirect")["status"] == 307, found("/redirect")
        assert found("/flood")["state"] == "delivered", found("/flood")
        assert found("/410")["state"] == "given_up", found("/410")
        gone = desk.ask("GET", f"/webhooks/{odd['/410']}")["data"]
        assert (gone["is_on"], gone["off"]) == (False, "gone"), gone
        paused = wait_until(
            "a pause", lambda: (w := desk.ask("GET", f"/webhooks/{odd['/paused']}")["data"]).get("paused_until_ms") and w
        )
        assert paused["is_on"] and paused["failures"] == 1, paused
        # What is refused once comes again with the same bytes, and is taken.
        wait_until("it again", lambda: len(receiver.at("/flaky")) == 2)
        assert len({one["body"] for one in receiver.at("/flaky")}) == 1
        assert not [one for one in receiver.at("/ok") if one["headers"]["webhook-id"] != event["id"]]
        more = {desk.happen() for _ in range(5)}
        wait_until("the living one's rest", lambda: more <= {body(one)["subject"] for one in receiver.at("/ok")})
    for endpoint in odd.values():
        desk.ask("DELETE", f"/webhooks/{endpoint}")


def delivered(desk, endpoint, event):
    listed = desk.ask("GET", f"/webhooks/{endpoint}/deliveries?state=delivered")["data"]
    return event in [delivery["event"] for delivery in listed]


def test_the_command_line_sends_one_once_more(desk):
    ports = [free_port(), free_port()]
    first = desk.endpoint(ports[0], types=["key.revoked"])[1]
    other = desk.command("webhook", "create", f"url=http://127.0.0.1:{ports[1]}/ok", 'types=["key.revoked"]', "--json")
    made = json.loads(other.stdout)["data"]
    with Receiver(first["secret"], ports[0]) as receiver, Receiver(made["secret"], ports[1]) as elsewhere:
        subject = desk.happen()
        seen = wait_until("the event", lambda: [one for one in receiver.at("/ok") if body(one)["subject"] == subject])[0]
        event = seen["headers"]["webhook-id"]
        # Of several endpoints somebody must choose one.
        unclear = desk.command("events", "resend", event)
        assert unclear.returncode == 1 and made["webhook"]["id"] in unclear.stderr, unclear
        for endpoint, place in ((first["webhook"]["id"], receiver), (made["webhook"]["id"], elsewhere)):
            wait_until("what came of it", lambda: delivered(desk, endpoint, event))
            before = len(place.at("/ok"))
            done = desk.command("events", "resend", event, "--to", endpoint)
            assert done.returncode == 0, done
            again = wait_until("it again", lambda: place.at("/ok")[before:])[0]
            assert again["body"] == seen["body"] and again["refusal"] is None, again
        listed = desk.command("webhook", "list", first["webhook"]["id"])
        assert event in listed.stdout, listed


def test_what_was_missed_is_recovered(desk):
    port = free_port()
    endpoint, made = desk.endpoint(port, types=["key.revoked"])
    desk.ask("POST", f"/webhooks/{endpoint}/disable")
    missed = {desk.happen() for _ in range(3)}
    refused = desk.ask("POST", f"/webhooks/{endpoint}/recover", {}, 409)
    assert "Enable" in json.dumps(refused), refused
    desk.ask("POST", f"/webhooks/{endpoint}/enable")
    with Receiver(made["secret"], port) as receiver:
        desk.happen()
        wait_until("what comes now", lambda: receiver.at("/ok"))
        assert not missed & {body(one)["subject"] for one in receiver.at("/ok")}
        desk.ask("POST", f"/webhooks/{endpoint}/recover", {}, 202)
        wait_until("what was missed", lambda: missed <= {body(one)["subject"] for one in receiver.at("/ok")})
        assert len(receiver.at("/ok")) == 4, receiver.seen


def test_a_replay_to_nobody_is_given_up_and_says_so(desk):
    port = free_port()
    endpoint, made = desk.endpoint(port, types=["key.revoked"])
    with Receiver(made["secret"], port) as receiver:
        told = {desk.happen() for _ in range(6)}
        wait_until("all of it", lambda: told <= {body(one)["subject"] for one in receiver.at("/ok")})
        events = receiver.ids()
        for event in events:
            wait_until("what came of it", lambda: delivered(desk, endpoint, event))
    replay = desk.ask("POST", f"/webhooks/{endpoint}/replay", {"from_ms": 0}, 202)["data"]["id"]

    def shown():
        return next(one for one in desk.ask("GET", f"/webhooks/{endpoint}/replays")["data"] if one["id"] == replay)

    wait_until("the end of it", lambda: "stopped_ms" in shown())
    assert shown()["is_over"], shown()
    states = {desk.delivery(endpoint, event)["state"] for event in events}
    assert "given_up" in states and states <= {"given_up", "delivered"}, states
    standing = desk.ask("GET", f"/webhooks/{endpoint}")["data"]
    assert standing["is_on"] and standing["failures"] == 0, standing
    # What becomes true goes on, and so does what is asked for once somebody is there.
    with Receiver(made["secret"], port) as receiver:
        new = desk.happen()
        wait_until("what is new", lambda: new in {body(one)["subject"] for one in receiver.at("/ok")})
        desk.ask("POST", f"/webhooks/{endpoint}/replay", {"from_ms": 0}, 202)
        wait_until("all of it again", lambda: events <= receiver.ids())
    assert "document" in desk.delivery(endpoint, events.pop())


def test_what_becomes_of_plugins_is_sent_to_whoever_runs_the_gateway(desk):
    house, port = House(desk.gateway), free_port()
    wish = {"url": f"http://127.0.0.1:{port}/ok", "types": ["plugin.promoted", "plugin.withdrawn"]}
    secret = house.ask("POST", "/webhooks", wish, house.boss)["data"]["secret"]
    status, _, refused = desk.gateway.call("POST", "/webhooks", wish, key=desk.key)
    # Whose plugins are not told of is not told of their types either.
    assert status == 422 and "types[0]" in refused["detail"] and "plugin." not in json.dumps(refused), refused
    with Receiver(secret, port) as receiver:
        install(desk.gateway, compile_fixture("1.0.0"))
        plugin(desk.gateway, "remove", "fixture")
        wait_until("both", lambda: len(receiver.ids()) == 2)
        events = sorted((body(one) for one in receiver.at("/ok")), key=lambda event: event["sequence"])
        assert [event["type"] for event in events] == wish["types"], events
        assert all(event["subject"] == "fixture" for event in events), events
        assert all(one["refusal"] is None for one in receiver.at("/ok")), receiver.seen


def test_what_is_not_public_is_sent_nothing(simulator):
    # An allow-list that does not hold this machine: only what it names is reached.
    with Gateway(simulator=simulator, environment={"GATEWAY_WEBHOOK_PRIVATE": "10.99.0.0/16"}) as gateway:
        desk, port = Desk(gateway), free_port()
        refused = desk.ask("POST", "/webhooks", {"url": f"http://127.0.0.1:{port}/ok"}, 422)
        assert "GATEWAY_WEBHOOK_PRIVATE" in json.dumps(refused), refused
        # What a name leads to is looked at when it is sent to.
        endpoint, made = desk.endpoint(port, host="localhost")
        with Receiver(made["secret"], port) as receiver:
            desk.happen()
            found = wait_until("an attempt", lambda: desk.ask("GET", f"/webhooks/{endpoint}/deliveries")["data"])[0]
            shown = desk.delivery(endpoint, found["event"])
            assert shown["attempts"][0]["fault"] == "address", shown
            assert not receiver.seen
        for url in ("ftp://example.com/", "http://user@example.com/", "http://127.0.0.1:0/", "http://2130706433/"):
            assert "url" in json.dumps(desk.ask("POST", "/webhooks", {"url": url}, 422)), url


def test_a_kill_loses_nothing(simulator):
    gateway = Gateway(simulator=simulator)
    desk, port = Desk(gateway), free_port()
    endpoint, made = desk.endpoint(port, types=["key.revoked"])
    after = desk.now()
    with Receiver(made["secret"], port) as receiver, contextlib.ExitStack() as stack:
        for round in range(3):
            subjects = {desk.happen() for _ in range(15)}
            wait_until("some", lambda: len(receiver.ids()) > 15 * round)
            gateway.kill()
            gateway = gateway.again(simulator=simulator)
            desk.gateway = gateway
        stack.callback(gateway.remove)
        told = {id: event for id, event in desk.events(after).items() if event["type"] == "key.revoked"}
        assert len(told) == 45 and len(subjects) == 15
        wait_until("all of them", lambda: told.keys() <= receiver.ids())
        for event in told:
            bodies = {one["body"] for one in receiver.at("/ok") if one["headers"]["webhook-id"] == event}
            assert [json.loads(base64.b64decode(one)) for one in bodies] == [told[event]], event
            assert all(one["refusal"] is None for one in receiver.at("/ok")), event
