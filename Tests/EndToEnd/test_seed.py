"""A client written against the seed's routes keeps working; and the same by the words of the command line."""

import json
import os
import pty
import re
import subprocess
import tarfile
import tempfile

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Gateway, http


@pytest.fixture(scope="module")
def gateway(isolation):
    with Gateway(environment={"GATEWAY_REGISTRATION": "open"}) as gateway:
        yield gateway


def ask(gateway, method, path, body=None, token=None):
    fields = {"Content-Type": "application/json"}
    if token:
        fields["Authorization"] = "Bearer " + token
    return http(method, gateway.url + path, body, fields)


def log_in(gateway, username, password, organization=None):
    status, _, answer = ask(gateway, 
        "POST", "/auth/login", {"username": username, "password": password, "organization": organization}
    )
    assert status == 200 and answer["success"] is True, answer
    return answer["data"]


def person(gateway, role):
    found = next(user for user in gateway.dev["users"] if user["role"] == role)
    return log_in(gateway, found["username"], found["password"], found["organization"])


def done(gateway, method, path, body=None, token=None, status=200):
    found, _, answer = ask(gateway, method, path, body, token)
    assert found == status, (method, path, found, answer)
    assert answer["success"] is (status < 400), answer
    assert status < 400 or answer["error"], answer
    return answer.get("data")


def test_every_route_of_the_seed_answers_its_clients(gateway):
    boss, admin = person(gateway, "super_admin"), person(gateway, "org_admin")
    assert boss["user"]["permissions"] == {"all": True}
    assert admin["user"]["organization"]["slug"] == "demo" and admin["user"]["organization"]["subscription_plan"]
    token, own = admin["token"], admin["user"]["organization"]["id"]

    # /auth
    assert done(gateway, "GET", "/auth/verify", token=token)["user"]["role"] == "org_admin"
    # A token is refreshed in its last two hours alone.
    done(gateway, "POST", "/auth/refresh", token=token, status=409)
    made = done(gateway, 
        "POST",
        "/auth/register-organization",
        {
            "name": "Stall", "slug": "stall", "admin_username": "wanjiru", "admin_email": "wanjiru@stall.example",
            "admin_password": "a good long sentence",
        },
        status=201,
    )
    assert made["slug"] == "stall" and made["subscription_status"] == "trial", made
    wanjiru = log_in(gateway, "wanjiru", "a good long sentence", "stall")["token"]
    done(gateway, "POST", "/auth/forgot-password", {"username": "wanjiru", "organization": "stall"})
    done(gateway, "POST", "/auth/reset-password", {"token": "unknown", "new_password": "another long sentence"}, status=401)
    change = {"current_password": "a good long sentence", "new_password": "another long sentence"}
    done(gateway, "POST", "/auth/change-password", change, token=wanjiru)
    wanjiru = log_in(gateway, "wanjiru", "another long sentence", "stall")["token"]
    done(gateway, "POST", "/auth/logout", token=wanjiru)
    done(gateway, "GET", "/auth/verify", token=wanjiru, status=401)

    # /admin
    done(gateway, "GET", "/admin/health", token=token)
    assert "stall" in [one["slug"] for one in done(gateway, "GET", "/admin/organizations", token=boss["token"])]
    more = {"name": "Duka", "slug": "duka", "plan": "standard", "admin_username": "a", "admin_email": "a@duka.example"}
    done(gateway, "POST", "/admin/organizations", more, token=boss["token"], status=201)
    done(gateway, "GET", "/admin/organizations", token=token, status=403)
    credentials = {
        "consumer_key": "demo-consumer-key", "consumer_secret": "demo-consumer-secret",
        "business_short_code": "174379", "base_url": "https://sandbox.safaricom.co.ke",
        "lipa_na_mpesa_passkey": "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
        "callback_base_url": gateway.url,
    }
    done(gateway, "PUT", f"/admin/organizations/{own}/credentials", credentials, token=token)
    user = {"username": "otieno", "email": "otieno@demo.example", "password": "my own long sentence", "role": "user"}
    otieno = done(gateway, "POST", "/admin/users", user, token=token, status=201)["user"]
    assert "otieno" in [one["username"] for one in done(gateway, "GET", "/admin/users", token=token)]
    assert done(gateway, "PUT", "/admin/users/" + otieno["id"], {"role": "manager"}, token=token)["role"] == "manager"
    done(gateway, "DELETE", "/admin/users/" + otieno["id"], token=token)
    lines = done(gateway, "GET", "/admin/audit-logs?limit=5&offset=1", token=token)
    assert len(lines) == 5 and lines[0]["action"], lines
    assert done(gateway, "GET", "/admin/usage-stats", token=token)["calls"]["total"] > 0
    assert done(gateway, "GET", "/admin/activity-summary?days=30", token=token)
    assert "LOGIN_SUCCESS" in [e["action"] for e in done(gateway, "GET", "/admin/security-events?days=7&limit=100", token=token)]
    assert isinstance(done(gateway, "GET", "/admin/failed-logins?hours=24", token=token), list)
    done(gateway, "GET", "/mpesa/status")


def test_what_is_edited_is_told_from_what_was_seen(gateway):
    token = person(gateway, "org_admin")["token"]
    status, fields, _ = ask(gateway, "GET", "/admin/organization", token=token)
    tag = fields["ETag"]
    assert status == 200 and re.fullmatch(r'"\d+"', tag), tag
    fields = {"Authorization": "Bearer " + token, "Content-Type": "application/json", "If-Match": tag}
    for expected in (200, 412):
        body = {"name": f"Demo {expected}"}
        assert http("PUT", gateway.url + "/admin/organization", body, fields)[0] == expected


def test_words_of_the_command_line_are_made_from_the_registry(gateway):
    token = person(gateway, "org_admin")["token"]
    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": token}

    def command(*words):
        ran = subprocess.run(
            [PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, env=environment
        )
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        return ran.stdout

    made = json.loads(command("key", "create", "till", "test", "role=user", "tools=[\"mpesa_stk_push\"]", "--json"))
    key = made["data"]["key"]["id"]
    assert "till" in command("key", "list")
    told = json.loads(command("key", "explain", key, "mpesa_check_status", "--json"))["data"]
    assert told["is_allowed"] is False and [r["rule"] for r in told["rules"] if not r["passes"]] == ["tools"], told
    assert "explain" in command("key") and "quotas" in command("usage")
    changed = json.loads(command("organization", "update", "name=Renamed", "resends_not_found=true", "--json"))["data"]
    assert (changed["name"], changed["resends_not_found"]) == ("Renamed", True), changed
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("audit.jsonl", "heads.json", "key.pem")}
        heads = command("audit", "heads", "--json")
        with open(paths["audit.jsonl"], "w") as file:
            file.write(command("audit", "export"))
        with open(paths["heads.json"], "w") as file:
            file.write(heads)
        with open(paths["key.pem"], "w") as file:
            file.write(json.loads(heads)["data"]["public_key"])
        verify = ["audit", "verify", paths["audit.jsonl"], "--heads", paths["heads.json"], "--key", paths["key.pem"]]
        assert "as they were written" in command(*verify)
        with open(paths["audit.jsonl"]) as file:
            lines = file.readlines()
        with open(paths["audit.jsonl"], "w") as file:
            file.writelines(lines[:2])
        ran = subprocess.run([PROGRAM, *verify], capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == 1 and "cut off" in ran.stdout, ran.stdout
        archive = os.path.join(folder, "demo.tar")
        command("organization", "export", "--output", archive)
        with tarfile.open(archive) as tape:
            names = tape.getnames()
            users = tape.extractfile("users/000001.jsonl").read().decode()
        assert names[-1] == "manifest.json" and {"users", "audit"} <= {name.split("/")[0] for name in names}, names
        assert "scrypt" not in users and os.listdir(folder).count("demo.tar.part") == 0, users
    script = command("completion", "bash")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0 and "'key explain')" in script and "tool=" in script, checked.stderr
    offered = subprocess.run(
        ["bash", "-c", script + "\nCOMP_WORDS=(mpesa-gateway key ro) COMP_CWORD=2\n_mpesa_gateway\necho ${COMPREPLY[@]}"],
        text=True,
        capture_output=True,
    )
    assert offered.stdout.strip() == "rotate", (offered.stdout, offered.stderr)
    for shell in ("zsh", "fish"):
        assert "explain" in command("completion", shell)


def test_whoever_sits_at_a_terminal_is_told_which_gateway_is_asked(gateway):
    token = person(gateway, "org_admin")["token"]
    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": token}
    for words, is_told in ((("key", "list"), True), (("call", "organization.show"), True), (("completion", "bash"), False)):
        ours, theirs = pty.openpty()
        ran = subprocess.run(
            [PROGRAM, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, timeout=PATIENCE, env=environment
        )
        os.write(theirs, b"END")
        told = os.read(ours, 10_000).decode()
        os.close(ours), os.close(theirs)
        assert ran.returncode == 0 and (f"The gateway at {gateway.url}:" in told) is is_told, (words, told)
        # What is piped on holds what was asked for, and nothing else.
        assert b"The gateway at" not in ran.stdout, ran.stdout
