import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `A mandate` {
    /// An agent's key, which may pay out 200 shillings a call and 500 a day by itself.
    private struct Given {
        let desk: ApprovalDesk
        let second: (user: User, token: Secret<String>)
        let agent: (id: APIKeyID, text: Secret<String>)

        var path: JSONObject { ["id": .string("\(agent.id)")] }

        init(in house: House, rules: [ApprovalRule] = [], isInForce: Bool = true, _ more: JSONObject = [:]) async throws
        {
            desk = try await ApprovalDesk(in: house, rules: rules)
            second = try await house.addPerson("second", role: .orgAdmin, hasSecondFactor: true)
            let key = try await house.addKey(rules: KeyRules(isAgent: true))
            agent = (key.id, key.text)
            #expect(await set(more).code == nil)
            if isInForce { #expect(await agree() == nil) }
        }

        func set(_ more: JSONObject = [:], as who: Secret<String>? = nil) async -> ActionReply {
            var asked: JSONObject = [
                "purpose": "float of agents", "tools": ["fake_pay"], "call_max": 200, "day_max": 500,
                "until_ms": .integer((desk.house.clock.now + .seconds(10 * 86_400)).milliseconds),
            ]
            for (name, value) in path { asked[name] = value }
            for (name, value) in more { asked[name] = value }
            return await desk.ask("mandates.set", .object(asked), as: who ?? desk.administrator.token)
        }

        func agree(as who: Secret<String>? = nil) async -> GatewayError.Code? {
            await desk.ask("mandates.agree", .object(path), as: who ?? second.token).code
        }

        func pay(_ number: Int, _ amount: Int64 = 100, tool: String = "fake_pay") async -> ToolReply {
            await desk.pay("25471100000\(number)", amount: amount, as: agent.text, tool: tool)
        }

        func shown() async -> JSON? { await desk.ask("mandates.list", as: desk.manager.token).data[0] }
    }

    @Test func `lets an agent pay alone, and nothing past it`() async throws {
        try await House.with { (house) async throws in
            let given = try await Given(in: house, ["receivers": ["254711000001", "254711000002", "254711000003"]])
            #expect(await given.pay(1, 200).state == .accepted)
            #expect(await given.pay(1, 201).code == .limitExceeded)
            #expect(await given.pay(4).code == .limitExceeded)
            #expect(await given.pay(1, tool: "fake_collect").code == .permissionDenied)
            #expect(await given.pay(2, 200).state == .accepted)
            #expect(await given.pay(3, 101).code == .limitExceeded)
            #expect(await given.pay(3, 100).state == .accepted)

            let shown = await given.shown()
            #expect(shown?["state"] == "in_force" && shown?["today"] == ["calls": 3, "amount": 500])
            #expect(house.upstream.count("pay") == 3)
            let other = try await house.addKey(rules: KeyRules(isAgent: true))
            #expect(await given.desk.pay("254711000001", amount: 70, as: other.text).state == .draft)
        }
    }

    @Test func `holds in its hours alone`() async throws {
        try await House.with { (house) async throws in
            let hour = (house.clock.now.milliseconds / 3_600_000 + 3) % 24
            let outside: JSONObject =
                hour == 23
                ? ["from_hour": 0, "until_hour": 23] : ["from_hour": .integer(hour + 1), "until_hour": 24]
            let given = try await Given(in: house, outside)
            #expect(await given.pay(1).code == .limitExceeded)
            #expect(await given.set(["from_hour": 8, "until_hour": 8]).code == .invalidArgument)
        }
    }

    @Test func `is less than what a rule says`() async throws {
        try await House.with { (house) async throws in
            let rules = [
                ApprovalRule(directions: [.outgoing], amountMin: 150, outcome: .approve),
                ApprovalRule(directions: [.outgoing], amountMin: 120, outcome: .refuse),
            ]
            let given = try await Given(in: house, rules: rules)
            #expect(await given.pay(1, 150).state == .draft)
            #expect(await given.pay(2, 120).code == .permissionDenied)
            #expect(await given.pay(3, 119).state == .accepted)
        }
    }

    @Test func `waits for another administrator, or a day, and is told of`() async throws {
        try await House.with { (house) async throws in
            let given = try await Given(in: house, isInForce: false)
            #expect(Set(given.desk.mail.take().map(\.recipient)).count == 4)
            #expect(await given.pay(1).state == .draft)
            #expect(await given.shown()?["state"] == "pending")
            #expect(await given.agree(as: given.desk.administrator.token) == .permissionDenied)
            #expect(await given.agree(as: given.desk.manager.token) == .permissionDenied)
            #expect(await given.agree(as: given.agent.text) == .permissionDenied)
            #expect(await given.set(as: given.agent.text).code == .permissionDenied)
            house.clock.advance(.seconds(86_399))
            #expect(await given.pay(2).state == .draft)
            house.clock.advance(.seconds(1))
            #expect(await given.pay(3).state == .accepted)
        }
    }

    @Test(
        arguments: [
            ["call_max": 201], ["day_max": 501], ["tools": ["fake_pay", "fake_refund"]], ["until_ms": 0],
            ["receivers": ["254711000001", "254711000002"]],
        ] as [JSONObject]
    )
    func `that permits more is not one administrator's alone, and less holds at once`(more: JSONObject) async throws {
        try await House.with { (house) async throws in
            var more = more
            if more["until_ms"] != nil {
                more = ["until_ms": .integer((house.clock.now + .seconds(11 * 86_400)).milliseconds)]
            }
            let few: JSONObject = ["receivers": ["254711000001"]]
            let given = try await Given(in: house, few)
            let changed = await given.set(few.merged(more))
            #expect(changed.data["pending"]?["by"] == .string("user:\(given.desk.administrator.user.id)"))
            #expect(changed.data["call_max"] == 200 && changed.data["day_max"] == 500)

            let less = await given.set(few.merged(["call_max": 60]))
            #expect(less.code == nil && less.data["pending"] == nil && less.data["call_max"] == 60)
            #expect(await given.pay(1, 61).code == .limitExceeded)
            #expect(await given.pay(1, 60).state == .accepted)
        }
    }

    @Test func `that has ended or was revoked lets nothing move, until another one holds`() async throws {
        try await House.with { (house) async throws in
            let given = try await Given(in: house)
            #expect(await given.desk.ask("mandates.revoke", .object(given.path), as: given.agent.text).code != nil)
            #expect(
                await given.desk.ask("mandates.revoke", .object(given.path), as: given.desk.manager.token).code == nil
            )
            #expect(await given.pay(1).code == .permissionDenied)
            #expect(await given.pay(1, tool: "fake_collect").code == .permissionDenied)
            #expect(await given.shown()?["state"] == "revoked")

            // The same once more permits more than nothing.
            #expect(await given.set().data["pending"] != nil)
            #expect(await given.pay(1).code == .permissionDenied)
            #expect(await given.agree() == nil)
            #expect(await given.agree() == .conflict)
            #expect(await given.pay(1).state == .accepted)
            house.clock.advance(.seconds(10 * 86_400))
            #expect(await given.pay(2).code == .permissionDenied)
        }
    }

    @Test func `is stopped with all agents at once, and shown so`() async throws {
        try await House.with { (house) async throws in
            let given = try await Given(in: house)
            let desk = given.desk
            #expect(await desk.ask("payments.stop", ["what": "agents"], as: desk.manager.token).code == nil)
            #expect(await given.pay(1).code == .permissionDenied)
            let shown = await given.shown()
            #expect(shown?["state"] == "stopped" && shown?["stopped_by"] == ["agents"])
            #expect(await desk.ask("payments.resume", ["what": "agents"], as: desk.administrator.token).code == nil)
            #expect(await given.pay(1).state == .accepted)
        }
    }

    @Test func `makes no key a measure for another one, and is another organization's not at all`() async throws {
        try await House.with { (house) async throws in
            let given = try await Given(in: house)
            let policy = try #require(try await house.store.organization(house.organization)).approvals
            #expect(policy.bounds(at: house.clock.now).compactMap(\.subject) == ["key:\(given.agent.id)"])
            #expect(ApprovalPolicy(policy.json) == policy)
            let unknown = APIKeyID(house.clock.entropy.identifier())
            #expect(await given.set(["id": .string("\(unknown)")]).code == .notFound)
            #expect(await given.set(["until_ms": 1]).code == .invalidArgument)
        }
    }
}

extension JSONObject {
    fileprivate func merged(_ other: JSONObject) -> JSONObject {
        var object = self
        for (name, value) in other { object[name] = value }
        return object
    }
}
