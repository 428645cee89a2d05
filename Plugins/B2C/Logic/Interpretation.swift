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
        return interpretReply(raw, status: status, of: payout) { PayoutIDs(record).learned(from: $0) }
    case .callback:
        let message = Message(raw)
        guard let body = message.json else { return .unreadable(message) }
        return InitiatorAPI.Result(body).map { outcome(of: $0, record) }
    case .statement: return nil
    }
}

private func outcome(of result: InitiatorAPI.Result, _ record: Record) -> Evidence {
    let ids = PayoutIDs(record)
    if let another = ids.otherPayment(in: result) {
        return .nothing(
            "M-Pesa's result names another payment (\(another)), so it says nothing of this one, which is asked about.",
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
    let statement = PaymentStatement(
        receipt: result.id("TransactionReceipt").text ?? result.TransactionID,
        money: result.money("TransactionAmount"),
        phone: name.flatMap { MSISDN(publicName: $0) },
        writtenPhone: name.map { String($0.prefix { $0 != " " }) }
    )
    return evidence.stating(statement, about: record, asked: record.amount)
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
/// - Parameter learn: Which ids of an answer are kept.
func interpretReply(
    _ raw: [UInt8],
    status: Int,
    of kind: RequestKind,
    learn: (InitiatorAPI.Reply) -> [String: String]
) -> Evidence {
    switch DarajaReply(raw, status: status) {
    case .error(let error): return Evidence(error, of: kind)
    case .document(let body):
        guard let reply = InitiatorAPI.Reply(body) else { return .withoutIDs(body, status: status) }
        guard reply.isAccepted else {
            var evidence = Evidence(.rejected)
            evidence.code = Excerpt.code(reply.ResponseCode)
            evidence.meaning = "M-Pesa refused the request: \(Excerpt.of(reply.ResponseDescription))"
            evidence.whoseMove = "organization"
            evidence.chargeAgain = "no"
            return evidence
        }
        var evidence = Evidence(.accepted)
        evidence.externalIDs = learn(reply)
        return evidence
    }
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
    guard let body = message.json else { return .unreadable(message) }
    guard let result = InitiatorAPI.Result(body) else { return nil }
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
            "M-Pesa's answer is about another payout (\(told ?? "it names none")); it is asked once more."
        )
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
        let statement = PaymentStatement(receipt: result.id("ReceiptNo").text, money: result.money("Amount"))
        return evidence.stating(statement, about: record, asked: nil)
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
