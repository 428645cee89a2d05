"""A platform team starts without dev: init, serve, the first organization, its first payment. No database is touched."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from authority import Authority
from harness import PATIENCE, PROGRAM, ROOT, Process, Simulator, answers, free_port, http, phone, wait_until
from mail import MailServer
from plugins import compile_fixture


def prepare(folder, *more):
    done = subprocess.run(
        [PROGRAM, "init", "--data-dir", folder, *more], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return re.search(r"^ +password +(\S+)", done.stdout, re.M).group(1)


def settings_of(folder, simulator, ports, **more):
    """What init wrote, on ports of one's own."""
    with open(os.path.join(folder, "gateway.env")) as file:
        lines = [line.strip() for line in file if "=" in line and not line.startswith("#")]
    settings = {name: value.strip("'") for name, value in (line.split("=", 1) for line in lines)}
    return {
        **settings, "GATEWAY_DARAJA_URL": simulator.url, "GATEWAY_HTTP_PORT": str(ports[0]),
        "GATEWAY_MANAGEMENT_PORT": str(ports[1]), **more,
    }


class Served(Process):
    """`mpesa-gateway serve` with what init wrote, on ports of its own."""

    def __init__(self, folder, simulator, **more):
        ports = free_port(), free_port()
        self.url, self.management = (f"http://127.0.0.1:{port}" for port in ports)
        self.settings = settings_of(folder, simulator, ports, **more)
        super().__init__(["serve"], self.settings)
        wait_until("the gateway", lambda: answers(self.url + "/openapi.json") or not self.is_running())
        assert self.is_running(), self.output()

    def ask(self, method, path, body=None, token=None, key=None):
        fields = {"Content-Type": "application/json"}
        if token:
            fields["Authorization"] = "Bearer " + token
        if key:
            fields["X-API-Key"] = key
        return http(method, self.url + path, body, fields)

    def log_in(self, organization, username, password):
        body = {"organization": organization, "username": username, "password": password}
        status, _, answer = self.ask("POST", "/auth/login", body)
        assert status == 200, answer
        return answer["data"]["token"]


def test_a_first_organization_collects_without_dev():
    folder = tempfile.mkdtemp(prefix="serve-") + "/data"
    password = prepare(folder, "--admin-username", "root")
    simulator = Simulator()
    gateway = Served(folder, simulator)

    boss = gateway.log_in("host", "root", password)
    status, _, made = gateway.ask(
        "POST",
        "/admin/organizations",
        {
            "name": "Duka", "slug": "duka", "plan": "standard", "admin_username": "wanjiru",
            "admin_email": "wanjiru@duka.example",
        },
        token=boss,
    )
    assert status == 201, made
    organization = made["data"]["organization"]["id"]
    admin = gateway.log_in("duka", "wanjiru", made["data"]["admin"]["password"])

    # The plan to begin with has every tool that is shipped.
    tools = {tool["name"] for tool in gateway.ask("GET", "/tools", token=admin)[2]["data"]}
    shipped = http("GET", gateway.management + "/plugins")[2]["plugins"]
    assert {"mpesa_stk_push", "mpesa_bulk_payment", "mpesa_reverse_transaction"} <= tools and len(shipped) == 4, tools

    # Nothing was set up yet, and the answer says what is missing.
    credentials = f"/admin/organizations/{organization}/credentials"
    wrong = {"consumer_key": "no-such-app", "consumer_secret": "x", "business_short_code": "174379"}
    status, _, refused = gateway.ask("PUT", credentials, wrong, token=admin)
    assert status == 422 and refused["errors"][0]["pointer"] == "/consumer_key", refused
    status, _, saved = gateway.ask(
        "PUT",
        credentials,
        {
            "environment": "test", "consumer_key": "demo-consumer-key", "consumer_secret": "demo-consumer-secret",
            "business_short_code": "174379",
            "lipa_na_mpesa_passkey": "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919",
        },
        token=admin,
    )
    assert status == 200 and saved["data"]["proved"] is True, saved
    assert [(p["product"], p["state"]) for p in saved["data"]["products"]] == [
        ("stk_push", "enabled"), ("b2c", "not_asked")
    ], saved
    status, _, key = gateway.ask(
        "POST", "/admin/keys", {"name": "till", "environment": "test", "role": "user"}, token=admin
    )
    assert status == 201, key

    number = phone()
    body = {"phone_number": number, "amount": 100, "account_reference": "INV-1", "transaction_desc": "Test"}
    status, _, pushed = gateway.ask("POST", "/tools/stk-push", body, key=key["data"]["api_key"])
    assert status == 200, pushed
    shown = wait_until(
        "the payment",
        lambda: next(
            (
                found
                for found in gateway.ask("GET", "/transactions?limit=1", token=admin)[2]["data"]
                if found["status"] == "SUCCESS"
            ),
            None,
        ),
    )
    assert shown["amount"] == 100 and shown["party"] == number
    assert simulator.charges(number)["total"] == 100

    # The same by the command, which reads what it may call from the gateway.
    def command(*words, token=admin, **more):
        environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": token}
        return subprocess.run(
            [PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE, env=environment, **more
        )

    login = command("login", "--organization", "duka", "--username", "wanjiru", token="", input=made["data"]["admin"]["password"])
    assert login.returncode == 0, login.stderr
    person = login.stdout.strip()
    listed = command("call", token=person).stdout
    assert "keys.create" in listed and "mpesa_stk_push" in listed and "organizations.create" not in listed, listed
    table = command("call", "transactions.list", "limit=5", token=person).stdout
    assert "SUCCESS" in table and number in table, table
    user = command("call", "users.create", "username=otieno", "email=otieno@duka.example", "--json", token=person)
    assert json.loads(user.stdout)["data"]["user"]["role"] == "user", user.stderr
    bad = command("call", "keys.create", "name=x", "environment=moon", token=person)
    assert bad.returncode == 1 and "environment" in bad.stderr and gateway.url in bad.stderr, bad.stderr

    # The audit tells who did what, and no secret.
    status, _, audit = gateway.ask("GET", "/admin/audit-logs", token=admin)
    words = [line["action"] for line in audit["data"]]
    assert status == 200 and {"ORGANIZATION_CREATED", "CREDENTIALS_UPDATED", "KEY_CREATED"} <= set(words), words
    assert "demo-consumer-secret" not in json.dumps(audit) + gateway.output()

    # A revoked key is refused from now on.
    status, _, _ = gateway.ask("DELETE", "/admin/keys/" + key["data"]["key"]["id"], token=admin)
    assert status == 200
    assert gateway.ask("GET", "/auth/verify", key=key["data"]["api_key"])[0] == 401
    gateway.end()
    simulator.end()
    shutil.rmtree(folder)


def test_an_invited_person_gets_a_letter_and_goes_on_by_refresh_tokens():
    folder = tempfile.mkdtemp(prefix="serve-") + "/data"
    password = prepare(folder, "--admin-username", "root")
    authority = Authority()
    server = MailServer(authority.server())
    word = os.path.join(folder, "mail.password")
    with open(word, "w") as file:
        os.chmod(word, 0o600)
        file.write("a word of ours\n")
    simulator = Simulator()
    gateway = Served(
        folder, simulator, GATEWAY_MAIL_URL=server.url, GATEWAY_MAIL_FROM="gateway@pay.example", GATEWAY_MAIL_USER="us",
        GATEWAY_MAIL_PASSWORD_FILE=word, GATEWAY_MAIL_CA_FILE=authority.file,
        GATEWAY_CALLBACK_CHECK_PRIVATE="127.0.0.0/8",
    )
    boss = gateway.log_in("host", "root", password)

    body = {"username": "asha", "email": "asha@pay.example", "role": "org_admin"}
    status, _, invited = gateway.ask("POST", "/admin/users/invitations", body, token=boss)
    assert status == 201 and invited["data"]["mail"] == {"state": "sent"}, invited
    letter = server.letters[0]
    assert letter["To"] == "asha@pay.example" and server.logins == ["\0us\0a word of ours"]
    token = re.search(r"otl_\w+", letter.get_content()).group(0)
    assert token == invited["data"]["token"] and token not in gateway.output() and "a word of ours" not in gateway.output()
    body = {"token": token, "new_password": "four words of asha"}
    assert gateway.ask("POST", "/auth/reset-password", body)[0] == 200

    body = {"organization": "host", "username": "asha", "password": "four words of asha", "refresh": True}
    first = gateway.ask("POST", "/auth/login", body)[2]["data"]
    status, _, second = gateway.ask("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert status == 200 and second["data"]["refresh_token"] != first["refresh_token"], second
    assert gateway.ask("GET", "/auth/verify", token=first["token"])[0] == 401
    third = gateway.ask("POST", "/auth/refresh", {"refresh_token": second["data"]["refresh_token"]})[2]["data"]
    # Two back is nobody's lost answer: the whole session ends.
    assert gateway.ask("POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})[0] == 401
    assert gateway.ask("GET", "/auth/verify", token=third["token"])[0] == 401

    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": boss}
    checked = subprocess.run(
        [PROGRAM, "callbacks", "check", "--json"], capture_output=True, text=True, timeout=PATIENCE, env=environment
    )
    met = json.loads(checked.stdout)["data"]
    assert met["arrived"] and met["status"] == 200 and met["source_address"] == "127.0.0.1", (met, checked.stderr)
    assert not met["is_good"] and "https" in met["findings"][0], met
    for process in (gateway, simulator, server):
        process.end()
    shutil.rmtree(folder)


def test_a_forgotten_password_is_set_by_a_letter_that_starttls_carries():
    folder = tempfile.mkdtemp(prefix="serve-") + "/data"
    password = prepare(folder, "--admin-username", "root")
    authority = Authority()
    server = MailServer(authority.server(), starts=True)
    word = os.path.join(folder, "mail.password")
    with open(word, "w") as file:
        os.chmod(word, 0o600)
        file.write("a word of ours\n")
    simulator = Simulator()
    gateway = Served(
        folder, simulator, GATEWAY_MAIL_URL=server.url, GATEWAY_MAIL_FROM="gateway@pay.example", GATEWAY_MAIL_USER="us",
        GATEWAY_MAIL_PASSWORD_FILE=word, GATEWAY_MAIL_CA_FILE=authority.file,
    )
    boss = gateway.log_in("host", "root", password)
    body = {
        "name": "Duka", "slug": "duka", "plan": "standard", "admin_username": "wanjiru",
        "admin_email": "wanjiru@duka.example",
    }
    assert gateway.ask("POST", "/admin/organizations", body, token=boss)[0] == 201

    told = [
        gateway.ask("POST", "/auth/forgot-password", {"username": name, "organization": "duka"})[2]
        for name in ("nobody", "wanjiru")
    ]
    assert told[0] == told[1] and "letter" in told[0]["message"], told
    wait_until("the letter", lambda: server.letters)
    letter = server.letters[0]
    assert letter["To"] == "wanjiru@duka.example" and server.logins == ["\0us\0a word of ours"]
    # Whoever listens heard nothing but the wish for TLS.
    assert server.open_words == ["EHLO", "STARTTLS"], server.open_words
    token = re.search(r"otl_\w+", letter.get_content()).group(0)
    assert token not in gateway.output()
    body = {"token": token, "new_password": "four words of wanjiru"}
    assert gateway.ask("POST", "/auth/reset-password", body)[0] == 200
    assert gateway.log_in("duka", "wanjiru", "four words of wanjiru")
    for process in (gateway, simulator, server):
        process.end()
    shutil.rmtree(folder)


def test_a_command_that_cannot_say_why_ends_with_its_status_all_the_same():
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "call", "nothing"], stdout=subprocess.DEVNULL, stderr=full)
    assert done.returncode == 1, done


def test_init_makes_nothing_without_plugins_to_begin_with():
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run([PROGRAM, "init"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == 1 and "--plugins" in ran.stderr and os.listdir(folder) == [], ran


def test_init_changes_nothing_that_is_there():
    folder = tempfile.mkdtemp(prefix="serve-") + "/data"
    prepare(folder)
    kept = {name: open(os.path.join(folder, name), "rb").read() for name in ("master.key", "plugins.json")}
    again = subprocess.run(
        [PROGRAM, "init", "--data-dir", folder], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert again.returncode != 0 and "admin" in again.stderr, again.stderr
    assert {name: open(os.path.join(folder, name), "rb").read() for name in kept} == kept
    assert oct(os.stat(folder).st_mode)[-3:] == "700"
    with open(os.path.join(folder, "gateway.env")) as file:
        explained = re.findall(r"^#? ?(GATEWAY_\w+)=", file.read(), re.M)
    table = subprocess.run([PROGRAM, "doctor", "--settings"], capture_output=True, text=True, timeout=PATIENCE).stdout
    assert explained == re.findall(r"`(GATEWAY_\w+)` \|", table) and len(explained) > 30, explained
    assert prepare(folder, "--admin-username", "second", "--admin-email", "second@x.example")
    shutil.rmtree(folder)


def test_a_folder_that_nobody_serves_is_served_by_the_bridge_to_it():
    folder = tempfile.mkdtemp(prefix="embedded-") + "/data"
    password = prepare(folder, "--admin-username", "root")
    simulator = Simulator()
    gateway = Served(folder, simulator)
    boss = gateway.log_in("host", "root", password)
    body = {"name": "Duka", "slug": "duka", "plan": "standard", "admin_username": "wanjiru", "admin_email": "w@duka.example"}
    made = gateway.ask("POST", "/admin/organizations", body, token=boss)[2]
    admin = gateway.log_in("duka", "wanjiru", made["data"]["admin"]["password"])
    body = {"name": "assistant", "environment": "test", "role": "user"}
    key = gateway.ask("POST", "/admin/keys", body, token=admin)[2]["data"]["api_key"]
    assert gateway.end() == 0

    command = [PROGRAM, "mcp", "--data-dir", folder]
    known = {"PATH": os.environ["PATH"], **gateway.settings, "GATEWAY_API_KEY": key}
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}) + "\n"
    first = subprocess.Popen(
        command, env=known, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        first.stdin.write(listing)
        first.stdin.flush()
        assert "result" in json.loads(first.stdout.readline())
        # While it serves it is the one that another bridge speaks to.
        second = subprocess.run(
            command, input=listing, env=known, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
        )
        assert second.returncode == 0 and "result" in json.loads(second.stdout), second.stderr
        assert "served here" not in second.stderr, second.stderr
        told = first.communicate(timeout=PATIENCE)
    finally:
        first.kill()
    assert first.returncode == 0 and told[0] == "" and "served here" in told[1], told

    # A wrong key ends it, and an address that does not answer is no reason to serve.
    bad = subprocess.run(
        command, input="", env={**known, "GATEWAY_API_KEY": "nonsense"}, cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE,
    )
    assert bad.returncode == 1 and "credential" in bad.stderr and bad.stdout == "", bad.stderr
    away = subprocess.run(
        [*command[:2], "--url", gateway.url], input=listing, env=known, cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE,
    )
    assert away.returncode == 1 and "No gateway answers" in away.stderr and away.stdout == "", away.stderr

    # Whatever prints in that process stands between no messages: here a library that is loaded into it.
    noise = folder + "-noise.h"
    with open(noise, "w") as file:
        file.write('#include <stdio.h>\n__attribute__((constructor)) static void n(void) { puts("NOISE"); fflush(stdout); }\n')
    with open(gateway.settings["GATEWAY_PLUGINS"]) as file:
        declared = json.load(file)
    grants = {"upstreams": {"daraja": ["/collect"]}, "secrets": ["stk_password"]}
    library = compile_fixture("1.0.0", "-include", noise)
    with open(library, "rb") as file:
        entry = {"id": "fixture", "source": library, "sha256": hashlib.sha256(file.read()).hexdigest()}
    declared["plugins"].append({**entry, "isolation": "in-process", "grants": grants})
    with open(folder + "-plugins.json", "w") as file:
        json.dump(declared, file)
    noisy = subprocess.run(
        command, input=listing, env={**known, "GATEWAY_PLUGINS": folder + "-plugins.json"}, cwd=ROOT, capture_output=True,
        text=True, timeout=PATIENCE,
    )
    assert noisy.returncode == 0 and "NOISE" in noisy.stderr, noisy.stderr
    assert [json.loads(line)["id"] for line in noisy.stdout.splitlines()] == [1], noisy.stdout
