import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Plans a payout: checks what the schema cannot, and keeps two of the same apart.
func planPayout(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    try planPayout(
        input,
        remarks: input.arguments["remarks"]?.stringValue ?? "",
        occasion: input.arguments["occasion"]?.stringValue
    )
}

/// The same of one with these remarks, and for this occasion.
func planPayout(
    _ input: PrepareInput,
    remarks: String,
    occasion: String?
) throws(Refusal) -> OperationPlan {
    let phone = try PaymentArguments.phone(input)
    let amount = try PaymentArguments.amount(input, least: 10, movement: "payout")
    return OperationPlan(
        amount: amount,
        party: phone.digits,
        reference: occasion,
        description: remarks,
        guards: [guardAgainstRepeats(phone, amount)],
        body: B2CPayment.body(
            OriginatorConversationID: input.originatorID,
            InitiatorName: try OperatorMessages.requireInitiatorName(input.profile),
            CommandID: input.arguments["command_id"]?.stringValue ?? "BusinessPayment",
            Amount: amount,
            PartyA: input.profile.shortCode,
            PartyB: phone,
            Remarks: remarks,
            Occassion: occasion
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
///
/// The id in the request was the record's, whatever the answer to it named.
func planPayoutQuery(_ record: Record, _ profile: Profile, _ nowMilliseconds: Int64) -> JSON? {
    OperatorMessages.question(about: record.id, profile)
}
