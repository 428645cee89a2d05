import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// A payment of 100 that came in, a refund of 60 of it of which nobody knows what became, and those who work there.
private struct Counter {
    let house: House
    let desk: ApprovalDesk
    let paid: RecordID
    let lost: RecordID

    init(in house: House, rules: [ApprovalRule] = []) async throws {
        self.house = house
        paid = try #require(await house.collect(key: "p").record)
        try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
        let arguments: JSON = ["original": .string("\(paid)"), "amount": 60]
        lost = try #require(await house.call("fake_refund", arguments, key: "lost").record)
        house.clock.advance(.seconds(40 * 86_400))
        await house.gateway.sweeper.sweep()
        #expect(try await house.record(lost).state == .manual)
        desk = try await ApprovalDesk(in: house, rules: rules)
    }

    /// Asks for a refund of all of it, saying or not that the earlier one did not move.
    func refund(_ amount: Int64 = 100, saying isSaid: Bool, door: Door = .rest) async -> ToolReply {
        var arguments: JSONObject = ["original": .string("\(paid)"), "amount": .integer(amount)]
        if isSaid { arguments["unmoved"] = [.string("\(lost)")] }
        return await desk.gateway.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: door,
                credential: .token(house.key.text),
                tool: "fake_refund",
                arguments: .object(arguments),
                idempotencyKey: house.clock.entropy.identifier().description
            )
        )
    }

    func shown(_ reply: ToolReply, to token: Secret<String>) async throws -> JSON {
        let id = try #require(reply.record, "\(reply.result)")
        return await desk.ask("approvals.show", ["id": .string("\(id)")], as: token).data
    }

    /// Whether the earlier one is taken for unmoved.
    var isCalledUnmoved: Bool {
        get async throws { try await house.record(paid).reversals.first { $0.id == lost }?.isCalledUnmoved ?? false }
    }
}

struct `That an earlier refund did not move` {
    static let approved = [ApprovalRule(directions: [.reverse], outcome: .approve)]

    @Test func `is said for nothing where the draft that says it is declined`() async throws {
        try await House.with { (house) async throws in
            let counter = try await Counter(in: house, rules: Self.approved)
            let asked = await counter.refund(saying: true)
            #expect(asked.state == .draft, "\(asked.result)")
            #expect(try await !counter.isCalledUnmoved)

            #expect(await counter.desk.decide("decline", asked, as: counter.desk.manager) == nil)

            #expect(try await !counter.isCalledUnmoved)
            #expect(await counter.refund(saying: false).code == .invalidArgument)
            #expect(await counter.refund(41, saying: false).code == .invalidArgument)
            #expect(await counter.refund(saying: true).state == .draft)
        }
    }

    @Test func `counts once what says it is sent, and not before`() async throws {
        try await House.with { (house) async throws in
            let counter = try await Counter(in: house, rules: Self.approved)
            let asked = await counter.refund(saying: true)
            #expect(await counter.desk.decide("approve", asked, as: counter.desk.manager) == nil)
            #expect(try await house.record(asked).state == .released)
            #expect(try await !counter.isCalledUnmoved)

            await counter.desk.gateway.releases.sendDue()

            #expect(try await house.record(asked).state == .accepted)
            #expect(try await counter.isCalledUnmoved)
        }
    }

    @Test func `is shown to whoever approves, by mail too`() async throws {
        try await House.with { (house) async throws in
            let counter = try await Counter(in: house, rules: Self.approved)
            let asked = await counter.refund(saying: true)
            try await counter.desk.gateway.approvalLetters?.catchUp()

            let shown = try await counter.shown(asked, to: counter.desk.manager.token)
            #expect(shown["called_unmoved"] == [.string("\(counter.lost)")])
            let letters = counter.desk.mail.take().map { $0.text.reveal() }
            #expect(letters.contains { $0.contains("\(counter.lost)") && $0.contains("statement") })
        }
    }

    @Test func `is part of what is confirmed, and of its digest`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(directions: [.reverse], outcome: .confirm)
            let counter = try await Counter(in: house, rules: [rule])
            let owner = try await house.addPerson("owner", role: .manager, hasSecondFactor: true)
            let key = try await house.addKey(ownedBy: owner.user.id)
            let asked = await counter.desk.gateway.pipeline.serve(
                ToolCall(
                    id: CallID(house.clock.entropy.identifier()),
                    door: .rest,
                    credential: .token(key.text),
                    tool: "fake_refund",
                    arguments: [
                        "original": .string("\(counter.paid)"), "amount": 100,
                        "unmoved": [.string("\(counter.lost)")],
                    ],
                    idempotencyKey: "k"
                )
            )
            let shown = try await counter.shown(asked, to: owner.token)

            let words = try #require(shown["to_confirm"]?["shown"]?.stringValue, "\(shown.text)")
            #expect(words.contains("Said not to have moved") && words.contains("\(counter.lost)"))
            var record = try await house.record(asked)
            let sha256 = shown["to_confirm"]?["sha256"]?.stringValue
            #expect(sha256 == record.digest(shown: words))
            record.hold?.unmoved = []
            #expect(!record.wordsToConfirm.contains("\(counter.lost)"))
        }
    }

    @Test func `is not taken from an agent that no person is asked about`() async throws {
        try await House.with { (house) async throws in
            // Where no rule says otherwise a manager is asked.
            let counter = try await Counter(in: house)
            let asked = await counter.refund(saying: true, door: .mcp)
            #expect(asked.state == .draft)
            #expect(await counter.desk.decide("decline", asked, as: counter.desk.manager) == nil)
            for outcome in [ApprovalRule.Outcome.allow, .confirm] {
                let rule = ApprovalRule(directions: [.reverse], outcome: outcome, agentMax: 1_000)
                _ = try await house.store.change(house.organization) { $0.approvals.rules = [rule] }
                counter.desk.forget()

                #expect(await counter.refund(saying: true, door: .mcp).code == .permissionDenied, "\(outcome)")
                #expect(await counter.refund(saying: false, door: .mcp).code == .invalidArgument, "\(outcome)")
            }
            #expect(house.upstream.count("refund") == 1)
            #expect(try await !counter.isCalledUnmoved)
        }
    }
}
