import Daraja
import OrderedJSON
import PluginKit

/// What M-Pesa sends is read leniently in form and strictly in meaning: results do carry two members of one name.
private let leniently = JSONLimits(bytesMax: 1 << 20, duplicateKeys: .lastWins)

/// What bytes prove of a payout: the answer to it, its result, or that M-Pesa's queue timed out.
func interpretPayout(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    if source == .callback("timeout") {
        return nothing("M-Pesa's queue timed out; whether the payout was made is being asked.")
    }
    let body = try? JSON(parsing: raw, limits: leniently)
    switch source {
    case .reply(let status): return interpretReply(body, status: status)
    case .callback:
        guard let body else { return unreadable }
        guard let result = InitiatorAPI.Result(body) else { return nil }
        return outcome(of: result)
    case .statement: return nil
    }
}

private func outcome(of result: InitiatorAPI.Result) -> Evidence {
    let entry = InitiatorResultCode.named(result.ResultCode)
    var evidence: Evidence
    switch entry.outcome {
    case .paid: evidence = Evidence(.succeeded)
    case .failed: evidence = Evidence(.failed)
    case .pending: evidence = Evidence(.pending)
    case .duplicate: evidence = Evidence(.duplicate)
    case .unknown: evidence = Evidence(.unknown)
    }
    evidence.code = entry.code
    evidence.meaning = entry.outcome == .unknown ? "\(entry.meaning) (\(result.ResultDesc))" : entry.meaning
    evidence.whoseMove = entry.whoseMove
    evidence.chargeAgain = entry.payAgain
    evidence.externalIDs = [
        "conversation_id": result.ConversationID, "originator_conversation_id": result.OriginatorConversationID,
    ]
    guard evidence.verdict == .succeeded else { return evidence }
    evidence.receipt = result.text("TransactionReceipt") ?? result.TransactionID
    evidence.amount = result.shillings("TransactionAmount")
    evidence.party = receiver(result)
    // A success that names no receipt or amount is not one that may end a payout.
    if evidence.receipt == nil || evidence.amount == nil {
        return nothing("M-Pesa's result says success without a receipt and an amount.")
    }
    return evidence
}

/// `254712345678 - Amina Wanjiru`; nil when it is masked or another form.
private func receiver(_ result: InitiatorAPI.Result) -> String? {
    let name = result.text("ReceiverPartyPublicName") ?? ""
    return MSISDN(String(name.prefix { $0 != " " }))?.digits
}

private var unreadable: Evidence { nothing("M-Pesa's message is not readable.") }

/// What the answer to a request of an operator proves.
private func interpretReply(_ body: JSON?, status: Int) -> Evidence {
    if let error = ErrorEnvelope(body, status: status) { return evidence(of: error) }
    guard let body else { return unreadable }
    guard (200..<300).contains(status), let reply = InitiatorAPI.Reply(body) else {
        return nothing("M-Pesa's answer (HTTP \(status)) names no request, so it proves nothing.")
    }
    guard reply.isAccepted else {
        var evidence = Evidence(.rejected)
        evidence.code = reply.ResponseCode
        evidence.meaning = "M-Pesa refused the request: \(reply.ResponseDescription)"
        evidence.whoseMove = "organization"
        evidence.chargeAgain = "no"
        return evidence
    }
    var evidence = Evidence(.accepted)
    evidence.externalIDs = [
        "conversation_id": reply.ConversationID, "originator_conversation_id": reply.OriginatorConversationID,
    ]
    return evidence
}

private func evidence(of error: ErrorEnvelope) -> Evidence {
    var evidence: Evidence
    switch error.proof {
    case .rejected:
        evidence = Evidence(.rejected)
        evidence.whoseMove = "organization"
        evidence.chargeAgain = "no"
    case .throttled:
        evidence = Evidence(.notProcessed)
        evidence.whoseMove = "safaricom"
        evidence.chargeAgain = "yes"
        evidence.retryAfterMilliseconds = 60_000
    // Proves that the first one arrived, and nothing of what became of it.
    case .duplicate: evidence = Evidence(.duplicate)
    case .pending: evidence = Evidence(.pending)
    case .locked, .nothing:
        return nothing("M-Pesa answered HTTP \(error.status) \(error.errorCode), which proves nothing.")
    }
    evidence.code = error.errorCode
    evidence.meaning = error.errorMessage
    return evidence
}

/// What the answer to a question proves of the payout it asks about.
///
/// The result's own code only says whether the question worked; the payout's state is the parameter TransactionStatus.
func interpretPayoutQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    let body = try? JSON(parsing: raw, limits: leniently)
    if case .reply(let status) = source {
        var evidence = interpretReply(body, status: status)
        // These are the question's ids, not the payout's.
        evidence.externalIDs = [:]
        return evidence
    }
    if source == .callback("timeout") { return nothing("M-Pesa did not answer the question in time.") }
    guard let body else { return unreadable }
    guard let result = InitiatorAPI.Result(body) else { return nil }
    guard result.ResultCode == "0" else {
        return nothing("M-Pesa did not answer the question: \(result.ResultDesc) (\(result.ResultCode))")
    }
    if let asked = record.externalIDs["originator_conversation_id"],
        let told = result.text("OriginatorConversationID"), told != asked
    {
        return nothing("M-Pesa's answer is about another payout.")
    }
    return standing(of: result)
}

private func standing(of result: InitiatorAPI.Result) -> Evidence {
    let status = result.text("TransactionStatus") ?? ""
    switch status {
    case "Completed":
        var evidence = Evidence(.succeeded)
        evidence.code = "0"
        evidence.meaning = InitiatorResultCode.named("0").meaning
        evidence.whoseMove = "nobody"
        evidence.chargeAgain = "no"
        evidence.receipt = result.text("ReceiptNo")
        evidence.amount = result.shillings("Amount")
        return evidence.receipt == nil || evidence.amount == nil
            ? nothing("M-Pesa says that it was completed, without a receipt and an amount.") : evidence
    case "Cancelled", "Declined", "Expired", "Failed":
        var evidence = Evidence(.failed)
        evidence.code = status
        evidence.meaning = "M-Pesa did not pay it out: \(status.lowercased())."
        evidence.whoseMove = "organization"
        evidence.chargeAgain = "yes"
        return evidence
    case "Initiated", "Authorized", "Pending": return Evidence(.pending)
    default: return nothing("M-Pesa's answer names no standing that is known (\(status)).")
    }
}

/// What bytes prove of a balance's question.
func interpretBalance(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    if source == .callback("timeout") { return nothing("M-Pesa did not answer in time.") }
    let body = try? JSON(parsing: raw, limits: leniently)
    if case .reply(let status) = source { return interpretReply(body, status: status) }
    guard let body else { return unreadable }
    guard let result = InitiatorAPI.Result(body) else { return nil }
    let accounts = AccountBalance.accounts(in: result.text("AccountBalance") ?? "")
    guard result.ResultCode == "0", !accounts.isEmpty else {
        let entry = InitiatorResultCode.named(result.ResultCode)
        var evidence = Evidence(.rejected)
        evidence.code = result.ResultCode
        evidence.meaning = entry.outcome == .failed ? entry.meaning : "M-Pesa did not tell: \(result.ResultDesc)"
        evidence.whoseMove = entry.whoseMove
        evidence.chargeAgain = "yes"
        return evidence
    }
    var evidence = Evidence(.succeeded)
    evidence.externalIDs = [
        "conversation_id": result.ConversationID, "originator_conversation_id": result.OriginatorConversationID,
    ]
    evidence.data = [
        "accounts": .array(accounts.map(document)),
        "as_of": .string(result.text("BOCompletedTime") ?? ""),
    ]
    return evidence
}

private func document(_ account: AccountBalance.Account) -> JSON {
    [
        "name": .string(account.name), "currency": .string(account.currency), "current": .string(account.current),
        "available": .string(account.available), "reserved": .string(account.reserved),
        "uncleared": .string(account.uncleared),
    ]
}

private func nothing(_ meaning: String) -> Evidence {
    var evidence = Evidence(.unknown)
    evidence.meaning = meaning
    evidence.chargeAgain = "check_first"
    return evidence
}
