import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

struct `An organization` {
    private static let stall: JSON = [
        "name": "Stall", "slug": "stall", "plan": "standard", "admin_username": "wanjiru",
        "admin_email": "wanjiru@stall.example",
    ]

    @Test func `is made with its first administrator, whose password is shown once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)

            let reply = await bureau.ask("organizations.create", Self.stall, as: boss.token)

            #expect(reply.code == nil, "\(String(describing: reply.error))")
            #expect(reply.data["organization"]?["slug"] == "stall")
            #expect(reply.data["admin"]?["user"]?["role"] == "org_admin")
            let password = try #require(reply.data["admin"]?["password"]?.stringValue)
            let made = try #require(try await bureau.store.organization(slug: "stall"))
            let admin = try #require(try await bureau.store.user(named: "wanjiru", organization: made.id))
            #expect(admin.passwordHash == "hash of " + password && password.utf8.count >= 20)
            // Both who did it and whom it was done to have a line.
            #expect(try await bureau.audit(bureau.host).map(\.action) == ["ORGANIZATION_CREATED"])
            #expect(try await bureau.audit(made).map(\.action) == ["ORGANIZATION_CREATED"])
            #expect(try await bureau.audit(bureau.host).allSatisfy { !($0.detail ?? "").contains(password) })
        }
    }

    @Test func `that was begun and has nobody yet is finished by the same call, and its slug taken after that`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let begun = Organization(
                id: OrganizationID(bureau.clock.entropy.identifier()),
                slug: "stall",
                name: "Stall",
                plan: "standard"
            )
            try await bureau.store.save(begun)

            let finished = await bureau.ask("organizations.create", Self.stall, as: boss.token)
            let again = await bureau.ask("organizations.create", Self.stall, as: boss.token)

            #expect(finished.data["organization"]?["id"] == .string(begun.id.description))
            #expect(again.code == .conflict)
        }
    }

    @Test func `none of whose administrators can log in is let in again by a super administrator`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = try await bureau.person("clerk", .user, of: bureau.shop)
            let reset = { (name: String, more: JSONObject) -> ActionReply in
                var arguments: JSONObject = ["org_id": "shop", "username": .string(name)]
                for (name, value) in more { arguments[name] = value }
                return await bureau.ask("organizations.reset_password", .object(arguments), as: boss.token)
            }

            let clerk = await reset("clerk", [:])
            let nobody = await reset("nobody", [:])
            let made = await reset("admin", ["without_second_factor": true])

            #expect(clerk.code == .conflict && nobody.code == .notFound)
            #expect(made.data["user"]?["id"] == admin.id && made.data["token"]?.stringValue?.hasPrefix("otl_") == true)
            let kept = await bureau.ask("organization.show", as: admin.token)
            #expect(kept.code == .unauthenticated, "sessions end where the factor is taken away")
            #expect(try await bureau.lines(bureau.shop).count { $0.action == "PASSWORD_RESET_MADE" } == 1)
            #expect(try await bureau.audit(bureau.host).first?.action == "PASSWORD_RESET_MADE")
        }
    }

    @Test func `is named by its slug or its id, and by nothing else`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            for name in ["shop", bureau.shop.id.description] {
                let shown = await bureau.ask("organizations.show", ["org_id": .string(name)], as: boss.token)
                #expect(shown.data["slug"] == "shop")
            }
            let unknown = await bureau.ask("organizations.show", ["org_id": "shops"], as: boss.token)
            #expect(unknown.code == .notFound)
        }
    }

    @Test func `is administered by the host's super administrators alone`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let pretender = try await bureau.person("pretender", .superAdmin, of: bureau.shop)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let clerk = try await bureau.person("clerk", .orgAdmin, of: bureau.host)
            let id = JSON.string(bureau.shop.id.description)
            let host = bureau.actions.sorted.filter { $0.rules.reach == .host }
            #expect(host.count >= 6)
            for action in host {
                var arguments: JSONObject = [:]
                for name in action.route.pathArguments { arguments[name] = name == "org_id" ? id : "standard" }
                for somebody in [pretender, admin, clerk] {
                    let refused = await bureau.ask(action.name, .object(arguments), as: somebody.token)
                    #expect(refused.code == .permissionDenied, "\(action.name) as \(somebody.user.username)")
                }
                let passed = await bureau.ask(action.name, .object(arguments), as: boss.token)
                // Of what is named by an id of its own there is none.
                let none: [GatewayError.Code?] = action.route.pathArguments.contains("id") ? [.notFound] : []
                #expect(([nil, .invalidArgument, .conflict] + none).contains(passed.code), "\(action.name)")
            }
        }
    }

    @Test func `that is suspended reads its money and starts nothing; the host's never is`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let suspend = { (organization: Organization) -> JSON in
                ["org_id": .string(organization.id.description), "subscription_status": "suspended"]
            }
            #expect(await bureau.ask("users.list", as: admin.token).code == nil)

            #expect(await bureau.ask("organizations.update", suspend(bureau.shop), as: boss.token).code == nil)

            let key: JSON = ["name": "till", "environment": "test", "role": "user"]
            #expect(await bureau.ask("keys.create", key, as: admin.token).code == .organizationSuspended)
            #expect(await bureau.ask("audit.list", as: admin.token).code == nil)
            #expect(await bureau.ask("organizations.update", suspend(bureau.host), as: boss.token).code == .conflict)
        }
    }

    @Test func `changes what is given, and nothing else`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let renamed = await bureau.ask("organization.update", ["name": "Duka"], as: admin.token)
            let switched = await bureau.ask("organization.update", ["resends_not_found": true], as: admin.token)

            #expect(renamed.data["name"] == "Duka" && renamed.data["resends_not_found"] == false)
            #expect(switched.data["name"] == "Duka" && switched.data["resends_not_found"] == true)
            let reach = await bureau.ask("organization.update", ["plan": "host"], as: admin.token)
            #expect(reach.code == .invalidArgument)
        }
    }

    @Test func `takes no plan that there is not, and no slug of another form`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            for (name, value): (String, JSON) in [
                ("plan", "gold"), ("slug", "Stall"), ("slug", "-stall"), ("slug", "st all"), ("admin_email", "x"),
                ("admin_username", "a b"), ("admin_password", "short"), ("name", "Sta\u{202E}ll"), ("colour", "red"),
            ] {
                var arguments = Self.stall.objectValue ?? JSONObject()
                arguments[name] = value
                let reply = await bureau.ask("organizations.create", .object(arguments), as: boss.token)
                #expect(reply.code == .invalidArgument, "\(name) \(value.text)")
            }
            #expect(try await bureau.store.organization(slug: "stall") == nil)
        }
    }
}

struct `A plan` {
    @Test func `that is as wide as its schema lets it be is counted without an overflow`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for (units, seconds) in [(1, 2_678_400), (1_000_000_000, 1), (1_000_000_000, 2_678_400)] {
                let limit: JSON = [
                    "units": .integer(Int64(units)), "per_seconds": .integer(Int64(seconds)), "burst": 1_000_000_000,
                ]
                let plan: JSON = [
                    "name": "standard", "tools": ["mpesa_*"], "organization_limits": ["read": limit],
                    "principal_limits": ["read": limit],
                ]
                #expect(await bureau.ask("plans.set", plan, as: boss.token).code == nil)
                for _ in 0..<3 { #expect(await bureau.ask("users.list", as: admin.token).code == nil) }
            }
        }
    }

    @Test func `of the host stays as it is, and none has every tool there is`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let host = JSON.string(bureau.host.id.description)

            #expect(await bureau.ask("plans.set", ["name": "host", "tools": ["x"]], as: boss.token).code == .conflict)
            let moved = await bureau.ask("organizations.update", ["org_id": host, "plan": "standard"], as: boss.token)
            #expect(moved.code == .conflict)
            let all = await bureau.ask("plans.set", ["name": "gold", "tools": ["**"]], as: boss.token)
            #expect(all.code == .invalidArgument)
        }
    }

    @Test func `is set whole, and felt at once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let plan: JSON = [
                "name": "standard", "tools": ["mpesa_*"],
                "organization_limits": ["read": ["units": 1, "per_seconds": 60]],
            ]

            let set = await bureau.ask("plans.set", plan, as: boss.token)
            let shown = await bureau.ask("plans.show", ["name": "standard"], as: boss.token)

            #expect(set.code == nil && shown.data == set.data)
            #expect(shown.data["organization_limits"]?["read"]?["units"] == 1)
            #expect(await bureau.ask("users.list", as: admin.token).code == nil)
            #expect(await bureau.ask("users.list", as: admin.token).code == .rateLimited)
        }
    }
}
