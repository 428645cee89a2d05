import DarajaKit
import OrderedJSON
import PluginKit

/// A payout as it stands, and what to do next.
func showPayout(_ record: Record) -> JSON {
    .object(
        record.document(
            again: "pay_again",
            whoseMove: record.whoseMove ?? (record.disputeText == nil ? nil : "organization"),
            next: next(record),
            [
                ("remarks", record.description), ("conversation_id", record.externalIDs["conversation_id"]),
                ("originator_conversation_id", record.externalIDs["originator_conversation_id"]),
            ]
        )
    )
}

/// One sentence, or a few, that say what to do.
///
/// Only a record that succeeded is ever called paid, and of one that is disputed nobody is told to pay again.
private func next(_ record: Record) -> String {
    if let dispute = record.disputeText { return nextOfDisputed(record, dispute) }
    switch record.state {
    case "succeeded": return "Paid out. Nothing more to do."
    case "created", "sending": return "The request is being sent. Not paid out yet: ask mpesa_check_payout."
    case "accepted": return "M-Pesa is working on it. Not paid out yet: ask mpesa_check_payout."
    case "unknown", "reconciling": return nextOfUnknown(record)
    case "manual": return "M-Pesa stated no outcome. A person must check the M-Pesa statement before paying again."
    case "reversed": return "The money was paid out and has been returned."
    default: return nextOfFailed(record)
    }
}

private func nextOfFailed(_ record: Record) -> String {
    switch record.chargeAgain {
    case "yes": "Not paid out. You may pay again once the cause is removed."
    case "wait": "Not paid out. Wait a minute before paying again."
    case "check_first": "Not paid out as far as is known. Check the M-Pesa statement before paying again."
    default: "Not paid out. Paying again will not help until the cause is removed."
    }
}

private func nextOfUnknown(_ record: Record) -> String {
    guard let end = record.unbelievedEnd else {
        return "It is not known whether the money went out. Do not pay again: check its status until it ends."
    }
    return """
        M-Pesa answers: \(end.meaning ?? "not paid out.") Such an answer is believed only \(trustFailureAfterSeconds) \
        seconds after sending, because it has been wrong. Do not pay again yet: check the status once more then.
        """
}

private func nextOfDisputed(_ record: Record, _ dispute: String) -> String {
    switch record.state {
    case "succeeded": "Paid out. But something contradicts it, and a person must look: \(dispute)"
    case "reversed":
        "The money was paid out and has been returned. But something contradicts it, and a person must look: \(dispute)"
    default:
        """
        Not settled: what is known contradicts itself. \(dispute) Do not pay this until a person has checked the M-Pesa \
        statement.
        """
    }
}
