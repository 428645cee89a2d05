// What M-Pesa states of a success beside that it is one: when it was, and what it cost.
extension RecordMachine {
    /// When it is counted, and what it cost: as M-Pesa states it with the success, and where that can be.
    ///
    /// A time long before it was asked for, or ahead, is another clock's or another payment's.
    func time(_ evidence: Evidence, in draft: inout Draft) {
        draft.record.feeCents = evidence.feeCents
        draft.completedAt = statedTime(evidence, of: draft.record, by: draft.now)
    }

    private func statedTime(_ evidence: Evidence, of record: Record, by known: Timestamp) -> Timestamp? {
        guard let stated = evidence.completedAt, stated >= record.createdAt + rules.statedTimeSlack * -1,
            stated <= known + rules.statedTimeSlack
        else { return nil }
        return stated
    }

    /// Takes what M-Pesa states of a success only after that was known.
    ///
    /// What it cost; and when it was, where nothing but our own clock had said so. What was stated first stays.
    ///
    /// - Returns: Whether it is counted otherwise now, which the feed tells.
    func correct(by evidence: Evidence, in draft: inout Draft) -> Bool {
        let known = draft.record
        guard evidence.verdict == .succeeded, let endedAt = known.endedAt else { return false }
        if known.feeCents == nil { draft.record.feeCents = evidence.feeCents }
        // Once all of it has gone back, the end is that of the reversal.
        let countedAt = known.countedAt ?? endedAt
        let isOurs = known.isCountedByUs || known.state == .succeeded && countedAt == endedAt
        if isOurs, let stated = statedTime(evidence, of: known, by: countedAt), stated != countedAt {
            draft.record.countedAt = stated
            draft.record.isCountedByUs = false
        }
        guard draft.record.feeCents != known.feeCents || draft.record.countedAt != known.countedAt else { return false }
        draft.record.countedAt = draft.record.countedAt ?? endedAt
        return true
    }
}
