import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

private let push = RequestKind(product: "M-Pesa Express", retryAfterMilliseconds: 60_000)

/// What bytes prove of a push: the answer to it, or its callback.
func interpretPush(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .reply(let status):
        switch DarajaReply(raw, status: status) {
        case .error(let error): return Evidence(error, of: push)
        case .document(let body): return interpretReply(body, status: status)
        }
    case .callback:
        let message = Message(raw)
        guard let body = message.json else { return .unreadable(message) }
        return STKPush.Callback(body).map { interpretCallback($0, record) }
    case .statement: return nil
    }
}

private func interpretReply(_ body: JSON, status: Int) -> Evidence {
    guard let reply = STKPush.Reply(body) else { return .withoutIDs(body, status: status) }
    guard reply.isAccepted else {
        var evidence = Evidence(.rejected)
        evidence.code = Excerpt.code(reply.ResponseCode)
        evidence.meaning = "M-Pesa refused the request: \(Excerpt.of(reply.ResponseDescription))"
        evidence.whoseMove = "integrator"
        evidence.chargeAgain = "no"
        return evidence
    }
    var evidence = Evidence(.accepted)
    evidence.externalIDs = ids(checkout: reply.CheckoutRequestID, merchant: reply.MerchantRequestID)
    return evidence
}

private func interpretCallback(_ callback: STKPush.Callback, _ record: Record) -> Evidence {
    guard callback.statedID != .unusable else {
        return .nothing(
            "M-Pesa's callback names a CheckoutRequestID that cannot be one, so it is not taken for this payment's.",
            code: Excerpt.code(callback.ResultCode)
        )
    }
    var evidence = evidence(of: callback.ResultCode, words: callback.ResultDesc)
    evidence.externalIDs = ids(checkout: callback.CheckoutRequestID, merchant: callback.MerchantRequestID)
    guard evidence.verdict == .succeeded else { return evidence }
    let statement = PaymentStatement(
        receipt: callback.MpesaReceiptNumber,
        money: callback.money,
        phone: callback.phone,
        writtenPhone: callback.PhoneNumber
    )
    return evidence.stating(statement, about: record, asked: record.amount)
}

/// What the answer to a query proves of the push it asks about.
func interpretQuery(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    guard case .reply(let status) = source else { return .nothing("M-Pesa answers this question at once only.") }
    switch DarajaReply(raw, status: status) {
    case .error(let error): return evidence(ofQuestion: error)
    case .document(let body):
        guard let reply = STKQuery.Reply(body) else {
            return .nothing(
                "M-Pesa's answer (HTTP \(status)) names no result. It says: \(Excerpt.of(body.bytes))",
                code: "http_\(status)"
            )
        }
        let asked = record.externalIDs["checkout_request_id"]
        if reply.statedID != .missing, let asked, reply.statedID.text != asked {
            return .nothing("M-Pesa's answer is about another payment: it names another CheckoutRequestID.")
        }
        var evidence = evidence(of: reply.ResultCode, words: reply.ResultDesc)
        evidence.externalIDs = ids(checkout: reply.CheckoutRequestID, merchant: "")
        return evidence
    }
}

private func evidence(ofQuestion error: ErrorEnvelope) -> Evidence {
    guard error.proof == .pending else { return Evidence(unansweredQuestion: error, product: push.product) }
    var evidence = Evidence(.pending)
    evidence.code = error.errorCode
    evidence.meaning = "M-Pesa is still working on the payment."
    return evidence
}

/// What a result code proves; one that proves nothing is told with M-Pesa's own words.
private func evidence(of code: String, words: String) -> Evidence {
    let entry = STKResultCode.named(code)
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
    evidence.code = Excerpt.code(entry.code)
    evidence.meaning = entry.outcome == .unknown ? entry.meaning.quoting(words) : entry.meaning
    evidence.whoseMove = entry.whoseMove
    evidence.chargeAgain = entry.chargeAgain
    return evidence
}

private func ids(checkout: String, merchant: String) -> [String: String] {
    var ids: [String: String] = [:]
    if !checkout.isEmpty { ids["checkout_request_id"] = checkout }
    if !merchant.isEmpty { ids["merchant_request_id"] = merchant }
    return ids
}
