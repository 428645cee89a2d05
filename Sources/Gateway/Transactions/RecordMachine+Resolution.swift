// What a person says of a record, and what M-Pesa says of it afterwards.
extension RecordMachine {
    /// Ends a record as a person says, who has seen what M-Pesa did not state.
    ///
    /// Whatever M-Pesa says later is weighed as ever, and where it differs both are shown.
    func resolve(_ draft: inout Draft, as resolution: Resolution) {
        guard draft.record.awaitsPerson else { return }
        draft.record.resolution = resolution
        let evidence = Evidence(
            resolution.outcome == .succeeded ? .succeeded : .failed,
            receipt: resolution.receipt,
            meaning: resolution.sentence,
            whoseMove: "nobody",
            chargeAgain: resolution.outcome == .succeeded ? "no" : "yes"
        )
        conclude(evidence, from: .person, in: &draft)
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
