import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `The explanation of a transaction` {
    /// A record in a state, as the machine leaves one there.
    private func record(
        _ state: RecordState,
        _ environment: Environment,
        isHeld: Bool,
        isDisputed: Bool,
        isQuestion: Bool = false
    ) -> Record {
        let now = Timestamp(milliseconds: 1_700_000_000_000)
        var record = Record(
            id: RecordID(Identifier(high: 1, low: 1)),
            organization: OrganizationID(Identifier(high: 2, low: 2)),
            environment: environment,
            recordClass: state == .noAnswer || isQuestion ? .exchange : .transaction,
            plugin: "fake",
            operation: "pay",
            tool: "fake_pay",
            direction: .outgoing,
            madeBy: "key:1",
            intent: Intent(amount: Shillings(100), party: "254711000001"),
            about: nil,
            createdAt: now,
            query: nil,
            sendBefore: now + .seconds(60),
            request: RequestTemplate(body: [:]),
            state: state
        )
        if isHeld || state.isHeld || state == .withdrawn {
            record.hold = Hold(arguments: [:], reason: "A rule asks.", until: now + .seconds(900))
            record.hold?.asked = Hold.Asked(role: .manager, count: 2)
        }
        if isDisputed { record.disputes = [Dispute(.noReceipt)] }
        record.nextActionAt = state.isEnded || state == .manual ? nil : now + .seconds(60)
        return record
    }

    private func circumstances(_ bits: Int) -> Explanation.Circumstances {
        var found = Explanation.Circumstances()
        found.hasPlugin = bits & 1 == 0
        found.hasCredential = bits & 2 == 0
        found.refusal = bits & 4 == 0 ? nil : "The subscription ended."
        found.isOverdue = bits & 64 != 0
        found.stop = bits & 8 == 0 ? nil : "Your organization has stopped this (all)."
        return found
    }

    @Test(arguments: RecordState.allCases)
    func `says what is waited for, whose move it is and what can be done, whatever is in the way`(state: RecordState) {
        for environment in Environment.allCases {
            for bits in 0..<128 {
                let record = record(state, environment, isHeld: bits & 16 != 0, isDisputed: bits & 32 != 0)
                let explanation = Explanation(record, circumstances(bits))
                let what = "\(state) \(environment) \(bits)"

                #expect(explanation.why.hasSuffix(".") && explanation.why.count > 10, "\(what)")
                #expect(
                    !explanation.can.isEmpty && explanation.can.allSatisfy { $0.hasSuffix(".") || $0.hasSuffix(")") },
                    "\(what)"
                )
                let says = { (words: String) in explanation.can.contains { $0.contains(words) } }
                if record.isDisputed { #expect(!says("Nothing needs to be done"), "\(what)") }
                if state.isEnded, record.isDisputed {
                    #expect(explanation.owner == .manager && says("transactions.resolve"), "\(what)")
                }
                let isOver = explanation.owner == .nobody
                #expect(isOver == (state.isEnded && !record.isDisputed), "\(what)")
                guard !state.isEnded else { continue }
                #expect(explanation.waitsFor?.isEmpty == false, "\(what)")
                // There is a moment at which something happens by itself, or somebody who is named.
                #expect(explanation.next != nil && explanation.until != nil || explanation.owner == .manager, "\(what)")
                let isToLeave = state.isHeld || state == .created
                let known = (bits & 3).nonzeroBitCount + (isToLeave ? (bits >> 2 & 3).nonzeroBitCount : 0)
                #expect(explanation.obstacles.count == known, "\(what)")
                if known > 0, state == .released || state == .created {
                    #expect([.operator, .administrator].contains(explanation.owner), "\(what)")
                }
            }
        }
    }

    @Test(arguments: [RecordState.sending, .accepted, .unknown, .reconciling])
    func `names no resolution of a question, which nobody resolves`(state: RecordState) throws {
        let payment = record(state, .test, isHeld: false, isDisputed: false)
        let question = record(state, .test, isHeld: false, isDisputed: false, isQuestion: true)
        let named = { (record: Record) in
            Explanation(record, .init()).can.contains { $0.contains("transactions.resolve") }
        }
        #expect(!named(question))
        #expect(named(payment) == payment.awaitsPerson(at: payment.createdAt, rules: RecordMachine.Rules()))
    }

    @Test func `is shown with every step, and tells a draft's people from M-Pesa's move`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let reply = await desk.pay()
            let id: JSON = ["id": .string("\(try #require(reply.record))")]
            let draft = await desk.ask("transactions.explain", id, as: desk.manager.token).data
            #expect(draft["whose_move"] == "approvers" && draft["steps"]?.arrayValue?.count == 1)
            #expect(draft["waits_for"]?.stringValue?.hasPrefix("1 of 1 people") == true && draft["until_ms"] != nil)

            #expect(await desk.decide("approve", reply, as: desk.manager) == nil)
            await desk.gateway.releases.sendDue()
            let sent = await desk.ask("transactions.explain", id, as: desk.manager.token).data
            #expect(sent["whose_move"] == "mpesa" && sent["steps"]?.arrayValue?.count == 4)
            let theirs = try await house.addPerson(
                "theirs",
                role: .orgAdmin,
                of: try await house.neighbour().organization
            )
            #expect(await desk.ask("transactions.explain", id, as: theirs.token).code == .notFound)
        }
    }
}

struct `The list of what nobody knows` {
    @Test func `has what was sent and is not proved, with its age, its owner and its end`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            _ = await desk.pay("254711000001")
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let lost = await desk.pay("254711000002")
            house.clock.advance(.seconds(90))

            let shown = await desk.ask("transactions.unknowns", as: desk.manager.token).data
            #expect(shown.arrayValue?.count == 1)
            let only = shown.arrayValue?.first
            #expect(only?["transaction_id"] == lost.record.map { .string("\($0)") } && only?["age_ms"] == 90_000)
            #expect(only?["whose_move"] == "gateway" && only?["until_ms"] != nil)
            #expect(only?["obstacles"]?.arrayValue?.count == 1)
        }
    }
}
