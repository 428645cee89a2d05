"""kill -9 drawn over every await of sending money, with the simulator's ledger as judge.

A gateway is started to die at a point (`name@n`), and works on collections, payouts, payouts and batches that wait for a
person, and other batches, and gives collections back, until it does; in some lives the money runs out. The next one goes on in the
same folder, or on the same database, and dies at the next point. What was not answered is asked for again with its key, as callers
should, and what is paused is resumed once there is money. At the end one that lives is asked for everything, a report among it, and
the ledger says what is true: see `Trial.judge`. `Scripts/kills` runs it by the thousand.
"""

import collections
import http.client
import random
import shutil
import threading
import time
import urllib.error

import harness
import kills_report
from harness import Gateway, http as ask, phone
from test_approvals import code

# Each named place on the way of money, and at which time at most a life dies that is to die there. Before a read and on both
# sides of a write are all awaits of the store, whatever they are for.
POINTS = {
    "before_commit": 4, "before_send": 5, "after_send": 5, "after_reply_commit": 5, "callback_received": 5,
    "callback_kept": 5, "before_callback_commit": 5, "after_callback_commit": 5, "before_query": 2, "after_query": 2,
    "after_query_commit": 2, "after_hold_commit": 2, "before_release": 1, "after_release": 1, "before_held_sending": 8,
    "before_batch_commit": 2, "after_batch_commit": 2, "before_batch_decision": 2, "after_batch_decision": 2,
    "before_batch_end": 1, "before_read": 150, "before_write": 60, "after_write": 60,
}
# How often each must have been hit where all are tried.
HITS_MIN = 5
# How long a life may last that does not come to its point; it is killed from outside then, wherever it is.
LIFE = 15
# So much is asked for of one store at most before it is judged: the simulator lists its newest ten thousand of each kind.
ASKED_MAX = 4_000
# What waits for a second person, in shillings.
HELD = 5_000
# What each payment of a batch is, by the last letter of its name: one that leaves at once, one that a person releases, two that a
# rule asks another person about, of which one is never released.
KINDS = {"r": 100, "d": 100, "h": 1_500, "w": 1_500}
# What the utility account holds in a life: enough for everything, or soon nothing more.
PLENTY, LITTLE = 10_000_000, 300
# What says that nothing has moved, and never will.
UNMOVED = ("failed", "rejected", "withdrawn", "cancelled", "expired")
# What a collection is, and the parts of it that are given back.
PAID, PARTS = 100, (40, 60, 100)
GONE = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class Trial:
    """A chain of gateways on one store that are killed one after another, and what was asked of them."""

    def __init__(self, simulator, environment=None, seed=None):
        self.simulator, self.environment = simulator, environment or {}
        self.random = random.Random(seed if seed is not None else harness.SEED)
        self.hits, self.missed = collections.Counter(), collections.Counter()
        # By key: what was asked for, and by phone: which key stands for it.
        self.asked, self.answered, self.open, self.wrong = {}, {}, collections.deque(), []
        # By key: what is to be given back of which transaction.
        self.reversals = {}
        self.batches, self.lock, self.secret = {}, threading.Lock(), None
        first = Gateway(simulator=simulator, environment=self.environment)
        self.folder, self.ports = first.folder, first.ports
        self.prepare(first)
        first.end()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self, gateway):
        """A rule that asks for another person from a sum on, and somebody who may."""
        self.dev = gateway.dev
        self.token = self.log_in(gateway)
        password = {"password": self.person()["password"]}
        self.secret = gateway.call("POST", "/auth/second-factor", password, key=self.token)[2]["data"]["secret"]
        proof = {**password, "code": code(self.secret)}
        assert gateway.call("POST", "/auth/second-factor/confirm", proof, key=self.token)[0] == 200
        rule = {"direction": ["out"], "amount_min": HELD, "then": "approve"}
        assert gateway.call("PUT", "/approval-rules", {"rules": [rule]}, key=self.token)[0] == 200

    def person(self):
        return next(user for user in self.dev["users"] if user["role"] == "org_admin")

    def log_in(self, gateway):
        credentials = {name: self.person()[name] for name in ("username", "password", "organization")}
        if self.secret:
            credentials["code"] = code(self.secret)
        return ask("POST", gateway.url + "/auth/login", credentials)[2].get("data", {}).get("token")

    def decide(self, gateway, path, body):
        """Something that a person alone may do; they log in again where their session is over."""
        answer = gateway.call("POST", path, body, key=self.token)
        if answer[0] == 401 and (token := self.log_in(gateway)):
            self.token = token
            answer = gateway.call("POST", path, body, key=self.token)
        return answer

    # What is asked for

    def single(self, gateway, kind, key):
        """One payment, new or again; its answer is kept."""
        number = key.split("-")[1]
        with self.lock:
            self.asked[key] = number
        send = gateway.push if kind == "push" else gateway.pay_out
        status, _, answer = send(number, amount=HELD if kind == "held" else PAID, idempotency=key)
        if status != 200:
            return
        found = answer["data"]["transaction_id"]
        with self.lock:
            if self.answered.setdefault(key, found) != found:
                self.wrong.append(f"{key} is another payment by now: {answer}")
        if kind == "held" and answer["data"]["state"] == "draft":
            self.decide(gateway, f"/approvals/{found}/approve", {})

    def batch(self, gateway, name):
        """A batch that leaves at once, or that a person releases, pauses and resumes; one that is paused goes on."""
        with self.lock:
            numbers = self.batches.setdefault(name, [phone() for _ in range(4)])
        body = {
            "batch_id": name, "batch_name": name, "release": name[-1] != "d",
            "payments": [{"phone_number": number, "amount": KINDS[name[-1]]} for number in numbers],
        }
        status, _, answer = gateway.call("POST", "/tools/bulk-payment", body)
        if status != 200 or name[-1] == "w":
            return
        if answer["data"]["state"] == "draft":
            for word in ["release", "pause", "resume"]:
                self.decide(gateway, f"/batches/{name}/{word}", {})
        elif answer["data"]["state"] == "paused":
            self.fill(PLENTY)
            self.decide(gateway, f"/batches/{name}/resume", {})

    def fill(self, utility):
        """What can be paid out from now on."""
        assert ask("POST", self.simulator.url + "/simulator/funds", {"utility": utility})[0] == 200

    def reversal(self, gateway, key):
        """A part of a collection is given back, or all of it; more than is left, or beside another one, is refused."""
        transaction, amount = self.reversals[key]
        body = {"transaction_id": transaction, "amount": amount, "reason": "Test"}
        status, _, answer = gateway.call("POST", "/tools/reverse-transaction", body, Idempotency_Key=key)
        if status != 200:
            return
        found = answer["data"]["transaction_id"]
        with self.lock:
            if self.answered.setdefault(key, found) != found:
                self.wrong.append(f"{key} is another reversal by now: {answer}")

    def next(self, kind):
        """What was not answered, or is asked for once more; else something new."""
        with self.lock:
            if self.open and self.random.random() < 0.5:
                return self.open.popleft()
            if kind == "batch" and self.batches and self.random.random() < 0.3:
                return kind, self.random.choice(list(self.batches))
            if kind == "batch":
                return kind, f"batch-{len(self.batches)}-{self.random.choice(list(KINDS))}"
        return kind, f"{kind}-{phone()}"

    def paid(self, gateway):
        """A reversal of something that has been paid, and what it is to be known by; nothing where there is none yet."""
        status, _, page = gateway.call("GET", "/transactions?limit=50&status=SUCCESS&direction=in")
        if status != 200 or not page["data"]:
            return None, None
        with self.lock:
            key = f"reversal-{len(self.reversals)}"
            self.reversals[key] = self.random.choice(page["data"])["id"], self.random.choice(PARTS)
        return "reversal", key

    def work(self, gateway, what):
        """Asks for one thing after another, until nobody is there any more."""
        while gateway.is_running() and self.simulator.is_running():
            kind, key = self.next(what) if what != "reversal" else (None, None)
            try:
                if what == "reversal":
                    kind, key = self.paid(gateway)
                if kind in ("batch", "reversal"):
                    getattr(self, kind)(gateway, key)
                elif kind:
                    self.single(gateway, kind, key)
                again = self.random.random() < 0.1
            except GONE:
                again = True
            if again and kind:
                with self.lock:
                    self.open.append((kind, key))
            time.sleep(0.05)

    # Dying

    def life(self, point):
        """One gateway, until it dies: at its point, or from outside."""
        self.ask_simulator()
        self.fill(self.random.choice([PLENTY, LITTLE]))
        number = self.random.randint(1, POINTS[point])
        environment = {**self.environment, "GATEWAY_ALLOW_FAILPOINTS": "1", "GATEWAY_FAILPOINT": f"{point}@{number}"}
        began = time.monotonic()
        try:
            gateway = Gateway(folder=self.folder, ports=self.ports, simulator=self.simulator, environment=environment)
        except AssertionError as error:
            # It died as it started, which is an await like every other.
            assert "the gateway ended" in str(error), error
            self.hits[point] += 1
            return
        threads = [
            threading.Thread(target=self.work, args=(gateway, kind), daemon=True)
            for kind in ("push", "payout", "held", "batch", "reversal")
        ]
        for thread in threads:
            thread.start()
        while gateway.is_running() and self.simulator.is_running() and time.monotonic() - began < LIFE:
            time.sleep(0.02)
        (self.hits if not gateway.is_running() else self.missed)[point] += 1
        gateway.kill()
        for thread in threads:
            thread.join(harness.PATIENCE)

    def run(self, count, points=None, told=lambda line: None, first=0):
        """So many lives, each point as often as every other, from the `first` on; fewer where that is all that one store can
        be judged for. Those that were missed are tried once more at the end. Answers how many lives there were."""
        points, lives = list(points or POINTS), 0
        while lives < count and len(self.asked) < ASKED_MAX:
            self.life(points[(first + lives) % len(points)])
            lives += 1
            if lives % 50 == 0:
                told(f"{lives} of {count}")
        enough = min(HITS_MIN, lives // len(points))
        for point in points:
            for _ in range(3 * HITS_MIN):
                if self.hits[point] >= enough:
                    break
                self.life(point)
        return lives

    def ask_simulator(self):
        """Without the simulator nothing is sent, and nothing more would be proven, however long it goes on."""
        assert self.simulator.is_running(), "the simulator ended: " + self.simulator.output()[-4_000:]

    # Judging

    def judge(self):
        """Nobody is charged or paid twice; what is said to have moved has, and what is said not to have has not; what was
        answered is there still, and its key stands for it; every batch has ended, or waits for what M-Pesa has not said, or for
        its person; a report of these days says the same."""
        self.ask_simulator()
        self.fill(PLENTY)
        gateway = Gateway(
            folder=self.folder, ports=self.ports, simulator=self.simulator, environment=self.environment
        )
        for name in self.batches:
            # What is not paused is refused.
            self.decide(gateway, f"/batches/{name}/resume", {})
        harness.wait_until("what has not left", lambda: not self.leaving(gateway))
        unfinished = self.unfinished(gateway) + kills_report.wrongs(gateway, self.everything)
        # What M-Pesa decides meanwhile is in the ledger, and may be in none of these yet.
        records, reversals = self.records(gateway), self.found_reversals
        ledger, returned = self.ledger()
        gateway.end()
        wrong = self.wrong + unfinished + self.judge_reversals(records, reversals, returned)
        wrong += [f"{number} moved {times} times" for number, times in ledger.items() if times > 1]
        for number, record in records.items():
            moved = ledger.get(number, 0)
            if record["state"] == "succeeded" and moved != 1:
                wrong.append(f"{number} is said to have moved, and has not: {record}")
            if record["state"] in UNMOVED and moved:
                wrong.append(f"{number} is said not to have moved, and has: {record}")
        wrong += [f"{number} moved, and no transaction says so" for number in ledger if number not in records]
        waiting = {number: name for name, numbers in self.batches.items() if name[-1] == "w" for number in numbers}
        wrong += [f"{number} moved, and nobody had released {waiting[number]}" for number in ledger if number in waiting]
        for key, found in self.answered.items():
            if key in self.reversals:
                wrong += [f"{key} was answered with {found}, which is not there"] * (found not in reversals)
                continue
            record = records.get(self.asked[key])
            if not record or record["id"] != found:
                wrong.append(f"{key} was answered with {found}, which is {record}")
        assert not wrong, "\n".join(wrong[:20])
        assert len(records) + len(reversals) >= len(self.answered) and ledger, (len(records), len(self.answered))
        self.given_back = sum(returned.values())
        return sum(ledger.values())

    def judge_reversals(self, records, reversals, returned):
        """No more goes back than was asked for and paid; what is said to have gone back has, and nothing else."""
        wrong, done, may_be = [], collections.Counter(), collections.Counter()
        numbers = {record["id"]: number for number, record in records.items()}
        for key, (transaction, amount) in self.reversals.items():
            record = reversals.get(self.answered.get(key))
            if record and record["amount"] != amount:
                wrong.append(f"{key} was to give back {amount}, and is {record}")
        for record in reversals.values():
            number = numbers.get(record.get("original"))
            if number is None:
                wrong.append(f"a reversal of nothing: {record}")
                continue
            done[number] += record["amount"] * (record["state"] == "succeeded")
            may_be[number] += record["amount"] * (record["state"] not in UNMOVED)
        for number, record in records.items():
            back = returned.get(number, 0)
            if not done[number] <= back <= min(PAID, may_be[number]):
                wrong.append(f"{back} went back of {record}, {done[number]} by what is said, {may_be[number]} at most")
            if record["state"] == "reversed" and back != PAID:
                wrong.append(f"{number} is said to have gone back whole, and {back} has: {record}")
        return wrong

    def leaving(self, gateway):
        """What is neither sent nor undecided nor ended."""
        return {record["state"] for record in self.everything(gateway)} & {"created", "sending", "released"}

    def everything(self, gateway):
        """All payments as they count, and all reversals."""
        return [*self.records(gateway).values(), *self.found_reversals.values()]

    def records(self, gateway):
        """All payments, by their phone; each phone was asked for once, and its row of a batch may have been tried again once all
        tries before had failed. Reversals are kept beside, by their id."""
        found, before, self.found_reversals, self.tried_again = {}, "", {}, 0
        rows = {number for numbers in self.batches.values() for number in numbers}
        while True:
            status, _, page = gateway.call("GET", f"/transactions?limit=100{before}")
            assert status == 200, page
            for record in page["data"]:
                if record["tool"] == kills_report.REVERSAL:
                    self.found_reversals[record["id"]] = record
                    continue
                # The newest come first.
                later = found.setdefault(record["party"], record)
                if later["id"] != record["id"]:
                    is_again = record["party"] in rows and record["state"] == "failed"
                    assert is_again, f"two transactions for {record['party']}: {record}, {later}"
                    self.tried_again += 1
            if not page.get("next_before"):
                return found
            before = "&before=" + page["next_before"]

    def ledger(self):
        """How often money moved with each phone that was asked for, and how much went back."""
        times, returned = collections.Counter(), collections.Counter()
        for charge in ask("GET", self.simulator.url + "/simulator/ledger")[2]["charges"]:
            times[charge["phone"]] += 1
            returned[charge["phone"]] += charge.get("returned", 0)
        for payout in ask("GET", self.simulator.url + "/simulator/payouts")[2]["payouts"]:
            times[payout["phone"]] += payout.get("result_code") == "0"
        own = set(self.asked.values()) | {number for numbers in self.batches.values() for number in numbers}
        return {number: count for number, count in times.items() if number in own and count}, returned

    def standing(self, gateway, name):
        """A batch's payments that have not left, and how every batch that has not ended stands."""
        _, _, items = gateway.call("GET", f"/batches/{name}/items?limit=100")
        held = [item for item in items["data"] if item.get("transaction", {}).get("status") == "PENDING"]
        found = [gateway.call("GET", "/batches/" + other)[2].get("data", {}) for other in self.batches]
        open_ones = {b["batch_id"]: (b["state"], b.get("reason"), b["counts"]) for b in found if b and "ended_ms" not in b}
        explained = [
            gateway.call("GET", f"/transactions/{item['transaction']['id']}/explanation")[2].get("data", {}).get("why")
            for item in held[:1]
        ]
        undecided = sum(counts["undecided"] for _, _, counts in open_ones.values())
        return f"its payments: {held[:5]}; why: {explained}; undecided in all: {undecided}; open: {open_ones}"

    def unfinished(self, gateway):
        """Batches that are there, and neither end nor wait for anything."""
        wrong = []
        for name in self.batches:
            status, _, answer = gateway.call("GET", "/batches/" + name)
            if status == 404:
                continue
            batch = answer["data"]
            waits = batch["state"] in ("draft", "paused") or batch["counts"]["undecided"] + batch["counts"]["needs_person"]
            # One that runs and finds no place of its account says what it waits for.
            waits = waits or batch["state"] == "running" and batch.get("reason")
            if "ended_ms" not in batch and not waits:
                try:
                    harness.wait_until(
                        f"the end of {name}",
                        lambda: "ended_ms" in (b := gateway.call("GET", "/batches/" + name)[2]["data"])
                        or b["counts"]["undecided"]
                        or b["state"] == "running" and b.get("reason"),
                    )
                except AssertionError as error:
                    # What it waits for, and who has the account's places meanwhile.
                    raise AssertionError(f"{error}; {self.standing(gateway, name)}") from error
            # Each that failed may have been tried again once.
            again = sum(batch["counts"].values()) - batch["total_payments"]
            if not 0 <= again <= batch["counts"]["failed"] or batch["paid_amount"] > batch["total_amount"]:
                wrong.append(f"{name} has other payments than it was made with: {batch}")
        return wrong


def table(trial):
    """Each point, how often a life died there, and how often one did not come to it."""
    lines = [f"{'point':24} {'kills':>6} {'missed':>7}"]
    for point in POINTS:
        if trial.hits[point] or trial.missed[point]:
            lines.append(f"{point:24} {trial.hits[point]:6} {trial.missed[point]:7}")
    return "\n".join(lines)
