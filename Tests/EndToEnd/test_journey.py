"""An organization's month, as people type it: a file of payouts, a second person, a crash, a refund, a report."""

import csv
import datetime
import json
import os
import signal
import subprocess

import pytest

import harness
from harness import Gateway, http, phone, wait_until
from test_approvals import log_in

pytestmark = pytest.mark.isolations("declared")

COUNT = 24
NAIROBI = datetime.timezone(datetime.timedelta(hours=3))


class Terminal:
    """Where one person types, with a credential of their own."""

    def __init__(self, gateway, credential):
        self.environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": credential}

    def ran(self, *words):
        return subprocess.run(
            [harness.PROGRAM, *words], env=self.environment, capture_output=True, text=True, timeout=harness.PATIENCE
        )

    def type(self, *words):
        done = self.ran(*words, "--json")
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return json.loads(done.stdout)["data"]


def ledger(simulator):
    """What really moved: paid out by phone, and in all what came in, went out and went back."""
    charges, payouts = (http("GET", f"{simulator.url}/simulator/{what}")[2] for what in ("ledger", "payouts"))
    paid = {}
    for payout in payouts["payouts"]:
        paid.setdefault(payout["phone"], []).append(payout)
    return paid, {"in": charges["total"], "out": payouts["total"], "given_back": charges["returned"]}


def goes_on(gateway, simulator, numbers):
    """Waits until every row is as M-Pesa's ledger has it: paid once where it was paid, and not known to have failed."""
    def stands():
        paid, _ = ledger(simulator)
        simulator.repeat_results()
        rows = gateway.call("GET", f"/batches/payroll/items?limit={COUNT}")[2]["data"]
        states = {row["transaction"]["party"]: row["transaction"]["state"] for row in rows}
        assert set(states) == set(numbers), states
        for number, state in states.items():
            if state != "succeeded" and (number in paid or state not in ("unknown", "reconciling", "manual")):
                return None
        return rows

    return wait_until("every row to be as the ledger has it", stands)


def test_a_file_is_paid_through_a_crash_money_goes_back_and_the_month_adds_up(simulator, tmp_path):
    numbers = [phone() for _ in range(COUNT)]
    amounts = {number: 100 + place for place, number in enumerate(numbers)}
    with open(tmp_path / "payroll.csv", "w", newline="") as file:
        csv.writer(file).writerows([["Name", "Phone", "Amount"], *(["A. Otieno", n, amounts[n]] for n in numbers)])
    first = Gateway(simulator=simulator)
    clerk = Terminal(first, first.dev["api_key"])
    administrator = Terminal(first, log_in(first, "org_admin"))
    manager = Terminal(first, log_in(first, "manager"))

    administrator.type("call", "approvals.set_rules", 'rules=[{"direction":["out"],"then":"approve"}]')
    file = str(tmp_path / "payroll.csv")
    made = clerk.type("batches", "create", "--file", file, "batch_id=payroll", "tool=mpesa_bulk_payment")
    assert made["state"] == "draft" and made["total_amount"] == sum(amounts.values()), made
    assert clerk.ran("batches", "release", "payroll").returncode != 0
    assert ledger(simulator)[0] == {}
    waiting = manager.type("call", "approvals.list")
    assert [entry["batch"]["batch_id"] for entry in waiting] == ["payroll"], waiting
    released = manager.type("batches", "release", "payroll")
    assert released["state"] == "running", released

    wait_until("a third of it", lambda: len(ledger(simulator)[0]) >= COUNT // 3)
    first.end(signal.SIGKILL)
    assert len(ledger(simulator)[0]) < COUNT, "It was killed too late to be in the middle."

    with first.again(simulator=simulator) as second:
        goes_on(second, simulator, numbers)
        customer = phone()
        second.push(customer, 250)
        payment = second.wait_for(customer, "succeeded")
        back = clerk.type(
            "call", "mpesa_reverse_transaction", "transaction_id=" + payment["id"], "amount=90", "reason=Too much",
            "--idempotency-key", "back-" + payment["id"],
        )
        path = "/tools/reverse-transaction/" + back["transaction_id"]
        wait_until("the money to be back", lambda: second.call("GET", path)[2]["data"]["status"] == "SUCCESS")

        paid, moved = ledger(simulator)
        assert all(len(payouts) == 1 for payouts in paid.values()), paid
        assert {number: payouts[0]["amount"] for number, payouts in paid.items()}.items() <= amounts.items(), paid
        assert moved["in"] == 250 and moved["given_back"] == 90, moved
        adds_up(second, clerk, manager, moved)


def adds_up(gateway, clerk, manager, moved):
    """The month's report says what moved, to the shilling, and is proven by the records."""
    month = datetime.datetime.now(NAIROBI).date().replace(day=1).isoformat()

    def told():
        report = clerk.type("call", "mpesa_generate_report", "report_type=MONTHLY", "date_from=" + month)
        return {way: sum_["amount"] for way, sum_ in report["money"].items() if way != "net"} == moved and report

    report = wait_until("the report to be as the ledger", told)
    assert report["money"]["net"] == moved["in"] - moved["out"] - moved["given_back"], report["money"]
    assert sum(row["amount_out"] for row in report["daily_breakdown"]) == moved["out"], report
    proof = manager.type("report", "verify", report["report_id"])
    assert proof["is_proven"], proof
