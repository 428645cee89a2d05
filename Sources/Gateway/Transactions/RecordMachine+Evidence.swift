// The rules of evidence: what may end a record, what only adds to it, and what a person must see.
extension RecordMachine {
    /// Weighs evidence against what is known.
    ///
    /// - Evidence that contradicts the record's ids, amount or party is kept and raised, never applied.
    /// - An open record is ended by an explicit verdict. A failure learned by asking counts only once it is old enough.
    ///   A success that lacks what would prove it ends nothing, and is held against a failure that comes later.
    /// - What contradicts an open record is not settled by asking, unless the answer names a receipt.
    /// - An ended record is changed by one thing alone: a success with a receipt and the right amount overrides a
    ///   failure, whoever stated that.
    func weigh(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        // Nobody let it leave: nothing that is said can be about it.
        guard draft.record.state != .draft else { return }
        let evidence = evidence.withoutEmptyIDs
        if source == .query, evidence.isAnswer { draft.record.answers += 1 }
        if evidence.showsArrival { draft.record.hasArrived = true }
        if draft.record.recordClass == .exchange {
            settleExchange(evidence, from: source, in: &draft)
            return
        }
        let differences = differences(evidence, draft.record)
        if !differences.isEmpty {
            dispute(differences, evidence, from: source, in: &draft)
        } else if draft.record.state.isEnded {
            reconsider(evidence, from: source, in: &draft)
        } else {
            advance(evidence, from: source, in: &draft)
        }
    }

    /// What evidence states otherwise than the record.
    ///
    /// Where our own id stands in the request, an answer that names it is about this record, whatever else it names.
    private func differences(_ evidence: Evidence, _ record: Record) -> [Dispute] {
        var found: [Dispute] = []
        let own = record.id.description
        if !(rules.carriesOwnID && evidence.externalIDs.values.contains(own)) {
            for (name, value) in evidence.externalIDs.sorted(by: { $0.key < $1.key }) {
                guard let known = record.externalIDs[name], known != value else { continue }
                found.append(Dispute(.id, stated: value, expected: known))
            }
        }
        if let asked = record.intent.amount, let stated = evidence.amountOtherThan(asked) {
            found.append(Dispute(.amount, stated: stated, expected: "\(asked.amount)"))
        }
        if let stated = evidence.party, let asked = record.intent.party, stated != asked {
            found.append(Dispute(.party, stated: stated, expected: asked))
        }
        // What a person has read off a statement gives way to what M-Pesa names.
        if let stated = evidence.receipt, let known = record.receipt, stated != known, !record.hasUnconfirmedReceipt {
            found.append(Dispute(.receipt, stated: stated, expected: known))
        }
        return found
    }

    /// Raises what contradicts the record; what has been raised before says nothing new.
    private func dispute(
        _ disputes: [Dispute],
        _ evidence: Evidence,
        from source: Evidence.Source,
        in draft: inout Draft
    ) {
        var isNew = false
        for dispute in disputes where raise(dispute, in: &draft) { isNew = true }
        if isNew { draft.move(to: draft.record.state, source: source.text, evidence: evidence) }
    }

    /// Keeps a dispute, once; answers whether it is a new one.
    @discardableResult
    func raise(_ dispute: Dispute, in draft: inout Draft) -> Bool {
        guard !draft.record.disputes.contains(dispute), draft.record.take(dispute) else { return false }
        draft.effects.insert(.raiseDispute)
        return true
    }

    /// A receipt stands for one movement of money.
    ///
    /// In live use a second record that names it stays as it is and is raised; where receipts do repeat, in tests, it
    /// is taken and flagged.
    func takeRepeated(
        _ evidence: Evidence,
        from source: Evidence.Source,
        holder: RecordID,
        in draft: inout Draft
    ) {
        let repeated = Dispute(.repeatedReceipt, stated: evidence.receipt, other: holder)
        guard draft.record.environment == .test else {
            return dispute([repeated], evidence, from: source, in: &draft)
        }
        raise(repeated, in: &draft)
        weigh(evidence, from: source, in: &draft)
    }

    /// Names another record that may be the same payment.
    func name(_ other: RecordID, in draft: inout Draft) {
        guard raise(Dispute(.possibleDouble, other: other), in: &draft) else { return }
        draft.move(to: draft.record.state, source: "host", meaning: "May be the same payment as \(other).")
    }

    // MARK: Open records

    private func advance(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let state = draft.record.state
        if source == .query, evidence.receipt == nil, evidence.isEndUnder(draft.record.disputes) {
            return note(evidence.unsettling, from: source, as: state, in: &draft)
        }
        switch evidence.verdict {
        case .succeeded:
            conclude(evidence, from: source, in: &draft)
        case .failed, .cancelled, .expired:
            guard source != .query || isOldEnough(evidence, draft) else {
                show(evidence, in: &draft)
                draft.record.chargeAgain = "wait"
                return note(evidence, from: source, as: state == .manual ? .manual : .reconciling, in: &draft)
            }
            conclude(evidence, from: source, in: &draft)
        case .rejected, .notProcessed:
            // Only the answer to the request itself can say that it was refused; asking can be refused too.
            guard source == .reply else { return }
            refuse(evidence, from: source, in: &draft)
        case .notFound:
            show(evidence, in: &draft)
            guard source != .reply, mayResendNotFound(draft, saidAt: evidence.saidAt) else {
                return note(evidence, from: source, as: state, in: &draft)
            }
            resend(evidence, from: source, in: &draft)
        case .accepted:
            let isNew = state == .created || state == .released || state == .sending || state == .unknown
            note(evidence, from: source, as: isNew ? .accepted : state, in: &draft)
        case .pending:
            let isNew = state == .created || state == .released || state == .sending
            note(evidence, from: source, as: isNew ? .accepted : state, in: &draft)
        case .duplicate where draft.record.direction == .reverse && source != .reply:
            concludeReversedBefore(evidence, from: source, in: &draft)
        case .duplicate, .unknown:
            show(evidence, in: &draft)
            if evidence.saysPaid, raise(Dispute(.noReceipt), in: &draft) { draft.effects.insert(.holdParty) }
            // What M-Pesa has is not sent again, whatever it said before.
            let hasArrived = draft.record.hasArrived || !evidence.externalIDs.isEmpty
            let isNew = state == .sending || (state == .created || state == .released) && hasArrived
            note(evidence, from: source, as: isNew ? .unknown : state, in: &draft)
        }
    }

    /// The request was refused, or not looked at, as its own answer says, however late that is read.
    ///
    /// One that M-Pesa has taken meanwhile, as other evidence says, is a person's business.
    private func refuse(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let state = draft.record.state
        guard state != .created, state != .released else { return }
        if state != .sending, state == .accepted || draft.record.hasArrived || !draft.record.externalIDs.isEmpty {
            let stated = Dispute(.contradiction, stated: evidence.verdict.rawValue, expected: state.rawValue)
            return dispute([stated], evidence, from: source, in: &draft)
        }
        if draft.record.resend == .notFound {
            // It says nothing of the sending before, of which nobody knows what became.
            show(evidence, in: &draft)
            return draft.move(to: .reconciling, source: source.text, evidence: evidence)
        }
        if evidence.verdict == .rejected { return conclude(evidence, from: source, in: &draft) }
        // An item of a batch has nobody who would ask again: it waits for its turn.
        if state == .sending, draft.record.batch != nil, !draft.record.hasArrived {
            let meaning = evidence.meaning ?? "M-Pesa did not look at it."
            let wait = evidence.retryAfter ?? .zero
            if waitAgain(&draft, source: source.text, reason: meaning, atLeast: wait) { return }
        }
        if state == .sending, draft.record.sendings <= rules.resendLimit {
            return resend(evidence, from: source, in: &draft)
        }
        self.state(evidence, in: &draft)
        // Not looked at is as good as not sent: whoever asks again, when M-Pesa says so, meets no guard of this one.
        draft.record.releasedAt = draft.now
        draft.move(to: .rejected, source: source.text, evidence: evidence)
    }

    /// A failure learned by asking is believed only after the kind's trust window (facts: a query said "failed" of
    /// payments whose callbacks said "paid").
    ///
    /// What counts is when M-Pesa said it, however late that is read.
    private func isOldEnough(_ evidence: Evidence, _ draft: Draft) -> Bool {
        guard let sentAt = draft.record.sentAt, let query = draft.record.query else { return false }
        return min(evidence.saidAt ?? draft.now, draft.now) >= sentAt + query.trustFailureAfter
    }

    func conclude(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard let end = evidence.verdict.endState else { return }
        if let dispute = contradiction(of: draft.record, by: end) { raise(dispute, in: &draft) }
        learn(from: evidence, in: &draft)
        state(evidence, in: &draft)
        if end == .succeeded { time(evidence, in: &draft) }
        if end == .succeeded, draft.record.direction == .reverse, draft.record.intent.original != nil {
            draft.effects.insert(.reverseOriginal)
        }
        if end == .succeeded, draft.record.hadLetGo(at: draft.now, rules: rules) { draft.effects.insert(.nameTwins) }
        // Who says so in person has looked it up.
        if end != .succeeded, source != .person, draft.record.disputes.contains(where: { $0.kind == .noReceipt }) {
            draft.effects.insert(.holdParty)
        }
        guard end == .succeeded, draft.record.isAllBack else {
            return draft.move(to: end, source: source.text, evidence: evidence)
        }
        // What had gone back before anybody knew that it was paid.
        draft.effects.remove(.announceLateSuccess)
        draft.move(to: .reversed, source: source.text, evidence: evidence)
    }

    func note(
        _ evidence: Evidence,
        from source: Evidence.Source,
        as next: RecordState,
        in draft: inout Draft
    ) {
        learn(from: evidence, in: &draft)
        draft.move(to: next, source: source.text, evidence: evidence)
    }

    /// M-Pesa says that it knows no such request.
    ///
    /// That may be late, so it proves little: the same request goes out once
    /// more only with our id in it, by which M-Pesa knows a repeat, in a window, and where the organization wants it.
    /// What counts is when M-Pesa said it, however late that is read.
    private func mayResendNotFound(_ draft: Draft, saidAt: Timestamp?) -> Bool {
        guard rules.resendsNotFound, rules.carriesOwnID, draft.record.sendings == 1, !draft.record.hasArrived,
            draft.record.state != .accepted, !draft.record.isDisputed, let sentAt = draft.record.sentAt
        else { return false }
        let window = rules.notFoundWindow
        return window.contains(draft.now - sentAt) && window.contains(min(saidAt ?? draft.now, draft.now) - sentAt)
    }

    private func resend(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let wait = evidence.verdict == .notFound ? .zero : max(rules.resendGrace, evidence.retryAfter ?? .zero)
        draft.record.nextActionAt = draft.now + wait
        // Never later than it says, however slow the clock; of a long wait half the window is left all the same.
        let latest = max((wait + rules.resendWindow).surely, wait + rules.resendWindow / 2)
        draft.record.sendBefore = draft.now + latest
        draft.record.resend = evidence.verdict
        draft.effects.insert(.sendAgain)
        draft.move(to: .created, source: source.text, evidence: evidence)
    }

    // MARK: Ended records

    private func reconsider(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let record = draft.record
        guard let end = evidence.verdict.endState else {
            let isPersons = record.resolution?.outcome == .failed && record.resolution?.isConfirmed == false
            if isPersons, record.state == .failed, evidence.showsArrival {
                let stated = Dispute(.resolution, stated: evidence.verdict.rawValue, expected: "failed")
                return dispute([stated], evidence, from: source, in: &draft)
            }
            let isUnpaid = record.state != .succeeded && record.state != .reversed
            guard evidence.saysPaid, isUnpaid else { return addMissing(evidence, from: source, in: &draft) }
            return raiseUnproven(evidence, from: source, in: &draft)
        }
        if end == record.state || (record.state == .reversed && end == .succeeded) {
            return addMissing(evidence, from: source, in: &draft)
        }
        guard end == .succeeded else {
            // Two ways to say that no money moved contradict nothing.
            guard record.state == .succeeded || record.state == .reversed else {
                return addMissing(evidence, from: source, in: &draft)
            }
            // What M-Pesa has confirmed is its own word by now.
            let persons = record.resolution?.isConfirmed == true ? nil : contradiction(of: record, by: end)
            let stated = persons ?? Dispute(.contradiction, stated: end.rawValue, expected: record.state.rawValue)
            return dispute([stated], evidence, from: source, in: &draft)
        }
        guard evidence.receipt != nil, evidence.amount == record.intent.amount else {
            return raiseUnproven(evidence, from: source, in: &draft)
        }
        draft.effects.insert(.announceLateSuccess)
        conclude(evidence, from: source, in: &draft)
    }

    /// Success of what had failed, without a receipt: both stand, and nothing more may be asked for a while.
    private func raiseUnproven(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let known = draft.record.code ?? draft.record.state.rawValue
        guard raise(Dispute(.noReceipt, expected: known), in: &draft) else { return }
        draft.effects.insert(.holdParty)
        draft.move(to: draft.record.state, source: source.text, evidence: evidence)
    }

    /// Weaker or agreeing evidence adds what was not known, and otherwise changes nothing: a duplicate is harmless.
    private func addMissing(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        let isConfirmed = confirm(evidence, from: source, in: &draft)
        let addsID = evidence.externalIDs.contains { draft.record.externalIDs[$0.key] == nil }
        let addsReceipt = evidence.receipt != nil && draft.record.receipt == nil
        let isCorrected = correct(by: evidence, in: &draft)
        guard addsID || addsReceipt || isConfirmed || isCorrected else { return }
        learn(from: evidence, in: &draft)
        draft.move(to: draft.record.state, source: source.text, evidence: evidence)
    }

    // MARK: Exchanges

    /// An exchange ends with any whole answer; what the answer says of money is weighed in the transaction it is about.
    ///
    /// One that is answered by callback goes on waiting for it whatever its reply was, and takes it also after it was
    /// given up.
    private func settleExchange(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard !draft.record.state.isEnded || draft.record.state == .noAnswer else { return }
        let waits = rules.awaitsCallback && source == .reply
        guard !(waits && draft.record.state == .noAnswer) else { return }
        learn(from: evidence, in: &draft)
        state(evidence, in: &draft)
        let next: RecordState
        switch evidence.verdict {
        case .accepted: next = .accepted
        case .unknown: next = waits ? .unknown : .noAnswer
        case .pending, .duplicate, .notFound: next = waits ? .accepted : .succeeded
        case .rejected, .notProcessed: next = .rejected
        // What has failed is the question itself, where it is about nothing else.
        case .failed, .cancelled, .expired: next = draft.record.about == nil ? .rejected : .succeeded
        case .succeeded: next = .succeeded
        }
        draft.record.data = evidence.data ?? draft.record.data
        draft.balances = next == .succeeded ? evidence.balances : []
        draft.move(to: next, source: source.text, evidence: evidence)
    }

    // MARK: What is remembered

    private func learn(from evidence: Evidence, in draft: inout Draft) {
        draft.record.externalIDs.merge(evidence.externalIDs) { known, _ in known }
        if !draft.record.externalIDs.isEmpty { draft.record.isUnaskable = false }
        draft.record.receipt = draft.record.receipt ?? evidence.receipt
    }

    /// What proves nothing is shown all the same, M-Pesa's own code and words: somebody may know what they mean.
    func show(_ evidence: Evidence, in draft: inout Draft) {
        guard evidence.code != nil || evidence.meaning != nil else { return }
        state(evidence, in: &draft)
        if draft.record.chargeAgain != "no" { draft.record.chargeAgain = "check_first" }
    }

    private func state(_ evidence: Evidence, in draft: inout Draft) {
        draft.record.code = evidence.code
        draft.record.meaning = evidence.meaning
        draft.record.whoseMove = evidence.whoseMove
        draft.record.chargeAgain = evidence.chargeAgain
    }
}

extension Evidence {
    /// Whether it states an end that these disputes stand against.
    ///
    /// What M-Pesa called paid without a receipt may be called so again; that another record may be the same payment
    /// contradicts no end.
    fileprivate func isEndUnder(_ disputes: [Dispute]) -> Bool {
        switch verdict {
        case .succeeded: disputes.contains { $0.kind != .possibleDouble && $0.kind != .noReceipt }
        case .failed, .cancelled, .expired: disputes.contains { $0.kind != .possibleDouble }
        default: false
        }
    }

    /// The same, saying that it settles nothing: an open record must not show "Paid." as what is known of it.
    fileprivate var unsettling: Evidence {
        var evidence = self
        let said = meaning.map { ": \($0)" } ?? "."
        evidence.meaning = "M-Pesa's answer names no receipt, so it does not settle what contradicts this\(said)"
        return evidence
    }

    /// Whether it shows that M-Pesa has the request.
    fileprivate var showsArrival: Bool {
        switch verdict {
        case .accepted, .pending, .duplicate, .succeeded, .failed, .cancelled, .expired: true
        case .rejected, .notProcessed, .notFound, .unknown: false
        }
    }

    /// Whether it proves nothing and yet says that charging again is not safe: a success that lacks what would prove it.
    fileprivate var saysPaid: Bool { verdict == .unknown && chargeAgain == "no" }

    /// The amount that is stated, when it is another; nil when none is stated.
    fileprivate func amountOtherThan(_ asked: Shillings) -> String? {
        amountText ?? amount.flatMap { $0 == asked ? nil : "\($0.amount)" }
    }

    /// The same without ids and a receipt that cannot be ones: what is empty or holds control characters is unknown, not
    /// another.
    fileprivate var withoutEmptyIDs: Evidence {
        let isReceipt = receipt.map(Evidence.isName) ?? true
        guard !isReceipt || !externalIDs.values.allSatisfy(Evidence.isName) else { return self }
        var evidence = self
        evidence.externalIDs = externalIDs.filter { Evidence.isName($0.value) }
        if !isReceipt { evidence.receipt = nil }
        return evidence
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
