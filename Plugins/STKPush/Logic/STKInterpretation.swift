import Daraja
import OrderedJSON
import PluginKit

/// What M-Pesa sends is read leniently in form and strictly in meaning: two members of one name are no reason to lose
/// a payment's outcome.
private let leniently = JSONLimits(bytesMax: 1 << 20, duplicateKeys: .lastWins)

/// What bytes prove of a push: the answer to it, or its callback.
func interpretPush(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    let body = try? JSON(parsing: raw, limits: leniently)
    switch source {
    case .reply(let status): return interpretReply(body, status: status)
    case .callback: return body.map { interpretCallback($0, record) } ?? unreadable
    case .statement: return nil
    }
}

private var unreadable: Evidence { nothing("M-Pesa's message is not readable.") }

private func interpretReply(_ body: JSON?, status: Int) -> Evidence {
    if let error = ErrorEnvelope(body, status: status) { return evidence(of: error) }
    guard let body else { return unreadable }
    guard (200..<300).contains(status), let reply = STKPush.Reply(body) else {
        return nothing("M-Pesa's answer (HTTP \(status)) names no request, so it proves nothing.")
    }
    guard reply.isAccepted else {
        var evidence = Evidence(.rejected)
        evidence.code = reply.ResponseCode
        evidence.meaning = "M-Pesa refused the request: \(reply.ResponseDescription)"
        evidence.whoseMove = "integrator"
        evidence.chargeAgain = "no"
        return evidence
    }
    var evidence = Evidence(.accepted)
    evidence.externalIDs = ids(checkout: reply.CheckoutRequestID, merchant: reply.MerchantRequestID)
    return evidence
}

/// What an error proves of a push.
///
/// Only some do: a bare 500 or 503 may come after the prompt was sent.
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
    case .locked:
        // An earlier prompt may still be on the phone: the organization may ask again once that has ended.
        evidence = Evidence(.rejected)
        evidence.whoseMove = "customer"
        evidence.chargeAgain = "wait"
    case .pending: evidence = Evidence(.pending)
    case .duplicate: evidence = Evidence(.duplicate)
    case .nothing: return nothing("M-Pesa answered HTTP \(error.status) \(error.errorCode), which proves nothing.")
    }
    evidence.code = error.errorCode
    evidence.meaning = error.errorMessage
    return evidence
}

private func interpretCallback(_ body: JSON, _ record: Record) -> Evidence? {
    guard let callback = STKPush.Callback(body) else { return nil }
    var evidence = evidence(of: STKResultCode.named(callback.ResultCode))
    evidence.externalIDs = ids(checkout: callback.CheckoutRequestID, merchant: callback.MerchantRequestID)
    guard evidence.verdict == .succeeded else { return evidence }
    evidence.receipt = callback.MpesaReceiptNumber
    evidence.amount = callback.Amount
    evidence.party = callback.PhoneNumber.flatMap { $0.contains("*") ? nil : $0 }
    // A success that names no receipt or amount is not one that may end a payment.
    if evidence.receipt == nil || evidence.amount == nil {
        return nothing("M-Pesa's callback says success without a receipt and an amount.")
    }
    return evidence
}

/// What the answer to a query proves of the push it asks about.
func interpretQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    guard case .reply(let status) = source, let body = try? JSON(parsing: raw, limits: leniently) else {
        return nothing("M-Pesa's answer is not readable.")
    }
    if let error = ErrorEnvelope(body, status: status) {
        // Whatever else is wrong is wrong with the question; it says nothing about the payment.
        guard error.proof == .pending else {
            return nothing("M-Pesa did not answer the question: \(error.errorMessage)")
        }
        return Evidence(.pending)
    }
    guard (200..<300).contains(status), let reply = STKQuery.Reply(body) else {
        return nothing("M-Pesa's answer (HTTP \(status)) names no result.")
    }
    var evidence = evidence(of: STKResultCode.named(reply.ResultCode))
    evidence.externalIDs = ["checkout_request_id": reply.CheckoutRequestID]
    return evidence
}

private func evidence(of entry: STKResultCode) -> Evidence {
    let verdict: Evidence.Verdict =
        switch entry.outcome {
        case .paid: .succeeded
        case .failed: .failed
        case .cancelled: .cancelled
        case .expired: .expired
        case .pending: .pending
        case .unknown: .unknown
        }
    var evidence = Evidence(verdict)
    evidence.code = entry.code
    evidence.meaning = entry.meaning
    evidence.whoseMove = entry.whoseMove
    evidence.chargeAgain = entry.chargeAgain
    return evidence
}

private func nothing(_ meaning: String) -> Evidence {
    var evidence = Evidence(.unknown)
    evidence.meaning = meaning
    evidence.chargeAgain = "check_first"
    return evidence
}

private func ids(checkout: String, merchant: String) -> [String: String] {
    var ids = ["checkout_request_id": checkout]
    if !merchant.isEmpty { ids["merchant_request_id"] = merchant }
    return ids
}
