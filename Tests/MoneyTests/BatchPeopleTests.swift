import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `A batch that people wait for` {
    @Test func `is one letter and one entry, whatever it holds`() async throws {
        try await House.forBatches { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            _ = await house.batch("b", of: House.payments(30), door: .mcp)
            let single = await desk.pay(door: .mcp)
            try await desk.gateway.approvalLetters?.catchUp()

            let letters = desk.mail.take().filter { $0.subject.contains("batch") }
            #expect(Set(letters.map(\.recipient)).count == 3 && letters.count == 3)
            #expect(letters.allSatisfy { $0.text.reveal().contains("30 payments, 3000 KES") })
            let listed = await desk.ask("approvals.list", as: desk.manager.token).data.arrayValue ?? []
            #expect(listed.count == 2 && listed[0]["batch"]?["batch_id"] == "b")
            #expect(listed[1]["transaction"]?["id"] == single.record.map { .string($0.description) })
        }
    }

    @Test func `tells its people when it is paused by itself`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            try await house.run("b", 2)
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            try await desk.gateway.approvalLetters?.catchUp()

            let letters = desk.mail.take().filter { $0.subject == "A batch is paused" }
            #expect(!letters.isEmpty && letters.allSatisfy { $0.text.reveal().contains("No money") })
        }
    }

    @Test func `leaves with the last of those whom a rule asks, each counting once`() async throws {
        try await House.forBatches { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .approve, count: 2)
            try await house.set { $0.rules = [rule] }
            let asked = Hold.Asked(role: .manager, count: 2)
            house.doorkeeper.holdAll(until: house.clock.now + .seconds(3_600), asking: asked)
            _ = await house.batch("b", of: House.payments(2))
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))
            let batches = house.gateway.batches
            #expect(try await batches.release("b", by: first).state == .draft)
            let next = await house.ask("batches.show", ["id": "b"]).data["next"]
            #expect(next == "Nothing was sent. 1 of 2 people has released it: it waits for 1 more.", "\(next ?? .null)")
            await #expect(throws: GatewayError.self) { try await batches.release("b", by: first) }
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            let released = try await batches.release("b", by: second)
            #expect(released.state == .running && released.approvers == [first.subjectText, second.subjectText])
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)

            _ = try await batches.pause("b", by: first, because: "A look.")
            #expect(try await batches.resume("b", by: second).state == .paused)
            #expect(try await batches.resume("b", by: first).state == .running)
        }
    }

    @Test(arguments: [ApprovalRule.Outcome.confirm, .allow])
    func `is let go by another log-in than the one that an agent made it with`(by outcome: ApprovalRule.Outcome)
        async throws
    {
        try await House.forBatches { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: outcome, agentMax: 1_000)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let (user, agents) = desk.manager
            let own = try await house.logIn(user)
            let made = await desk.make("b", of: House.payments(2), as: agents, door: .mcp)
            #expect(made.refused == nil, "\(made)")
            func ask(_ word: String, _ token: Secret<String>) async -> GatewayError.Code? {
                let more: JSONObject = word == "pause" ? ["id": "b", "reason": "A look."] : ["id": "b"]
                return await desk.ask("batches." + word, .object(more), as: token).code
            }

            #expect(await ask("release", agents) == .permissionDenied)
            #expect(try await house.batch("b").state == .draft)
            #expect(await ask("release", own) == nil)
            #expect(await ask("pause", agents) == nil, "whoever wants less may always")
            #expect(await ask("resume", agents) == .permissionDenied)
            #expect(try await house.batch("b").state == .paused)
            #expect(await ask("resume", own) == nil)
        }
    }

    @Test func `is asked what either new or known receivers are asked, whichever rule is first`() async throws {
        let few = ApprovalRule(isForNewReceivers: true, outcome: .approve)
        let people = ApprovalRule(amountMin: 1, outcome: .approve, role: .orgAdmin, count: 2)
        let none = ApprovalRule(isForNewReceivers: true, outcome: .allow)
        let refusing = ApprovalRule(amountMin: 1, outcome: .refuse)
        for rules in [[few, people], [none, people], [few, refusing], [none, refusing]] {
            try await House.forBatches { (house) async throws in
                _ = await house.batch("b", of: House.payments(2))
                try await house.set { $0.rules = rules }
                let manager = try await house.releaser()
                await #expect(throws: GatewayError.self) {
                    try await house.gateway.batches.release("b", by: manager)
                }
                #expect(house.upstream.sent.isEmpty)
            }
        }
    }

    @Test func `is paused when rules ask for more, before its moment and in its middle`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            let far = house.clock.entropy.wall().milliseconds + 3_600_000
            try await house.run("later", 1, ["not_before_ms": .integer(far)])
            try await house.run("now", 2, amount: 7)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 1)
            try await house.set { $0.rules = [ApprovalRule(directions: [.outgoing], outcome: .approve, count: 2)] }
            try await house.payAll("now")
            await house.sendBatches()
            for id in ["later", "now"] {
                let batch = try await house.batch(id)
                #expect(batch.state == .paused && batch.reason?.contains("2 people") == true, "\(id)")
            }
            #expect(house.upstream.count("pay") == 1)

            for name in ["first", "second"] {
                _ = try await house.gateway.batches.resume("now", by: try await house.releaser(name))
            }
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `is paused before more of it leaves once whoever released it may do nothing any more`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let who = try await house.releaser()
            _ = try await house.gateway.batches.release("b", by: who)
            await house.sendBatches()
            guard case .user(let id) = who.subject else { return }
            _ = try await house.store.change(id, organization: house.organization) { $0.isActive = false }
            try await house.payAll("b")
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .paused && batch.reason?.contains("may do nothing any more") == true)
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test(arguments: ["role", "factor"])
    func `does not leave by the word of somebody who has less by then than a rule asks`(_ what: String) async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.rules = [ApprovalRule(directions: [.outgoing], outcome: .approve)] }
            let far = house.clock.entropy.wall().milliseconds + 3_600_000
            _ = await house.batch("b", of: House.payments(1), ["not_before_ms": .integer(far)])
            let who = try await house.releaser()
            #expect(try await house.gateway.batches.release("b", by: who).state == .running)
            guard case .user(let id) = who.subject else { return }
            if what == "role" {
                _ = try await house.store.change(id, organization: house.organization) { $0.role = .user }
            } else {
                try await house.store.removeFactor(of: id, organization: house.organization)
            }
            await house.sendBatches(after: .seconds(3_600))
            #expect(try await house.batch("b").state == .paused && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is told of once more before its end, and its maker of what others decide`() async throws {
        try await House.forBatches { (house) async throws in
            let (maker, _) = try await house.addPerson("otieno", role: .user)
            let desk = try await ApprovalDesk(in: house)
            let key = try await house.addKey(ownedBy: maker.id)
            let made = await desk.make("b", of: House.payments(2), as: key.text)
            #expect(made.refused == nil)
            house.clock.advance(.seconds(7 * 86_400 * 3 / 4 - 60))
            func subjects(after duration: Duration) async throws -> [String] {
                await house.sendBatches(after: duration)
                try await desk.gateway.approvalLetters?.catchUp()
                return desk.mail.take().map { $0.subject }
            }
            #expect(try await Set(subjects(after: .seconds(1))) == ["A batch waits for you"])
            #expect(try await Set(subjects(after: .seconds(60))) == ["A batch still waits for you"])
            #expect(try await subjects(after: .seconds(60)).isEmpty)

            _ = try await house.gateway.batches.release("b", by: try await house.releaser())
            #expect(try await subjects(after: .zero) == ["A batch was released"])
            _ = try await house.gateway.batches.pause("b", by: try await house.releaser("a"), because: "A look.")
            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser("c"), because: "Not wanted.")
            try await house.payAll("b")
            #expect(try await subjects(after: .seconds(6)).last == "A batch was stopped")
        }
    }

    @Test func `is refused while as many are open as may be, and not once one has ended`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.store.save(
                Plan(
                    name: "all",
                    tools: ["**"],
                    organizationLimits: [:],
                    principalLimits: [:],
                    ceilings: Ceilings(batchesMax: 1)
                )
            )
            house.gateway.configuration.forget()
            #expect(await house.batch("a", of: House.payments(1)).refused == nil)
            #expect(await house.batch("b", of: House.payments(1, amount: 2)).refused?.code == .limitExceeded)
            #expect(await house.batch("a", of: House.payments(1)).output["is_earlier"] == true)
            _ = try await house.gateway.batches.cancel("a", by: try await house.releaser(), because: "Not wanted.")
            for _ in 0..<2 { await house.sendBatches() }
            #expect(await house.batch("b", of: House.payments(1, amount: 2)).refused == nil)
        }
    }

    @Test func `does not count somebody who may not agree any more`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.rules = [ApprovalRule(directions: [.outgoing], outcome: .approve, count: 2)] }
            _ = await house.batch("b", of: House.payments(1))
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))
            let batches = house.gateway.batches
            _ = try await batches.release("b", by: first)
            guard case .user(let gone) = first.subject else { return }
            _ = try await house.store.change(gone, organization: house.organization) { $0.isActive = false }

            #expect(try await batches.release("b", by: second).state == .draft)
            #expect(try await batches.release("b", by: try await house.releaser("third")).state == .running)
        }
    }
}

struct `A batch that nobody names` {
    private func ask(_ house: House, _ more: JSONObject = [:]) async -> JSON {
        var arguments = more
        arguments["payments"] = House.payments(2)
        return await house.call("fake_pay_many", .object(arguments)).output
    }

    @Test func `is the earlier one for a week, and says so`() async throws {
        try await House.forBatches { (house) async throws in
            let first = await ask(house)
            #expect(first["is_earlier"] == nil)
            house.clock.advance(.seconds(6 * 86_400))
            let again = await ask(house)
            #expect(again["batch_id"] == first["batch_id"] && again["is_earlier"] == true)
            #expect(again["next"]?.stringValue?.contains("nothing new was made") == true)
        }
    }

    @Test func `is another one a month later, or where it says which it repeats`() async throws {
        try await House.forBatches { (house) async throws in
            let first = await ask(house)
            let meant = await ask(house, ["repeats": first["batch_id"] ?? .null])
            #expect(meant["batch_id"] != nil && meant["batch_id"] != first["batch_id"] && meant["is_earlier"] == nil)

            for _ in 0..<2 { await house.sendBatches(after: .seconds(15 * 86_400)) }
            let next = await ask(house)
            #expect(next["batch_id"] != nil && next["is_earlier"] == nil)
            #expect(next["batch_id"] != first["batch_id"] && next["batch_id"] != meant["batch_id"])
        }
    }
}
