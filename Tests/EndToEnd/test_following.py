"""The feed as server-sent events: followed, cut off, gone on with, and left when the gateway stops."""

import json
import signal
import urllib.error
import urllib.request

import pytest

from harness import PATIENCE, Gateway, phone, wait_until


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


class Following:
    """A stream of events that is read as far as a test asks."""

    def __init__(self, gateway, query="", cursor=None):
        headers = {"X-API-Key": gateway.dev["api_key"], "Accept": "text/event-stream"}
        if cursor:
            headers["Last-Event-ID"] = cursor
        request = urllib.request.Request(gateway.url + "/events" + query, headers=headers)
        self.answer = urllib.request.urlopen(request, timeout=PATIENCE)
        self.cursor = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def next(self):
        """The next event's name and data, as a client of the standard hears it; None at the end."""
        name, data = "message", None
        for line in self.answer:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "id":
                self.cursor = value
            elif field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif not field and not value and data is not None:
                return name, data
        return None


def test_events_are_followed_and_gone_on_with_after_a_cut(gateway):
    one, two = phone(), phone()
    with Following(gateway, "?after=now&types=transaction.succeeded") as following:
        assert following.answer.headers["Content-Type"] == "text/event-stream"
        gateway.push(one, 5)
        name, event = following.next()
        assert (name, event["type"], event["data"]["amount"]) == ("message", "transaction.succeeded", 5), event
        cursor = following.cursor
    gateway.push(two, 6)
    gateway.wait_for(two, "succeeded")
    # The header counts more than what stands in the path, which a browser repeats as it is.
    with Following(gateway, "?after=now", cursor) as following:
        assert following.next()[1]["data"]["amount"] == 6
    page = gateway.call("GET", f"/events?after={cursor}")[2]
    assert [event["data"]["amount"] for event in page["data"]] == [6], page


def test_a_page_is_answered_to_whoever_asks_for_none(gateway):
    status, _, page = gateway.call("GET", "/events?limit=1")
    assert status == 200 and page["success"], page
    with pytest.raises(urllib.error.HTTPError) as refused:
        Following(gateway, "?after=nonsense")
    assert refused.value.code == 422, refused.value
    document = gateway.call("GET", "/openapi.json")[2]
    assert "text/event-stream" in document["paths"]["/events"]["get"]["responses"]["200"]["content"]


def test_a_batch_is_followed_to_its_end_through_a_crash(simulator):
    numbers = [phone() for _ in range(12)]
    body = {
        "batch_id": "followed", "batch_name": "Followed", "release": True,
        "payments": [{"phone_number": number, "amount": 100} for number in numbers],
    }
    seen = []

    def read(following, until):
        while not until():
            found = following.next()
            if found is None or found[0] == "ended":
                return
            seen.append(found[1])

    def told(name):
        return [event["subject"] for event in seen if event["type"] == name]

    first = Gateway(simulator=simulator)
    types = "transaction.succeeded,batch.released,batch.completed"
    with Following(first, f"?after=now&types={types}") as following:
        assert first.call("POST", "/tools/bulk-payment", body)[2]["data"]["state"] == "running"
        read(following, lambda: len(told("transaction.succeeded")) >= 4)
        cursor = following.cursor
        first.end(signal.SIGKILL)
    with first.again(simulator=simulator) as second:
        # Of those that were leaving in that moment it may be that nobody knows.
        def all_taken():
            simulator.repeat_results()
            items = second.call("GET", "/batches/followed/items")[2]["data"]
            states = [item["transaction"]["state"] for item in items]
            taken = sum(simulator.payouts(number)["count"] for number in numbers)
            is_over = set(states) <= {"succeeded", "unknown", "reconciling", "manual"}
            return is_over and states.count("succeeded") == taken and taken

        taken = wait_until("the rest of it", all_taken)
        with Following(second, f"?types={types}", cursor) as following:
            is_whole = taken == len(numbers)
            last = "batch.completed" if is_whole else "transaction.succeeded"
            read(following, lambda: len(told("transaction.succeeded")) >= taken and told(last))
    paid = told("transaction.succeeded")
    assert len(paid) == len(set(paid)) == taken >= 4, seen
    assert told("batch.released") == ["followed"] and len(told("batch.completed")) == (1 if is_whole else 0), seen
    assert len({event["id"] for event in seen}) == len(seen), seen


def test_whoever_follows_is_told_that_the_gateway_stops(gateway):
    with Following(gateway, "?after=now") as following:
        gateway.process.send_signal(signal.SIGTERM)
        name, data = following.next()
        assert name == "ended" and data == {"reason": "stopping", "after": following.cursor}, data
        assert following.next() is None
