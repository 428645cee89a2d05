import Testing

@testable import Gateway

/// Walks over everything that a record can become, by everything that can happen to it.
struct `Every state that a record can reach` {
    private struct Key: Hashable {
        let state: RecordState
        let attempts: Int
        let answers: Int
        let hasIDs: Bool
        let isUnaskable: Bool
        let unsent: Int
        let resend: Evidence.Verdict?
        let isDisputed: Bool
        let age: Int

        init(_ record: Record, age: Int) {
            state = record.state
            attempts = record.sendings
            answers = min(record.answers, 1)
            hasIDs = !record.externalIDs.isEmpty
            isUnaskable = record.isUnaskable
            unsent = min(record.hold?.unsent ?? 0, 1)
            resend = record.resend
            isDisputed = record.isDisputed
            self.age = age
        }
    }

    private static let ages = [0, 70, 2000, 90_000, 31 * 86_400].map { Duration.seconds($0) }

    private static let start = Timestamp(milliseconds: 1_800_000_000_000)
    private static let late = start + .seconds(1_900)
    private static let request = RequestTemplate(body: ["Amount": "100"])

    private static var happenings: [RecordMachine.Happening] {
        let evidence = Evidence.Verdict.allCases.flatMap { verdict in
            [
                Evidence(verdict, code: "c"),
                Evidence(verdict, externalIDs: ["id": "1"], receipt: "R", code: "c", amount: Shillings(100)),
            ]
        }
        let sources: [Evidence.Source] = [.reply, .callback("result"), .query]
        return [
            .sending, .released(by: "user:1", until: late, as: request),
            .withdrawn(.declined, by: "user:1", because: "x"),
            .sendingReleased(.init(request: request, begunAt: start + .seconds(1), before: late)),
            .notSent("x"), .noAnswer("x"), .asked, .nothingToAsk, .timePassed, .restarted,
            .possibleDouble(RecordID(Identifier(high: 8, low: 8))),
        ] + evidence.flatMap { found in sources.map { .evidence(found, $0) } }
    }

    @Test(arguments: [OperationDirection.incoming, .outgoing, .reverse, .none], [false, true])
    func `has a next moment, or an end, or a person`(direction: OperationDirection, isLenient: Bool) {
        walk(direction, isLenient: isLenient, isHeld: false)
    }

    @Test(arguments: [OperationDirection.incoming, .outgoing, .reverse], [false, true])
    func `has them also where it is held first`(direction: OperationDirection, isLenient: Bool) {
        walk(direction, isLenient: isLenient, isHeld: true)
    }

    private func walk(_ direction: OperationDirection, isLenient: Bool, isHeld: Bool) {
        var rules = RecordMachine.Rules(answersMin: 1)
        rules.resendLimit = isLenient ? 1 : 0
        rules.resendsNotFound = isLenient
        rules.carriesOwnID = direction == .outgoing
        rules.awaitsCallback = direction == .none && isLenient
        let machine = RecordMachine(rules: rules)
        let start = Self.start
        var first = Record.sample(
            createdAt: start,
            direction: direction,
            recordClass: direction == .none ? .exchange : .transaction
        )
        if isHeld { first.hold(until: start + .seconds(100)) }
        var seen: Set<Key> = []
        var queue = [(first, 0)]
        while let (record, age) = queue.popLast() {
            for (next, passed) in Self.ages.enumerated() where next >= age {
                let now = start + passed
                for happening in Self.happenings {
                    guard let step = machine.step(record, happening, at: now) else { continue }
                    if let broken = Self.broken(step.record, at: now, rules: rules) {
                        Issue.record("\(record.state) by \(happening) after \(passed): \(broken)")
                        return
                    }
                    // What has left goes on like what was never held, which is walked over already.
                    let goesOn = !isHeld || step.record.state.isHeld || step.record.state == .sending
                    if seen.insert(Key(step.record, age: next)).inserted, goesOn { queue.append((step.record, next)) }
                }
            }
        }
        #expect(Set(seen.map(\.state)).count > 4)
    }

    /// Whether it is disputed, and whatever a person says who has looked it up leaves it so.
    private static func isOpenForEver(_ record: Record, rules: RecordMachine.Rules) -> Bool {
        guard record.isDisputed, record.recordClass == .transaction else { return false }
        let ends = Resolution.Outcome.allCases.contains { outcome in
            let receipt = outcome == .succeeded ? "R" : nil
            let said = Resolution(outcome: outcome, receipt: receipt, evidence: "line 4", by: "user:1", at: late)
            let step = RecordMachine(rules: rules).step(record, .resolved(said), at: late)
            return step?.record.isDisputed == false && step?.record.state.isEnded == true
        }
        return !ends
    }

    private static func broken(_ record: Record, at now: Timestamp, rules: RecordMachine.Rules) -> String? {
        if record.state.isEnded {
            guard record.nextActionAt == nil else { return "it has ended and is come back to" }
            return isOpenForEver(record, rules: rules) ? "its disputes are nobody's to end: \(record.disputes)" : nil
        }
        guard let next = record.nextActionAt else {
            let isPersons = record.state == .manual && (record.isUnaskable || record.query == nil)
            let isOver = record.state == .manual && now >= record.createdAt + rules.askingMax
            return isPersons || isOver ? nil : "\(record.state) has no next moment"
        }
        if record.state.isHeld {
            let machine = RecordMachine(rules: rules)
            let end = record.hold.map { machine.step(record, .timePassed, at: $0.until)?.record.state } ?? nil
            return end == .withdrawn ? nil : "\(record.state) is held for ever"
        }
        // A moment that stays in the past would be come back to for ever without anything having changed.
        let machine = RecordMachine(rules: rules)
        guard record.state != .manual, record.query == nil || record.state == .created else { return nil }
        let late = max(next, record.sendBefore) + .seconds(1)
        return machine.step(record, .timePassed, at: late) == nil ? "\(record.state) stays as it is for ever" : nil
    }
}
