import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `The preview of a change that withdraws what waits` {
    /// Lets every payout of the shop's wait for a person.
    private func holdPayouts(in bureau: Bureau) async throws {
        try await bureau.openShop()
        let rule = ApprovalRule(directions: [.outgoing], outcome: .approve, role: .orgAdmin, count: 1)
        _ = try await bureau.store.change(bureau.shop.id) { $0.approvals.rules = [rule] }
        bureau.gateway.directory.forget()
    }

    private func pay(_ amount: Int64, as credential: Secret<String>, in bureau: Bureau) async throws -> JSON {
        let arguments: JSON = ["phone": "254711000001", "amount": .integer(amount)]
        let reply = await bureau.call("fake_pay", arguments, as: credential, once: "k\(amount)")
        #expect(reply.state == .draft, "\(reply.result)")
        return .string(try #require(reply.record).description)
    }

    private func state(_ id: JSON, in bureau: Bureau) async throws -> RecordState? {
        let id = try #require(RecordID(id.stringValue ?? ""))
        return try await bureau.store.record(id, organization: bureau.shop.id, environment: .test)?.state
    }

    @Test func `names what a key had held, and changes nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await holdPayouts(in: bureau)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let (key, other) = (try await bureau.makeKey(by: admin), try await bureau.makeKey(by: admin))
            let held = [try await pay(1, as: key.text, in: bureau), try await pay(2, as: key.text, in: bureau)]
            _ = try await pay(3, as: other.text, in: bureau)
            let wish: JSON = ["id": key.id, "preview": true]

            let told = await bureau.ask("keys.revoke", wish, as: admin.token)

            let withdraws = told.data["withdraws"]
            #expect(withdraws?["count"] == 2 && withdraws?["is_whole"] == true, "\(told.result)")
            #expect(Set(withdraws?["transactions"]?.arrayValue ?? []) == Set(held))
            #expect(withdraws?["batch_count"] == 0 && withdraws?["batches"] == [])
            #expect(try await state(held[0], in: bureau) == .draft)
            #expect(await bureau.ask("auth.verify", as: key.text).code == nil)
            let stranger = try await bureau.person("boss", .orgAdmin, of: bureau.host)
            #expect(await bureau.ask("keys.revoke", wish, as: stranger.token).code == .notFound)
        }
    }

    @Test func `names what a key that is to do less would lose, and what it would not get`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await holdPayouts(in: bureau)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let (key, other) = (try await bureau.makeKey(by: admin), try await bureau.makeKey(by: admin))
            let small = try await pay(10, as: key.text, in: bureau)
            let large = try await pay(300, as: key.text, in: bureau)
            _ = try await pay(400, as: other.text, in: bureau)
            let till: JSON = ["account": "till", "environment": "test", "business_short_code": "600111"]
            #expect(await bureau.ask("accounts.create", till, as: admin.token).code == nil)
            let before = await bureau.ask("keys.list", as: admin.token).data
            func told(_ change: JSONObject) async -> (withdraws: JSON?, holds: JSON?) {
                var wish = change
                (wish["id"], wish["preview"]) = (key.id, true)
                let told = await bureau.ask("keys.update", .object(wish), as: admin.token)
                return (told.data["withdraws"], told.data["holds"])
            }

            let amount = await told(["amount_max": 299])
            #expect(amount.withdraws?["count"] == 0 && amount.holds?["transactions"] == [large])
            for change in [["tools": ["fake_collect"]], ["accounts": ["till"]]] as [JSONObject] {
                var both = change
                both["amount_max"] = 1
                let lost = await told(both)
                #expect(Set(lost.withdraws?["transactions"]?.arrayValue ?? []) == [small, large], "\(change)")
                #expect(lost.holds?["count"] == 0)
            }
            let nothing = await told(["name": "till", "amount_max": 300, "tools": ["fake_pay"]])
            #expect(nothing.withdraws?["count"] == 0 && nothing.holds?["count"] == 0)
            #expect(await bureau.ask("keys.list", as: admin.token).data == before)
            for id in [small, large] { #expect(try await state(id, in: bureau) == .draft) }

            let wish: JSON = ["id": key.id, "preview": true, "amount_max": 1]
            let stranger = try await bureau.person("boss", .orgAdmin, of: bureau.host)
            #expect(await bureau.ask("keys.update", wish, as: stranger.token).code == .notFound)
            let stale: JSON = ["id": key.id, "preview": true, "amount_max": 1, "version": 99]
            #expect(await bureau.ask("keys.update", stale, as: admin.token).code == .staleVersion)
        }
    }

    @Test func `of a key is held to the rules that its change would be`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await holdPayouts(in: bureau)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            _ = try await pay(10, as: key.text, in: bureau)
            let wrong: JSON = ["id": key.id, "preview": true, "sources": ["nowhere"]]
            #expect(await bureau.ask("keys.update", wrong, as: admin.token).code == .invalidArgument)
            let account: JSON = ["id": key.id, "preview": true, "accounts": ["main"]]
            let told = await bureau.ask("keys.update", account, as: admin.token)
            #expect(told.data["withdraws"]?["count"] == 0, "\(told.result)")
        }
    }

    @Test func `names what a person had asked for`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await holdPayouts(in: bureau)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let clerk = try await bureau.person("clerk", .manager, of: bureau.shop)
            let held = try await pay(1, as: clerk.token, in: bureau)
            let wish: JSON = ["id": .string(clerk.user.id.description), "preview": true]

            let told = await bureau.ask("users.deactivate", wish, as: admin.token)

            #expect(told.data["withdraws"]?["transactions"] == [held], "\(told.result)")
            #expect(await bureau.ask("auth.verify", as: clerk.token).code == nil)
        }
    }

    @Test func `names what a tool had held that is switched off, or taken out of a plan`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await holdPayouts(in: bureau)
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let held = try await pay(1, as: admin.token, in: bureau)

            let own = await bureau.ask(
                "organization.update",
                ["disabled_tools": ["fake_pay"], "preview": true],
                as: admin.token
            )
            let none = await bureau.ask(
                "organization.update",
                ["disabled_tools": ["fake_collect"], "preview": true],
                as: admin.token
            )
            let plan = await bureau.ask(
                "plans.set",
                ["name": "trade", "tools": ["fake_*", "fake_collect"], "preview": true],
                as: boss.token
            )

            for told in [own, plan] {
                let loss = told.data["losses"]?[0]
                #expect(loss?["loses"]?.arrayValue?.contains("the tool fake_pay") == true, "\(told.result)")
                #expect(loss?["withdraws"]?["transactions"] == [held], "\(told.result)")
            }
            #expect(none.data["losses"]?[0]?["withdraws"]?["count"] == 0)
            #expect(try await state(held, in: bureau) == .draft)
            #expect(try await bureau.store.organization(bureau.shop.id)?.disabledTools == [])
        }
    }
}
