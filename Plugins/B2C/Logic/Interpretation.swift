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
        return interpretReply(raw, status: status, of: payout, another: ids.otherPayment) { ids.learned(from: $0) }
    case .callback:
        let message = Message(raw)
        guard let (result, isPlain) = unwrappedResult(message) else { return .unrecognized(message) }
        guard isPlain || PayoutIDs(record).areNamed(by: result) else {
            return .unnamed(message, code: result.ResultCode)
        }
        return outcome(of: result, record)
    case .statement: return nil
    }
}

/// The result in a message, and whether it came as the API describes it.
func unwrappedResult(_ message: Message) -> (InitiatorAPI.Result, isPlain: Bool)? {
    guard let found = message.unwrapped(["Result"], marks: ["ConversationID", "OriginatorConversationID"]),
        let result = InitiatorAPI.Result(["Result": found.document])
    else { return nil }
    return (result, found.isPlain)
}

private func outcome(of result: InitiatorAPI.Result, _ record: Record) -> Evidence {
    let ids = PayoutIDs(record)
    if let another = ids.otherPayment(in: result) {
        return .nothing(
            "M-Pesa's result names another payment (\(Excerpt.of(another, most: 64))), so it says nothing of this one, which is asked about.",
            code: Excerpt.code(result.ResultCode)
        )
    }
    let entry = InitiatorResultCode.named(result.ResultCode)
    var evidence = Evidence(verdict(of: entry))
    evidence.code = Excerpt.code(entry.code)
    evidence.meaning = entry.outcome == .unknown ? entry.meaning.quoting(result.ResultDesc) : entry.meaning
    evidence.whoseMove = entry.whoseMove
    evidence.chargeAgain = entry.payAgain
    evidence.externalIDs = ids.learned(from: result)
    guard evidence.verdict == .succeeded else { return evidence }
    let name = result.text("ReceiverPartyPublicName")
    let written = result.text("TransactionReceipt") ?? result.TransactionID
    let statement = PaymentStatement(
        receipt: (result.text("TransactionReceipt").flatMap(Receipt.init) ?? result.TransactionID.flatMap(Receipt.init))?
            .text,
        money: result.money("TransactionAmount"),
        phone: name.flatMap { MSISDN(publicName: $0) },
        writtenPhone: name.map { String($0.prefix { $0 != " " }) }
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

private func verdict(of entry: InitiatorResultCode) -> Evidence.Verdict {
    switch entry.outcome {
    case .paid: .succeeded
    case .failed: .failed
    case .pending: .pending
    case .duplicate: .duplicate
    case .unknown: .unknown
    }
}

/// What the answer to a request of an operator proves.
///
/// - Parameters:
///   - another: The id by which an answer is another payment's.
///   - learn: Which ids of an answer are kept.
func interpretReply(
    _ raw: [UInt8],
    status: Int,
    of kind: RequestKind,
    another: (InitiatorAPI.Reply) -> String? = { _ in nil },
    learn: (InitiatorAPI.Reply) -> [String: String]
) -> Evidence {
    guard let body = Message(raw).json, let reply = InitiatorAPI.Reply(body) else {
        return .withoutIDs(raw, status: status, of: kind)
    }
    if let another = another(reply) { return .ofAnotherPayment("conversation", another) }
    var evidence = Evidence(
        reply.answer,
        code: reply.ResponseCode,
        words: reply.ResponseDescription,
        in: body,
        status: status,
        refusedTo: "organization"
    )
    if evidence.verdict != .rejected { evidence.externalIDs = learn(reply) }
    return evidence
}

/// What the answer to a question proves of the payout it asks about.
///
/// The result's own code only says whether the question worked; the payout's state is the parameter TransactionStatus.
/// It counts only when it names the payout, which is known by the id that was sent whether its reply came or not.
func interpretPayoutQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .callback("timeout"): return .nothing("M-Pesa did not answer the question in time.")
    // What an answer names are the question's ids, not the payout's.
    case .reply(let status): return interpretReply(raw, status: status, of: payout) { _ in [:] }
    case .callback: break
    case .statement: return nil
    }
    let message = Message(raw)
    guard let (result, _) = unwrappedResult(message) else { return .unrecognized(message) }
    guard result.ResultCode == "0" else {
        let entry = InitiatorResultCode.named(result.ResultCode)
        let known = entry.outcome == .failed ? " \(entry.meaning)" : ""
        return .nothing(
            "M-Pesa did not answer the question.\(known)".quoting(result.ResultDesc),
            code: Excerpt.code(result.ResultCode)
        )
    }
    guard PayoutIDs(record).isNamed(in: result) else {
        let told = result.id("OriginatorConversationID").text
        return .nothing(
            "M-Pesa's answer is about another payout (\(told.map { Excerpt.of($0, most: 64) } ?? "it names none")); it is asked once more."
        )
    }
    let named = result.contradiction(in: "TransactionStatus", "OriginatorConversationID", "ConversationID")
    if let named {
        let values = named.values.map { Excerpt.of($0, most: 64) }.joined(separator: " and ")
        return .nothing("M-Pesa's answer states two values of \(named.name): \(values). It is asked once more.")
    }
    return standing(of: result, record)
}

private func standing(of result: InitiatorAPI.Result, _ record: Record) -> Evidence {
    let status = Excerpt.of(result.text("TransactionStatus") ?? "", most: 64)
    switch status {
    case "Completed":
        var evidence = Evidence(.succeeded)
        evidence.code = "0"
        evidence.meaning = InitiatorResultCode.named("0").meaning
        evidence.whoseMove = "nobody"
        evidence.chargeAgain = "no"
        return evidence.stating(paid: result, about: record)
    case "Cancelled", "Declined", "Expired", "Failed":
        var evidence = Evidence(.failed)
        evidence.code = status
        evidence.meaning = "M-Pesa did not pay it out: \(status.lowercased())."
        evidence.whoseMove = "organization"
        evidence.chargeAgain = "yes"
        return evidence
    case "Initiated", "Authorized", "Pending":
        var evidence = Evidence(.pending)
        evidence.code = status
        evidence.meaning = "M-Pesa is still working on the payout (\(status.lowercased()))."
        return evidence
    default: return .nothing("M-Pesa's answer names no standing that is known.".quoting(status), code: status)
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
            phone: party.flatMap { MSISDN(publicName: $0) }
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
