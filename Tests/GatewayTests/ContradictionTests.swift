import Testing

@testable import Gateway

struct `What contradicts a record` {
    let machine = RecordMachine(rules: .init())
    let now = Timestamp(milliseconds: 1_800_000_000_000)

    func record(_ state: RecordState = .created) -> Record {
        var record = Record.sample(createdAt: now)
        record.state = state
        if state != .created {
            record.attempts = 1
            record.sentAt = now
        }
        return record
    }

    func success(amount: Int64 = 100, receipt: String? = "SABC") -> Evidence {
        Evidence(.succeeded, externalIDs: ["checkout": "ws_1"], receipt: receipt, code: "0", amount: Shillings(amount))
    }

    @Test(
        arguments: [Evidence.Source.callback("result"), .query],
        [RecordState.failed, .cancelled, .expired, .rejected]
    )
    func `a success with receipt and amount overturns whatever failure was stated`(
        source: Evidence.Source,
        state: RecordState
    ) throws {
        var failed = record(state)
        failed.endedAt = now
        let step = try #require(machine.step(failed, .evidence(success(), source), at: now + .seconds(864_000)))

        #expect(step.record.state == .succeeded)
        #expect(step.effects.contains(.announceLateSuccess))
    }

    @Test func `a success without a receipt overturns nothing, and says both`() throws {
        let evidence = success(receipt: nil)
        let step = try #require(machine.step(record(.failed), .evidence(evidence, .query), at: now))

        #expect(step.record.state == .failed)
        #expect(step.record.disputes.map(\.kind) == [.noReceipt])
        #expect(step.record.advice == "check_first")
        #expect(step.effects == [.raiseDispute, .holdParty])
        #expect(machine.step(step.record, .evidence(evidence, .query), at: now) == nil)
    }

    @Test func `a success that proves too little stands against the failure that comes after it`() throws {
        let source = Evidence.Source.callback("result")
        let paid = Evidence(.unknown, externalIDs: ["checkout": "ws_1"], code: "0", chargeAgain: "no")
        let failed = Evidence(.expired, code: "1037", chargeAgain: "yes")

        let told = try #require(machine.step(record(.accepted), .evidence(paid, source), at: now))
        let ended = try #require(machine.step(told.record, .evidence(failed, source), at: now))

        #expect(told.record.state == .accepted && told.record.externalIDs == ["checkout": "ws_1"])
        #expect(told.record.disputes == [Dispute(.noReceipt)] && told.record.advice == "check_first")
        #expect(told.effects == [.raiseDispute, .holdParty])
        #expect(ended.record.state == .expired && ended.record.advice == "check_first")
        #expect(ended.effects.contains(.holdParty))
    }

    @Test func `an empty id or receipt is unknown, not another`() throws {
        var known = record(.accepted)
        known.externalIDs = ["checkout": "ws_1"]
        var evidence = success()
        evidence.externalIDs = ["checkout": ""]
        let step = try #require(machine.step(known, .evidence(evidence, .callback("result")), at: now))

        #expect(step.record.state == .succeeded)
        #expect(!step.record.isDisputed)
    }

    @Test func `a receipt that cannot be one is none, and ends nothing that has ended`() throws {
        let step = try #require(
            machine.step(record(.failed), .evidence(success(receipt: "S\u{0}X"), .callback("result")), at: now)
        )

        #expect(step.record.state == .failed && step.record.receipt == nil)
    }

    @Test func `an answer that names our own id is about the record, whatever else it names`() throws {
        var rules = RecordMachine.Rules()
        rules.carriesOwnID = true
        var known = record(.accepted)
        known.externalIDs = ["conversation": "AG_1", "originator": known.id.description]
        var evidence = success()
        evidence.externalIDs = ["conversation": "AG_2", "originator": known.id.description]
        let source = Evidence.Source.callback("result")

        let ours = try #require(RecordMachine(rules: rules).step(known, .evidence(evidence, source), at: now))
        evidence.externalIDs = ["conversation": "AG_2", "originator": "another"]
        let another = try #require(RecordMachine(rules: rules).step(known, .evidence(evidence, source), at: now))

        #expect(ours.record.state == .succeeded && !ours.record.isDisputed)
        #expect(another.record.state == .accepted)
        #expect(another.record.disputes.map(\.stated) == ["AG_2", "another"])
    }

    @Test func `a contradiction is kept once, with what differs, and never says again`() throws {
        let evidence = success(amount: 150)
        let source = Evidence.Source.callback("result")
        let step = try #require(machine.step(record(.accepted), .evidence(evidence, source), at: now))

        #expect(step.record.disputes == [Dispute(.amount, stated: "150", expected: "100")])
        #expect(step.record.advice == "check_first")
        #expect(machine.step(step.record, .evidence(evidence, source), at: now) == nil)
    }

    @Test func `a receipt of another record ends nothing in live use, and is flagged in tests`() throws {
        let other = RecordID(Identifier(high: 9, low: 9))
        let what = RecordMachine.Happening.repeatedReceipt(success(), .callback("result"), holder: other)
        var live = Record.sample(createdAt: now, environment: .live)
        live.state = .accepted
        live.sentAt = now

        let raised = try #require(machine.step(live, what, at: now))
        let flagged = try #require(machine.step(record(.accepted), what, at: now))

        #expect(raised.record.state == .accepted && raised.record.nextActionAt != nil)
        #expect(raised.record.disputes == [Dispute(.repeatedReceipt, stated: "SABC", other: other)])
        #expect(flagged.record.state == .succeeded && flagged.record.isDisputed)
    }
}
