extension RecordMachine {
    /// A step while it is being decided: the record as it will be, and why.
    struct Draft {
        var record: Record
        let now: Timestamp
        var effects: Set<Effect> = []
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
            }
            record.nextActionAt = record.nextAction(after: now, rules: rules, resend: effects.contains(.sendAgain))
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
            return Step(record: record, event: step, effects: effects)
        }
    }
}

extension Record {
    /// When the sweeper should look at the record next, given where it stands.
    ///
    /// A question that has been scheduled stays scheduled: evidence that changes nothing does not put it off.
    fileprivate func nextAction(after now: Timestamp, rules: RecordMachine.Rules, resend: Bool) -> Timestamp? {
        switch state {
        case .created: return resend ? nextActionAt : sendBefore
        case .sending: return now + rules.sendingMax
        case .accepted, .unknown, .reconciling:
            let horizon = horizon(rules: rules)
            guard let query else { return horizon }
            let planned = (queries == 0 ? sentAt ?? now : now) + query.wait(afterQueries: queries)
            return min(max(planned, now), horizon)
        default: return nil
        }
    }
}
