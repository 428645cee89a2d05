import Testing

@testable import Gateway

struct `The transaction core` {
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

    @Test func `a reply that says accepted is not paid`() throws {
        let step = try #require(machine.step(record(.sending), .evidence(Evidence(.accepted), .reply), at: now))

        #expect(step.record.state == .accepted)
        #expect(step.record.state.status == "PENDING")
        #expect(step.record.nextActionAt == now + .seconds(20))
    }

    @Test(arguments: [RecordState.sending, .accepted, .unknown, .reconciling, .manual])
    func `a success by callback ends every open state`(state: RecordState) throws {
        let step = try #require(machine.step(record(state), .evidence(success(), .callback("result")), at: now))

        #expect(step.record.state == .succeeded)
        #expect(step.record.receipt == "SABC")
        #expect(step.effects.contains(.announceEnd))
    }

    @Test func `only a reversal that has succeeded reverses its original`() throws {
        var reversal = Record.sample(createdAt: now, direction: .reverse, original: record().id)
        reversal.state = .accepted
        reversal.sentAt = now

        let done = try #require(machine.step(reversal, .evidence(success(), .callback("result")), at: now))
        let failed = try #require(
            machine.step(reversal, .evidence(Evidence(.failed, code: "R000002"), .callback("result")), at: now)
        )
        let incoming = try #require(
            machine.step(record(.accepted), .evidence(success(), .callback("result")), at: now)
        )

        #expect(done.effects.contains(.reverseOriginal))
        #expect(!failed.effects.contains(.reverseOriginal))
        #expect(!incoming.effects.contains(.reverseOriginal))
    }

    private func whole() throws -> ReversalMark {
        let record = record()
        return ReversalMark(id: record.id, amount: try #require(record.intent.amount))
    }

    @Test(arguments: [RecordState.succeeded, .accepted, .unknown, .reconciling, .manual])
    func `a reversed transaction says so`(state: RecordState) throws {
        let step = try #require(machine.step(record(state), .reversed(by: whole()), at: now))

        #expect(step.record.state == .reversed)
        #expect(step.record.state.status == "REVERSED")
        #expect(try machine.step(step.record, .reversed(by: whole()), at: now) == nil)
    }

    @Test(arguments: [RecordState.failed, .cancelled, .expired, .rejected])
    func `a transaction that moved no money cannot be reversed, which is raised`(state: RecordState) throws {
        let step = try #require(machine.step(record(state), .reversed(by: whole()), at: now))

        #expect(step.record.state == state)
        #expect(step.effects == [.raiseDispute])
    }

    @Test(arguments: [Evidence.Verdict.unknown, .pending, .accepted, .duplicate, .notFound])
    func `weak evidence ends nothing`(verdict: Evidence.Verdict) {
        let step = machine.step(record(.accepted), .evidence(Evidence(verdict), .callback("result")), at: now)

        #expect(step.map { !$0.record.state.isEnded } ?? true)
    }

    @Test func `another amount is raised and never applied`() throws {
        let step = try #require(
            machine.step(record(.accepted), .evidence(success(amount: 101), .callback("result")), at: now)
        )

        #expect(step.record.state == .accepted)
        #expect(step.record.isDisputed)
        #expect(step.effects == [.raiseDispute])
    }

    @Test func `a failure learned by asking counts only once it is old enough`() throws {
        let failure = Evidence(.failed, code: "1037")
        let early = try #require(machine.step(record(.accepted), .evidence(failure, .query), at: now + .seconds(30)))
        let late = try #require(machine.step(early.record, .evidence(failure, .query), at: now + .seconds(91)))

        #expect(early.record.state == .reconciling)
        #expect(late.record.state == .failed)
    }

    @Test func `the same callback twice changes nothing the second time`() throws {
        let happening = RecordMachine.Happening.evidence(success(), .callback("result"))
        let once = try #require(machine.step(record(.accepted), happening, at: now))

        #expect(machine.step(once.record, happening, at: now) == nil)
    }

    @Test func `a failure after a success is raised and never applied`() throws {
        let paid = try #require(machine.step(record(.accepted), .evidence(success(), .callback("result")), at: now))
        let step = try #require(
            machine.step(paid.record, .evidence(Evidence(.failed), .callback("result")), at: now)
        )

        #expect(step.record.state == .succeeded)
        #expect(step.record.isDisputed)
    }

    @Test func `a restart rejects what was never sent and doubts what was being sent`() throws {
        let unsent = try #require(machine.step(record(.created), .restarted, at: now))
        let sending = try #require(machine.step(record(.sending), .restarted, at: now))

        #expect(unsent.record.state == .rejected && unsent.record.sentAt == nil)
        #expect(sending.record.state == .unknown)
        #expect(machine.step(record(.accepted), .restarted, at: now) == nil)
    }

    @Test func `silence becomes a person's business only once M-Pesa has answered, and never a failure`() throws {
        var asked = record(.unknown)
        let late = now + .seconds(86_401)
        let told = try #require(machine.step(asked, .timePassed, at: late))
        #expect(told.record.state == .unknown && told.effects == [.callPerson])
        #expect(machine.step(told.record, .timePassed, at: late + .seconds(1)) == nil)

        asked.answers = 3
        let step = try #require(machine.step(asked, .timePassed, at: late))
        #expect(step.record.state == .manual)
        #expect(step.record.state.status == "PENDING")
        #expect(step.effects == [.callPerson])
        #expect(step.record.nextActionAt == now + .seconds(2 * 86_400))
        #expect(machine.step(record(.unknown), .timePassed, at: now + .seconds(30 * 86_400)) != nil)
    }

    @Test func `what cannot be asked about becomes a person's business at the horizon`() throws {
        let step = try #require(machine.step(record(.unknown), .nothingToAsk, at: now + .seconds(20)))

        #expect(step.record.nextActionAt == now + .seconds(86_400))
        let late = try #require(machine.step(step.record, .timePassed, at: now + .seconds(86_400)))
        #expect(late.record.state == .manual && late.record.nextActionAt == nil)
    }

    @Test func `the next question follows the record's age, however often somebody asks`() throws {
        var one = record(.accepted)
        for second in stride(from: 31, through: 310, by: 31) {
            let at = now + .seconds(second)
            one = try #require(machine.step(one, .asked, at: at)).record
            let wait = try #require(one.nextActionAt) - at
            #expect(wait <= .seconds(15))
        }
    }

    @Test func `a push that M-Pesa gave no id for lets go of its customer after ten minutes, a payout never`() throws {
        let push = try #require(machine.step(record(.sending), .noAnswer("closed"), at: now + .seconds(3)))
        var payout = Record.sample(createdAt: now, direction: .outgoing)
        payout.state = .sending
        payout.sentAt = now

        #expect(push.record.releasedAt == now + .seconds(600))
        #expect(try #require(machine.step(payout, .noAnswer("closed"), at: now)).record.releasedAt == nil)
    }

    @Test func `a refusal of a question says nothing about the money`() {
        let step = machine.step(record(.accepted), .evidence(Evidence(.rejected), .query), at: now)

        #expect(step == nil)
    }
}

struct `The core, simulated` {
    /// Random lives of a record: whatever happens in whatever order, the invariants hold.
    @Test func `keeps its invariants over random lives`() {
        var source = SystemRandomNumberGenerator()
        let seed = source.next()
        var random = SplitMix(state: seed)
        for life in 0..<20_000 {
            var own = SplitMix(state: random.next())
            var one = Life(&own)
            if let broken = one.firstBrokenInvariant(&own) {
                Issue.record("seed \(seed), life \(life): \(broken)")
                return
            }
        }
    }
}

/// One record's life under random happenings.
private struct Life {
    let machine: RecordMachine
    var record: Record
    var now = Timestamp(milliseconds: 1_800_000_000_000)

    init(_ random: inout SplitMix) {
        machine = RecordMachine(rules: .init(resendLimit: Int.random(in: 0...1, using: &random)))
        record = Record.sample(createdAt: now)
        if Bool.random(using: &random) { record.hold(until: now + .seconds(20_000)) }
    }

    mutating func firstBrokenInvariant(_ random: inout SplitMix) -> String? {
        var sends = 0
        var provenUnsent = 0
        for _ in 0..<30 {
            now = now + .seconds(Int.random(in: 0...4000, using: &random))
            let happening = happening(&random)
            guard let step = machine.step(record, happening, at: now) else { continue }
            if step.record.state == .sending, record.state != .sending { sends += 1 }
            if step.effects.contains(.sendAgain) { provenUnsent += 1 }
            // What was let go and did not leave is as it was.
            if step.record.state == .released, record.state != .draft, record.state != .released { provenUnsent += 1 }
            if let broken = broken(by: step, happening) { return broken }
            record = step.record
        }
        return sends > provenUnsent + 1 ? "sent \(sends) times, proven unsent \(provenUnsent) times" : nil
    }

    private func broken(by step: RecordMachine.Step, _ happening: RecordMachine.Happening) -> String? {
        let before = record
        let after = step.record
        if after.version != before.version + 1 || step.event.sequence != after.version { return "versions skip" }
        if before.state == .succeeded && after.state != .succeeded { return "a success was taken back" }
        if after.state == .succeeded && before.state != .succeeded {
            guard case .evidence(let evidence, _) = happening, evidence.verdict == .succeeded else {
                return "paid by \(happening)"
            }
        }
        if before.state == .draft, ![.draft, .released, .withdrawn].contains(after.state) {
            return "a draft became \(after.state) by \(happening)"
        }
        if after.state == .withdrawn, after.sentAt != nil { return "withdrawn, and it may have left" }
        if [.failed, .cancelled, .expired].contains(after.state), after.state != before.state {
            guard case .evidence = happening else { return "ended \(after.state) by \(happening)" }
        }
        if !after.state.isEnded && after.state != .manual && after.nextActionAt == nil {
            return "\(after.state) is open and nobody comes back to it"
        }
        if after.state.isEnded && after.nextActionAt != nil { return "\(after.state) has ended and is still swept" }
        return nil
    }

    private func happening(_ random: inout SplitMix) -> RecordMachine.Happening {
        switch Int.random(in: 0..<13, using: &random) {
        case 7: return .released(by: "user:1", until: now + .seconds(900), as: RequestTemplate(body: ["Amount": "1"]))
        case 8: return .withdrawn(.cancelled, by: "user:1", because: "x")
        case 9:
            let request = RequestTemplate(body: ["Amount": "2"])
            return .sendingReleased(.init(request: request, begunAt: now, before: now + .seconds(60)))
        case 0, 1: return .sending
        case 2: return .notSent("x")
        case 3: return .noAnswer("x")
        case 4: return .asked
        case 5: return .timePassed
        case 6: return .restarted
        default:
            let verdicts = Evidence.Verdict.allCases
            var evidence = Evidence(verdicts[Int.random(in: verdicts.indices, using: &random)])
            evidence.amount = Shillings(Int64.random(in: 100...101, using: &random))
            if Bool.random(using: &random) { evidence.receipt = "R" }
            let sources: [Evidence.Source] = [.reply, .callback("result"), .query]
            return .evidence(evidence, sources[Int.random(in: sources.indices, using: &random)])
        }
    }
}
