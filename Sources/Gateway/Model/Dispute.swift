/// A contradiction about a record: what M-Pesa states against what is known, or against another record.
///
/// Shown in every answer about the record. While there is one, nobody is told that charging or paying again is safe.
package struct Dispute: Sendable, Equatable {
    /// What contradicts what.
    package enum Kind: String, Sendable, CaseIterable {
        /// M-Pesa states another amount.
        case amount
        /// M-Pesa states another customer or receiver.
        case party
        /// M-Pesa names another request.
        case id
        /// M-Pesa names a second receipt.
        case receipt
        /// M-Pesa states an end that it has stated otherwise before.
        case contradiction
        /// M-Pesa states success, of what it said had failed or may yet say so, and names no receipt.
        case noReceipt = "no_receipt"
        /// The receipt is another record's.
        case repeatedReceipt = "repeated_receipt"
        /// The id that M-Pesa gave to it is another record's.
        case sharedID = "shared_id"
        /// Another record for the same customer and amount may be the same payment.
        case possibleDouble = "possible_double"
        /// More has been given back than was paid.
        case reversedTooMuch = "reversed_too_much"
        /// M-Pesa states another end than a person who had looked it up.
        case resolution

        /// Whether it is about what M-Pesa says of this one; that another may be the same payment is not.
        var isOfEnd: Bool { self != .possibleDouble }
    }

    /// What contradicts what.
    package let kind: Kind
    /// What M-Pesa states.
    package let stated: String?
    /// What is known, or was asked for.
    package let expected: String?
    /// The other record.
    package let other: RecordID?

    /// Makes a dispute.
    package init(_ kind: Kind, stated: String? = nil, expected: String? = nil, other: RecordID? = nil) {
        self.kind = kind
        self.stated = stated
        self.expected = expected
        self.other = other
    }

    /// A whole sentence for whoever must act.
    package var text: String {
        let stated = stated ?? "something else"
        let expected = expected ?? "what is known"
        let other = other.map { "the transaction \($0)" } ?? "another transaction"
        return switch kind {
        case .amount: "M-Pesa states the amount \(stated); \(expected) was asked for."
        case .party: "M-Pesa states the other side \(stated); it is \(expected) here."
        case .id: "M-Pesa names another request, \(stated) instead of \(expected)."
        case .receipt: "M-Pesa names a second receipt, \(stated) beside \(expected)."
        case .contradiction: "M-Pesa has stated both: \(expected), and then \(stated)."
        case .noReceipt where self.expected == nil:
            "M-Pesa said that this was paid, without a receipt or an amount that can be read."
        case .noReceipt: "M-Pesa said that this had failed (\(expected)), and then that it was paid, without a receipt."
        case .repeatedReceipt: "M-Pesa names the receipt \(stated), which is the receipt of \(other) already."
        case .sharedID: "M-Pesa names the request \(stated), and names it to \(other) too."
        case .reversedTooMuch: "More has been given back than was paid: \(stated) of \(expected) shillings."
        case .resolution: "A person had stated \(expected), and M-Pesa now states \(stated)."
        case .possibleDouble: "This and \(other) may be the same payment made twice."
        }
    }
}

extension Record {
    /// How many disputes are kept; what comes later says nothing new to a person who must look already.
    static let disputesMax = 8

    /// Whether M-Pesa contradicts what is known of it; that another record may be the same payment does not.
    package var isContradicted: Bool { disputes.contains { $0.kind.isOfEnd } }

    /// Whether charging or paying again is safe, as callers are told: never `yes` while M-Pesa contradicts itself.
    package var advice: String? {
        guard isDisputed else { return chargeAgain }
        return state == .succeeded || state == .reversed ? "no" : "check_first"
    }
}
