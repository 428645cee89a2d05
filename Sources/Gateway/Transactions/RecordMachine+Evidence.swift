// The rules of evidence: what may end a record, what only adds to it, and what a person must see.
extension RecordMachine {
    /// Weighs evidence against what is known.
    ///
    /// - Evidence that contradicts the record's ids, amount or party is kept and raised, never applied.
    /// - An open record is ended by an explicit verdict. A failure learned by asking counts only once it is old enough.
    /// - An ended record is changed by one thing alone: a success, stated by callback with a receipt and the right
    ///   amount, overrides an end that no callback stated.
    func weigh(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        if draft.record.recordClass == .exchange {
            settleExchange(evidence, from: source, in: &draft)
        } else if contradicts(evidence, draft.record) {
            dispute(evidence, from: source, in: &draft)
        } else if draft.record.state.isEnded {
            reconsider(evidence, from: source, in: &draft)
        } else {
            advance(evidence, from: source, in: &draft)
        }
    }

    private func contradicts(_ evidence: Evidence, _ record: Record) -> Bool {
        let otherID = evidence.externalIDs.contains { name, value in
            record.externalIDs[name].map { $0 != value } ?? false
        }
        let otherAmount =
            evidence.amount != nil && record.intent.amount != nil && evidence.amount != record.intent.amount
        let otherParty = evidence.party != nil && record.intent.party != nil && evidence.party != record.intent.party
        let otherReceipt = evidence.receipt != nil && record.receipt != nil && evidence.receipt != record.receipt
        return otherID || otherAmount || otherParty || otherReceipt
    }

    private func dispute(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        draft.record.isDisputed = true
        draft.effects.insert(.raiseDispute)
        draft.move(to: draft.record.state, source: source.text, evidence: evidence)
    }

    // MARK: Open records

    private func advance(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let state = draft.record.state
        switch evidence.verdict {
        case .succeeded:
            conclude(evidence, from: source, in: &draft)
        case .failed, .cancelled, .expired:
            guard source != .query || isOldEnough(draft) else {
                return note(evidence, from: source, as: state == .manual ? .manual : .reconciling, in: &draft)
            }
            conclude(evidence, from: source, in: &draft)
        case .rejected:
            // Only the answer to the request itself can say that it was refused; asking can be refused too.
            guard source == .reply, state == .sending || state == .unknown else { return }
            conclude(evidence, from: source, in: &draft)
        case .notProcessed:
            guard source == .reply, state == .sending else { return }
            sendAgainOrReject(evidence, from: source, in: &draft)
        case .notFound:
            guard source != .reply, state != .accepted, isOldEnough(draft) else {
                return note(evidence, from: source, as: state, in: &draft)
            }
            resendWhereAllowed(evidence, from: source, in: &draft)
        case .accepted:
            let isNew = state == .created || state == .sending || state == .unknown
            note(evidence, from: source, as: isNew ? .accepted : state, in: &draft)
        case .pending:
            note(evidence, from: source, as: state == .sending ? .accepted : state, in: &draft)
        case .duplicate, .unknown:
            note(evidence, from: source, as: state == .sending ? .unknown : state, in: &draft)
        }
    }

    /// A failure learned by asking is believed only after the kind's trust window (facts: a query said "failed" of
    /// payments whose callbacks said "paid").
    private func isOldEnough(_ draft: Draft) -> Bool {
        guard let sentAt = draft.record.sentAt, let query = draft.record.query else { return false }
        return draft.now >= sentAt + query.trustFailureAfter
    }

    private func conclude(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard let end = evidence.verdict.endState else { return }
        learn(from: evidence, in: &draft)
        state(evidence, in: &draft)
        if case .callback = source { draft.record.isConfirmed = true }
        draft.record.isConfirmed = draft.record.isConfirmed || end == .succeeded
        if end == .succeeded, draft.record.direction == .reverse, draft.record.intent.original != nil {
            draft.effects.insert(.reverseOriginal)
        }
        draft.move(to: end, source: source.text, evidence: evidence)
    }

    private func note(
        _ evidence: Evidence,
        from source: Evidence.Source,
        as next: RecordState,
        in draft: inout Draft
    ) {
        learn(from: evidence, in: &draft)
        draft.move(to: next, source: source.text, evidence: evidence)
    }

    private func sendAgainOrReject(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard draft.record.attempts <= rules.resendLimit else {
            state(evidence, in: &draft)
            draft.move(to: .rejected, source: source.text, evidence: evidence)
            return
        }
        resend(evidence, from: source, in: &draft)
    }

    private func resendWhereAllowed(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard draft.record.attempts <= rules.resendLimit else {
            return note(evidence, from: source, as: draft.record.state, in: &draft)
        }
        resend(evidence, from: source, in: &draft)
    }

    private func resend(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let wait = max(rules.resendGrace, evidence.retryAfter ?? .zero)
        draft.record.nextActionAt = draft.now + wait
        draft.effects.insert(.sendAgain)
        draft.move(to: .created, source: source.text, evidence: evidence)
    }

    // MARK: Ended records

    private func reconsider(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let record = draft.record
        guard let end = evidence.verdict.endState else { return addMissing(evidence, from: source, in: &draft) }
        if end == record.state || (record.state == .reversed && end == .succeeded) {
            return addMissing(evidence, from: source, in: &draft)
        }
        guard end == .succeeded, overrides(evidence, source, record) else {
            return dispute(evidence, from: source, in: &draft)
        }
        draft.effects.insert(.announceLateSuccess)
        conclude(evidence, from: source, in: &draft)
    }

    private func overrides(_ evidence: Evidence, _ source: Evidence.Source, _ record: Record) -> Bool {
        guard case .callback = source, !record.isConfirmed else { return false }
        return evidence.receipt != nil && evidence.amount == record.intent.amount
    }

    /// Weaker or agreeing evidence adds what was not known, and otherwise changes nothing: a duplicate is harmless.
    private func addMissing(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let addsID = evidence.externalIDs.contains { draft.record.externalIDs[$0.key] == nil }
        let addsReceipt = evidence.receipt != nil && draft.record.receipt == nil
        var confirms = false
        if case .callback = source, evidence.verdict.endState != nil { confirms = !draft.record.isConfirmed }
        guard addsID || addsReceipt || confirms else { return }
        learn(from: evidence, in: &draft)
        if confirms { draft.record.isConfirmed = true }
        draft.move(to: draft.record.state, source: source.text, evidence: evidence)
    }

    // MARK: Exchanges

    /// An exchange ends with any whole answer; what the answer says of money is weighed in the transaction it is about.
    private func settleExchange(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard !draft.record.state.isEnded else { return }
        learn(from: evidence, in: &draft)
        state(evidence, in: &draft)
        draft.record.data = evidence.data
        let next: RecordState =
            switch evidence.verdict {
            case .accepted: .accepted
            case .unknown: .noAnswer
            case .rejected, .notProcessed: .rejected
            default: .succeeded
            }
        draft.move(to: next, source: source.text, evidence: evidence)
    }

    // MARK: What is remembered

    private func learn(from evidence: Evidence, in draft: inout Draft) {
        draft.record.externalIDs.merge(evidence.externalIDs) { known, _ in known }
        draft.record.receipt = draft.record.receipt ?? evidence.receipt
    }

    private func state(_ evidence: Evidence, in draft: inout Draft) {
        draft.record.code = evidence.code
        draft.record.meaning = evidence.meaning
        draft.record.whoseMove = evidence.whoseMove
        draft.record.chargeAgain = evidence.chargeAgain
    }
}
