import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

struct `People` {
    @Test func `are made with at most their maker's role, and told whether they must name their organization`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let make = { (role: String) in
                await bureau.ask(
                    "users.create",
                    ["username": .string("n-" + role), "email": .string(role + "@x.example"), "role": .string(role)],
                    as: admin.token
                )
            }
            #expect(await make("manager").data["user"]?["role"] == "manager")
            #expect(await make("org_admin").code == nil)
            #expect(await make("super_admin").code == .permissionDenied)
            let again = await make("manager")
            #expect(again.code == .conflict)

            let elsewhere = try await bureau.person("clerk", .orgAdmin, of: bureau.host)
            let namesake = await bureau.ask(
                "users.create",
                ["username": "n-manager", "email": "m2@x.example"],
                as: elsewhere.token
            )
            #expect(namesake.data["must_name_organization"] == true)
        }
    }

    @Test func `are those of one's own organization, and a foreign id is as an unknown one`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let stranger = try await bureau.person("stranger", .user, of: bureau.host)

            let names = await bureau.ask("users.list", as: admin.token).data.arrayValue?.map { $0["username"] }
            #expect(names == ["admin"])
            for action in ["users.update", "users.deactivate"] {
                let foreign = await bureau.ask(action, ["id": stranger.id], as: admin.token)
                let unknown = await bureau.ask(action, ["id": "nonsense"], as: admin.token)
                #expect(foreign.code == .notFound && foreign.error == unknown.error)
            }
        }
    }

    @Test func `lose their sessions with their role, password or standing`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let changes: [(String, JSONObject)] = [
                ("role", ["role": "user"]), ("password", ["password": "a new long password"]),
                ("standing", ["is_active": false]),
            ]
            for (name, change) in changes {
                let manager = try await bureau.person(name, .manager, of: bureau.shop)
                #expect(await bureau.ask("organization.show", as: manager.token).code == nil)
                var arguments = change
                arguments["id"] = manager.id

                #expect(await bureau.ask("users.update", .object(arguments), as: admin.token).code == nil)

                #expect(await bureau.ask("organization.show", as: manager.token).code == .unauthenticated)
            }
        }
    }

    @Test func `keep an administrator, whoever is taken away`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let other = try await bureau.person("other", .orgAdmin, of: bureau.shop)

            #expect(await bureau.ask("users.deactivate", ["id": other.id], as: admin.token).code == nil)
            let last = await bureau.ask(
                "users.update",
                ["id": admin.id, "role": "user", "email": "other@x.example", "password": "another long password"],
                as: admin.token
            )

            #expect(last.code == .conflict)
            let kept = try await bureau.store.user(admin.user.id, organization: bureau.shop.id)
            // Nothing of a refused change is done.
            #expect(kept == admin.user)
        }
    }

    @Test func `change their own password, knowing it`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let change = { (current: String) in
                await bureau.ask(
                    "auth.change_password",
                    ["current_password": .string(current), "new_password": "a new long password"],
                    as: asha.token
                )
            }
            #expect(await change("not it").code == .invalidArgument)
            #expect(await change("asha").code == nil)
            #expect(await change("asha").code == .unauthenticated)
            let lines = try await bureau.audit(bureau.shop)
            #expect(lines.allSatisfy { !($0.detail ?? "").contains("long password") })
        }
    }
}

struct `A change of one's own password` {
    @Test func `undoes no administrator's reset that came meanwhile`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            bureau.passwords.meanwhile {
                _ = try? await bureau.store.change(asha.user.id, organization: bureau.shop.id) {
                    $0.passwordHash = "set by an administrator"
                }
            }
            let reply = await bureau.ask(
                "auth.change_password",
                ["current_password": "asha", "new_password": "the thief's own password"],
                as: asha.token
            )

            #expect(reply.code == .unauthenticated)
            let kept = try await bureau.store.user(asha.user.id, organization: bureau.shop.id)
            #expect(kept?.passwordHash == "set by an administrator")
        }
    }

    @Test func `is tried no more often than a log-in`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            var codes: [GatewayError.Code?] = []
            for _ in 0..<40 {
                let reply = await bureau.ask(
                    "auth.change_password",
                    ["current_password": "wrong", "new_password": "a new long password"],
                    as: asha.token
                )
                codes.append(reply.code)
            }
            #expect(codes.first == .invalidArgument && codes.last == .rateLimited)
        }
    }

    @Test func `is not kept from somebody by their colleagues' wrong ones`() async throws {
        try await Bureau.with { (bureau) async throws in
            for name in ["asha", "baraka", "chebet", "dalila"] {
                let person = try await bureau.person(name, .user, of: bureau.shop)
                for _ in 0..<9 {
                    let reply = await bureau.ask(
                        "auth.change_password",
                        ["current_password": "wrong", "new_password": "a new long password"],
                        as: person.token
                    )
                    #expect(reply.code == .invalidArgument)
                }
            }
        }
    }
}

struct `A change of administration` {
    @Test func `has its line before it is made, and one that names what was made`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let made = await bureau.ask("keys.create", ["name": "x", "environment": "test"], as: admin.token)

            let lines = try await bureau.lines(bureau.shop).filter { $0.action == "KEY_CREATED" }
            #expect(Set(lines.map(\.outcome)) == [.begun, .success])
            let id = try #require(made.data["key"]?["id"]?.stringValue)
            #expect(lines.contains { $0.outcome == .success && ($0.detail ?? "").contains(id) })
        }
    }
}

struct `An API key` {
    @Test func `is shown once, does no more than its maker, and ends at once when it is revoked`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let made = await bureau.ask(
                "keys.create",
                ["name": "till 1", "environment": "test", "role": "manager", "scopes": ["administration:read"]],
                as: admin.token
            )
            let text = Secret(try #require(made.data["api_key"]?.stringValue))
            let id = try #require(made.data["key"]?["id"])

            #expect(await bureau.ask("organization.show", as: text).code == nil)
            let listed = await bureau.ask("keys.list", as: admin.token)
            #expect(listed.data.arrayValue?.first?["name"] == "till 1" && !listed.data.text.contains(text.reveal()))

            #expect(await bureau.ask("keys.revoke", ["id": id], as: admin.token).data["is_in_force"] == false)
            #expect(await bureau.ask("organization.show", as: text).code == .unauthenticated)
            #expect(
                await bureau.ask("keys.update", ["id": id, "name": "x"], as: admin.token).data["is_in_force"] == false
            )
            let above = await bureau.ask(
                "keys.create",
                ["name": "x", "environment": "live", "role": "super_admin"],
                as: admin.token
            )
            #expect(above.code == .permissionDenied)
        }
    }

    @Test func `changes no people, keys, credentials or organization, whatever its role`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let made = await bureau.ask(
                "keys.create",
                ["name": "robot", "environment": "test", "role": "org_admin"],
                as: admin.token
            )
            let text = Secret(try #require(made.data["api_key"]?.stringValue))
            // Making a batch is a tool's call in another form, and what a key asked for it may take back or end. Where
            // events go is set up by programs as well.
            let writes = bureau.actions.sorted.filter {
                !$0.isReadOnly && $0.rules.reach == .organization && $0.rules.bucket != "money"
                    && !["transactions.withdraw", "tasks.cancel"].contains($0.name) && !$0.name.hasPrefix("webhooks.")
            }
            #expect(writes.count >= 8)
            for action in writes {
                var arguments: JSONObject = [:]
                for name in action.route.pathArguments { arguments[name] = "x" }
                #expect(
                    await bureau.ask(action.name, .object(arguments), as: text).code == .permissionDenied,
                    "\(action.name)"
                )
            }
            #expect(await bureau.ask("keys.list", as: text).code == nil)
        }
    }

    @Test func `ends when its days are over`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let made = await bureau.ask(
                "keys.create",
                ["name": "short", "environment": "test", "role": "manager", "expires_in_days": 1],
                as: admin.token
            )
            let text = Secret(try #require(made.data["api_key"]?.stringValue))
            bureau.clock.advance(.seconds(86_399))
            #expect(await bureau.ask("organization.show", as: text).code == nil)
            bureau.clock.advance(.seconds(3))
            #expect(await bureau.ask("organization.show", as: text).code == .unauthenticated)
        }
    }
}

struct `M-Pesa credentials` {
    private func arguments(_ bureau: Bureau, _ more: JSONObject) -> JSON {
        var arguments: JSONObject = ["org_id": .string(bureau.shop.id.description), "environment": "test"]
        for (name, value) in more { arguments[name] = value }
        return .object(arguments)
    }

    @Test func `are tried, sealed beside those that there are, and never shown`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let saved = await bureau.ask(
                "credentials.update",
                arguments(
                    bureau,
                    [
                        "consumer_key": "good", "consumer_secret": "whisper", "business_short_code": "174379",
                        "initiator_name": "operator",
                    ]
                ),
                as: admin.token
            )
            #expect(saved.data["proved"] == true, "\(String(describing: saved.error))")
            let more = await bureau.ask(
                "credentials.update",
                arguments(bureau, ["lipa_na_mpesa_passkey": "hush"]),
                as: admin.token
            )

            #expect(more.data["fields"] == ["consumer_key", "consumer_secret", "lipa_na_mpesa_passkey"])
            #expect(more.data["proved"] == false && more.data["business_short_code"] == "174379")
            let shown = await bureau.ask("credentials.show", arguments(bureau, [:]), as: admin.token)
            #expect(!shown.data.text.contains("whisper") && !shown.data.text.contains("hush"))
            let profile = try await bureau.store.profile(organization: bureau.shop.id, environment: .test)
            #expect(profile?.shortCode == "174379" && profile?.settings["b2c"]?["initiator_name"] == "operator")
            let lines = try await bureau.audit(bureau.shop)
            #expect(lines.allSatisfy { !($0.detail ?? "").contains("whisper") && !($0.detail ?? "").contains("hush") })
        }
    }

    @Test func `that M-Pesa refuses are not saved, unless they are not to be tried`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let bad: JSONObject = [
                "consumer_key": "bad", "consumer_secret": "x", "business_short_code": "174379",
            ]
            #expect(
                await bureau.ask("credentials.update", arguments(bureau, bad), as: admin.token).code
                    == .upstreamRejected
            )
            #expect(bureau.safe.secrets(of: bureau.shop.id).isEmpty)
            #expect(try await bureau.store.profile(organization: bureau.shop.id, environment: .test) == nil)
            var untried = bad
            untried["verify"] = false

            let saved = await bureau.ask("credentials.update", arguments(bureau, untried), as: admin.token)

            #expect(saved.code == nil && saved.data["proved"] == false)
            #expect(bureau.safe.secrets(of: bureau.shop.id)["consumer_key"] == "bad")
        }
    }

    @Test func `need a key with its secret, a short code first, and a till's number for a till`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for wrong: JSONObject in [
                ["consumer_key": "good"], ["initiator_name": "x"], ["business_short_code": "17437x"],
                ["business_short_code": "174379", "short_code_type": "till"],
            ] {
                let reply = await bureau.ask("credentials.update", arguments(bureau, wrong), as: admin.token)
                #expect(reply.code == .invalidArgument, "\(JSON.object(wrong).text)")
            }
            let foreign = await bureau.ask(
                "credentials.update",
                ["org_id": .string(bureau.host.id.description), "business_short_code": "174379"],
                as: admin.token
            )
            #expect(foreign.code == .notFound)
        }
    }
}
