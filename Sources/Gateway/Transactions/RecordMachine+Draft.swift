extension RecordMachine {
    /// A step while it is being decided: the record as it will be, and why.
    struct Draft {
        var record: Record
        let now: Timestamp
        var effects: Set<Effect> = []
        /// When M-Pesa says that the money moved.
        var completedAt: Timestamp?
        /// What M-Pesa says that accounts hold.
        var balances: [Balance] = []
        private let before: Record
        private var event: (source: String, verdict: String?, code: String?, meaning: String?)?

        init(record: Record, at now: Timestamp) {
            self.record = record
            self.before = record
            self.now = now
        }

        /// Settles where the record goes, which may be where it is, and what led there.
        mutating func move(
            to state: RecordState,
            source: String,
            evidence: Evidence? = nil,
            meaning: String? = nil
        ) {
            record.state = state
            event = (source, evidence?.verdict.rawValue, evidence?.code, evidence?.meaning ?? meaning)
        }

        /// Whether something led anywhere yet.
        var isSettled: Bool { event != nil }

        /// The step, or nil when nothing was settled.
        func finish(rules: Rules) -> Step? {
            guard let event else { return nil }
            var record = record
            var effects = effects
            record.version += 1
            record.updatedAt = now
            if record.state.isEnded {
                if !before.state.isEnded { effects.insert(.announceEnd) }
                record.endedAt = before.state == record.state ? before.endedAt ?? now : now
                if record.state != before.state {
                    record.countedAt = countedAt(record.state)
                    let isBack = record.state == .reversed || before.state == .reversed
                    record.isCountedByUs = isBack && before.endedAt != nil && isCountedByUs
                }
            }
            if record.state.isEnded || record.state == .accepted { record.resend = nil }
            // What never left uses up nothing.
            if record.state == .rejected || record.state == .withdrawn, record.sentAt == nil { record.countedIn = nil }
            record.releasedAt = record.release(rules: rules)
            record.nextActionAt = record.nextAction(after: now, rules: rules)
            // Said once: at the first step that finds it so.
            if record.isOverdue(at: now, rules: rules), !before.isOverdue(at: before.updatedAt, rules: rules) {
                effects.insert(.callPerson)
            }
            let step = RecordEvent(
                sequence: record.version,
                at: now,
                source: event.source,
                verdict: event.verdict,
                code: event.code,
                meaning: event.meaning,
                from: before.state,
                to: record.state
            )
            count(&record)
            let hasMovedNothing = record.hasMovedNothing
            if record.limited != nil { record.limited?.isGivenBack = hasMovedNothing }
            return Step(
                record: record,
                event: step,
                effects: effects,
                told: told(of: record, effects),
                balances: balances
            )
        }

        /// Whether no word of M-Pesa's says when what has gone back, or has not after all, had come.
        private var isCountedByUs: Bool {
            switch before.state {
            case .reversed: before.isCountedByUs
            case .succeeded: before.isCountedByUs || before.countedAt ?? before.endedAt == before.endedAt
            default: completedAt == nil
            }
        }

        /// What has gone back is counted where the payment was, and so is what has not after all.
        private func countedAt(_ state: RecordState) -> Timestamp {
            let isOfPayment = before.state == .reversed || state == .reversed && before.state == .succeeded
            if isOfPayment, let known = before.countedAt ?? before.endedAt { return known }
            return completedAt ?? now
        }

        /// The call of what was held is counted once: when a sending of it has left, or it never will.
        private func count(_ record: inout Record) {
            guard record.hold != nil else { return }
            if record.state.isHeld {
                record.hold?.countedAt = nil
            } else if record.hold?.countedAt == nil, record.state != .sending {
                record.hold?.countedAt = now
            }
        }

        /// Each end once, and what a person should see.
        private func told(of record: Record, _ effects: Set<Effect>) -> [FeedEvent.Kind] {
            guard record.recordClass == .transaction else { return [] }
            var told: [FeedEvent.Kind] = []
            if record.state != before.state, record.state.isEnded {
                told.append(effects.contains(.announceLateSuccess) ? .lateSuccess : .end(record.state))
            } else if record.countedAt != before.countedAt || record.feeCents != before.feeCents {
                told.append(.corrected)
            }
            // What was let go and never left is news to whoever asked for it.
            let isTakenBack = before.state == .released && record.state == .withdrawn
            if record.hold?.asked != nil, before.state == .draft && record.state != .draft || isTakenBack {
                told.append(.approvalDecided)
            }
            if effects.contains(.remind) { told.append(.approvalDue) }
            if effects.contains(.raiseDispute) { told.append(.disputed) }
            if effects.contains(.announceUndisputed), !record.isDisputed { told.append(.undisputed) }
            if effects.contains(.callPerson) { told.append(.needsPerson) }
            return told
        }
    }
}

extension Record {
    /// Whether another may have been begun for the same customer and amount although it had not succeeded: it had ended,
    /// it waited for a person, or it was sent so long ago that its guards may not have counted any more.
    func hadLetGo(at now: Timestamp, rules: RecordMachine.Rules) -> Bool {
        if state.isEnded || state == .manual { return true }
        guard recordClass == .transaction, direction == .incoming, let sentAt else { return false }
        return now >= sentAt + rules.unconfirmedMax
    }

    /// When the host should look at the record next, given where it stands.
    ///
    /// Questions follow the record's age: evidence that changes nothing does not put them off. Everything that has not
    /// ended has such a moment, until a person alone can go on.
    fileprivate func nextAction(after now: Timestamp, rules: RecordMachine.Rules) -> Timestamp? {
        switch state {
        case .draft: return min(hold?.remindAt ?? hold?.until ?? now, hold?.until ?? now)
        case .released: return min(nextActionAt ?? now, hold?.until ?? now)
        case .created: return resend == nil ? sendBefore : nextActionAt ?? sendBefore
        case .sending: return now + rules.sendingMax
        case .accepted, .unknown, .reconciling:
            let horizon = horizon(rules: rules)
            guard let query, !isUnaskable else { return max(horizon, now) }
            let planned = query.next(after: now, sentAt: sentAt ?? createdAt)
            return now < horizon ? min(planned, horizon) : planned
        case .manual:
            let last = begunAt + rules.askingMax
            guard query != nil, !isUnaskable, now < last else { return nil }
            let passed = (now - begunAt).wholeMilliseconds / max(1, rules.manualEvery.wholeMilliseconds)
            return min(begunAt + rules.manualEvery * (Int(passed) + 1), last)
        default: return nil
        }
    }

    /// When the guards and the derived key of a record that has not ended stop counting: those of money in, of which
    /// M-Pesa has given no id, so that nothing can be asked.
    ///
    /// A payout's never do.
    fileprivate func release(rules: RecordMachine.Rules) -> Timestamp? {
        switch state {
        case .unknown, .reconciling, .manual:
            guard recordClass == .transaction, direction == .incoming, externalIDs.isEmpty else { return nil }
            return sentAt.map { $0 + rules.unconfirmedMax }
        case .rejected: return releasedAt
        default: return nil
        }
    }
}
