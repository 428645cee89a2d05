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
            _ = await house.batch("b", of: House.payments(2))
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))
            let batches = house.gateway.batches
            #expect(try await batches.release("b", by: first).state == .draft)
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

            house.clock.advance(.seconds(30 * 86_400))
            let next = await ask(house)
            #expect(next["batch_id"] != nil && next["is_earlier"] == nil)
            #expect(next["batch_id"] != first["batch_id"] && next["batch_id"] != meant["batch_id"])
        }
    }
}
