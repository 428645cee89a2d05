import Daraja
import PluginKit

extension Evidence {
    /// Adds to a success what M-Pesa states of it, with what it states twice or where something else should stand.
    ///
    /// Two amounts contradict whatever was asked for. Two receipts or two phones leave none that could be relied on, so
    /// the success is one without a receipt. A receipt that is none is told in M-Pesa's own spelling.
    ///
    /// - Parameters:
    ///   - contradiction: What is stated twice and differently.
    ///   - isAmount: Whether that is the amount.
    ///   - writtenReceipt: What stands where the receipt should.
    public func stating(
        _ statement: PaymentStatement,
        against contradiction: Contradiction?,
        isAmount: Bool,
        writtenReceipt: String?,
        about record: Record,
        asked: Int64?
    ) -> Evidence {
        guard let contradiction else {
            var evidence = stating(statement, about: record, asked: asked)
            guard statement.receipt == nil, let writtenReceipt, !writtenReceipt.isEmpty else { return evidence }
            evidence.meaning = [evidence.meaning, "“\(Excerpt.of(writtenReceipt, most: 40))” is no receipt."]
                .compactMap(\.self).joined(separator: " ")
            return evidence
        }
        let values = contradiction.values.map { Excerpt.of($0, most: 40) }.joined(separator: " and ")
        var without = statement
        without.receipt = nil
        var evidence = stating(without, about: record, asked: asked)
        if isAmount {
            evidence = .nothing("", code: code)
            evidence.externalIDs = externalIDs
            evidence.amountText = values
        }
        evidence.meaning = "M-Pesa says success, but states two values of \(contradiction.name): \(values)."
        evidence.whoseMove = "organization"
        evidence.chargeAgain = "check_first"
        return evidence
    }
}
