"""An organization beside the demo's, made as administrators make one."""

from harness import http

TOOLS = ["mpesa_stk_push", "mpesa_check_status"]


class House:
    """An organization of its own beside the demo's: its administrator, and who runs the gateway."""

    def __init__(self, gateway, tools=None):
        self.gateway = gateway
        self.boss = self.log_in(**self.demo("super_admin"))
        self.plan(tools or TOOLS)
        body = {"name": "Duka", "slug": "duka", "plan": "duka", "admin_username": "wanjiru", "admin_email": "w@duka.example"}
        made = self.ask("POST", "/admin/organizations", body, self.boss)["data"]
        self.id = made["organization"]["id"]
        self.admin = self.log_in("wanjiru", made["admin"]["password"], "duka")
        credentials = {
            "consumer_key": "limited-consumer-key", "consumer_secret": "limited-consumer-secret", "verify": False,
            "business_short_code": "600100", "lipa_na_mpesa_passkey": "limited-passkey",
        }
        self.ask("PUT", f"/admin/organizations/{self.id}/credentials", credentials, self.admin)

    def demo(self, role):
        user = next(user for user in self.gateway.dev["users"] if user["role"] == role)
        return {name: user[name] for name in ("username", "password", "organization")}

    def log_in(self, username, password, organization):
        body = {"username": username, "password": password, "organization": organization}
        return self.ask("POST", "/auth/login", body)["data"]["token"]

    def ask(self, method, path, body=None, token=None):
        fields = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + token} if token else {})
        status, _, answer = http(method, self.gateway.url + path, body, fields)
        assert status < 300, (method, path, status, answer)
        return answer

    def plan(self, tools):
        self.ask("PUT", "/admin/plans/duka", {"tools": tools}, self.boss)

    def key(self, token=None, role="user"):
        body = {"name": "till", "environment": "test", "role": role}
        made = self.ask("POST", "/admin/keys", body, token or self.admin)["data"]
        return made["key"]["id"], made["api_key"]
