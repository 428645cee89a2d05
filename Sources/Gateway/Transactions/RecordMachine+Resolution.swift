// What a person says of a record, and what M-Pesa says of it afterwards.
extension RecordMachine {
    /// Ends a record as a person says, who has seen what M-Pesa did not state.
    ///
    /// Whatever M-Pesa says later is weighed as ever, and where it differs both are shown. Reversals of it that have ended
    /// and moved nothing are kept no longer: what M-Pesa says of them later brings them back.
    func resolve(_ draft: inout Draft, as resolution: Resolution, besides ended: Set<RecordID> = []) {
        let record = draft.record.without(reversals: ended)
        let awaitsPerson = record.awaitsPerson(at: draft.now, rules: rules)
        let isDisputed = record.mayBeJudged(as: resolution.outcome)
        guard awaitsPerson || isDisputed || record.mayBeSaidAgain(as: resolution.outcome) else { return }
        if isDisputed, record.hasEnded(as: resolution.outcome), !record.hasEndedByPersonAlone {
            return agree(&draft, with: resolution)
        }
        draft.record = record
        // What was said before holds no longer, and neither does the receipt that came with it; nor does M-Pesa's, of what
        // did not move after all.
        let isTakenBack = record.hasMoved && resolution.outcome == .failed
        if record.hasUnconfirmedReceipt || isTakenBack { draft.record.receipt = nil }
        if isTakenBack {
            draft.record.feeCents = nil
            if record.direction == .reverse, record.intent.original != nil { draft.effects.insert(.restoreOriginal) }
        }
        draft.record.resolution = resolution
        if record.state.isEnded, !record.hasMoved, resolution.outcome == .succeeded {
            draft.effects.insert(.announceLateSuccess)
        }
        let evidence = Evidence(
            resolution.outcome == .succeeded ? .succeeded : .failed,
            receipt: resolution.receipt,
            meaning: resolution.sentence,
            whoseMove: "nobody",
            chargeAgain: resolution.outcome == .succeeded ? "no" : "yes"
        )
        conclude(evidence, from: .person, in: &draft)
        // Whoever looked it up has seen what these were about.
        closeDisputes(&draft)
    }

    /// A person has seen that a disputed record ended as M-Pesa has said: it stays there, and nothing is disputed any more.
    private func agree(_ draft: inout Draft, with resolution: Resolution) {
        let before = draft.record
        var resolution = resolution
        // What it ended by may have been a person's word before it was reversed.
        let isByPerson = before.resolution.map { !$0.isConfirmed && $0.outcome == resolution.outcome } ?? false
        resolution.isConfirmed = !isByPerson
        // What a person's word was needed for once is proven by no later one.
        resolution.isAgreement = !before.isContradicted && before.resolution?.isAgreement != false
        if let receipt = resolution.receipt {
            // One of two that M-Pesa has named; or theirs, where it has named none, until it does.
            let isNamed = before.isNamed(receipt)
            resolution.hasOwnReceipt = !isNamed && (before.receipt == nil || before.hasUnconfirmedReceipt)
            if isNamed || resolution.hasOwnReceipt { draft.record.receipt = receipt }
        }
        draft.record.resolution = resolution
        closeDisputes(&draft)
        if draft.record.hasMoved {
            draft.record.chargeAgain = "no"
        } else if draft.record.chargeAgain == "check_first" {
            draft.record.chargeAgain = "yes"
        }
        draft.move(to: draft.record.state, source: Evidence.Source.person.text, meaning: resolution.sentence)
    }

    /// M-Pesa says what a person has said: that holds from then on, with M-Pesa's own receipt.
    ///
    /// A failure that was learned by asking confirms nothing.
    /// - Returns: Whether that was new.
    func confirm(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) -> Bool {
        let record = draft.record
        guard let resolution = record.resolution, !resolution.isConfirmed || resolution.hasOwnReceipt,
            let end = evidence.verdict.endState, source != .person
        else { return false }
        switch resolution.outcome {
        case .failed:
            // A refusal of a second sending says nothing of the first.
            let isOfAll = evidence.verdict != .rejected || record.sendings == 1
            guard end != .succeeded, source != .query, isOfAll else { return false }
            let disputes = record.disputes + record.closedDisputes
            draft.record.resolution?.isAgreement = !disputes.contains { $0.kind.isOfEnd }
        case .succeeded:
            // Another amount, where one is stated, is a dispute before it comes here.
            guard end == .succeeded, let receipt = evidence.receipt else { return false }
            draft.record.receipt = receipt
        }
        draft.record.resolution?.isConfirmed = true
        draft.record.resolution?.hasOwnReceipt = false
        return true
    }

    /// M-Pesa has named the receipt, which a person had stated to be this record's, for another one: what became of this
    /// one is open again, for people.
    func loseReceipt(_ receipt: String, to other: RecordID, in draft: inout Draft) {
        guard draft.record.hasUnconfirmedReceipt, draft.record.receipt == receipt else { return }
        draft.record.receipt = nil
        raise(Dispute(.repeatedReceipt, stated: receipt, other: other), in: &draft)
        draft.effects.insert(.callPerson)
        draft.move(
            to: draft.record.state,
            source: "host",
            meaning: "M-Pesa has named the receipt \(receipt), which a person had stated, for the transaction \(other)."
        )
    }

    /// What M-Pesa states as the end of a record that a person has ended otherwise; nil where nobody has.
    func contradiction(of record: Record, by end: RecordState) -> Dispute? {
        guard let said = record.resolution, said.outcome.state != end else { return nil }
        return Dispute(.resolution, stated: end.rawValue, expected: said.outcome.rawValue)
    }
}

extension Resolution {
    /// As the record's life tells it.
    var sentence: String {
        let what = outcome == .succeeded ? "it succeeded" : "it did not happen"
        return "A person has seen that \(what): \(evidence)"
    }
}
