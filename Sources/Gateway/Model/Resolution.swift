import OrderedJSON

/// What a person has said of a transaction of which M-Pesa stated no outcome, and what they saw.
///
/// It ends the transaction as M-Pesa's own word would, until M-Pesa says something else.
package struct Resolution: Sendable, Equatable {
    /// What became of the money.
    package enum Outcome: String, Sendable, CaseIterable {
        /// It moved: the statement has a line of it.
        case succeeded
        /// It did not: the statement has none.
        case failed

        /// Where a transaction stands that ended so.
        var state: RecordState { self == .succeeded ? .succeeded : .failed }
    }

    /// What became of the money.
    package let outcome: Outcome
    /// The receipt in the statement; there where the money moved.
    package let receipt: String?
    /// What was looked at, in the person's own words.
    package let evidence: String
    /// Who said it, as `user:<id>`.
    package let by: String
    /// When.
    package let at: Timestamp
    /// Whether M-Pesa has said the same, before or since.
    package var isConfirmed = false
    /// Whether M-Pesa's own word was contradicted by nothing when it was said: that proves what it did without it.
    package var isAgreement = false
    /// Whether the receipt is theirs alone, though M-Pesa too has said how it ended: M-Pesa has named none.
    package var hasOwnReceipt = false

    /// Gathers them.
    package init(outcome: Outcome, receipt: String?, evidence: String, by: String, at: Timestamp) {
        self.outcome = outcome
        self.receipt = receipt
        self.evidence = evidence
        self.by = by
        self.at = at
    }
}

extension Resolution {
    /// As rows and answers hold it.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.optional("outcome", outcome.rawValue)
        writer.optional("receipt", receipt)
        writer.optional("evidence", evidence)
        writer.optional("by", by)
        writer.optional("at_ms", at.milliseconds)
        let marks = [("confirmed", isConfirmed), ("agreed", isAgreement), ("own_receipt", hasOwnReceipt)]
        for (name, isSet) in marks where isSet {
            writer.key(name)
            writer.bool(true)
        }
        writer.endObject()
    }

    /// Reads what `write` wrote; nil for anything else.
    package init?(_ json: JSON?) {
        guard let json, let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:)) else { return nil }
        self.init(
            outcome: outcome,
            receipt: json["receipt"]?.stringValue,
            evidence: json["evidence"]?.stringValue ?? "",
            by: json["by"]?.stringValue ?? "",
            at: Timestamp(milliseconds: json["at_ms"]?.integerValue ?? 0)
        )
        isConfirmed = json["confirmed"] == true
        isAgreement = json["agreed"] == true
        hasOwnReceipt = json["own_receipt"] == true
    }
}

extension Record {
    /// Whether a person may say what became of it: money that was asked for, and M-Pesa does not say.
    ///
    /// What M-Pesa took is its own business until the horizon.
    package func awaitsPerson(at now: Timestamp, rules: RecordMachine.Rules) -> Bool {
        guard recordClass == .transaction else { return false }
        switch state {
        case .manual, .unknown, .reconciling: return true
        case .accepted: return isOverdue(at: now, rules: rules)
        case .draft, .released, .created, .sending, .succeeded, .failed, .cancelled, .expired, .rejected, .reversed,
            .withdrawn, .noAnswer:
            return false
        }
    }

    /// Whether M-Pesa has let the time pass in which it says what became of money: from then on it is a person's business
    /// too, though M-Pesa has answered too few questions for asking to end.
    package func isOverdue(at now: Timestamp, rules: RecordMachine.Rules) -> Bool {
        guard recordClass == .transaction else { return false }
        switch state {
        case .accepted, .unknown, .reconciling: return now >= horizon(rules: rules)
        case .draft, .released, .created, .sending, .manual, .succeeded, .failed, .cancelled, .expired, .rejected,
            .reversed, .withdrawn, .noAnswer:
            return false
        }
    }
}

extension Record {
    /// Whether a person who has looked it up may say what became of it, because something contradicts how it ended, or did
    /// until somebody said so, who may have been wrong.
    ///
    /// What never left has not moved. M-Pesa's own success is taken back only where M-Pesa itself has stated the opposite
    /// too, and no reversal of it has given anything back or yet may.
    package func mayBeJudged(as outcome: Resolution.Outcome) -> Bool {
        let wasDisputed = resolution != nil && !closedDisputes.isEmpty
        guard recordClass == .transaction, state.isEnded, isDisputed || wasDisputed else { return false }
        if hasEnded(as: outcome) { return true }
        switch outcome {
        case .succeeded: return sentAt != nil && state != .withdrawn && isCalledPaid
        case .failed: return reversals.isEmpty && isCalledFailed
        }
    }

    /// Whether the money has moved, as far as is known, and has perhaps moved back.
    var hasMoved: Bool { state == .succeeded || state == .reversed }

    /// Whether it has ended as somebody says who states this.
    func hasEnded(as outcome: Resolution.Outcome) -> Bool { state.isEnded && hasMoved == (outcome == .succeeded) }

    /// Whether a person's word, which M-Pesa has not confirmed, is all that it ended by.
    var hasEndedByPersonAlone: Bool {
        guard let resolution, !resolution.isConfirmed else { return false }
        return state == resolution.outcome.state
    }

    /// Whether M-Pesa has named this receipt beside the one that is known.
    func isNamed(_ receipt: String) -> Bool {
        state == .succeeded && (disputes + closedDisputes).contains { $0.kind == .receipt && $0.stated == receipt }
    }

    /// Whether M-Pesa has said anything of it that it would not of what did not move.
    ///
    /// What is given back by a reversal's success is not taken again: of one, M-Pesa itself must have called it paid.
    private var isCalledPaid: Bool {
        (disputes + closedDisputes)
            .contains { dispute in
                if dispute.kind == .noReceipt { return true }
                let paid = RecordState.succeeded.rawValue
                // Where M-Pesa contradicts itself, it had said so before; a person's word is of another kind.
                let saysSo = dispute.stated == paid || dispute.kind == .contradiction && dispute.expected == paid
                return direction == .reverse ? saysSo : saysSo || dispute.kind.isOfEnd
            }
    }

    /// Whether M-Pesa has stated a failure against it.
    private var isCalledFailed: Bool {
        let failures = [RecordState.failed, .cancelled, .expired].map(\.rawValue)
        return (disputes + closedDisputes)
            .contains { dispute in
                [.contradiction, .resolution].contains(dispute.kind) && dispute.stated.map(failures.contains) == true
            }
    }
}

extension Record {
    /// Whether it has its receipt by a person's word alone.
    package var hasUnconfirmedReceipt: Bool {
        guard let resolution, !resolution.isConfirmed || resolution.hasOwnReceipt, let receipt else { return false }
        return resolution.receipt == receipt
    }

    /// Whether a person's word is all that it ended by, so that another may take its place.
    ///
    /// What was given back of it holds, and what may yet be: only the receipt may be another.
    package func mayBeSaidAgain(as outcome: Resolution.Outcome) -> Bool {
        guard let resolution, !resolution.isConfirmed, state == resolution.outcome.state else { return false }
        return outcome == resolution.outcome || reversals.isEmpty
    }

    /// The same without the marks of these reversals, which have ended and moved nothing.
    func without(reversals ended: Set<RecordID>) -> Record {
        guard !ended.isEmpty else { return self }
        var record = self
        record.reversals.removeAll { !$0.isDone && ended.contains($0.id) }
        return record
    }
}
