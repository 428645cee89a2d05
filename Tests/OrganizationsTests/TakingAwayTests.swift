import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What takes rights away` {
    /// What only ends something, though it is no DELETE.
    private static let ending: Set<String> = [
        "approvals.decline", "batches.cancel", "batches.pause", "payments.stop",
    ]
    /// What gives something back by taking a rule away, and what only the host's own people do.
    private static let giving: Set<String> = ["payments.resume", "plans.delete", "shared_issuers.delete"]

    /// Whatever ends something in one's organization: an action that is added is walked too.
    private func walked(_ bureau: Bureau) -> [Action] {
        bureau.actions.sorted.filter { action in
            (action.route.method == "DELETE" || Self.ending.contains(action.name))
                && !Self.giving.contains(action.name)
        }
    }

    private func arguments(of action: Action) -> JSON {
        var arguments = JSONObject(action.route.pathArguments.map { ($0, .string("nobody")) })
        if action.name == "payments.stop" { arguments["what"] = "all" }
        return .object(arguments)
    }

    /// Does them all, and those that matter most to somebody there is.
    private func expectAllWork(_ bureau: Bureau, _ key: JSON, _ why: String) async throws {
        let found = walked(bureau)
        #expect(found.count >= 9)
        let admin = try await bureau.person("other", .orgAdmin, of: bureau.shop)
        for action in found {
            let code = await bureau.ask(action.name, arguments(of: action), as: admin.token).code
            #expect(code != .rateLimited && code != .organizationSuspended, "\(action.name) \(why)")
        }
        let thief = try await bureau.person("thief", .manager, of: bureau.shop)
        let sessions = await bureau.ask("users.sessions", ["id": thief.id], as: admin.token)
        let session = try #require(sessions.data[0]?["id"])
        let end: JSON = ["id": thief.id, "session_id": session]
        #expect(await bureau.ask("users.end_session", end, as: admin.token).code == nil, "\(why)")
        #expect(await bureau.ask("users.remove_second_factor", ["id": thief.id], as: admin.token).code == nil)
        #expect(await bureau.ask("users.list", as: admin.token).code == nil, "\(why)")
        #expect(await bureau.ask("users.deactivate", ["id": thief.id], as: admin.token).code == nil, "\(why)")
        #expect(await bureau.ask("keys.list", as: admin.token).data[0]?["id"] == key, "\(why)")
        #expect(await bureau.ask("keys.revoke", ["id": key], as: admin.token).code == nil, "\(why)")
    }

    @Test func `is done however much of every quota is used up`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let key = try await bureau.makeKey(by: try await bureau.person("admin", .orgAdmin, of: bureau.shop))
            let spent = ["read", "money", "administration"].map { ($0, 0) }

            try await bureau.setPlan(Bureau.tradePlan(Ceilings(quotas: Dictionary(uniqueKeysWithValues: spent))))

            #expect(await bureau.call("fake_ask", as: key.text).code == .rateLimited)
            try await expectAllWork(bureau, key.id, "with every quota spent")
        }
    }

    @Test func `is done by a suspended organization too`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let key = try await bureau.makeKey(by: try await bureau.person("admin", .orgAdmin, of: bureau.shop))

            _ = try await bureau.store.change(bureau.shop.id) { $0.subscription = .suspended }
            bureau.gateway.directory.forget()

            #expect(await bureau.call("fake_ask", as: key.text).code == .organizationSuspended)
            try await expectAllWork(bureau, key.id, "while suspended")
        }
    }

    @Test func `and every other change is kept from nobody by what others have read`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["read": 0])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            for action in bureau.actions.sorted where !action.isReadOnly && action.rules.reach == .organization {
                // Another session for each: one of them ends the one that asks.
                let now = try await bureau.logIn(admin.user)
                let code = await bureau.ask(action.name, arguments(of: action), as: now.token).code
                #expect(code != .rateLimited, "\(action.name)")
            }
        }
    }
}
