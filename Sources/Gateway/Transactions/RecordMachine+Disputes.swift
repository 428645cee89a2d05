// How a dispute ends: a person has looked it up, or the payment that this might have been made twice as never left.
extension RecordMachine {
    /// Ends those that `isOver` says of; they are kept apart, because what was said stays said.
    ///
    /// - Returns: Those that it ended.
    @discardableResult
    func closeDisputes(_ draft: inout Draft, where isOver: (Dispute) -> Bool = { _ in true }) -> [Dispute] {
        let closed = draft.record.disputes.filter(isOver)
        guard !closed.isEmpty else { return [] }
        draft.record.disputes.removeAll(where: isOver)
        draft.record.closedDisputes = (draft.record.closedDisputes + closed).suffix(Record.disputesMax)
        if !draft.record.isDisputed { draft.effects.insert(.announceUndisputed) }
        return closed
    }

    /// What never left is nobody's double, and whoever was named as such is told.
    func closeDoublesOfUnsent(_ draft: inout Draft) {
        // What was begun may have left: M-Pesa says of some that it did not look at them.
        guard draft.record.sentAt == nil, draft.record.attempts == 0 else { return }
        for dispute in closeDisputes(&draft, where: { $0.kind == .possibleDouble }) {
            if let other = dispute.other { draft.effects.insert(.freeTwin(other)) }
        }
    }

    /// The other one that might have been the same payment has never left.
    func freeTwin(_ other: RecordID, in draft: inout Draft) {
        let twin = Dispute(.possibleDouble, other: other)
        guard !closeDisputes(&draft, where: { $0 == twin }).isEmpty else { return }
        draft.move(
            to: draft.record.state,
            source: "host",
            meaning: "No double: the transaction \(other), which might have been the same payment, has never left."
        )
    }
}
