"""Tokens that an organization's own issuer signs, through the real program, as a client that discovers everything meets it."""

import json
import os
import subprocess
import urllib.parse

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, Process, answers, free_port, http, phone, wait_until

PYTHON = os.path.join(ROOT, ".build-fixtures", "mcp-client", "bin", "python")


class Issuer(Process):
    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__([os.path.join(ROOT, "Tests", "EndToEnd", "issuer.py"), str(port)], program=PYTHON)
        wait_until("the issuer", lambda: answers(self.url + "/keys"))

    def token(self, **form):
        body = urllib.parse.urlencode(form)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return http("POST", self.url + "/token", body.encode(), headers)[2]["access_token"]


@pytest.fixture(scope="module")
def issuer(isolation):
    with Issuer() as issuer:
        yield issuer


def log_in(gateway, role):
    user = next(user for user in gateway.dev["users"] if user["role"] == role)
    credentials = {name: user[name] for name in ("username", "password", "organization")}
    return http("POST", gateway.url + "/auth/login", credentials)[2]["data"]["token"]


def register(gateway, issuer, *subjects):
    """The demo's administrator registers the issuer; answers how they ask, what they made, and the key it acts as."""
    token = log_in(gateway, "org_admin")

    def ask(method, path, body=None):
        return gateway.call(method, path, body, key=token)

    made = ask("POST", "/admin/keys", {"name": "assistant", "environment": "test", "role": "manager"})
    assert made[0] == 201, made
    key = made[2]["data"]["key"]["id"]
    made = ask("POST", "/admin/issuers", {
        "issuer": issuer.url, "environment": "test", "algorithms": ["RS256", "PS256", "ES256", "EdDSA"],
        "subjects": [{"subject": subject, "key": key} for subject in subjects],
    })
    assert made[0] == 201, made
    return ask, made[2]["data"], key


@pytest.fixture(scope="module")
def registered(gateway, issuer):
    return register(gateway, issuer, "assistant")


def verify(gateway, token):
    return http("GET", gateway.url + "/auth/verify", headers={"Authorization": "Bearer " + token})


def test_a_client_finds_the_issuer_gets_a_token_and_pays_once(gateway, issuer, registered):
    resource = registered[1]["resource"]
    document = gateway.url + "/.well-known/oauth-protected-resource" + resource.removeprefix(gateway.url)
    told = http("GET", document)
    assert told[0] == 200 and told[2]["resource"] == resource, told
    assert told[2]["authorization_servers"] == [issuer.url], told

    command = [PYTHON, os.path.join(ROOT, "Tests", "EndToEnd", "oauth_client.py")]
    command += [os.path.join(gateway.folder, "dev.json"), resource, issuer.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    assert done.returncode == 0, done.stdout + done.stderr
    # Whoever shows nothing is told where to get a token, and with what to ask for.
    status, fields, _ = http("POST", resource, {})
    challenge = {name.lower(): value for name, value in fields.items()}["www-authenticate"]
    assert status == 401 and 'scope="' in challenge and "mpesa:stk" in challenge, challenge
    # A token is the gateway's to read, and nobody else's: M-Pesa is asked with the organization's own.
    asked = json.dumps(http("GET", gateway.dev["simulator_url"] + "/simulator/requests")[2])
    assert "processrequest" in asked and issuer.url not in asked and "eyJ" not in asked


def test_a_key_counts_at_the_organizations_own_address_too(gateway, registered):
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}
    for name in ("Authorization", "X-API-Key"):
        key = ("Bearer " if name == "Authorization" else "") + gateway.dev["api_key"]
        headers = {name: key, "Content-Type": "application/json", "MCP-Protocol-Version": "2025-11-25"}
        status, _, answer = http("POST", registered[1]["resource"], message, headers)
        assert status == 200 and answer["result"] == {}, (name, answer)


def test_tokens_of_every_algorithm_count_and_nothing_that_is_otherwise_signed_does(gateway, issuer, registered):
    _, made, key = registered
    for name in ("RS256", "PS256", "ES256", "EdDSA"):
        token = issuer.token(alg=name, resource=made["resource"], scope="payments:write")
        seen = verify(gateway, token)
        assert seen[0] == 200 and seen[2]["data"]["subject"] == "key:" + key, (name, seen)
        head, body, signature = token.split(".")
        turned = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
        for other in (f"{head}.{body}.{turned}", f"{head}.{body}.", f"{head}.{body}"):
            assert verify(gateway, other)[0] == 401, (name, other)
    for claims in ({"aud": "https://other.example"}, {"exp": 1_700_000_000}, {"sub": "other"}, {"iss": issuer.url + "/"}):
        token = issuer.token(resource=made["resource"], claims=json.dumps(claims))
        assert verify(gateway, token)[0] == 401, claims


def test_a_token_without_the_scope_is_told_what_it_needs_and_where(gateway, issuer, registered):
    token = issuer.token(resource=registered[1]["resource"], scope="nothing:here")
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    headers = {
        "Authorization": "Bearer " + token, "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
        "Mcp-Name": "mpesa_stk_push",
    }
    call = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "mpesa_stk_push", "arguments": {}, "_meta": meta},
    }
    path = registered[1]["resource"].removeprefix(gateway.url)

    status, fields, answer = http("POST", gateway.url + path, call, headers)

    challenge = {name.lower(): value for name, value in fields.items()}["www-authenticate"]
    assert status == 403 and 'error="insufficient_scope"' in challenge, (status, challenge)
    assert f'resource_metadata="{gateway.url}/.well-known/oauth-protected-resource{path}"' in challenge, challenge
    assert f'scope="{" ".join(answer["error"]["data"]["scopes"])}"' in challenge, (challenge, answer)


def test_others_who_act_as_the_same_key_are_not_asked_about_a_payment_and_cannot_confirm_it(simulator, issuer):
    def call(subject, more=None):
        token = issuer.token(resource=made["resource"], scope="mpesa:stk", claims=json.dumps({"sub": subject}))
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        }
        arguments = {
            "phone_number": phone(), "amount": 7, "account_reference": "INV-1", "transaction_desc": "Invoice",
            "idempotency_key": "asked-by-one",
        }
        params = {"name": "mpesa_stk_push", "arguments": {**arguments, **said}, "_meta": meta, **(more or {})}
        said.update(params["arguments"])
        headers = {
            "Authorization": "Bearer " + token, "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
            "Mcp-Name": "mpesa_stk_push",
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return http("POST", made["resource"], message, headers)[2]

    with Gateway(simulator=simulator) as gateway:
        ask, made, key = register(gateway, issuer, "assistant", "colleague")
        said = {}
        rules = [{"direction": ["in"], "who": ["agent"], "then": "confirm", "agent_max": 1000}]
        assert ask("PUT", "/approval-rules", {"rules": rules})[0] == 200
        answer = call("assistant")
        assert "result" in answer, answer
        asked = answer["result"]
        assert asked["resultType"] == "input_required", asked
        others = call("colleague")["result"]
        assert others["resultType"] == "complete" and others["structuredContent"]["state"] == "draft", others
        name, = asked["inputRequests"]
        yes = {
            "requestState": asked["requestState"],
            "inputResponses": {name: {"action": "accept", "content": {"confirm": True}}},
        }
        assert call("colleague", yes)["error"]["code"] == -32602
        paid = call("assistant", yes)["result"]
        assert paid["resultType"] == "complete" and paid["structuredContent"].get("state") != "draft", paid
        shown = ask("GET", "/approvals/" + others["structuredContent"]["transaction_id"])
        assert shown[2]["data"]["confirmation"]["by"] == f"key:{key}|{issuer.url}|assistant", shown


def test_an_issuer_that_is_switched_off_is_felt_at_once_and_no_token_stands_in_the_log(gateway, issuer, registered):
    ask, made, _ = registered
    token = issuer.token(resource=made["resource"], scope="payments:write")
    assert verify(gateway, token)[0] == 200
    for is_active, status in ((False, 401), (True, 200)):
        assert ask("PUT", "/admin/issuers/" + made["id"], {"is_active": is_active})[0] == 200
        assert verify(gateway, token)[0] == status
    assert token not in gateway.output() and token.split(".")[1] not in gateway.output()


def test_an_issuer_of_the_operators_counts_where_it_is_accepted_and_for_whose_people_it_says(gateway):
    root, admin = log_in(gateway, "super_admin"), log_in(gateway, "org_admin")

    def command(token, *words):
        done = subprocess.run(
            [PROGRAM, *words, "--json"], capture_output=True, text=True, timeout=PATIENCE,
            env={**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": token},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)["data"]

    made = command(admin, "key", "create", "name=federated", "environment=test", "role=manager")
    key, organization = made["key"]["id"], http(
        "GET", gateway.url + "/auth/verify", headers={"Authorization": "Bearer " + admin}
    )[2]["data"]["organization"]["id"]
    with Issuer() as other:
        tenants = json.dumps([{"tenant": "t-1", "organization": organization}])
        shared = command(
            root, "shared-issuer", "create", "issuer=" + other.url, "environment=test", "subject_claim=oid",
            "tenant_claim=tid", "tenants=" + tenants,
        )
        resource = f"{gateway.url}/mcp/{organization}"

        def code(**claims):
            said = json.dumps({"oid": "amina", "tid": "t-1", **claims})
            return verify(gateway, other.token(resource=resource, scope="payments:write", claims=said))

        assert code()[0] == 401
        offered = command(admin, "issuer", "offered")
        assert [(one["id"], one["tenants"]) for one in offered] == [(shared["id"], ["t-1"])], offered
        subjects = json.dumps([{"subject": "amina", "key": key}])
        command(admin, "issuer", "accept", shared["id"], "subjects=" + subjects)
        seen = code()
        assert seen[0] == 200 and seen[2]["data"]["subject"] == "key:" + key, seen
        assert seen[2]["data"]["issued_to"] == "amina", seen
        for claims in ({"tid": "t-2"}, {"tid": None}, {"oid": "bob"}, {"oid": None}):
            assert code(**claims)[0] == 401, claims
        for is_active, status in (("false", 401), ("true", 200)):
            command(root, "shared-issuer", "update", shared["id"], "is_active=" + is_active)
            assert code()[0] == status
