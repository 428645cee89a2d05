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
        draft.record.keepClosed(closed)
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

extension Record {
    /// Keeps disputes that are over, each once; where there are too many, what is about its end longest.
    fileprivate mutating func keepClosed(_ closed: [Dispute]) {
        let all = closedDisputes.filter { !closed.contains($0) } + closed
        let surplus = max(0, all.count - Record.disputesMax)
        let doubles = all.indices.filter { !all[$0].kind.isOfEnd }
        let others = all.indices.filter { all[$0].kind.isOfEnd }
        let left = Set((doubles + others).prefix(surplus))
        closedDisputes = all.indices.filter { !left.contains($0) }.map { all[$0] }
    }

    /// Takes in one more dispute; what is about its end has room before what is not.
    ///
    /// - Returns: Whether there was room.
    mutating func take(_ dispute: Dispute) -> Bool {
        if disputes.count >= Record.disputesMax {
            guard dispute.kind.isOfEnd, let index = disputes.firstIndex(where: { !$0.kind.isOfEnd }) else {
                return false
            }
            disputes.remove(at: index)
        }
        disputes.append(dispute)
        return true
    }
}
