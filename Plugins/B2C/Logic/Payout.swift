import Daraja
import OrderedJSON
import PluginKit

/// Plans a payout: checks what the schema cannot, and keeps two of the same apart.
func planPayout(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let arguments = input.arguments
    guard let phone = MSISDN(arguments["phone_number"]?.stringValue ?? "") else {
        throw Refusal(
            "invalid_argument",
            field: "/phone_number",
            "phone_number: expected a Kenyan mobile number such as 254712345678, 0712345678 or +254112345678."
        )
    }
    let amount = arguments["amount"]?.integerValue ?? 0
    let least = input.profile.setting("amount_min", default: 10)
    let most = input.profile.setting("amount_max", default: 250_000)
    guard (least...max(least, most)).contains(amount) else {
        throw Refusal(
            "limit_exceeded",
            field: "/amount",
            "amount: expected \(least) to \(most) whole shillings, which is what M-Pesa allows for one payout."
        )
    }
    let remarks = arguments["remarks"]?.stringValue ?? ""
    return OperationPlan(
        amount: amount,
        party: phone.digits,
        reference: arguments["occasion"]?.stringValue,
        description: remarks,
        guards: [guardAgainstRepeats(phone, amount)],
        body: B2CPayment.body(
            OriginatorConversationID: input.originatorID,
            InitiatorName: try requireInitiatorName(input.profile),
            CommandID: arguments["command_id"]?.stringValue ?? "BusinessPayment",
            Amount: amount,
            PartyA: input.profile.shortCode,
            PartyB: phone,
            Remarks: remarks,
            Occassion: arguments["occasion"]?.stringValue
        )
    )
}

/// M-Pesa pays the same twice without a word; a person who clicks twice does not mean it.
private func guardAgainstRepeats(_ phone: MSISDN, _ amount: Int64) -> Guard {
    Guard(
        key: "payout:\(phone):\(amount)",
        windowMilliseconds: 60_000,
        message: """
            A payout of the same amount to this phone is open, or was made less than a minute ago. If this is another \
            one, wait a minute; if it is the same, check its status.
            """
    )
}

/// The request that asks about a payout, by our own id: it can be asked even when no answer ever came.
func planPayoutQuery(_ record: Record, _ profile: Profile, _ nowMilliseconds: Int64) -> JSON? {
    guard let name = initiatorName(profile) else { return nil }
    return TransactionStatusQuery.body(
        Initiator: name,
        OriginalConversationID: record.externalIDs["originator_conversation_id"] ?? record.id,
        PartyA: profile.shortCode
    )
}

/// A payout as it stands, and what to do next.
func showPayout(_ record: Record) -> JSON {
    var output: JSONObject = [
        "transaction_id": .string(record.id), "status": .string(record.status), "state": .string(record.state),
    ]
    output["amount"] = record.amount.map { .integer($0) }
    let texts: [(String, String?)] = [
        ("phone_number", record.party), ("remarks", record.description),
        ("conversation_id", record.externalIDs["conversation_id"]),
        ("originator_conversation_id", record.externalIDs["originator_conversation_id"]),
        ("mpesa_receipt_number", record.receipt), ("result_code", record.code), ("result_desc", record.meaning),
        ("whose_move", record.whoseMove), ("pay_again", record.chargeAgain), ("next", next(record)),
    ]
    for (name, text) in texts { output[name] = text.map { .string($0) } }
    output["created_at_ms"] = .integer(record.createdMilliseconds)
    output["ended_at_ms"] = record.endedMilliseconds.map { .integer($0) }
    return .object(output)
}

/// One sentence that says what to do.
///
/// Only a record that succeeded is ever called paid.
private func next(_ record: Record) -> String {
    switch record.state {
    case "succeeded": "Paid out. Nothing more to do."
    case "created", "sending", "accepted": "M-Pesa is working on it. Not paid out yet: ask mpesa_check_payout."
    case "unknown", "reconciling":
        "It is not known whether the money went out. Do not pay again: check its status until it ends."
    case "manual": "M-Pesa stated no outcome. A person must check the M-Pesa statement before paying again."
    case "reversed": "The money was paid out and has been returned."
    default:
        switch record.chargeAgain {
        case "yes": "Not paid out. You may pay again once the cause is removed."
        case "check_first": "Not paid out as far as is known. Check the M-Pesa statement before paying again."
        default: "Not paid out. Paying again will not help until the cause is removed."
        }
    }
}
