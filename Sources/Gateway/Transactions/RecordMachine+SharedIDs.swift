// The rules of an id that M-Pesa names to two records: it stands for one request, and nobody can tell here for which.
extension RecordMachine {
    /// Weighs evidence that names another record's id, without any of the ids that it names.
    ///
    /// An answer to a request or a question may then be the other record's answer: what it says proves nothing of this
    /// one. It does where it names our own id, which stands in this request alone, or where it came to this record's own
    /// address and says that money moved.
    func weigh(
        _ evidence: Evidence,
        from source: Evidence.Source,
        naming id: String,
        of holder: RecordID,
        in draft: inout Draft
    ) {
        let isNew = raise(Dispute(.sharedID, stated: id, other: holder), in: &draft)
        let isOurs = rules.carriesOwnID && evidence.externalIDs.values.contains(draft.record.id.description)
        var evidence = evidence
        evidence.externalIDs = isOurs ? evidence.externalIDs.filter { $0.value == draft.record.id.description } : [:]
        if isOurs || source.isCallback && evidence.verdict == .succeeded && evidence.receipt != nil {
            weigh(evidence, from: source, in: &draft)
        } else if !draft.record.state.isEnded {
            show(evidence, in: &draft)
            let next = draft.record.state == .sending ? RecordState.unknown : draft.record.state
            let unproven = Evidence(.unknown, code: evidence.code, meaning: evidence.meaning)
            return draft.move(to: next, source: source.text, evidence: unproven)
        }
        guard isNew, !draft.isSettled else { return }
        draft.move(to: draft.record.state, source: source.text, evidence: evidence)
    }

    /// Names another record that M-Pesa has given this one's id; what has ended holds.
    func noteShared(_ id: String, with other: RecordID, in draft: inout Draft) {
        guard !draft.record.state.isEnded, raise(Dispute(.sharedID, stated: id, other: other), in: &draft) else {
            return
        }
        draft.move(to: draft.record.state, source: "host", meaning: "M-Pesa has named its id to \(other) too.")
    }
}
