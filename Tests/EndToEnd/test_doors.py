"""Bad input, strangers and neighbours, by every door: a cause is named, nothing is a 500, nothing leaks."""

import json
import socket

from harness import http, phone, wait_until


def problem(answer, status, code):
    got, headers, body = answer
    assert got == status and body["code"] == code and body["request_id"], answer
    assert headers["Content-Type"] == "application/problem+json" and body["success"] is False


def test_malformed_json_is_named(gateway):
    problem(gateway.call("POST", "/tools/stk-push", b'{"phone_number": '), 400, "malformed_request")
    problem(gateway.call("POST", "/tools/stk-push", b"[]"), 400, "malformed_request")
    problem(gateway.call("POST", "/tools/stk-push", b'{"amount":1,"amount":2}'), 400, "malformed_request")
    problem(gateway.call("POST", "/tools/stk-push", b'\xff\xfe'), 400, "malformed_request")


def test_every_wrong_field_is_named(gateway):
    status, _, body = gateway.call("POST", "/tools/stk-push", {"phone_number": 254, "amount": 10.9, "extra": 1})
    pointers = {error["pointer"] for error in body["errors"]}
    assert status == 422 and {"/phone_number", "/amount", "/extra", "/account_reference"} <= pointers, body


def test_a_phone_that_is_none_is_named(gateway):
    for number in ("0812345678", "2542123456789", "07123456", "٠٧١٢٣٤٥٦٧٨", "abcdefghij"):
        status, _, body = gateway.push(number)
        assert status == 422 and body["errors"][0]["pointer"] == "/phone_number", (number, body)


def test_amounts_outside_the_limits_are_named(gateway):
    for amount in (0, -5, 250_001):
        status, _, body = gateway.push(phone(), amount)
        assert status == 422 and body["errors"][0]["pointer"] == "/amount", body


def test_oversized_bodies_are_refused(gateway):
    problem(gateway.call("POST", "/tools/stk-push", b'{"a":"' + b"x" * (2 << 20) + b'"}'), 413, "too_large")


def test_unknown_paths_tools_and_methods(gateway):
    problem(gateway.call("GET", "/nowhere"), 404, "not_found")
    problem(gateway.call("POST", "/tools/no-such-tool", {}), 404, "not_found")
    answer = gateway.call("DELETE", "/tools/stk-push")
    problem(answer, 405, "method_not_allowed")
    assert answer[1]["Allow"] == "POST"


def test_credentials_that_are_none(gateway):
    key = gateway.dev["api_key"]
    forged = key[:-1] + ("0" if key[-1] != "0" else "1")
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
    for credential in ("", "x", forged, key + "0", jwt, jwt + "abc", "mpk_test_a_b_c", "z" * 10_000):
        answer = http("GET", gateway.url + "/transactions", headers={"Authorization": "Bearer " + credential})
        problem(answer, 401, "unauthenticated")
        assert answer[1]["WWW-Authenticate"].startswith("Bearer")


def test_nobody_sees_a_neighbours_transaction_by_any_door(gateway):
    number = phone()
    made = gateway.push(number, 60)[2]["data"]
    other = gateway.dev["limited"]["api_key"]
    problem(gateway.call("GET", "/transactions/" + made["transaction_id"], key=other), 404, "not_found")
    for identifier in (made["transaction_id"], made["checkout_request_id"]):
        problem(gateway.call("GET", "/tools/transaction-status/" + identifier, key=other), 404, "not_found")
        result = mcp(gateway, "tools/call", {"name": "mpesa_check_status", "arguments": {"checkout_request_id": identifier}}, other)
        assert result[2]["result"]["isError"] is True, result
    listed = gateway.call("GET", "/transactions", key=other)[2]["data"]
    assert all(t["id"] != made["transaction_id"] for t in listed)


def test_an_organization_named_in_arguments_must_be_the_callers(gateway):
    body = {"phone_number": phone(), "amount": 5, "account_reference": "A", "transaction_desc": "B"}
    foreign = gateway.dev["limited"]["organization_id"]
    problem(gateway.call("POST", "/tools/stk-push", {**body, "org_id": foreign}), 403, "permission_denied")
    own = gateway.dev["organization_id"]
    assert gateway.call("POST", "/tools/stk-push", {**body, "org_id": own})[0] == 200


def test_a_tight_limit_is_felt_and_told(gateway):
    key = gateway.dev["limited"]["api_key"]
    answers = [gateway.call("GET", "/tools/transaction-status/none", key=key) for _ in range(15)]
    limited = [a for a in answers if a[0] == 429]
    assert limited, [a[0] for a in answers]
    problem(limited[0], 429, "rate_limited")
    assert int(limited[0][1]["Retry-After"]) > 0
    assert gateway.call("GET", "/tools/transaction-status/none")[0] == 404


def test_forged_callbacks_write_nothing(gateway):
    organization = gateway.dev["organization_id"]
    for token in ("00" * 39, "zz", "", "a" * 1000):
        answer = http("POST", f"{gateway.url}/cb/{organization}/{token}", {"Body": {}})
        assert answer[0] == 404, answer


def test_the_seeds_callback_path_proves_nothing(gateway):
    number = phone()
    made = gateway.push(number, 45)[2]["data"]
    body = {
        "Body": {
            "stkCallback": {
                "MerchantRequestID": "x",
                "CheckoutRequestID": made["checkout_request_id"],
                "ResultCode": 1032,
                "ResultDesc": "forged",
            }
        }
    }
    status, _, answer = http("POST", f"{gateway.url}/mpesa/callback/{gateway.dev['organization_id']}", body)
    assert status == 200 and answer["ResultCode"] == 0
    for path in ("confirmation", "validation", "callback"):
        paid = {"TransID": "RKTQDM7W6S", "TransAmount": "10", "BillRefNumber": "x", "MSISDN": "254712345678"}
        answer = http("POST", f"{gateway.url}/mpesa/{path}/{gateway.dev['organization_id']}", paid)
        assert answer[0] == 404, answer
    assert gateway.wait_for(number, "succeeded")["code"] == "0"


def test_hostile_bytes_never_make_a_500(gateway):
    lines = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /tools/stk-push HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /tools/stk-push HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"b" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ]
    port = int(gateway.url.rsplit(":", 1)[1])
    for line in lines:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.settimeout(2)
            try:
                connection.sendall(line)
                answer = connection.recv(4096)
            except OSError:
                answer = b""
            assert b" 500 " not in answer, (line[:60], answer)
    assert gateway.call("GET", "/transactions")[0] == 200


def mcp(gateway, method, params=None, key=None, headers=None, meta=True, identifier=1):
    params = dict(params or {})
    if meta:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    fields = {
        "Authorization": "Bearer " + (key or gateway.dev["api_key"]),
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
    }
    if "name" in params:
        fields["Mcp-Name"] = params["name"]
    fields.update(headers or {})
    body = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
    return http("POST", gateway.dev["mcp_url"], body, {k: v for k, v in fields.items() if v is not None})


def refused(answer, status, code):
    assert answer[0] == status and answer[2]["error"]["code"] == code, answer


def test_the_mcp_ladder_answers_in_order(gateway):
    refused(mcp(gateway, "tools/list", meta=False), 400, -32602)
    refused(mcp(gateway, "tools/list", headers={"Mcp-Method": "tools/call"}), 400, -32020)
    refused(mcp(gateway, "tools/list", headers={"MCP-Protocol-Version": None}), 400, -32020)
    refused(mcp(gateway, "no/such"), 404, -32601)
    refused(mcp(gateway, "initialize"), 404, -32601)
    refused(mcp(gateway, "tools/call", {"name": "no_such_tool"}), 400, -32602)
    refused(mcp(gateway, "tools/list", {"cursor": "x"}), 400, -32602)
    future = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {}}}
    answer = mcp(gateway, "tools/list", future, meta=False, headers={"MCP-Protocol-Version": "2099-01-01"})
    refused(answer, 400, -32022)
    assert answer[2]["error"]["data"]["supported"][0] == "2026-07-28"


def test_mcp_refuses_strangers_origins_and_methods(gateway):
    stranger = mcp(gateway, "tools/list", key="nonsense")
    refused(stranger, 401, -32600)
    assert stranger[1]["WWW-Authenticate"].endswith('error="invalid_token"') and stranger[2]["id"] == 1, stranger
    nobody = mcp(gateway, "tools/list", headers={"Authorization": None})
    assert nobody[0] == 401 and "error" not in nobody[1]["WWW-Authenticate"], nobody[1]
    refused(mcp(gateway, "tools/list", {"x": "y" * (2 << 20)}), 413, -32600)
    refused(mcp(gateway, "tools/list", {"x": "y" * (100 << 10)}, key="nonsense"), 401, -32600)
    refused(mcp(gateway, "tools/list", headers={"X-API-Key": "another"}), 400, -32600)
    refused(mcp(gateway, "tools/list", headers={"Origin": "https://evil.example"}), 403, -32600)
    page = {"Origin": "http://localhost:6274", "Access-Control-Request-Method": "POST"}
    asked = http("OPTIONS", gateway.dev["mcp_url"], headers=page)
    assert asked[0] == 204 and asked[1]["Access-Control-Allow-Origin"] == page["Origin"], asked[1]
    assert mcp(gateway, "tools/list", headers=page)[1]["Access-Control-Expose-Headers"] == "*"
    refused(mcp(gateway, "tools/list", headers={"Content-Type": "text/plain"}), 400, -32600)
    refused(mcp(gateway, "tools/list", headers={"Accept": "text/html"}), 406, -32600)
    bearer = {"Authorization": "Bearer " + gateway.dev["api_key"], "Content-Type": "application/json"}
    assert http("DELETE", gateway.dev["mcp_url"], headers=bearer)[0] == 405
    got = http("GET", gateway.dev["mcp_url"], headers=bearer)
    assert got[0] == 405 and got[1]["Allow"] == "POST"
    raw = http("POST", gateway.dev["mcp_url"], b"{", bearer)
    assert raw[0] == 400 and raw[2]["error"]["code"] == -32700 and "id" not in raw[2]
    batch = http("POST", gateway.dev["mcp_url"], [], bearer)
    assert batch[0] == 400 and batch[2]["error"]["code"] == -32600


def test_mcp_results_carry_what_the_revision_asks(gateway):
    discovered = mcp(gateway, "server/discover")[2]["result"]
    assert discovered["resultType"] == "complete" and discovered["supportedVersions"][0] == "2026-07-28"
    listed = mcp(gateway, "tools/list", identifier="text-id")
    assert listed[2]["id"] == "text-id" and listed[2]["result"]["cacheScope"] == "private"
    assert listed[2]["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "mpesa-gateway"
    assert json.dumps(listed[2]["result"]["tools"]) == json.dumps(mcp(gateway, "tools/list")[2]["result"]["tools"])


def test_secrets_appear_in_no_log(gateway):
    gateway.push(phone(), 15)
    wait_until("some output", lambda: gateway.output())
    log = gateway.output().split("Users, a second")[-1]
    for secret in (gateway.dev["api_key"], "demo-consumer-secret", "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"):
        assert secret not in log


def test_a_tool_that_is_hidden_and_one_that_there_is_not_are_one(gateway):
    """The second organization's plan has no payouts; a user's role is too low for them."""
    user = next(u for u in gateway.dev["users"] if u["role"] == "user")
    credentials = {name: user[name] for name in ("username", "password", "organization")}
    token = http("POST", gateway.url + "/auth/login", credentials)[2]["data"]["token"]
    for key in (gateway.dev["limited"]["api_key"], token):
        for body in ({"phone_number": phone(), "amount": 1, "remarks": "none"}, b"{", {}):
            hidden = gateway.call("POST", "/tools/b2c-payment", body, key=key)
            unknown = gateway.call("POST", "/tools/no-such-tool", body, key=key)
            problem(hidden, 404, "not_found")
            for answer in (hidden, unknown):
                del answer[2]["request_id"]
            assert hidden[2] == unknown[2], (hidden[2], unknown[2])
        assert gateway.call("DELETE", "/tools/b2c-payment", key=key)[0] == 404
        call = {"name": "mpesa_b2c_payment", "arguments": {"idempotency_key": 1}}
        hidden, unknown = mcp(gateway, "tools/call", call, key)[2], mcp(gateway, "tools/call", {**call, "name": "mpesa_b2c_paymen"}, key)[2]
        assert hidden["error"]["code"] == unknown["error"]["code"] == -32602, (hidden, unknown)
        assert hidden["error"]["message"].replace("payment", "paymen") == unknown["error"]["message"], (hidden, unknown)
    problem(gateway.call("POST", "/tools/b2c-payment", {}, key="nonsense"), 401, "unauthenticated")
    problem(gateway.call("POST", "/tools/no-such-tool", {}, key="nonsense"), 401, "unauthenticated")


def test_a_user_sees_what_they_asked_for_themselves(gateway):
    user = next(u for u in gateway.dev["users"] if u["role"] == "user")
    credentials = {name: user[name] for name in ("username", "password", "organization")}
    token = http("POST", gateway.url + "/auth/login", credentials)[2]["data"]["token"]
    others, own = phone(), phone()
    made = gateway.push(others, 5)[2]["data"]["transaction_id"]
    mine = gateway.push(own, 5, key=token)[2]["data"]["transaction_id"]
    assert [t["id"] for t in gateway.call("GET", "/transactions", key=token)[2]["data"]] == [mine]
    problem(gateway.call("GET", "/transactions/" + made, key=token), 404, "not_found")
    assert gateway.call("GET", "/transactions/" + mine, key=token)[0] == 200
    assert gateway.call("GET", "/transactions/" + mine)[0] == 200


def test_a_key_in_the_header_and_another_in_the_arguments_are_refused(gateway):
    number = phone()
    arguments = {
        "phone_number": number, "amount": 5, "account_reference": "A", "transaction_desc": "B", "idempotency_key": "one-" + number
    }
    answer = mcp(gateway, "tools/call", {"name": "mpesa_stk_push", "arguments": arguments}, headers={"Idempotency-Key": "two"})
    refused(answer, 400, -32602)
    assert "idempotency_key" in answer[2]["error"]["message"], answer
    problem(gateway.call("POST", "/tools/stk-push", arguments, Idempotency_Key="two"), 422, "invalid_argument")
    for key in (1017, True, [], None):
        told = mcp(gateway, "tools/call", {"name": "mpesa_stk_push", "arguments": {**arguments, "idempotency_key": key}})[2]["result"]
        assert told["isError"] and "idempotency_key" in told["content"][0]["text"], told
    assert gateway.transaction(number) is None


def test_mcp_lists_count_against_the_limit(gateway):
    key = gateway.dev["limited"]["api_key"]
    answers = [mcp(gateway, method, key=key) for method in ("tools/list", "prompts/list", "resources/list") for _ in range(5)]
    limited = [a for a in answers if a[0] == 429]
    assert limited and int(limited[0][1]["Retry-After"]) > 0, [a[0] for a in answers]
