"""People confirm what they asked for on the gateway's page, as a browser without script does: forms, a cookie, and what is
in the page."""

import html.parser
import http.cookiejar
import itertools
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest

from harness import PATIENCE, Gateway, http as ask, phone, wait_until
from test_approvals import log_in

NEWEST = "2026-07-28"


@pytest.fixture(scope="module")
def house(simulator):
    with Gateway(simulator=simulator) as gateway:
        rules = [{"direction": ["in", "out"], "who": ["person"], "then": "confirm"}]
        # Of money in nothing is asked of agents otherwise: this asks more, and holds at once.
        rules.append({"direction": ["in"], "who": ["agent"], "then": "confirm", "agent_max": 1000})
        answer = gateway.call("PUT", "/approval-rules", {"rules": rules}, key=log_in(gateway, "org_admin"))
        assert answer[0] == 200 and not answer[2]["data"].get("pending"), answer
        yield gateway


class Page(html.parser.HTMLParser):
    """What a reader sees, and what its forms hold beside their buttons."""

    def __init__(self, status, headers, text):
        super().__init__()
        self.status, self.headers, self.text, self.hidden, self.words, self.buttons = status, headers, text, {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "input" and attributes.get("type") == "hidden":
            self.hidden[attributes["name"]] = attributes["value"]
        if tag == "button":
            self.buttons.append(attributes["value"])

    def handle_data(self, data):
        self.words.append(data)

    @property
    def seen(self):
        return " ".join(" ".join(self.words).split())


class Browser:
    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, url, fields=None):
        data = urllib.parse.urlencode(fields).encode() if fields else None
        try:
            answer = self.opener.open(urllib.request.Request(url, data=data), timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        return Page(answer.status, answer.headers, answer.read().decode())

    def press(self, url, page, button, **fields):
        return self.open(url, {**page.hidden, **fields, "do": button})

    def log_in(self, url, user):
        fields = {name: user[name] for name in ("username", "password", "organization")}
        return self.press(url, self.open(url), "log-in", **fields)


def person(gateway, role):
    return next(user for user in gateway.dev["users"] if user["role"] == role)


def test_a_person_confirms_their_own_payout_and_nobody_else_sees_it(house, simulator):
    number, token = phone(), log_in(house, "manager", with_factor=False)
    held = house.pay_out(number, key=token, idempotency="page-" + number)[2]["data"]
    url = house.url + "/confirm/" + held["transaction_id"]
    assert held["state"] == "draft" and f"({url})" in held["next"], held

    stranger = Browser().open(url)
    assert stranger.status == 200 and stranger.buttons == ["log-in"] and number not in stranger.text, stranger.text
    policy = stranger.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy

    other = Browser().log_in(url, person(house, "user"))
    assert other.status == 404 and number not in other.text and other.buttons == ["leave"], other.text

    browser = Browser()
    page = browser.log_in(url, person(house, "manager"))
    assert page.status == 200 and page.buttons == ["confirm", "decline", "leave"], page.text
    for words in ("100 shillings", number, "no real money", "manager"):
        assert words in page.seen, (words, page.seen)
    (cookie,) = browser.cookies
    assert cookie.path == "/confirm" and cookie.has_nonstandard_attr("HttpOnly") and not cookie.domain_specified, cookie
    assert cookie.get_nonstandard_attr("SameSite") == "Strict" and token not in cookie.value, cookie

    assert browser.open(url, {"do": "confirm", "sha256": page.hidden["sha256"]}).status == 403
    assert simulator.payouts(number)["count"] == 0
    done = browser.press(url, page, "confirm")
    assert done.status == 200 and "Confirmed" in done.seen and "confirm" not in done.buttons, done.text
    wait_until("the payout", lambda: simulator.payouts(number)["count"] == 1)
    assert browser.press(url, page, "confirm").status == 409
    shown = house.call("GET", "/approvals/" + held["transaction_id"], key=token)[2]["data"]["confirmation"]
    assert shown["sha256"] == page.hidden["sha256"] and number in shown["shown"], shown
    assert simulator.payouts(number)["count"] == 1

    assert browser.press(url, done, "leave").buttons == ["log-in"]


def test_what_is_declined_on_the_page_is_never_sent(house, simulator):
    number, token = phone(), log_in(house, "manager", with_factor=False)
    held = house.pay_out(number, key=token, idempotency="no-page-" + number)[2]["data"]
    url = house.url + "/confirm/" + held["transaction_id"]
    browser = Browser()
    page = browser.log_in(url, person(house, "manager"))
    done = browser.press(url, page, "decline")
    assert done.status == 200 and "Nothing was sent" in done.seen, done.text
    assert browser.press(url, page, "confirm").status == 409
    assert house.pay_out(number, key=token, idempotency="no-page-" + number)[0] == 409
    assert simulator.payouts(number)["count"] == 0


def test_a_person_who_calls_by_mcp_is_led_to_the_page(house):
    number, token = phone(), log_in(house, "manager", with_factor=False)
    arguments = {
        "phone_number": number, "amount": 100, "account_reference": "<i>TEST", "transaction_desc": "Test",
        "idempotency_key": "led-" + number,
    }

    def call(key, **more):
        capabilities = {"elicitation": {"form": {}, "url": {}}}
        meta = {f"io.modelcontextprotocol/{name}": value for name, value in (
            ("protocolVersion", NEWEST), ("clientCapabilities", capabilities))}
        params = {"name": "mpesa_stk_push", "arguments": arguments, "_meta": meta, **more}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "Authorization": "Bearer " + key, "Content-Type": "application/json", "MCP-Protocol-Version": NEWEST,
            "Mcp-Method": "tools/call", "Mcp-Name": "mpesa_stk_push",
        }
        return ask("POST", house.url + "/mcp", json.dumps(body).encode(), headers)[2]["result"]

    asked = call(token)
    question = asked["inputRequests"]["question"]["params"]
    assert question["mode"] == "url" and question["url"].startswith(house.url + "/confirm/"), question
    assert number not in question["url"], question
    url, browser = question["url"], Browser()
    page = browser.log_in(url, person(house, "manager"))
    assert "<i>TEST" in page.seen and "<i>" not in page.text, page.text
    assert browser.press(url, page, "confirm").status == 200

    answers = {"question": {"action": "accept"}}
    done = call(token, requestState=asked["requestState"], inputResponses=answers)
    assert done["resultType"] == "complete" and not done["isError"], done
    assert call(token)["structuredContent"] is not None
    house.wait_for(number, "succeeded")
    arguments.update(phone_number=phone(), idempotency_key="form-" + number)
    form = call(house.dev["api_key"])
    assert form["inputRequests"]["question"]["params"]["mode"] == "form", form


def test_a_session_that_an_error_leads_to_the_page_is_told_that_it_was_answered(house):
    number, token = phone(), log_in(house, "manager", with_factor=False)
    url = house.url + "/mcp"
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}

    def post(method, params, accept="application/json, text/event-stream"):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return ask("POST", url, body, {**headers, "Accept": accept})

    hello = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {"url": {}}}}
    headers["Mcp-Session-Id"] = post("initialize", hello)[1]["Mcp-Session-Id"]
    headers["MCP-Protocol-Version"] = "2025-11-25"
    asking = urllib.request.Request(url, headers={**headers, "Accept": "text/event-stream"})
    with urllib.request.urlopen(asking, timeout=PATIENCE) as stream:
        arguments = {
            "phone_number": number, "amount": 100, "account_reference": "TEST", "transaction_desc": "Test",
            "idempotency_key": "told-" + number,
        }
        call = {"name": "mpesa_stk_push", "arguments": arguments}
        error = post("tools/call", call, accept="application/json")[2]["error"]
        (led,) = error["data"]["elicitations"]
        assert error["code"] == -32042 and led["url"].startswith(house.url + "/confirm/"), error
        browser = Browser()
        page = browser.log_in(led["url"], person(house, "manager"))
        assert browser.press(led["url"], page, "confirm").status == 200

        # What shows now and then that the stream is open has no data; that is not waited for much longer.
        lines = itertools.islice(stream, 10)
        told = next(json.loads(line[5:]) for line in lines if line.startswith(b"data:") and line[5:].strip())
    assert told["method"] == "notifications/elicitation/complete", told
    assert told["params"] == {"elicitationId": led["elicitationId"]}, told
    house.wait_for(number, "succeeded")
