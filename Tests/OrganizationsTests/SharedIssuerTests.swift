import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// An issuer of the operator's that signs for the people of a shop and of a bar, and says in `tid` whose they are; the shop
/// has accepted it.
private struct Federation: Sendable {
    static let url = "https://id.example"
    static let keysURL = "https://id.example/keys"

    let bureau: Bureau
    let root: Person
    let bar: Organization
    let admin: Person
    let barAdmin: Person
    let key: JSON
    let barKey: JSON
    /// The operator's registration.
    let id: JSON
    /// The shop's acceptance.
    let accepted: JSON

    static func with(
        _ registration: JSONObject = [:],
        _ acceptance: JSONObject = [:],
        _ test: (Federation) async throws -> Void
    ) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let bar = Organization(
                id: OrganizationID(bureau.clock.entropy.identifier()),
                slug: "bar",
                name: "Bar",
                subscription: .active,
                plan: "trade"
            )
            try await bureau.store.save(bar)
            let root = try await bureau.person("root", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let barAdmin = try await bureau.person("bea", .orgAdmin, of: bar)
            let (key, barKey) = (try await bureau.makeKey(by: admin), try await bureau.makeKey(by: barAdmin))
            bureau.issuer.publish(keys: ["1": "first"], at: keysURL)
            var arguments: JSONObject = [
                "issuer": .string(url), "environment": "test", "keys_url": .string(keysURL), "subject_claim": "oid",
                "tenant_claim": "tid",
                "tenants": [
                    ["tenant": "shop-1", "organization": .string(bureau.shop.id.description)],
                    ["tenant": "bar-1", "organization": .string(bar.id.description)],
                ],
            ]
            for (name, value) in registration { arguments[name] = value == .null ? nil : value }
            let made = await bureau.ask("shared_issuers.create", .object(arguments), as: root.token)
            let id = try #require(made.data["id"], "\(made)")
            var terms: JSONObject = ["id": id, "subjects": [["subject": "amina", "key": key.id]]]
            for (name, value) in acceptance { terms[name] = value }
            let taken = await bureau.ask("issuers.accept", .object(terms), as: admin.token)
            try await test(
                Federation(
                    bureau: bureau,
                    root: root,
                    bar: bar,
                    admin: admin,
                    barAdmin: barAdmin,
                    key: key.id,
                    barKey: barKey.id,
                    id: id,
                    accepted: try #require(taken.data["id"], "\(taken)")
                )
            )
        }
    }

    func resource(_ organization: Organization) -> JSON { .string("https://gw.example/mcp/\(organization.id)") }

    func token(_ more: JSONObject = [:], by word: String = "first") -> Secret<String> {
        let now = bureau.clock.now.milliseconds / 1000
        var claims: JSONObject = [
            "iss": .string(Federation.url), "sub": "pairwise-9", "oid": "amina", "tid": "shop-1",
            "aud": resource(bureau.shop), "exp": .integer(now + 300), "iat": .integer(now),
            "scope": "administration:read fake:pay",
        ]
        for (name, value) in more { claims[name] = value == .null ? nil : value }
        return FakeIssuer.token(["alg": "RS256", "kid": "1"], .object(claims), by: word)
    }

    /// How a token is answered; nil where it is good.
    func code(_ token: Secret<String>) async -> GatewayError.Code? {
        await bureau.ask("auth.verify", as: token).code
    }

    func change(_ more: JSONObject) async {
        var arguments: JSONObject = ["id": id]
        for (name, value) in more { arguments[name] = value }
        let changed = await bureau.ask("shared_issuers.update", .object(arguments), as: root.token)
        #expect(changed.code == nil, "\(changed)")
    }
}

struct `An issuer of the operator's` {
    @Test func `keeps its keys while organizations come and go, and not where others are read`() async throws {
        try await Federation.with { (all) async throws in
            #expect(await all.code(all.token()) == nil)
            let asked = all.bureau.issuer.asked.count
            let shop: JSON = ["tenant": "shop-1", "organization": .string(all.bureau.shop.id.description)]
            await all.change(["tenants": [shop]])

            #expect(await all.code(all.token(["jti": "x"])) == nil)
            #expect(all.bureau.issuer.asked.count == asked)
            await all.change(["algorithms": ["RS256"]])
            #expect(await all.code(all.token(["jti": "y"])) == nil)
            #expect(all.bureau.issuer.asked.count == asked + 1)
        }
    }

    @Test func `lets somebody in as the key that the organization names, by the claims of its map`() async throws {
        try await Federation.with { (all) async throws in
            let seen = await all.bureau.ask("auth.verify", as: all.token())

            #expect(seen.data["subject"] == .string("key:\(all.key.stringValue ?? "")"), "\(seen)")
            #expect(seen.data["issuer"] == .string(Federation.url) && seen.data["issued_to"] == "amina")
            #expect(seen.data["organization"]?["slug"] == "shop" && seen.data["environment"] == "test")
            #expect(seen.data["role"] == "manager" && seen.data["scopes"] == ["administration:read", "fake:pay"])
            let resources = try #require(all.bureau.gateway.authenticate.resources)
            let place = try await resources.at(path: "/mcp/\(all.bureau.shop.id)")
            #expect(place?.issuers == [Federation.url])
            #expect(try await resources.at(path: "/mcp/\(all.bar.id)") == nil)
        }
    }

    @Test func `lets nobody in where no organization has accepted it`() async throws {
        try await Federation.with { (all) async throws in
            let theirs: JSONObject = ["aud": all.resource(all.bar), "tid": "bar-1"]
            #expect(await all.code(all.token(theirs)) == .unauthenticated)
            #expect(await all.code(all.token(["aud": all.resource(all.bureau.host)])) == .unauthenticated)
            #expect(all.bureau.issuer.asked.isEmpty)
            let offered = await all.bureau.ask("issuers.offered", as: all.barAdmin.token)
            #expect(offered.data[0]?["tenants"] == ["bar-1"] && offered.data[0]?["id"] == all.id, "\(offered)")

            let terms: JSON = ["id": all.id, "key": all.barKey]
            #expect(await all.bureau.ask("issuers.accept", terms, as: all.barAdmin.token).code == nil)

            #expect(await all.code(all.token(theirs)) == nil)
            #expect(await all.bureau.ask("issuers.accept", terms, as: all.barAdmin.token).code == .conflict)
        }
    }

    static let others: [(String, JSONObject)] = [
        ("nobody's", ["tid": .null]), ("another organization's", ["tid": "bar-1"]), ("unknown", ["tid": "shop-2"]),
        ("in capitals", ["tid": "SHOP-1"]), ("in a list", ["tid": ["shop-1"]]), ("empty", ["tid": ""]),
        ("in other letters", ["tid": "shop\u{2010}1"]), ("a subject that is not named", ["oid": "bob"]),
        ("no subject", ["oid": .null]), ("a subject by another claim", ["oid": .null, "sub": "amina"]),
        ("a subject in a list", ["oid": ["amina"]]), ("nobody's audience", ["aud": "https://gw.example/mcp"]),
    ]

    @Test(arguments: others.indices)
    func `is refused for whom its token is not, before any key is asked for`(index: Int) async throws {
        let (name, claims) = Self.others[index]
        try await Federation.with { (all) async throws in
            #expect(await all.code(all.token(claims)) == .unauthenticated, "\(name)")
            #expect(all.bureau.issuer.asked.isEmpty, "\(name)")
            #expect(await all.code(all.token()) == nil)
        }
    }

    @Test func `is for the organization whose people its token's are, whatever its client has asked for`() async throws
    {
        try await Federation.with { (all) async throws in
            let terms: JSON = ["id": all.id, "key": all.barKey, "subjects": [["subject": "amina", "key": all.barKey]]]
            #expect(await all.bureau.ask("issuers.accept", terms, as: all.barAdmin.token).code == nil)

            // The audience is what a client asks for; whose people somebody is only the issuer says.
            #expect(await all.code(all.token(["aud": all.resource(all.bar)])) == .unauthenticated)
            let both: JSON = [all.resource(all.bureau.shop), all.resource(all.bar)]
            #expect(await all.code(all.token(["aud": both])) == .unauthenticated)
            let wishes: JSONObject = [
                "organization": .string(all.bar.id.description), "role": "super_admin", "live": true,
                "environment": "live",
            ]
            let seen = await all.bureau.ask("auth.verify", as: all.token(wishes))
            #expect(seen.data["organization"]?["slug"] == "shop" && seen.data["role"] == "manager", "\(seen)")
            #expect(seen.data["environment"] == "test")
        }
    }

    @Test func `is felt at once where the operator or the organization changes anything`() async throws {
        try await Federation.with { (all) async throws in
            let (bureau, token) = (all.bureau, all.token())
            #expect(await all.code(token) == nil)
            for isActive in [false, true] {
                await all.change(["is_active": .bool(isActive)])
                #expect(await all.code(token) == (isActive ? nil : .unauthenticated))
            }
            for isActive in [false, true] {
                let arguments: JSON = ["id": all.accepted, "is_active": .bool(isActive)]
                #expect(await bureau.ask("issuers.update", arguments, as: all.admin.token).code == nil)
                #expect(await all.code(token) == (isActive ? nil : .unauthenticated))
            }
            let shop: JSON = ["tenant": "shop-1", "organization": .string(bureau.shop.id.description)]
            for tenants: JSON in [[], [shop]] {
                await all.change(["tenants": tenants])
                #expect(await all.code(token) == (tenants == [] ? .unauthenticated : nil))
            }
            #expect(await bureau.ask("shared_issuers.delete", ["id": all.id], as: all.root.token).code == nil)
            #expect(await all.code(token) == .unauthenticated)
        }
    }

    @Test func `stands in the audit of who has accepted it as the operator changes it, with nothing of others`()
        async throws
    {
        try await Federation.with { (all) async throws in
            let shop = JSON.string(all.bureau.shop.id.description)
            func told(_ organization: Organization) async throws -> [AuditRecord] {
                try await all.bureau.audit(organization).filter { $0.action.hasPrefix("SHARED_ISSUER") }
            }
            await all.change(["tenants": [["tenant": "shop-1", "organization": shop]]])
            #expect(try await told(all.bureau.shop).isEmpty, "it was the bar that lost it, which has not accepted it")

            await all.change(["tenants": [["tenant": "shop-2", "organization": shop]]])
            await all.change(["is_active": false])
            let gone = await all.bureau.ask("shared_issuers.delete", ["id": all.id], as: all.root.token)
            #expect(gone.code == nil)

            let lines = try await told(all.bureau.shop).reversed() as [AuditRecord]
            let details = lines.map { (try? JSON(parsing: $0.detail ?? "")) ?? .null }
            #expect(lines.map(\.action) == ["SHARED_ISSUER_UPDATED", "SHARED_ISSUER_UPDATED", "SHARED_ISSUER_DELETED"])
            #expect(details.map { $0["id"] } == [all.accepted, all.accepted, all.accepted])
            #expect(details.map { $0["is_active"] } == [true, false, false])
            #expect(details.map { $0["tenants"] } == [["shop-2"], ["shop-2"], nil])
            #expect(lines.allSatisfy { $0.subject == "user:\(all.root.user.id)" })
            #expect(try await told(all.bar).isEmpty)
            #expect(try await told(all.bureau.host).count == 5, "its own, as ever")
        }
    }

    @Test func `that another host has switched off is felt within a second, and so is a key`() async throws {
        try await Federation.with { (all) async throws in
            let (bureau, token) = (all.bureau, all.token())
            #expect(await all.code(token) == nil)
            let id = try #require(all.id.stringValue.flatMap { Identifier($0) })
            for isActive in [false, true] {
                _ = try await bureau.store.changeIssuer(id, of: bureau.host.id) { $0.isActive = isActive }
                bureau.clock.advance(.seconds(1))
                #expect(await all.code(token) == (isActive ? nil : .unauthenticated))
            }
            #expect(await bureau.ask("keys.revoke", ["id": all.key], as: all.admin.token).code == nil)
            #expect(await all.code(token) == .unauthenticated)
        }
    }

    @Test func `that tells nobody's people lets in only who is named`() async throws {
        let none: JSONObject = ["tenant_claim": .null, "tenants": .null, "subject_claim": .null]
        try await Federation.with(none) { (all) async throws in
            #expect(await all.code(all.token(["sub": "amina"])) == nil)
            #expect(await all.code(all.token(["sub": "bob"])) == .unauthenticated)
            let wish: JSON = ["id": all.accepted, "key": all.key]
            #expect(await all.bureau.ask("issuers.update", wish, as: all.admin.token).code == .invalidArgument)
            let terms: JSON = ["id": all.id, "key": all.barKey]
            #expect(await all.bureau.ask("issuers.accept", terms, as: all.barAdmin.token).code == .invalidArgument)
            // However it came there.
            let id = try #require(all.accepted.stringValue.flatMap { Identifier($0) })
            let key = try #require(all.key.stringValue.flatMap { APIKeyID($0) })
            _ = try await all.bureau.store.changeIssuer(id, of: all.bureau.shop.id) { $0.key = key }
            all.bureau.clock.advance(.seconds(1))
            #expect(await all.code(all.token(["sub": "bob"])) == .unauthenticated)
        }
    }
}

struct `The operator's list of issuers` {
    @Test func `is the operator's alone, and no organization's own`() async throws {
        try await Federation.with { (all) async throws in
            let bureau = all.bureau
            for name in ["list", "create", "update", "delete"] {
                let create: JSON = ["issuer": "https://a.example", "environment": "test"]
                let arguments: JSON = name == "list" ? [:] : name == "create" ? create : ["id": all.id]
                let code = await bureau.ask("shared_issuers." + name, arguments, as: all.admin.token).code
                #expect(code == .permissionDenied, "\(name)")
            }
            #expect(await bureau.ask("issuers.list", as: all.root.token).data == [])
            for name in ["issuers.update", "issuers.delete"] {
                #expect(await bureau.ask(name, ["id": all.id], as: all.root.token).code == .notFound)
            }
            #expect(await bureau.ask("issuers.accept", ["id": all.id], as: all.root.token).code == .notFound)
            #expect(await bureau.ask("shared_issuers.list", as: all.root.token).data.arrayValue?.count == 1)
            for name in ["keys_url", "algorithms"] {
                let wish: JSON = ["id": all.accepted, name: name == "keys_url" ? "https://a.example/k" : ["ES256"]]
                #expect(await bureau.ask("issuers.update", wish, as: all.admin.token).code == .invalidArgument)
            }
        }
    }

    @Test func `takes no claim that a client chooses, and no organization that there is not`() async throws {
        try await Federation.with { (all) async throws in
            let wrong: [JSONObject] = [
                ["subject_claim": "client_id"], ["subject_claim": "azp"], ["subject_claim": "Email"],
                ["subject_claim": "preferred_username"],
                ["subject_claim": "sid"], ["tenant_claim": "sub"], ["tenant_claim": "aud"],
                ["tenant_claim": "Scope"], ["tenant_claim": "oid"], ["tenant_claim": "resource"],
                ["tenant_claim": .null], ["tenants": [["tenant": "x", "organization": "y"]]],
                ["tenants": [["tenant": "x", "organization": .string(all.bureau.host.id.description)]]],
                ["issuer": "http://plain.example", "environment": "live"], ["issuer": .string(Federation.url)],
            ]
            for more in wrong {
                var arguments: JSONObject = [
                    "issuer": "https://b.example", "environment": "test", "subject_claim": "oid",
                    "tenant_claim": "tid",
                    "tenants": [["tenant": "s", "organization": .string(all.bureau.shop.id.description)]],
                ]
                for (name, value) in more { arguments[name] = value == .null ? nil : value }
                let code = await all.bureau.ask("shared_issuers.create", .object(arguments), as: all.root.token).code
                #expect(code == (more["issuer"] == .string(Federation.url) ? .conflict : .invalidArgument), "\(more)")
            }
        }
    }

    @Test func `is not shown to those of whose people it says nothing`() async throws {
        try await Federation.with { (all) async throws in
            await all.change([
                "tenants": [["tenant": "shop-1", "organization": .string(all.bureau.shop.id.description)]]
            ])
            #expect(await all.bureau.ask("issuers.offered", as: all.barAdmin.token).data == [])
            let terms: JSON = ["id": all.id, "key": all.barKey]
            #expect(await all.bureau.ask("issuers.accept", terms, as: all.barAdmin.token).code == .notFound)
            let manager = try await all.bureau.person("mel", .manager, of: all.bureau.shop)
            for name in ["issuers.offered", "issuers.accept"] {
                let code = await all.bureau.ask(name, name == "issuers.accept" ? terms : [:], as: manager.token).code
                #expect(code == .permissionDenied, "\(name)")
            }
        }
    }
}
