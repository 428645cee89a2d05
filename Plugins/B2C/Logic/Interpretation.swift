import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

private let payout = RequestKind(product: "B2C", retryAfterMilliseconds: 60_000)

/// What bytes prove of a payout: the answer to it, its result, or that M-Pesa's queue timed out.
func interpretPayout(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .callback("timeout"):
        return .nothing("M-Pesa's queue timed out; whether the payout was made is being asked.")
    case .reply(let status):
        let ids = PayoutIDs(record)
        return OperatorMessages.reply(raw, status: status, of: payout, another: ids.otherPayment) {
            ids.learned(from: $0)
        }
    case .callback:
        let message = Message(raw)
        guard let (result, isPlain) = message.operatorResult else { return .unrecognized(message) }
        guard isPlain || PayoutIDs(record).areNamed(by: result) else {
            return .unnamed(message, code: result.ResultCode)
        }
        return outcome(of: result, record)
    case .statement: return nil
    }
}

private func outcome(of result: InitiatorAPI.Result, _ record: Record) -> Evidence {
    let ids = PayoutIDs(record)
    if let another = ids.otherPayment(in: result) {
        return .nothing(
            "M-Pesa's result names another payment (\(Excerpt.of(another, most: 64))), so it says nothing of this one, which is asked about.",
            code: Excerpt.code(result.ResultCode)
        )
    }
    var evidence = Evidence(InitiatorResultCode.named(result.ResultCode), saying: result.ResultDesc)
    evidence.externalIDs = ids.learned(from: result)
    guard evidence.verdict == .succeeded else { return evidence }
    let name = result.text("ReceiverPartyPublicName")
    let written = result.text("TransactionReceipt") ?? result.TransactionID
    let statement = PaymentStatement(
        receipt: (result.text("TransactionReceipt").flatMap(Receipt.init) ?? result.TransactionID.flatMap(Receipt.init))?
            .text,
        money: result.money("TransactionAmount"),
        phone: name.flatMap { MSISDN(publicName: $0) },
        writtenPhone: name.map { String($0.prefix { $0 != " " }) },
        completed: result.text("TransactionCompletedDateTime")
    )
    let contradiction = result.contradiction(
        in: "TransactionAmount",
        "TransactionReceipt",
        "ReceiverPartyPublicName"
    )
    return evidence.stating(
        statement,
        against: contradiction,
        isAmount: contradiction?.name == "TransactionAmount",
        writtenReceipt: written,
        about: record,
        asked: record.amount
    )
}

/// What the answer to a question proves of the payout it asks about.
///
/// The result's own code only says whether the question worked; the payout's state is the parameter TransactionStatus.
/// It counts only when it names the payout, which is known by the id that was sent whether its reply came or not.
func interpretPayoutQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .callback("timeout"): return .nothing("M-Pesa did not answer the question in time.")
    // What an answer names are the question's ids, not the payout's.
    case .reply(let status): return OperatorMessages.reply(raw, status: status, of: payout) { _ in [:] }
    case .callback: break
    case .statement: return nil
    }
    let message = Message(raw)
    guard let (result, _) = message.operatorResult else { return .unrecognized(message) }
    switch ToldStanding(
        result,
        isNamed: PayoutIDs(record).isNamed(in: result),
        as: "payout",
        failure: "M-Pesa did not pay it out"
    ) {
    case .told(let evidence): return evidence
    case .completed: return Evidence(.named("0"), saying: "").stating(paid: result, about: record)
    }
}

extension Evidence {
    /// Adds what a status says of a payout that it calls completed: the party is the one that the money went to.
    fileprivate func stating(paid result: InitiatorAPI.Result, about record: Record) -> Evidence {
        let party = result.text("CreditPartyName") ?? result.text("ReceiverPartyPublicName")
        let written = result.text("ReceiptNo")
        let statement = PaymentStatement(
            receipt: written.flatMap(Receipt.init)?.text,
            money: result.money("Amount"),
            phone: party.flatMap { MSISDN(publicName: $0) },
            completed: result.text("FinalisedTime"),
            feeCents: result.feeCents("DebitPartyCharges")
        )
        let contradiction = result.contradiction(
            in: "Amount",
            "ReceiptNo",
            "CreditPartyName",
            "ReceiverPartyPublicName"
        )
        return stating(
            statement,
            against: contradiction,
            isAmount: contradiction?.name == "Amount",
            writtenReceipt: written,
            about: record,
            asked: nil
        )
    }
}
