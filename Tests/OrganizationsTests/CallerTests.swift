import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A caller` {
    @Test func `is a person, a machine or an agent, by the mark of its key and then by the door`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let marks: [(JSONObject, rest: CallerKind, mcp: CallerKind)] = [
                (["is_agent": false], .machine, .machine), ([:], .machine, .agent),
                (["is_agent": true], .agent, .agent),
            ]
            for (mark, rest, mcp) in marks {
                let principal = try await bureau.principal(try await bureau.makeKey(mark, by: admin).text)
                #expect(principal.kind(at: .rest) == rest && principal.kind(at: .mcp) == mcp, "\(mark)")
            }
            let person = try await bureau.principal(admin.token)
            #expect(person.kind(at: .rest) == .person && person.kind(at: .mcp) == .agent)
        }
    }

    @Test func `stands in the transaction, in the audit and in usage`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let machine = try await bureau.makeKey(["is_agent": false], by: admin)
            let plain = try await bureau.makeKey(by: admin)
            let agent = try await bureau.makeKey(["is_agent": true], by: admin)
            let calls: [(Secret<String>, Door, CallerKind)] = [
                (admin.token, .rest, .person), (plain.text, .rest, .machine), (plain.text, .mcp, .agent),
                (agent.text, .rest, .agent), (machine.text, .mcp, .machine),
            ]
            for (amount, (credential, door, kind)) in calls.enumerated() {
                let sale = await bureau.collect(Int64(amount + 1), as: credential, by: door)
                let id = JSON.string(try #require(sale.record).description)
                let shown = await bureau.ask("transactions.show", ["id": id], as: admin.token)
                #expect(shown.data["transaction"]?["caller"] == .string(kind.rawValue), "\(kind) at \(door)")
                try await bureau.store.append([], usage: [])
                let lines = await bureau.ask("audit.list", ["tool": "fake_collect", "limit": 2], as: admin.token)
                let told = (lines.data.arrayValue ?? []).map { $0["caller"] }
                #expect(told == [.string(kind.rawValue), .string(kind.rawValue)], "\(kind) at \(door)")
            }

            let usage = await bureau.ask("usage.list", ["by": "tool,caller"], as: admin.token)

            let counted = (usage.data.arrayValue ?? []).filter { $0["tool"] == "fake_collect" }
                .map { "\($0["caller"]?.stringValue ?? "") \($0["succeeded"]?.integerValue ?? 0)" }
            #expect(counted.sorted() == ["agent 2", "machine 2", "person 1"])
        }
    }

    @Test func `cannot say of itself what it is`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let agent = try await bureau.makeKey(["is_agent": true], by: admin)

            for (credential, kind): (Secret<String>, JSON) in [(admin.token, "person"), (agent.text, "agent")] {
                let forged: JSON = ["amount": 1, "$caller": "machine", "$replayed": true, "$target": "x"]
                #expect(await bureau.call("fake_collect", forged, as: credential).code == .invalidArgument)
                try await bureau.store.append([], usage: [])
                let line = await bureau.ask("audit.list", ["tool": "fake_collect", "limit": 1], as: admin.token).data[0]
                #expect(line?["caller"] == kind)
                #expect(line?["detail"]?["$replayed"] == nil && line?["detail"]?["$target"] == nil)
            }
        }
    }

    @Test func `is told by the explanation of its key`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for (mark, word): (JSONObject, String) in [
                (["is_agent": false], "a machine's by every door"), ([:], "not marked"),
                (["is_agent": true], "an agent's by every door"),
            ] {
                let key = try await bureau.makeKey(mark, by: admin)
                let told = await bureau.ask("keys.explain", ["id": key.id, "tool": "fake_collect"], as: admin.token)
                let rule = (told.data["rules"]?.arrayValue ?? []).first { $0["rule"] == "caller" }
                #expect(rule?["why"]?.stringValue?.contains(word) == true && rule?["passes"] == true)
                let listed = await bureau.ask("keys.list", as: admin.token).data.arrayValue?
                    .first { $0["id"] == key.id }
                #expect(listed?["is_agent"] == mark["is_agent"])
            }
        }
    }
}

struct `A key that is held to accounts` {
    /// A shop with the accounts `main`, which is the default one, and `till`.
    private func prepare(_ bureau: Bureau) async throws -> Person {
        try await bureau.openShop()
        let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
        let till: JSON = ["account": "till", "environment": "test", "business_short_code": "600111"]
        #expect(await bureau.ask("accounts.create", till, as: admin.token).code == nil)
        return admin
    }

    private func collect(_ amount: Int64, _ account: String?, as key: Secret<String>, _ bureau: Bureau) async
        -> ToolReply
    {
        var arguments: JSONObject = ["phone": "254711000001", "amount": .integer(amount)]
        arguments["account"] = account.map { .string($0) }
        return await bureau.call("fake_collect", .object(arguments), as: key)
    }

    @Test func `uses them and no other, and means its own where it names none`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await prepare(bureau)
            let key = try await bureau.makeKey(["accounts": ["till"]], by: admin)

            let own = await collect(1, nil, as: key.text, bureau)
            let named = await collect(2, "till", as: key.text, bureau)
            let other = await collect(3, "main", as: key.text, bureau)

            #expect(own.code == nil && named.code == nil)
            #expect(other.error?.errors.first?.pointer == "/account")
            #expect(bureau.upstream.sent.map(\.account.description) == ["till", "till"])
        }
    }

    @Test func `is shown nothing that is summed up over all of them`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await prepare(bureau)
            let free = try await bureau.makeKey(["role": "org_admin"], by: admin)
            let held = try await bureau.makeKey(["accounts": ["till"], "role": "org_admin"], by: admin)

            for name in ["usage.list", "usage.statistics", "audit.list", "audit.security_events", "invoices.list"] {
                #expect(await bureau.ask(name, as: held.text).code == .permissionDenied, "\(name)")
                #expect(await bureau.ask(name, as: free.text).code == nil, "\(name)")
            }
        }
    }

    @Test func `sees their transactions alone, as lists by account do`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await prepare(bureau)
            let key = try await bureau.makeKey(["accounts": ["till"]], by: admin)
            let hidden = try #require(await collect(1, "main", as: admin.token, bureau).record)
            let seen = try #require(await collect(2, "till", as: admin.token, bureau).record)
            let list = { (arguments: JSON, credential: Secret<String>) -> [String] in
                let page = await bureau.ask("transactions.list", arguments, as: credential)
                return (page.data.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
            }

            #expect(await list([:], key.text) == [seen.description])
            #expect(await list(["account": "main"], key.text).isEmpty)
            #expect(await list(["account": "main"], admin.token) == [hidden.description])
            #expect(await list(["account": "till"], admin.token) == [seen.description])
            let foreign: JSON = ["id": .string(hidden.description)]
            #expect(await bureau.ask("transactions.show", foreign, as: key.text).code == .notFound)
            let bad = await bureau.ask("transactions.list", ["account": "No"], as: admin.token)
            #expect(bad.error?.errors.first?.pointer == "/account")
        }
    }

    @Test func `names accounts that there are, and says which it would use`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await prepare(bureau)
            for wrong: JSON in [["tell"], [], ["till", "till"], "till", ["Till"]] {
                let made: JSON = ["name": "k", "environment": "test", "accounts": wrong]
                let reply = await bureau.ask("keys.create", made, as: admin.token)
                #expect(reply.error?.errors.first?.pointer.hasPrefix("/accounts") == true, "\(wrong.text)")
            }
            let live: JSON = ["name": "k", "environment": "live", "accounts": ["till"]]
            #expect(await bureau.ask("keys.create", live, as: admin.token).code == .invalidArgument)
            let key = try await bureau.makeKey(["accounts": ["till"]], by: admin)
            let rule = { (more: JSONObject) -> JSON? in
                var arguments: JSONObject = ["id": key.id, "tool": "fake_collect"]
                for (name, value) in more { arguments[name] = value }
                let told = await bureau.ask("keys.explain", .object(arguments), as: admin.token)
                return told.data["rules"]?.arrayValue?.first { $0["rule"] == "account" }
            }

            #expect(await rule([:])?["why"] == "It would use the account till.")
            #expect(await rule(["account": "main"])?["passes"] == false)
            let widened = await bureau.ask("keys.update", ["id": key.id, "accounts": .null], as: admin.token)
            #expect(widened.data["accounts"] == ["till"] && widened.data["pending"] != nil)
            bureau.clock.advance(.seconds(86_400))
            let later = try await bureau.logIn(admin.user)
            let told = await bureau.ask("keys.explain", ["id": key.id, "tool": "fake_collect"], as: later.token)
            let account = told.data["rules"]?.arrayValue?.first { $0["rule"] == "account" }
            #expect(account?["why"] == "It would use the account main.")
        }
    }
}
