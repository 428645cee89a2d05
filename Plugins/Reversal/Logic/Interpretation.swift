import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

private let reversal = RequestKind(product: "Reversal", retryAfterMilliseconds: 60_000)

/// What bytes prove of a reversal: the answer to it, its result, or that M-Pesa's queue timed out.
func interpretReversal(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    let ids = ReversalIDs(record)
    switch source {
    case .callback("timeout"):
        return .nothing("M-Pesa's queue timed out, which does not say whether the money was given back.")
    case .reply(let status):
        return OperatorMessages.reply(raw, status: status, of: reversal, another: ids.otherRequest) { reply in
            ids.learned(conversation: reply.ConversationID, originator: reply.OriginatorConversationID)
        }
    case .callback:
        let message = Message(raw)
        guard let (result, isPlain) = message.operatorResult else { return .unrecognized(message) }
        guard isPlain || ids.areNamed(by: result) else { return .unnamed(message, code: result.ResultCode) }
        return outcome(of: result, ids, record)
    case .statement: return nil
    }
}

private func outcome(of result: InitiatorAPI.Result, _ ids: ReversalIDs, _ record: Record) -> Evidence {
    if let another = ids.otherRequest(in: result) {
        return .nothing(
            """
            M-Pesa's result is about something else (\(Excerpt.of(another, most: 64))), so it says nothing of this reversal.
            """,
            code: Excerpt.code(result.ResultCode)
        )
    }
    var evidence = Evidence(.ofReversal(result.ResultCode), saying: result.ResultDesc)
    evidence.externalIDs = ids.learned(
        conversation: result.ConversationID.text,
        originator: result.OriginatorConversationID.text
    )
    guard evidence.verdict == .succeeded else { return evidence }
    let name = result.text("CreditPartyPublicName")
    return evidence.stating(
        of: result,
        receipt: result.TransactionID,
        party: name,
        isTwice: result.contradiction(in: "Amount", "CreditPartyPublicName", "OriginalTransactionID"),
        about: record
    )
}

/// What the answer to a question proves of the reversal that it asks about.
func interpretReversalQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .callback("timeout"): return .nothing("M-Pesa did not answer the question in time.")
    // What an answer names are the question's ids, not the reversal's.
    case .reply(let status): return OperatorMessages.reply(raw, status: status, of: reversal) { _ in [:] }
    case .callback: break
    case .statement: return nil
    }
    let message = Message(raw)
    guard let (result, _) = message.operatorResult else { return .unrecognized(message) }
    switch ToldStanding(
        result,
        isNamed: ReversalIDs(record).isNamed(in: result),
        as: "reversal",
        failure: "M-Pesa did not give it back"
    ) {
    case .told(let evidence): return evidence
    case .completed:
        return Evidence(.ofReversal("0"), saying: "")
            .stating(
                of: result,
                receipt: result.text("ReceiptNo"),
                party: result.text("CreditPartyName") ?? result.text("ReceiverPartyPublicName"),
                isTwice: result.contradiction(in: "Amount", "ReceiptNo", "CreditPartyName"),
                about: record
            )
    }
}

extension Evidence {
    /// Adds what M-Pesa states of a reversal that it calls done.
    ///
    /// Its receipt is one of its own: the one of the payment that it gives back proves that the customer paid.
    fileprivate func stating(
        of result: InitiatorAPI.Result,
        receipt written: String?,
        party: String?,
        isTwice contradiction: Contradiction?,
        about record: Record
    ) -> Evidence {
        let receipt = written.flatMap(Receipt.init)?.text
        let statement = PaymentStatement(
            receipt: receipt == record.reference ? nil : receipt,
            money: result.money("Amount"),
            phone: party.flatMap { MSISDN(publicName: $0) },
            writtenPhone: party.map { String($0.prefix { $0 != " " }) },
            completed: result.text("TransCompletedTime") ?? result.text("FinalisedTime"),
            feeCents: result.feeCents("Charge") ?? result.feeCents("DebitPartyCharges")
        )
        return stating(
            statement,
            against: contradiction,
            isAmount: contradiction?.name == "Amount",
            writtenReceipt: written,
            about: record,
            asked: record.amount
        )
    }
}
