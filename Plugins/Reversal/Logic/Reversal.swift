import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Plans a reversal of what the host has found: so much of it as is asked for, else all that is left.
///
/// What is asked for beyond that, and beside another reversal of the same, is the host's to refuse.
func planReversal(_ input: PrepareInput, _ original: Original) throws(Refusal) -> OperationPlan {
    let paid = original.record
    guard let receipt = paid.receipt else {
        throw Refusal(
            "not_supported",
            field: "/transaction_id",
            """
            M-Pesa reverses by receipt alone, and has named none for this payment yet. Try again once it is known, or have \
            it reversed in the M-Pesa organization portal.
            """
        )
    }
    // Where nothing is left the host says why; it wants a plan for that, and no plan is for nothing.
    let amount = input.arguments["amount"]?.integerValue ?? max(1, original.left)
    let reason = input.arguments["reason"]?.stringValue ?? ""
    return OperationPlan(
        amount: amount,
        party: paid.party,
        reference: receipt,
        description: reason,
        body: TransactionReversal.body(
            Initiator: try OperatorMessages.requireInitiatorName(input.profile),
            TransactionID: receipt,
            Amount: amount,
            ReceiverParty: input.profile.shortCode,
            Remarks: reason
        )
    )
}

/// The request that asks about a reversal, by the id that M-Pesa's answer to it gave; nil where no answer came.
///
/// Never by the receipt of the payment: that is "Completed" because the customer paid, which says nothing of a reversal.
func planReversalQuery(_ record: Record, _ profile: Profile, _ nowMilliseconds: Int64) -> JSON? {
    record.externalIDs["originator_conversation_id"].flatMap { OperatorMessages.question(about: $0, profile) }
}
