import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import Store

/// Derives from each action's schema what nobody should send: an action that is added is tried too.
struct `Bad input to an action` {
    /// A value that an argument must not have, and what is wrong with it.
    private struct Bad {
        let what: String
        var value: JSON
    }

    /// What is wrong for a schema, however deep.
    private func bad(for schema: JSON, isName: Bool) -> [Bad] {
        let types =
            schema["type"]?.arrayValue?.compactMap(\.stringValue) ?? [schema["type"]?.stringValue].compactMap { $0 }
        var found = [Bad(what: "another type", value: types.contains("array") ? ["a": 1] : [[1]])]
        if schema["enum"] != nil || schema["const"] != nil { found.append(Bad(what: "no such word", value: "no such")) }
        if types.contains("string") { found += texts(isName: isName) }
        if types.contains("integer") { found += numbers(schema) }
        if types.contains("array") { found += lists(schema, isName: isName) }
        if types.contains("object") { found += objects(schema, isName: isName) }
        return found
    }

    private func texts(isName: Bool) -> [Bad] {
        let seen = [
            Bad(what: "a text that is too long", value: .string(String(repeating: "a", count: 70_000))),
            Bad(what: "a control character", value: "a\u{1}b"), Bad(what: "a zero", value: "a\u{0}b"),
        ]
        return seen + (isName ? [Bad(what: "a character that nobody sees", value: "a\u{200B}b")] : [])
    }

    private func numbers(_ schema: JSON) -> [Bad] {
        var found = [Bad(what: "half a number", value: .number(1.5)), Bad(what: "a number's text", value: "1")]
        for (name, step): (String, Int64) in [("minimum", -1), ("maximum", 1)] {
            guard let bound = schema[name]?.integerValue else { continue }
            found.append(Bad(what: "less or more than \(bound)", value: .integer(bound + step)))
        }
        return found
    }

    private func lists(_ schema: JSON, isName: Bool) -> [Bad] {
        guard let most = schema["maxItems"]?.integerValue else {
            return [Bad(what: "a list without an end", value: .array((0..<10_000).map { .string("a\($0)") }))]
        }
        let long = Bad(what: "too many", value: .array((0...most).map { .string("a\($0)") }))
        return [long] + bad(for: schema["items"] ?? [:], isName: isName).map { Bad(what: $0.what, value: [$0.value]) }
    }

    private func objects(_ schema: JSON, isName: Bool) -> [Bad] {
        var found: [Bad] = []
        if schema["additionalProperties"] == false { found.append(Bad(what: "no such member", value: ["no_such": 1])) }
        if schema["propertyNames"] != nil { found.append(Bad(what: "a member's name", value: ["No such": 1])) }
        for (name, inner) in schema["properties"]?.objectValue ?? JSONObject() {
            found += bad(for: inner, isName: isName).map { Bad(what: $0.what, value: .object([name: $0.value])) }
        }
        if let inner = schema["additionalProperties"], inner.objectValue != nil {
            found += bad(for: inner, isName: isName).map { Bad(what: $0.what, value: ["money": $0.value]) }
        }
        return found
    }

    /// How much there is of everything but of what a refused call leaves, and the configuration's version.
    private func contents(_ bureau: Bureau) async throws -> [String: Int64] {
        let version = try await bureau.store.configurationVersion()
        let left: Set<String> = ["audit", "audit_heads", "usage", "quota_counts"]
        return try await bureau.store.read { sql in
            let tables = try sql.query("SELECT name FROM sqlite_master WHERE type = 'table'", []) { $0.text(0) ?? "" }
            var found = ["version": version]
            for table in tables where !left.contains(table) {
                found[table] = try sql.first("SELECT COUNT(*) FROM \(table)", []) { $0.integer(0) ?? 0 }
            }
            return found
        }
    }

    /// How often what can be edited was changed.
    private func versions(_ bureau: Bureau) async throws -> [Int64] {
        try await bureau.store.read { sql in
            try ["organizations", "users", "api_keys", "plans", "accounts"]
                .map { table in try sql.first("SELECT SUM(version) FROM \(table)", []) { $0.integer(0) ?? 0 } ?? 0 }
        }
    }

    @Test func `is refused by the name of the argument, and nothing is changed`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let before = try await contents(bureau)
            var tried = 0
            for action in bureau.actions.sorted {
                for (name, schema) in action.input.document["properties"]?.objectValue ?? JSONObject() {
                    let isName = !action.takesLines && !action.sensitive.contains { $0.tokens.first == name }
                    for bad in bad(for: schema, isName: isName) {
                        tried += 1
                        // As fast as the bucket fills.
                        bureau.clock.advance(.milliseconds(50 * action.rules.cost))
                        let reply = await bureau.ask(action.name, .object([name: bad.value]), as: boss.token)
                        #expect(reply.code == .invalidArgument, "\(action.name) \(name): \(bad.what)")
                        let named = reply.error?.errors.contains { "\($0.pointer)/".hasPrefix("/\(name)/") } ?? false
                        #expect(named, "\(action.name) \(name): \(bad.what)")
                    }
                }
            }
            #expect(tried > 500)
            #expect(try await contents(bureau) == before)
        }
    }

    /// The values of a schema that hold the largest or the least number there is where a number may be, however deep.
    private func extremes(of schema: JSON) -> [JSON] {
        let types =
            schema["type"]?.arrayValue?.compactMap(\.stringValue) ?? [schema["type"]?.stringValue].compactMap { $0 }
        var found: [JSON] = types.contains("integer") ? [.integer(.max), .integer(.min)] : []
        if types.contains("integer") { found += ["minimum", "maximum"].compactMap { schema[$0] } }
        if types.contains("array") { found += extremes(of: schema["items"] ?? [:]).map { [$0] } }
        for (name, inner) in schema["properties"]?.objectValue ?? JSONObject() {
            found += extremes(of: inner).map { .object([name: $0]) }
        }
        if let inner = schema["additionalProperties"], inner.objectValue != nil {
            found += extremes(of: inner).map { .object(["read": $0]) }
        }
        return found
    }

    @Test func `that is the largest or the least number there is ends no process, whatever takes one`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            var tried = 0
            for action in bureau.actions.sorted {
                let properties = action.input.document["properties"]?.objectValue ?? JSONObject()
                let required = (action.input.document["required"]?.arrayValue ?? []).compactMap(\.stringValue)
                for (name, schema) in properties {
                    for value in extremes(of: schema) {
                        tried += 1
                        bureau.clock.advance(.milliseconds(50 * action.rules.cost))
                        var arguments = JSONObject(required.map { ($0, Self.known[$0] ?? key.id) })
                        arguments[name] = value
                        let person = action.rules.reach == .host ? boss : admin
                        let reply = await bureau.ask(action.name, .object(arguments), as: person.token)
                        let isMoment = name.hasSuffix("_ms") && (value == .integer(.max) || value == .integer(.min))
                        #expect(!isMoment || reply.code == .invalidArgument, "\(action.name) \(name)")
                        // What was taken is believed by whoever calls next.
                        _ = await bureau.collect(5, as: key.text)
                    }
                }
            }
            #expect(tried > 100)
            let until: JSON = ["org_id": "shop", "subscription_until_ms": .integer(Timestamp.latest)]
            #expect(await bureau.ask("organizations.update", until, as: boss.token).code == nil)
        }
    }

    /// An issuer of the operator's that nobody has accepted.
    private static let sharedIssuer: JSON = [
        "issuer": "https://all.example", "environment": "test", "keys_url": "https://all.example/keys",
        "subject_claim": "oid",
    ]

    /// What required arguments are called with that are no ids.
    private static let known: [String: JSON] = [
        "org_id": "shop", "name": "trade", "tools": ["fake_*", "fake_collect"], "environment": "test",
        "account": "main", "rules": [], "tool": "fake_collect", "username": "someone", "email": "some@one.example",
        "slug": "some-one", "plan": "trade", "admin_username": "someone", "admin_email": "some@one.example",
        "what": "all", "month": "2026-01", "evidence": "as the statement says", "outcome": "failed",
        "business_short_code": "174379", "items": [["phone": "254711000001", "amount": 5]],
    ]

    @Test func `that names a version which is not the newest is refused, whatever is edited`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let second = try await bureau.person("second", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            let account: JSON = ["account": "main", "environment": "test", "business_short_code": "174379"]
            #expect(await bureau.ask("accounts.create", account, as: admin.token).code == nil)
            let issuer: JSON = ["issuer": "https://login.example", "environment": "test"]
            let made = await bureau.ask("issuers.create", issuer, as: admin.token)
            let shared = await bureau.ask("shared_issuers.create", Self.sharedIssuer, as: boss.token)
            let hooks = await bureau.ask("webhooks.create", ["url": "https://hooks.example/"], as: admin.token)
            let hook = hooks.data["webhook"]?["id"] ?? ""
            let edits: [String: JSONObject] = [
                "approvals.set_rules": ["rules": []],
                "accounts.update": ["account": "main", "environment": "test", "business_short_code": "600111"],
                "issuers.update": ["id": made.data["id"] ?? "", "is_active": false],
                "keys.rotate": ["id": key.id], "keys.update": ["id": key.id, "name": "other"],
                "organization.update": ["name": "Other"],
                "organizations.update": ["org_id": "shop", "name": "Other"],
                "plans.set": ["name": "standard", "tools": []],
                "shared_issuers.update": ["id": shared.data["id"] ?? "", "is_active": false],
                "users.update": ["id": second.id, "email": "other@x.example"],
                "webhooks.disable": ["id": hook], "webhooks.enable": ["id": hook], "webhooks.rotate": ["id": hook],
                "webhooks.update": ["id": hook, "description": "other"],
            ]
            // What a person says of a transaction is of its version too, and edits nothing here.
            let versioned = bureau.actions.sorted
                .filter { $0.input.document["properties"]?["version"] != nil && $0.name != "transactions.resolve" }
            #expect(Set(versioned.map(\.name)) == Set(edits.keys))
            let before = try await versions(bureau)
            for action in versioned {
                var arguments = edits[action.name] ?? [:]
                arguments["version"] = 99
                let person = action.rules.reach == .host ? boss : admin
                let reply = await bureau.ask(action.name, .object(arguments), as: person.token)
                #expect(reply.code == .staleVersion, "\(action.name) \(String(describing: reply.error))")
            }
            #expect(try await versions(bureau) == before)
        }
    }
}
