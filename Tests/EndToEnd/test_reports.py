"""Reports: what the gateway says of its transactions, and what really moved, by the simulator's ledger."""

import csv
import datetime
import io
import json
import os
import subprocess
import urllib.request

import openpyxl
import pytest

import harness
from harness import Gateway, phone, wait_until

pytestmark = pytest.mark.isolations("declared", "sandbox")
NAIROBI = datetime.timezone(datetime.timedelta(hours=3))


@pytest.fixture(scope="module")
def gateway(simulator):
    with Gateway(simulator=simulator) as gateway:
        yield gateway


def today():
    return datetime.datetime.now(NAIROBI).date()


def report(gateway, **more):
    """A report of yesterday and today: the test may run over midnight."""
    first = (today() - datetime.timedelta(days=1)).isoformat()
    body = {"report_type": "CUSTOM", "date_from": first, "date_to": today().isoformat(), **more}
    status, _, answer = gateway.call("POST", "/tools/reports/generate", body)
    assert status == 200, answer
    return answer


def counted(gateway, succeeded):
    """A report once its reader has come so far."""
    return wait_until(
        "the reader", lambda: (made := report(gateway))["data"]["summary"]["successful_count"] == succeeded and made
    )["data"]


def test_a_report_adds_up_with_what_moved(gateway, simulator):
    amounts = [11, 250, 1]
    numbers = [phone() for _ in amounts]
    for number, amount in zip(numbers, amounts):
        gateway.push(number, amount)
    for number in numbers:
        gateway.wait_for(number, "succeeded")
    made = counted(gateway, len(amounts))
    ledger = sum(simulator.charges(number)["total"] for number in numbers)
    assert ledger == sum(amounts)
    assert made["money"]["in"] == {"count": len(amounts), "amount": ledger} and made["money"]["out"]["amount"] == 0
    assert [row["transaction_type"] for row in made["by_type"]] == ["STK_PUSH"]
    for part in ("by_type", "by_account", "by_key", "by_hour", "daily_breakdown"):
        assert sum(row["amount_in"] for row in made[part]) == ledger, made[part]
    assert made["fees"]["of"] == len(amounts)
    proof = gateway.call("GET", f"/reports/{made['report_id']}/verification")[2]["data"]
    assert proof["is_proven"] and proof["transactions"] == len(amounts) and proof["amount"] == ledger, proof
    kept = gateway.call("GET", f"/reports/{made['report_id']}")[2]["data"]
    assert kept == made, (kept, made)
    history = gateway.call("GET", f"/tools/transaction-history?phone_number={numbers[1]}&status=SUCCESS")[2]["data"]
    assert [shown["amount"] for shown in history["transactions"]] == [250] and history["count"] == 1, history


def test_a_report_is_a_file_too(gateway):
    answer = report(gateway, format="CSV")
    link = answer["content"][0]
    request = urllib.request.Request(gateway.url + link["uri"], headers={"X-API-Key": gateway.dev["api_key"]})
    with urllib.request.urlopen(request) as reply:
        rows = list(csv.reader(io.StringIO(reply.read().decode())))
    assert rows[0][:3] == ["part", "name", "count"] and ["summary", "failed_count", "0"] in rows, rows


def test_a_report_is_a_spreadsheet_where_that_is_asked_for(gateway):
    answer = report(gateway, format="XLSX")
    (link,) = answer["content"]
    assert link["uri"] == f"/reports/{answer['data']['report_id']}/file?format=xlsx" and link["name"].endswith(".xlsx")
    assert answer["data"]["organization_id"] == gateway.dev["organization_id"]
    assert answer["data"]["bulk_payments"]["total_batches"] == 0
    request = urllib.request.Request(gateway.url + link["uri"], headers={"X-API-Key": gateway.dev["api_key"]})
    with urllib.request.urlopen(request) as reply:
        assert reply.headers["Content-Type"].split(";")[0] == link["mimeType"]
        rows = list(openpyxl.load_workbook(io.BytesIO(reply.read())).active.iter_rows(values_only=True))
    assert rows[0][:3] == ("part", "name", "value"), rows[0]


def tail(gateway, *words):
    """Events as `events tail` prints them, and the cursor that it ends with."""
    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": gateway.dev["api_key"]}
    done = subprocess.run(
        [harness.PROGRAM, "events", "tail", "--once", *words], env=environment, capture_output=True, text=True,
        timeout=harness.PATIENCE,
    )
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.split()[-1]


def test_events_are_tailed_and_go_on_where_they_ended(gateway):
    events, cursor = tail(gateway, "--types", "transaction.succeeded")
    assert len(events) == 3 and {event["type"] for event in events} == {"transaction.succeeded"}, events
    assert len({event["id"] for event in events}) == 3, events
    assert tail(gateway, "--after", cursor)[0] == []
    number = phone()
    gateway.push(number, 5)
    gateway.wait_for(number, "succeeded")
    later, _ = tail(gateway, "--after", cursor)
    assert [event["data"]["amount"] for event in later] == [5], later


def test_history_goes_page_by_page(gateway):
    seen, cursor = [], ""
    while True:
        page = gateway.call("GET", "/tools/transaction-history?limit=2&direction=in" + cursor)[2]["data"]
        seen += [shown["transaction_id"] for shown in page["transactions"]]
        if "next_cursor" not in page:
            break
        cursor = "&cursor=" + page["next_cursor"]
    assert len(seen) == len(set(seen)) == 4, seen


def test_a_report_names_people_and_opens_in_spreadsheets_with_numbers_that_are_numbers(gateway, simulator):
    user = next(user for user in gateway.dev["users"] if user["role"] == "manager")
    credentials = {name: user[name] for name in ("username", "password", "organization")}
    token = harness.http("POST", gateway.url + "/auth/login", credentials)[2]["data"]["token"]
    number = phone()
    gateway.push(number, 77, key=token)
    gateway.wait_for(number, "succeeded")
    made = wait_until("the reader", lambda: (m := report(gateway)["data"])["by_user"] and m)
    (row,) = made["by_user"]
    assert row["amount_in"] == 77 and row["count"] == 1 and row["user_id"], row

    path = f"/reports/{made['report_id']}/file?format=xlsx"
    request = urllib.request.Request(gateway.url + path, headers={"X-API-Key": gateway.dev["api_key"]})
    with urllib.request.urlopen(request) as reply:
        rows = list(openpyxl.load_workbook(io.BytesIO(reply.read())).active.iter_rows(values_only=True))
    header, cells = rows[0], {row[:2]: row for row in rows[1:]}
    assert header[:3] == ("part", "name", "value") and len(set(header)) == len(header), header
    for part in ("summary", "money"):
        for name, value in made[part].items():
            if isinstance(value, dict):
                for member, number in value.items():
                    assert cells[(part, f"{name}.{member}")][2] == number, (part, name, member)
            else:
                assert cells[(part, name)][2] == value, (part, name)
    assert type(cells[("money", "in.amount")][2]) is int
    assert cells[("by_user", "1")][header.index("user_id")] == row["user_id"]
    assert cells[("by_user", "1")][header.index("amount_in")] == 77
    assert cells[("report", "report_id")][2] == made["report_id"]


@pytest.mark.parametrize("body, field", [
    ({"date_from": "2099-01-01", "date_to": "2026-01-01"}, "/date_from"),
    ({"date_from": "2006-01-01", "date_to": "2026-01-01"}, "/date_to"),
    ({"date_from": "2026-02-30"}, "/date_from"),
    ({"date_from": "2026-01-02", "date_to": "2026-01-01"}, "/date_to"),
    ({}, "/date_from"),
])
def test_days_that_cannot_be_are_named(gateway, body, field):
    status, _, answer = gateway.call("POST", "/tools/reports/generate", body)
    assert status == 422 and answer["errors"][0]["pointer"].startswith(field if body else ""), answer
