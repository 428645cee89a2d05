// What a reversal does to its original.
extension RecordMachine {
    /// Keeps on the original that a reversal of it is about to be sent, under the original's version: so no two are begun
    /// that do not know of each other.
    ///
    /// Those that have ended and moved nothing are kept no longer: what M-Pesa says of them later brings them back.
    func beginReversal(
        _ draft: inout Draft,
        by mark: ReversalMark,
        besides unmoved: Set<RecordID>,
        ended: Set<RecordID>
    ) {
        guard draft.record.state == .succeeded else { return }
        draft.record = draft.record.without(reversals: ended)
        // One that was held stands here since then.
        let isHere = draft.record.reversals.contains { $0.id == mark.id }
        guard isHere || draft.record.reversals.count < Record.reversalsMax else { return }
        for index in draft.record.reversals.indices where unmoved.contains(draft.record.reversals[index].id) {
            draft.record.reversals[index].isCalledUnmoved = true
        }
        if !isHere { draft.record.reversals.append(mark) }
        let begun = isHere ? "is about to be sent" : "was begun"
        let others = unmoved.map { "\($0)" }.sorted().joined(separator: ", ")
        draft.move(
            to: draft.record.state,
            source: "reversal",
            meaning: "A reversal of \(mark.amount) \(begun): the transaction \(mark.id)."
                + (others.isEmpty ? "" : " Its caller says that these did not move: \(others).")
        )
    }

    /// M-Pesa says that a reversal may have moved after all, whatever was known or said of it: it keeps its sum again.
    func doubt(_ mark: ReversalMark, in draft: inout Draft) {
        if let index = draft.record.reversals.firstIndex(where: { $0.id == mark.id }) {
            guard !draft.record.reversals[index].isDone else { return }
            // A step all the same where it has its sum: whoever is dropping it for ended meanwhile looks again.
            draft.record.reversals[index].isCalledUnmoved = false
        } else {
            draft.record.reversals.append(mark)
        }
        draft.move(
            to: draft.record.state,
            source: "reversal",
            meaning: "M-Pesa contradicts itself about a reversal of \(mark.amount): the transaction \(mark.id)."
        )
    }

    /// A reversal's success proves that the money had moved, and that so much of it has moved back.
    ///
    /// Only a transaction that M-Pesa said had not moved any contradicts it, which a person must see; and that more moved
    /// back than was paid.
    func reverse(_ draft: inout Draft, by mark: ReversalMark) {
        guard draft.record.recordClass == .transaction, draft.record.reversals.isDone(mark.id) != true else { return }
        if let index = draft.record.reversals.firstIndex(where: { $0.id == mark.id }) {
            draft.record.reversals[index].isDone = true
        } else {
            var mark = mark
            mark.isDone = true
            draft.record.reversals.append(mark)
        }
        let state = draft.record.state
        let isPossible = state == .succeeded || state == .reversed || !state.isEnded
        if !isPossible {
            raise(Dispute(.contradiction, stated: "reversed", expected: state.rawValue, other: mark.id), in: &draft)
        }
        let paid = draft.record.intent.amount?.amount ?? 0
        let back = draft.record.reversedAmount
        if back > paid { raise(.excess(of: draft.record, other: mark.id), in: &draft) }
        let part = back < paid ? "\(mark.amount) of \(paid) were given back" : "Reversed"
        draft.move(
            to: isPossible && draft.record.isAllBack ? .reversed : state,
            source: "reversal",
            meaning: "\(part) by the transaction \(mark.id)."
        )
    }

    /// A person has seen that a reversal, which M-Pesa has called both, gave nothing back: the payment stands again.
    ///
    /// Its mark stays, because M-Pesa has not said so alone: whoever begins another one names it.
    func restore(_ draft: inout Draft, from mark: ReversalMark) {
        let state = draft.record.state
        if let index = draft.record.reversals.firstIndex(where: { $0.id == mark.id }) {
            guard draft.record.reversals[index].isDone else { return }
            draft.record.reversals[index] = mark
        } else {
            // Of before marks were kept.
            guard draft.record.reversals.isEmpty, state == .reversed else { return }
            draft.record.reversals.append(mark)
        }
        draft.move(
            to: state == .reversed && !draft.record.isAllBack ? .succeeded : state,
            source: "reversal",
            meaning: "A person has seen that the transaction \(mark.id) did not give back \(mark.amount)."
        )
    }

    /// M-Pesa says that the original was reversed before, and not by whom.
    ///
    /// Of a whole reversal, where no other of the original is known, that is what was asked for. Else a person must see.
    func concludeReversedBefore(_ evidence: Evidence, from source: Evidence.Source, in draft: inout Draft) {
        guard rules.isOnlyReversal else {
            let stated = Dispute(.contradiction, stated: "reversed before", expected: draft.record.state.rawValue)
            raise(stated, in: &draft)
            show(evidence, in: &draft)
            return note(evidence, from: source, as: draft.record.state, in: &draft)
        }
        var done = evidence
        done.verdict = .succeeded
        conclude(done, from: source, in: &draft)
    }

    /// The reversal too says that with it more was given back than was paid.
    func noteExcess(_ draft: inout Draft, of original: Record) {
        guard raise(.excess(of: original, other: original.id), in: &draft) else { return }
        draft.move(to: draft.record.state, source: "host", meaning: draft.record.disputes.last?.text)
    }
}

extension Dispute {
    fileprivate static func excess(of original: Record, other: RecordID) -> Dispute {
        let paid = original.intent.amount.map { "\($0.amount)" }
        return Dispute(.reversedTooMuch, stated: "\(original.reversedAmount)", expected: paid, other: other)
    }
}

extension [ReversalMark] {
    /// Whether the reversal has succeeded; nil for one that is not here.
    fileprivate func isDone(_ id: RecordID) -> Bool? { first { $0.id == id }?.isDone }
}
