"""What docs/events.md tells of events is what the gateway says of itself, and what it shows."""

import json
import os
import re
import subprocess
import urllib.request

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, wait_until


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def document():
    with open(os.path.join(ROOT, "docs", "events.md")) as file:
        return file.read()


def get(gateway, path):
    request = urllib.request.Request(gateway.url + path)
    request.add_header("Authorization", "Bearer " + gateway.dev["api_key"])
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def first_column(document, heading):
    """The names in the first column of the table below a heading."""
    part = document.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def types(value):
    """Every type of event that a part of the OpenAPI document lists."""
    if isinstance(value, list):
        return set().union(*map(types, value))
    if not isinstance(value, dict):
        return set()
    found = {word for word in value.get("enum", []) if isinstance(word, str)}
    listed = found if "transaction.succeeded" in found else set()
    return listed.union(*map(types, value.values()))


def test_every_type_that_openapi_lists_is_told_of_and_no_other(gateway, document):
    assert first_column(document, "Types") == types(get(gateway, "/openapi.json"))


def test_every_type_is_among_the_webhooks_with_an_example(gateway, document):
    told = get(gateway, "/openapi.json")
    assert set(told["webhooks"]) == first_column(document, "Types")
    for name, webhook in told["webhooks"].items():
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == name == content["schema"]["properties"]["type"]["const"], webhook
    listed = told["paths"]["/events"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Event"}, listed


def test_an_event_holds_what_is_told_of_and_the_example_is_one(gateway, document):
    done = subprocess.run(
        [PROGRAM, "trigger", "transaction.succeeded"], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.dev["api_key"]},
    )
    assert done.returncode == 0, done.stderr
    made = done.stdout.strip()

    def found():
        return [event for event in get(gateway, "/events?limit=500")["data"] if event["subject"] == made]

    wait_until("the event", found)
    (event,) = found()
    example = json.loads(document.split("```json\n")[1].split("```")[0])
    assert list(example) == list(event) and example["type"] == event["type"], event
    # When M-Pesa says that the money moved may be the very moment at which it was heard.
    assert set(event["data"]) | {"counted_ms"} == set(example["data"]), event
    assert set(event["data"]) <= first_column(document, "What `data` holds"), event
