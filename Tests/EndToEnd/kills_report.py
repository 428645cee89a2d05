"""A report after kills: it says what the transactions say, and is proven from them."""

import collections
import datetime

import harness

REVERSAL = "mpesa_reverse_transaction"
NAIROBI = datetime.timezone(datetime.timedelta(hours=3))


def wrongs(gateway, records):
    """What is wrong in a report of yesterday and today; `records` answers the transactions, which M-Pesa may be deciding still."""
    today = datetime.datetime.now(NAIROBI).date()
    first = (today - datetime.timedelta(days=1)).isoformat()
    body = {"report_type": "CUSTOM", "date_from": first, "date_to": today.isoformat()}
    seen = {}

    def holds():
        """Whether both sum up to the same; what M-Pesa decides meanwhile is soon in both."""
        sums = collections.Counter()
        for record in records(gateway):
            is_moved = record["state"] in ("succeeded", "reversed")
            sums["given_back" if record["tool"] == REVERSAL else record["direction"]] += record["amount"] * is_moved
        status, _, answer = gateway.call("POST", "/tools/reports/generate", body)
        assert status == 200, answer
        seen.update(report=answer["data"], sums=sums)
        return all(answer["data"]["money"][way]["amount"] == sums[way] for way in ("in", "out", "given_back"))

    try:
        harness.wait_until("a report that says what the transactions say", holds)
    except AssertionError as error:
        return [f"{error}: {seen['report']['money']}, {dict(seen['sums'])}"]
    status, _, proof = gateway.call("GET", f"/reports/{seen['report']['report_id']}/verification")
    return [] if status == 200 and proof["data"]["is_proven"] else [f"the report is not proven: {proof}"]
