"""What a plugin may ask of its host, and every way a function tool may end: in the host, in a worker, in a sandbox."""

import base64
import json
import signal
import time
import urllib.request
from http.client import HTTPConnection

import pytest

from harness import PATIENCE, Gateway, http, phone, wait_until
from plugins import compile_desk, install_desk

MODES = ["in-process", "worker", "sandbox"]


@pytest.fixture(scope="module", params=MODES)
def gateway(request, simulator):
    """A host in which the plugin runs in each mode."""
    with Gateway(simulator=simulator) as gateway:
        done = install_desk(gateway, compile_desk(), {"isolation": request.param}, "--grant-needs")
        assert done.returncode == 0, done.stderr
        yield gateway


def ask(gateway, service, **request):
    status, _, answer = gateway.call("POST", "/tools/desk_ask", {"service": service, "request": request})
    assert status == 200, answer
    return answer["data"]["status"], answer["data"]["answer"]


def work(gateway, how, **more):
    return gateway.call("POST", "/tools/desk_work", {"how": how, **more})


def question(gateway, how="question", **more):
    return gateway.call("POST", "/tools/desk_question", {"how": how, **more})


OK, INVALID, DENIED, MISSING, CONFLICT, LIMITED, UNSUPPORTED = 0, 10, 12, 13, 14, 15, 21


def test_values_of_collections_have_versions(gateway):
    where = {"collection": "notes", "key": "a"}
    assert ask(gateway, "store.get", **where)[0] == MISSING
    assert ask(gateway, "store.put", **where, value={"n": 1}, version=0) == (OK, {"version": 1})
    assert ask(gateway, "store.put", **where, value=1, version=0)[0] == CONFLICT
    assert ask(gateway, "store.put", **where, value={"n": 2}, version=1) == (OK, {"version": 2})
    assert ask(gateway, "store.put", **where, value={"n": 3}) == (OK, {"version": 3})
    assert ask(gateway, "store.get", **where) == (OK, {"key": "a", "value": {"n": 3}, "version": 3})
    assert ask(gateway, "store.delete", **where, version=2)[0] == CONFLICT
    assert ask(gateway, "store.delete", **where, version=3)[0] == OK
    assert ask(gateway, "store.delete", **where)[0] == OK
    assert ask(gateway, "store.get", **where)[0] == MISSING
    assert ask(gateway, "store.put", **where, value="x" * 70_000)[0] == INVALID
    assert ask(gateway, "store.put", collection="notes", key="", value=1)[0] == INVALID


def test_values_are_listed_by_pages(gateway):
    keys = [f"p{n:02}" for n in range(7)] + ["q%", "q_", "r"]
    for key in keys:
        ask(gateway, "store.put", collection="notes", key=key, value=key)
    found, after = [], None
    while True:
        page = ask(gateway, "store.list", collection="notes", prefix="p", limit=3, after=after)[1]
        found += [item["key"] for item in page["items"]]
        after = page.get("next")
        if after is None:
            break
    assert found == keys[:7], found
    exact = ask(gateway, "store.list", collection="notes", prefix="q%")[1]["items"]
    assert [item["value"] for item in exact] == ["q%"], exact


def test_no_organization_sees_anothers_values(gateway):
    other = gateway.dev["limited"]["api_key"]
    # The plan of the second organization does not have this tool at all.
    assert gateway.call("POST", "/tools/desk_ask", {"service": "store.get", "request": {}}, key=other)[0] in (403, 404)


def test_what_was_not_granted_is_refused_and_counted(gateway):
    def violations():
        plugins = http("GET", gateway.dev["management_url"] + "/plugins")[2]["plugins"]
        return next(p for p in plugins if p["id"] == "desk")["violations"]

    before = violations()
    assert ask(gateway, "store.get", collection="others", key="a")[0] == DENIED
    assert violations() == before + 1
    assert ask(gateway, "mpesa.pay", amount=1)[0] == UNSUPPORTED
    assert ask(gateway, "store.get", key="a")[0] == INVALID


def test_a_plugin_without_grants_loads_only_when_it_needs_none(simulator):
    gateway = Gateway(simulator=simulator)
    refused = install_desk(gateway, compile_desk(), {})
    assert "rule C3" in refused.stderr, refused
    modest = compile_desk('-DDESK_NEEDS="{}"')
    done = install_desk(gateway, modest, {})
    assert done.returncode == 0, done.stderr
    for service, request in [
        ("store.get", {"collection": "notes", "key": "a"}), ("transaction.list", {}),
        ("timer.schedule", {"name": "x", "after_ms": 1}), ("export.open", {"name": "x", "mime_type": "text/csv"}),
    ]:
        assert ask(gateway, service, **request)[0] == DENIED, service
    for flag, table in (("-DNO_TIMER", "timer/1"), ("-DNO_PROMPT", "prompt/1"), ("-DNO_RESOURCE", "resource/1")):
        refused = install_desk(gateway, compile_desk(flag), {}, "--grant-needs")
        assert "rule E5" in refused.stderr and table in refused.stderr, refused
    gateway.remove()


def test_transactions_are_read_by_id_and_by_external_id(gateway):
    number = phone()
    gateway.push(number, 75)
    paid = gateway.wait_for(number, "succeeded")
    status, found = ask(gateway, "transaction.find", id=paid["id"])
    assert status == OK and found["amount"] == 75 and found["receipt"] == paid["receipt"], found
    checkout = paid["external_ids"]["checkout_request_id"]
    assert ask(gateway, "transaction.find", external_id=checkout, namespace="checkout_request_id")[1]["id"] == paid["id"]
    assert ask(gateway, "transaction.find", id="01a20bba-917f-7671-9430-69ad09c67be1")[0] == MISSING
    assert ask(gateway, "transaction.find", id="nonsense")[0] == INVALID
    listed = ask(gateway, "transaction.list", party=number)[1]["transactions"]
    assert [t["id"] for t in listed] == [paid["id"]], listed


def test_a_timer_comes_due_and_comes_again_after_a_failure(gateway):
    note = {"collection": "notes"}
    status, timer = ask(gateway, "timer.schedule", name="soon", after_ms=50, data={"x": [1]})
    assert status == OK and timer["timer"], timer
    ask(gateway, "timer.schedule", name="stubborn", after_ms=0)
    fired = wait_until("the timer", lambda: ask(gateway, "store.get", **note, key="timer")[1])
    value = wait_until("its note", lambda: ask(gateway, "store.get", **note, key="timer")[1].get("value"))
    assert value["name"] == "soon" and value["data"] == {"x": [1]} and value["id"] == timer["timer"], (value, fired)
    stubborn = wait_until(
        "the third time", lambda: ask(gateway, "store.get", **note, key="stubborn")[1].get("value")
    )
    assert stubborn["attempt"] == 3, stubborn
    ask(gateway, "store.delete", **note, key="timer")
    cancelled = ask(gateway, "timer.schedule", name="never", after_ms=4000)[1]["timer"]
    assert ask(gateway, "timer.cancel", timer=cancelled)[0] == OK
    ask(gateway, "timer.schedule", name="after", after_ms=4100)
    value = wait_until("a later timer", lambda: ask(gateway, "store.get", **note, key="timer")[1].get("value"))
    assert value["name"] == "after", value
    assert ask(gateway, "timer.schedule", name="x", after_ms=10**15)[0] == INVALID


def test_a_timer_survives_a_kill(simulator):
    gateway = Gateway(simulator=simulator)
    assert install_desk(gateway, compile_desk(), {}, "--grant-needs").returncode == 0
    ask(gateway, "timer.schedule", name="later", after_ms=300)
    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator)
    value = wait_until(
        "the timer", lambda: ask(gateway, "store.get", collection="notes", key="timer")[1].get("value")
    )
    assert value["name"] == "later", value
    gateway.remove()


def test_an_answer_that_counted_stays_used_after_a_kill(simulator):
    gateway = Gateway(simulator=simulator)
    assert install_desk(gateway, compile_desk(), {}, "--grant-needs").returncode == 0
    asked = question(gateway)[2]["data"]
    reply = {"$state": asked["request_state"], "$input": {"action": "accept", "content": {"sure": True}}}
    status, _, first = question(gateway, **reply)
    assert status == 200, first
    gateway.end(signal.SIGKILL)
    gateway = gateway.again(simulator=simulator)
    status, fields, again = question(gateway, **reply)
    assert status == 200 and fields["Idempotent-Replayed"] == "true" and again["data"] == first["data"], again
    assert question(gateway, **{**reply, "$input": {"action": "decline"}})[0] == 422
    gateway.remove()


def test_an_export_is_made_in_pieces_and_downloaded(gateway):
    export = ask(gateway, "export.open", name="day.csv", mime_type="text/csv")[1]["export"]
    assert ask(gateway, "export.append", export=export, text="a,b\n") == (OK, {"bytes": 4})
    encoded = base64.b64encode(b"1,\xc3\xa9\n").decode()
    assert ask(gateway, "export.append", export=export, base64=encoded) == (OK, {"bytes": 9})
    assert gateway.call("GET", "/exports/" + export)[0] == 404
    status, closed = ask(gateway, "export.close", export=export)
    assert status == OK and closed == {"path": "/exports/" + export, "bytes": 9}, closed
    assert ask(gateway, "export.append", export=export, text="x")[0] == CONFLICT
    status, headers, body = gateway.call("GET", closed["path"])
    assert (status, body) == (200, "a,b\n1,é\n".encode()), body
    assert headers["Content-Type"] == "text/csv" and "day.csv" in headers["Content-Disposition"], headers
    assert gateway.call("GET", closed["path"], key=gateway.dev["limited"]["api_key"])[0] == 404
    assert http("GET", gateway.url + closed["path"])[0] == 401
    assert ask(gateway, "export.open", name='a"\n', mime_type="text/csv")[0] == INVALID


def test_content_of_every_kind_goes_beside_the_output(gateway):
    status, _, answer = work(gateway, "content")
    assert status == 200 and answer["data"] == {"done": True}, answer
    kinds = ["text", "image", "audio", "resource_link", "resource"]
    assert [block["type"] for block in answer["content"]] == kinds, answer
    result = mcp(gateway, "tools/call", name="desk_work", arguments={"how": "content"})["result"]
    # The output as text, and which M-Pesa it was.
    assert [block["type"] for block in result["content"]] == kinds + ["text", "text"], result
    assert "test" in result["content"][-1]["text"], result
    assert result["structuredContent"] == {"done": True}, result
    for how in ("bad-content", "bad-handle"):
        assert work(gateway, how)[0] == 502, how
    assert question(gateway, "bad-question")[0] == 502
    status, _, answer = work(gateway, "question")
    assert status == 502 and "does not say that it asks" in answer["detail"], answer


def test_work_that_was_begun_is_answered_with_a_handle(gateway):
    status, _, answer = work(gateway, "handle")
    assert status == 202 and answer["data"]["handle"] == "job-1" and answer["data"]["tool"] == "desk_ask", answer
    result = mcp(gateway, "tools/call", name="desk_work", arguments={"how": "handle"})["result"]
    assert "job-1" in result["content"][0]["text"] and "desk_ask" in result["content"][0]["text"], result


def test_a_question_is_answered_by_rest(gateway):
    status, _, answer = question(gateway, "question")
    asked = answer["data"]
    assert status == 202 and asked["input_required"]["message"] == "Is this right?", answer
    assert "step" not in json.dumps(asked), "the tool's state went out in clear"
    reply = {"$state": asked["request_state"], "$input": {"action": "accept", "content": {"sure": True}}}
    status, _, answer = question(gateway, "question", **reply)
    assert status == 200 and answer["data"]["meta"]["input"] == reply["$input"], answer
    assert answer["data"]["meta"]["state"] == {"step": 7}, answer
    again = question(gateway, "question", **reply)
    assert again[1]["Idempotent-Replayed"] == "true" and again[2]["data"] == answer["data"], again
    assert question(gateway, "question", **{**reply, "$input": {"action": "decline"}})[0] == 422, "another answer counted"
    wrong = {**reply, "$state": asked["request_state"][:-8] + "AAAAAAA="}
    assert question(gateway, "question", **wrong)[0] == 422
    assert question(gateway, "content", **reply)[0] == 422, "the answer counted for other arguments"
    assert question(gateway, "question", **{**reply, "$input": {"action": "perhaps"}})[0] == 422
    assert question(gateway, "question", **{"$state": 7})[0] == 422


def test_a_question_is_answered_by_mcp(gateway):
    call = {"name": "desk_question", "arguments": {"how": "question"}}
    refused = mcp(gateway, "tools/call", **call)
    assert refused["error"]["code"] == -32021, refused
    result = mcp(gateway, "tools/call", capabilities={"elicitation": {}}, **call)["result"]
    assert result["resultType"] == "input_required" and "isError" not in result, result
    asked = result["inputRequests"]["question"]
    assert asked["method"] == "elicitation/create" and asked["params"]["message"] == "Is this right?", asked
    answers = {"question": {"action": "accept", "content": {"sure": True}}}
    done = mcp(
        gateway, "tools/call", capabilities={"elicitation": {}}, inputResponses=answers,
        requestState=result["requestState"], **call,
    )["result"]
    assert done["structuredContent"]["meta"]["input"] == answers["question"], done
    call.update(capabilities={"elicitation": {}}, inputResponses=answers)
    told = mcp(gateway, "tools/call", requestState=result["requestState"][:-8] + "AAAAAAA=", **call)
    assert told["error"]["code"] == -32602, told


def test_progress_is_told_while_a_tool_works(gateway):
    events = stream(gateway, "progress")
    assert [e["method"] for e in events[:-1]] == ["notifications/progress"] * (len(events) - 1) and len(events) > 3, events
    told = [e["params"]["progress"] for e in events[:-1]]
    assert told == sorted(set(told)) and told[0] == 0.2 and events[0]["params"]["progressToken"] == "t1", events
    assert events[-1]["result"]["structuredContent"] == {"done": True}, events[-1]
    # Without news there is no stream.
    assert mcp(gateway, "tools/call", progress="t2", name="desk_work", arguments={"how": "content"})["result"]


def test_progress_is_told_by_rest_where_events_are_taken(gateway):
    fields = {"X-API-Key": gateway.dev["api_key"], "Content-Type": "application/json", "Accept": "text/event-stream"}

    def ask(how):
        body = json.dumps({"how": how}).encode()
        asked = urllib.request.Request(gateway.url + "/tools/desk_work", body, fields, method="POST")
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    kind, text = ask("progress")
    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in text.strip().split("\n\n")]
    assert kind == "text/event-stream" and [e["event"] for e in events[:-1]] == ["progress"] * (len(events) - 1), events
    told = [json.loads(e["data"])["fraction"] for e in events[:-1]]
    assert len(told) > 2 and told == sorted(set(told)) and told[0] == 0.2, events
    last = json.loads(events[-1]["data"])
    assert events[-1]["event"] == "result" and last["success"] and last["data"] == {"done": True}, events
    # Without news there is no stream.
    kind, text = ask("content")
    assert kind == "application/json" and json.loads(text)["success"], text


def test_a_caller_who_leaves_cancels(gateway):
    def in_flight():
        plugins = http("GET", gateway.dev["management_url"] + "/plugins")[2]["plugins"]
        return next(p for p in plugins if p["id"] == "desk")["in_flight"]

    params = {"name": "desk_work", "arguments": {"how": "linger"}}
    body, headers = request(gateway, "tools/call", params, progress="t1")
    asked = urllib.request.Request(gateway.dev["mcp_url"], json.dumps(body).encode(), headers, method="POST")
    answer = urllib.request.urlopen(asked, timeout=PATIENCE)
    assert answer.readline() == b"event: message\n" and in_flight() == 1
    answer.close()
    # Well before the tool's own deadline, which is 30 s.
    wait_until("the end of the call", lambda: in_flight() == 0, 25)
    # Without a progress token nothing has been answered when the caller leaves.
    body, headers = request(gateway, "tools/call", params)
    caller = HTTPConnection(gateway.url.removeprefix("http://"), timeout=PATIENCE)
    caller.request("POST", "/mcp", json.dumps(body).encode(), headers)
    wait_until("the call", lambda: in_flight() == 1)
    caller.close()
    wait_until("the end of the call", lambda: in_flight() == 0, 25)


def test_the_deadline_is_told(gateway):
    answer = work(gateway, "meta")[2]["data"]["meta"]
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert 20e9 < answer["deadline_ns"] - now <= 30e9, (answer, now)
    assert answer["caller"] == "rest" and answer["attempt"] == 1, answer


def test_prompts_and_resources_are_read_by_mcp(gateway):
    assert mcp(gateway, "server/discover")["result"]["capabilities"]["prompts"] == {"listChanged": True}
    prompts = mcp(gateway, "prompts/list")["result"]["prompts"]
    assert [p["name"] for p in prompts] == ["desk_day"] and prompts[0]["arguments"][0]["required"] is True, prompts
    got = mcp(gateway, "prompts/get", name="desk_day", arguments={"day": "2026-11-24"})["result"]
    assert got["messages"][0]["role"] == "user", got
    assert mcp(gateway, "prompts/get", name="desk_day", arguments={})["error"]["code"] == -32602
    assert mcp(gateway, "prompts/get", name="nobody", arguments={})["error"]["code"] == -32602
    resources = mcp(gateway, "resources/list")["result"]["resources"]
    assert [r["uri"] for r in resources] == ["gateway://desk/manual", "gateway://desk/seal"], resources
    manual = mcp(gateway, "resources/read", uri="gateway://desk/manual")["result"]["contents"][0]
    assert manual["text"] == "# Manual\n" and manual["mimeType"] == "text/markdown", manual
    seal = mcp(gateway, "resources/read", uri="gateway://desk/seal")["result"]["contents"][0]
    assert base64.b64decode(seal["blob"]) == bytes([0, 1, 2, 255]), seal
    missing = mcp(gateway, "resources/read", uri="gateway://desk/none")["error"]
    assert missing["code"] == -32602 and missing["data"]["uri"] == "gateway://desk/none", missing
    templates = mcp(gateway, "resources/templates/list")["result"]["resourceTemplates"]
    ours = [f"mpesa://{kind}/{{id}}" for kind in ("batches", "reports", "tasks", "transactions")]
    assert [t["uriTemplate"] for t in templates] == ours, templates
    other = mcp(gateway, "resources/list", key=gateway.dev["limited"]["api_key"])["result"]["resources"]
    assert other == [], other


def request(gateway, method, params, capabilities=None, progress=None, key=None):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities or {},
    }
    if progress:
        meta["progressToken"] = progress
    headers = {
        "Authorization": "Bearer " + (key or gateway.dev["api_key"]), "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method,
    }
    name = params.get("name") or params.get("uri")
    if name:
        headers["Mcp-Name"] = name
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return body, headers


def mcp(gateway, method, capabilities=None, progress=None, key=None, **params):
    body, headers = request(gateway, method, params, capabilities, progress, key)
    return http("POST", gateway.dev["mcp_url"], body, headers)[2]


def stream(gateway, how):
    """The messages of a call whose answer is a stream of events."""
    params = {"name": "desk_work", "arguments": {"how": how}}
    body, headers = request(gateway, "tools/call", params, progress="t1")
    asked = urllib.request.Request(gateway.dev["mcp_url"], json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream", answer.headers
        lines = answer.read().decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
