import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `The rules of approvals` {
    @Test func `decide by the first that matches`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(
                in: house,
                rules: [
                    ApprovalRule(callers: [.machine], directions: [.outgoing], amountMin: 5_000, outcome: .refuse),
                    ApprovalRule(callers: [.person], outcome: .allow),
                    ApprovalRule(directions: [.outgoing], amountMin: 1_000, outcome: .approve, role: .orgAdmin),
                ]
            )

            #expect(await desk.pay("254711000001", amount: 999).state == .accepted)
            #expect(await desk.pay("254711000002", amount: 5_000).code == .permissionDenied)
            #expect(await desk.pay("254711000003", amount: 5_000, as: desk.manager.token).state == .accepted)
            #expect(await desk.pay("254711000004", amount: 1_000, tool: "fake_collect").state == .accepted)
            let held = await desk.pay("254711000005", amount: 1_000)
            #expect(held.state == .draft)
            #expect(await desk.decide("approve", held, as: desk.manager) == .permissionDenied)
            #expect(await desk.decide("approve", held, as: desk.administrator) == nil)
        }
    }

    @Test func `ask a person for what an agent pays out, and for nothing else, where there are none`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let agent = try await house.addKey(rules: KeyRules(isAgent: true))
            let machine = try await house.addKey(rules: KeyRules(isAgent: false))

            #expect(await desk.pay("254711000001", as: agent.text).state == .draft)
            #expect(await desk.pay("254711000002", as: agent.text, tool: "fake_collect").state == .accepted)
            #expect(await desk.pay("254711000003").state == .accepted)
            #expect(await desk.pay("254711000004", as: desk.manager.token).state == .accepted)
            #expect(await desk.pay("254711000005", door: .mcp).state == .draft)
            #expect(await desk.pay("254711000006", as: desk.manager.token, door: .mcp).state == .draft)
            #expect(await desk.pay("254711000007", as: machine.text, door: .mcp).state == .accepted)
        }
    }

    @Test func `know a receiver who was paid before`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], isForNewReceivers: true, outcome: .approve)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let first = await desk.pay("254711000001")
            #expect(first.state == .draft)
            #expect(await desk.decide("approve", first, as: desk.manager) == nil)
            await desk.gateway.releases.sendDue()
            let paid = try await house.record(first)
            try await house.callback(paid.id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            #expect(await desk.pay("254711000001", amount: 70).state == .accepted)
            #expect(await desk.pay("254711000002").state == .draft)
        }
    }

    @Test func `are an administrator's to set, by a session of their own`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let rules: JSON = ["rules": [["direction": ["out"], "amount_min": 10, "then": "approve"]]]

            #expect(await desk.ask("approvals.set_rules", rules, as: desk.manager.token).code == .permissionDenied)
            #expect(await desk.ask("approvals.set_rules", rules, as: house.key.text).code == .permissionDenied)
            let set = await desk.ask("approvals.set_rules", rules, as: desk.administrator.token)
            #expect(set.code == nil && set.data["rules"]?.arrayValue?.first?["within_s"] == 86_400)
            let wrong: JSON = ["rules": [["then": "perhaps"]]]
            #expect(await desk.ask("approvals.set_rules", wrong, as: desk.administrator.token).code == .invalidArgument)

            let shown = await desk.ask("approvals.rules", as: desk.manager.token)
            #expect(shown.data["rules"] == set.data["rules"])
            #expect(await desk.pay().state == .draft)
        }
    }
}

struct `Rules that ask for less` {
    private static let asking = [ApprovalRule(directions: [.outgoing], outcome: .approve)]
    private static let nothing: JSON = ["rules": [["then": "allow"]]]

    @Test func `hold once another administrator agrees, and everybody is told`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.asking)
            let second = try await house.addPerson("second", role: .orgAdmin, hasSecondFactor: true)
            let set = await desk.ask("approvals.set_rules", Self.nothing, as: desk.administrator.token)
            #expect(set.code == nil && set.data["pending"]?["from_ms"] != nil)
            #expect(Set(desk.mail.take().map(\.recipient)).count == 4)
            #expect(await desk.pay("254711000001").state == .draft)

            #expect(await desk.ask("approvals.agree", as: desk.administrator.token).code == .permissionDenied)
            #expect(await desk.ask("approvals.agree", as: desk.manager.token).code == .permissionDenied)
            #expect(await desk.ask("approvals.agree", as: second.token).code == nil)
            #expect(await desk.pay("254711000002").state == .accepted)
            #expect(await desk.ask("approvals.agree", as: second.token).code == .conflict)
        }
    }

    @Test func `hold after a day`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.asking)
            _ = await desk.ask("approvals.set_rules", Self.nothing, as: desk.administrator.token)
            house.clock.advance(.seconds(86_399))
            #expect(await desk.pay("254711000001").state == .draft)

            house.clock.advance(.seconds(1))
            #expect(await desk.pay("254711000002").state == .accepted)
        }
    }

    @Test func `do not let an administrator who makes a user get money out alone`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.asking)
            _ = await desk.ask("approvals.set_rules", Self.nothing, as: desk.administrator.token)
            let settling = User.Settling(since: house.clock.now, by: "user:\(desk.administrator.user.id)")
            let puppet = try await house.addPerson("puppet", role: .orgAdmin, hasSecondFactor: true, settling: settling)
            let reply = await desk.pay("254711000001", as: desk.administrator.token)

            #expect(reply.state == .draft)
            for action in ["approvals.agree", "approvals.vouch"] {
                let named: JSON = action == "approvals.vouch" ? ["id": .string("\(puppet.user.id)")] : [:]
                #expect(await desk.ask(action, named, as: puppet.token).code == .permissionDenied)
                #expect(await desk.ask(action, named, as: desk.administrator.token).code == .permissionDenied)
            }
            #expect(await desk.decide("approve", reply, as: puppet) == .permissionDenied)
            #expect(await desk.decide("approve", reply, as: desk.administrator) == .permissionDenied)
            #expect(house.upstream.sent.isEmpty)
        }
    }

    @Test(arguments: [
        ("fewer people", 1, Role.manager, 100 as Int64?), ("a lower role", 2, .user, 100),
        ("a larger amount", 2, .manager, 101),
    ])
    func `are known by any call that they ask less of`(what: String, count: Int, role: Role, amount: Int64?) {
        let old = [
            ApprovalRule(directions: [.outgoing], tools: ["a"], outcome: .refuse),
            ApprovalRule(directions: [.outgoing], amountMin: 100, outcome: .approve, role: .manager, count: 2),
        ]
        var new = old
        new[1].count = count
        new[1].role = role
        new[1].amountMin = amount

        #expect(!new.areAtLeast(old), "\(what)")
        #expect(old.areAtLeast(new) && old.areAtLeast(old))
        #expect(!Array(old.reversed()).areAtLeast(old))
        #expect(old.areAtLeast([]))
        #expect(![ApprovalRule(outcome: .allow)].areAtLeast([]))
    }
}

struct `A comparison of rules` {
    /// As it is meant: one call of each kind, looked at one by one.
    private func areAtLeast(_ new: [ApprovalRule], _ old: [ApprovalRule]) -> Bool {
        CallerKind.allCases.allSatisfy { caller in
            [OperationDirection.incoming, .outgoing, .reverse]
                .allSatisfy { direction in
                    ["a", "b", "c", "*"]
                        .allSatisfy { tool in
                            ([1, 50, 100, 150] as [Int64])
                                .allSatisfy { amount in
                                    [false, true]
                                        .allSatisfy { isNew in
                                            let call = ApprovalRule.Case(
                                                caller: caller,
                                                direction: direction,
                                                tool: tool,
                                                amount: amount,
                                                isNewReceiver: isNew
                                            )
                                            return ApprovalDecision(about: call, by: new)
                                                .isAtLeast(ApprovalDecision(about: call, by: old))
                                        }
                                }
                        }
                }
        }
    }

    private func rules(_ numbers: inout some RandomNumberGenerator) -> [ApprovalRule] {
        func some<Word>(_ words: [Word]) -> Set<Word> {
            Set(words.filter { _ in Int.random(in: 0..<3, using: &numbers) == 0 })
        }
        return (0..<Int.random(in: 0...3, using: &numbers))
            .map { _ in
                ApprovalRule(
                    callers: some(CallerKind.allCases),
                    directions: some([.incoming, .outgoing, .reverse]),
                    tools: some(["a", "b", "c"]),
                    amountMin: [nil, 50, 100, 150].randomElement(using: &numbers) ?? nil,
                    isForNewReceivers: Bool.random(using: &numbers),
                    outcome: ApprovalRule.Outcome.allCases.randomElement(using: &numbers) ?? .allow,
                    role: [.manager, .orgAdmin].randomElement(using: &numbers) ?? .manager,
                    count: Int.random(in: 1...2, using: &numbers)
                )
            }
    }

    @Test func `says what looking at every kind of call says`() {
        var numbers = SystemRandomNumberGenerator()
        var found: Set<Bool> = []
        for _ in 0..<500 {
            let (new, old) = (rules(&numbers), rules(&numbers))
            let isAtLeast = new.areAtLeast(old)
            #expect(isAtLeast == areAtLeast(new, old), "\(new) after \(old)")
            found.insert(isAtLeast)
        }
        #expect(found == [false, true])
    }

    @Test func `is soon done of as many rules and tools as there may be`() {
        let rules = (0..<ApprovalRule.rulesMax)
            .map { rule in
                ApprovalRule(
                    tools: Set((0..<ApprovalRule.toolsMax).map { "tool_\(rule)_\($0)" }),
                    amountMin: Int64(rule + 1),
                    isForNewReceivers: rule % 2 == 0,
                    outcome: .approve
                )
            }
        let others = rules.map { rule in
            var other = rule
            other.tools = Set(rule.tools.map { "other_" + $0 })
            return other
        }

        for _ in 0..<20 { #expect(rules.areAtLeast(rules)) }
        #expect(!rules.areAtLeast(rules + others) && (rules + others).areAtLeast(rules))
    }

    @Test func `keeps nobody from writing meanwhile, and is made anew where the organization has changed`() async throws
    {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let rules: JSON = ["rules": [["direction": ["out"], "then": "approve"]]]
            let (seen, other) = (await desk.ask("approvals.rules", as: desk.manager.token), house.organization)
            async let changed = house.store.change(other) { $0.name = "Shop 2" }
            #expect(await desk.ask("approvals.set_rules", rules, as: desk.administrator.token).code == nil)
            _ = try await changed
            let stale: JSON = ["rules": [], "version": seen.data["version"] ?? 0]
            #expect(await desk.ask("approvals.set_rules", stale, as: desk.administrator.token).code == .staleVersion)
            #expect(try await house.store.organization(other)?.approvals.rules.count == 1)
        }
    }
}

struct `Rules that ask for more` {
    @Test func `withdraw what waits by a rule that is gone, or asked for less`() async throws {
        try await House.with { (house) async throws in
            let rules = [
                ApprovalRule(amountMin: 1_000, outcome: .approve, role: .manager),
                ApprovalRule(directions: [.outgoing], outcome: .approve),
            ]
            let desk = try await ApprovalDesk(in: house, rules: rules)
            let (large, small) = (await desk.pay("254711000001", amount: 1_000), await desk.pay("254711000002"))
            let tighter: JSON = [
                "rules": [
                    ["amount_min": 1_000, "then": "approve", "role": "org_admin"],
                    ["direction": ["out"], "then": "approve"],
                ]
            ]
            #expect(await desk.ask("approvals.set_rules", tighter, as: desk.administrator.token).data["pending"] == nil)

            #expect(try await house.record(large).hold?.withdrawal == .obsolete)
            #expect(try await house.record(small).state == .draft)
        }
    }

    @Test func `count when somebody approves, however they came to hold`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: [ApprovalRule(outcome: .approve)])
            let reply = await desk.pay()
            _ = try await house.store.change(house.organization) {
                $0.approvals.rules = [ApprovalRule(outcome: .approve, count: 2)]
            }
            desk.forget()

            #expect(await desk.decide("approve", reply, as: desk.manager) == .withdrawn)
            #expect(try await house.record(reply).hold?.withdrawal == .obsolete)
        }
    }
}

struct `Payments that are stopped` {
    private func stop(_ what: String, _ desk: ApprovalDesk, withdraw: Bool = false) async -> GatewayError.Code? {
        await desk.ask("payments.stop", ["what": .string(what), "withdraw": .bool(withdraw)], as: desk.manager.token)
            .code
    }

    @Test func `are refused, of everybody, of agents, of a tool or of a key`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: [ApprovalRule(outcome: .allow)])
            let other = try await house.addKey()
            let stops = [
                ("all", [false, false, false]), ("agents", [true, true, false]),
                ("tool:fake_pay", [false, false, false]),
                ("key:\(house.key.id)", [false, true, true]),
            ]
            for (number, (what, expected)) in stops.enumerated() {
                #expect(await stop(what, desk) == nil)
                let calls = [
                    await desk.pay("25471100\(number)001"), await desk.pay("25471100\(number)002", as: other.text),
                    await desk.pay("25471100\(number)003", as: other.text, door: .mcp),
                ]
                #expect(calls.map { $0.code == nil } == expected, "\(what)")
                #expect(calls.allSatisfy { $0.code == nil || $0.code == .permissionDenied })
                let named: JSON = ["what": .string(what)]
                #expect(await desk.ask("payments.resume", named, as: desk.manager.token).code == .permissionDenied)
                #expect(await desk.ask("payments.resume", named, as: desk.administrator.token).code == nil)
            }
            #expect(await stop("nothing", desk) == .invalidArgument)
        }
    }

    @Test func `wait when they were held or let go, and go on afterwards`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let (held, released) = (await desk.pay("254711000001"), await desk.pay("254711000002"))
            #expect(await desk.decide("approve", released, as: desk.manager) == nil)
            #expect(await stop("all", desk) == nil)
            await desk.gateway.releases.sendDue()
            #expect(await desk.decide("approve", held, as: desk.manager) == .permissionDenied)
            #expect(try await house.record(held).state == .draft)
            #expect(try await house.record(released).state == .released && house.upstream.sent.isEmpty)

            #expect(await desk.ask("payments.resume", ["what": "all"], as: desk.administrator.token).code == nil)
            house.clock.advance(.seconds(10))
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(released).state == .accepted)
            #expect(await desk.decide("approve", held, as: desk.manager) == nil)
        }
    }

    @Test func `are withdrawn at once where that is asked for`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let held = await desk.pay()
            #expect(await stop("tool:fake_collect", desk, withdraw: true) == nil)
            #expect(try await house.record(held).state == .draft)
            #expect(await stop("tool:fake_pay", desk, withdraw: true) == nil)
            #expect(try await house.record(held).hold?.withdrawal == .cancelled)
        }
    }
}

struct `Letters about what waits` {
    @Test func `go to those who may approve, once more before the end, and to whoever asked`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(outcome: .approve, within: .seconds(4_000))
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let reply = await desk.pay(as: desk.manager.token)
            let letters = try #require(desk.gateway.approvalLetters)
            try await letters.catchUp()
            let asked = desk.mail.take()
            #expect(Set(asked.map(\.recipient)) == ["other@x.example", "admin@x.example"])
            #expect(asked.allSatisfy { !$0.text.reveal().contains("254711000001") })

            house.clock.advance(.seconds(2_999))
            await desk.gateway.releases.sendDue()
            try await letters.catchUp()
            #expect(desk.mail.take().isEmpty)
            house.clock.advance(.seconds(1))
            for _ in 1...2 {
                await desk.gateway.releases.sendDue()
                house.clock.advance(.seconds(10))
            }
            try await letters.catchUp()
            #expect(
                desk.mail.take().map(\.subject) == ["A payment still waits for you", "A payment still waits for you"]
            )

            #expect(await desk.decide("decline", reply, as: desk.other) == nil)
            try await letters.catchUp()
            #expect(desk.mail.take().map(\.recipient) == ["manager@x.example"])
            let kinds = try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event.kind)
            #expect(kinds == [.approvalRequested, .approvalDue, .withdrawn, .approvalDecided])
        }
    }
    @Test func `tell whoever asked that what was approved has never left`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: [ApprovalRule(outcome: .approve)])
            house.upstream.answer { _ in .notSent("There was no connection.") }
            let held = await desk.pay(as: desk.manager.token)
            #expect(await desk.decide("approve", held, as: desk.other) == nil)
            await desk.gateway.releases.sendDue()
            house.clock.advance(.seconds(3_600))
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(held).state == .withdrawn && house.upstream.count("pay") <= 1)

            try await #require(desk.gateway.approvalLetters).catchUp()
            let last = desk.mail.take().last
            #expect(last?.recipient == "manager@x.example" && last?.subject == "A payment was withdrawn")
        }
    }
}
