import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

private let push = RequestKind(product: "M-Pesa Express", retryAfterMilliseconds: 60_000)

/// What bytes prove of a push: the answer to it, or its callback.
func interpretPush(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    switch source {
    case .reply(let status):
        guard let body = Message(raw).json, let reply = STKPush.Reply(body) else {
            return .withoutIDs(raw, status: status, of: push)
        }
        return interpretReply(reply, in: body, status: status, record)
    case .callback: return interpretCallback(Message(raw), record)
    case .statement: return nil
    }
}

private func interpretReply(_ reply: STKPush.Reply, in body: JSON, status: Int, _ record: Record) -> Evidence {
    if let known = record.externalIDs["checkout_request_id"], known != reply.CheckoutRequestID {
        return .ofAnotherPayment("CheckoutRequestID", reply.CheckoutRequestID)
    }
    if let other = otherMerchant(reply.MerchantRequestID, record) {
        return .ofAnotherPayment("MerchantRequestID", other)
    }
    var evidence = Evidence(
        reply.answer,
        code: reply.ResponseCode,
        words: reply.ResponseDescription,
        in: body,
        status: status,
        refusedTo: "integrator"
    )
    // A request that was perhaps taken can be asked about by its id.
    if evidence.verdict != .rejected {
        evidence.externalIDs = ids(checkout: reply.CheckoutRequestID, merchant: reply.MerchantRequestID)
    }
    return evidence
}

/// A MerchantRequestID that is not the one which is known; nil when none is named, or none is known.
private func otherMerchant(_ id: String, _ record: Record) -> String? {
    guard !id.isEmpty, let known = record.externalIDs["merchant_request_id"], known != id else { return nil }
    return id
}

private func interpretCallback(_ message: Message, _ record: Record) -> Evidence {
    guard let found = message.unwrapped(["Body", "stkCallback"], marks: ["CheckoutRequestID", "MerchantRequestID"]),
        let callback = STKPush.Callback(["Body": ["stkCallback": found.document]])
    else { return .unrecognized(message) }
    let names = callback.statedID.text
    guard found.isPlain || (names != nil && names == record.externalIDs["checkout_request_id"]) else {
        return .unnamed(message, code: callback.ResultCode)
    }
    return interpretCallback(callback, record)
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
        writtenPhone: callback.PhoneNumber,
        completed: callback.TransactionDate
    )
    return evidence.stating(
        statement,
        against: callback.contradiction,
        isAmount: callback.contradiction?.name == "Amount",
        writtenReceipt: callback.writtenReceipt,
        about: record,
        asked: record.amount
    )
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
        if let doubt = doubt(of: reply, record) { return doubt }
        var evidence = evidence(of: reply.ResultCode, words: reply.ResultDesc)
        evidence.externalIDs = ids(checkout: reply.CheckoutRequestID, merchant: "")
        return evidence
    }
}

/// Why an answer to a question says nothing of this payment; nil when it names it and contradicts nothing that is known.
private func doubt(of reply: STKQuery.Reply, _ record: Record) -> Evidence? {
    let code = Excerpt.code(reply.ResultCode)
    guard let asked = record.externalIDs["checkout_request_id"], reply.statedID.text == asked else {
        let names = reply.statedID == .missing ? "names no CheckoutRequestID" : "names another CheckoutRequestID"
        return .nothing("M-Pesa's answer is not about this payment: it \(names), and is asked once more.", code: code)
    }
    if let other = otherMerchant(reply.MerchantRequestID, record) {
        return .nothing(
            "M-Pesa's answer names this payment with another MerchantRequestID (\(Excerpt.of(other, most: 64))), so it "
                + "is asked once more.",
            code: code
        )
    }
    guard ["", "0"].contains(reply.ResponseCode) else {
        return .nothing(
            "M-Pesa's answer says that the question failed (ResponseCode \(Excerpt.of(reply.ResponseCode, most: 40))) "
                + "and names a result all the same, so it is asked once more.".quoting(reply.ResultDesc),
            code: code
        )
    }
    return nil
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
