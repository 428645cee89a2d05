import DarajaKit
import OrderedJSON
import PluginKit

/// What both tools answer: the payment as it stands, in the seed's words, and what to do next.
func showPayment(_ record: Record) -> JSON {
    var output = record.document(
        again: "charge_again",
        whoseMove: whoseMove(record),
        next: next(record),
        [
            ("account_reference", record.reference), ("transaction_desc", record.description),
            ("checkout_request_id", record.externalIDs["checkout_request_id"]),
            ("merchant_request_id", record.externalIDs["merchant_request_id"]),
        ]
    )
    output["reversed_amount"] = record.reversedAmount.map { .integer($0) }
    return .object(output)
}

/// Whether M-Pesa named an id of the push: without one nothing can be asked by.
private func canBeAsked(_ record: Record) -> Bool { record.externalIDs["checkout_request_id"] != nil }

private func whoseMove(_ record: Record) -> String? {
    if let known = record.whoseMove { return known }
    if record.disputeText != nil { return "organization" }
    return record.state == "unknown" && !canBeAsked(record) ? "organization" : nil
}

/// One sentence, or a few, that say what to do.
///
/// Only a record that succeeded is ever called paid, only one that M-Pesa took is called taken, and of one that is
/// disputed nobody is told to ask again.
private func next(_ record: Record) -> String {
    if let dispute = record.disputeText { return nextOfDisputed(record, dispute) }
    switch record.state {
    case "succeeded":
        guard let back = record.reversedAmount else { return "Paid. Nothing more to do." }
        return "Paid. \(back) shillings of it have been given back."
    case "accepted":
        return canBeAsked(record)
            ? "M-Pesa accepted the request and asks the customer. Not paid yet: ask mpesa_check_status for the outcome."
            : "M-Pesa is working on it. Not paid yet: ask mpesa_check_status for the outcome."
    case "created", "sending":
        return "The request is being sent. Not paid yet: ask mpesa_check_status for the outcome."
    case "unknown", "reconciling": return nextOfUnknown(record)
    case "manual": return "M-Pesa stated no outcome. A person must check the M-Pesa statement before asking again."
    case "cancelled": return "The customer declined. Ask again only if the customer wants it."
    case "expired" where record.chargeAgain != "check_first": return "The customer did not answer. You may ask again."
    case "reversed": return "The money was paid and has been returned."
    default: return nextOfFailed(record)
    }
}

private func nextOfFailed(_ record: Record) -> String {
    switch record.chargeAgain {
    case "yes": "Not paid. You may ask the customer again."
    case "wait": "Not paid. Wait two minutes before asking the customer again."
    case "check_first": "Not paid as far as is known. Check the M-Pesa statement before asking again."
    default: "Not paid. Asking again will not help until the cause is removed."
    }
}

private func nextOfUnknown(_ record: Record) -> String {
    if let end = record.unbelievedEnd {
        return """
            M-Pesa answers: \(end.meaning ?? "not paid.") Such an answer is believed only \(trustFailureAfterSeconds) \
            seconds after sending, because it has been wrong. Do not ask again yet: check the status once more then.
            """
    }
    guard !canBeAsked(record) else {
        return """
            It is not known whether the request reached the customer. Do not ask again: check its status until it ends.
            """
    }
    return """
        It is not known whether the request reached the customer, and M-Pesa named no id to ask by. What is known: \
        \(record.toldMeaning ?? "no answer came.") Do not ask again before you have checked the M-Pesa statement; if \
        the customer pays, M-Pesa's message still counts.
        """
}

private func nextOfDisputed(_ record: Record, _ dispute: String) -> String {
    switch record.state {
    case "succeeded":
        "Paid. But something contradicts it, and a person must look: \(dispute)"
    case "reversed":
        "The money was paid and has been returned. But something contradicts it, and a person must look: \(dispute)"
    default:
        """
        Not settled: what is known contradicts itself. \(dispute) Do not charge this customer for it until a person has \
        checked the M-Pesa statement.
        """
    }
}
