import DarajaKit
import OrderedJSON
import PluginKit

/// A reversal as it stands, and what to do next.
func showReversal(_ record: Record) -> JSON {
    .object(
        record.document(
            again: "reverse_again",
            whoseMove: whoseMove(record),
            next: next(record),
            [
                ("original_transaction_id", record.original), ("original_receipt_number", record.reference),
                ("reason", record.description), ("conversation_id", record.externalIDs["conversation_id"]),
                ("originator_conversation_id", record.externalIDs["originator_conversation_id"]),
            ]
        )
    )
}

/// Whether M-Pesa named an id of the reversal: without one nothing can be asked by.
private func canBeAsked(_ record: Record) -> Bool { record.externalIDs["originator_conversation_id"] != nil }

private func whoseMove(_ record: Record) -> String? {
    if let known = record.whoseMove { return known }
    return record.disputeText != nil || record.state == "manual" ? "organization" : nil
}

/// One sentence, or a few, that say what to do.
///
/// Only a record that succeeded is ever called given back, and of one that is disputed nobody is told to try again.
private func next(_ record: Record) -> String {
    if let dispute = record.disputeText { return nextOfDisputed(record, dispute) }
    switch record.state {
    case "succeeded":
        return record.receipt == nil
            ? "M-Pesa says that the payment had been reversed already. Nothing more to do."
            : "Given back. Nothing more to do."
    case "created", "sending": return "The request is being sent. Not given back yet: ask mpesa_check_reversal."
    case "accepted": return "M-Pesa is working on it. Not given back yet: ask mpesa_check_reversal."
    case "unknown", "reconciling": return nextOfUnknown(record)
    case "manual":
        return """
            M-Pesa stated no outcome. A person must look for it in the M-Pesa statement. Its amount stays held: whoever \
            has seen that it did not move may reverse again and list this transaction_id in held_reversals.
            """
    case "reversed": return "The money was given back, and came in once more."
    default: return nextOfFailed(record)
    }
}

private func nextOfFailed(_ record: Record) -> String {
    switch record.chargeAgain {
    case "yes": "Not given back. You may reverse again once the cause is removed."
    case "wait": "Not given back. Wait a minute before reversing again."
    case "check_first": "Not given back as far as is known. Check the M-Pesa statement before reversing again."
    default: "Not given back. Reversing again will not help until the cause is removed."
    }
}

private func nextOfUnknown(_ record: Record) -> String {
    if let end = record.unbelievedEnd {
        return """
            M-Pesa answers: \(end.meaning ?? "not given back.") Such an answer is believed only \
            \(trustFailureAfterSeconds) seconds after sending, because it has been wrong. Do not reverse again yet: check \
            the status once more then.
            """
    }
    guard !canBeAsked(record) else {
        return "It is not known whether the money went back. Do not reverse again: check its status until it ends."
    }
    return """
        It is not known whether M-Pesa took the request, and it named no id to ask by. What is known: \
        \(record.toldMeaning ?? "no answer came.") Do not reverse again: M-Pesa's message still counts, and if none comes \
        within a day a person must check the M-Pesa statement.
        """
}

private func nextOfDisputed(_ record: Record, _ dispute: String) -> String {
    switch record.state {
    case "succeeded", "reversed": "Given back. But something contradicts it, and a person must look: \(dispute)"
    default:
        """
        Not settled: what is known contradicts itself. \(dispute) Do not reverse this again until a person has checked \
        the M-Pesa statement.
        """
    }
}
