import OrderedJSON

/// A payout that was taken: money on its way from an organization to a customer.
struct Payout: Sendable {
    let conversationID: String
    /// The organization's own id, by which a repeat is known.
    let originatorID: String
    let shortCode: String
    let phone: String
    let amount: Int64
    let remarks: String
    let resultURL: String
    let timeoutURL: String
    let outcome: Outcome
    let createdMilliseconds: Int64
    /// Nil while M-Pesa has not decided.
    var resultCode: String?
    /// Whether it left M-Pesa's queue without a decision.
    var hasTimedOut = false
    var receipt: String?
    var callbackStatuses: [Int] = []

    var isDecided: Bool { resultCode != nil || hasTimedOut }
    var isPaid: Bool { resultCode == "0" }

    init(
        conversationID: String,
        originatorID: String,
        shortCode: String,
        phone: String,
        amount: Int64,
        remarks: String,
        resultURL: String,
        timeoutURL: String,
        outcome: Outcome,
        createdMilliseconds: Int64
    ) {
        self.conversationID = conversationID
        self.originatorID = originatorID
        self.shortCode = shortCode
        self.phone = phone
        self.amount = amount
        self.remarks = remarks
        self.resultURL = resultURL
        self.timeoutURL = timeoutURL
        self.outcome = outcome
        self.createdMilliseconds = createdMilliseconds
    }
}

extension Payout {
    var json: JSON {
        var object: JSONObject = [
            "conversation_id": .string(conversationID), "originator_conversation_id": .string(originatorID),
            "short_code": .string(shortCode), "phone": .string(phone), "amount": .integer(amount),
            "remarks": .string(remarks), "result_url": .string(resultURL), "timeout_url": .string(timeoutURL),
            "outcome": .string(outcome.rawValue), "created_ms": .integer(createdMilliseconds),
            "timed_out": .bool(hasTimedOut),
        ]
        object["result_code"] = resultCode.map { .string($0) }
        object["receipt"] = receipt.map { .string($0) }
        object["callback_statuses"] = .array(callbackStatuses.map { .integer(Int64($0)) })
        return .object(object)
    }

    init?(_ json: JSON) {
        guard let conversation = json["conversation_id"]?.stringValue,
            let originator = json["originator_conversation_id"]?.stringValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        let text = { (name: String) in json[name]?.stringValue ?? "" }
        self.init(
            conversationID: conversation,
            originatorID: originator,
            shortCode: text("short_code"),
            phone: text("phone"),
            amount: json["amount"]?.integerValue ?? 0,
            remarks: text("remarks"),
            resultURL: text("result_url"),
            timeoutURL: text("timeout_url"),
            outcome: outcome,
            createdMilliseconds: json["created_ms"]?.integerValue ?? 0
        )
        resultCode = json["result_code"]?.stringValue
        receipt = json["receipt"]?.stringValue
        hasTimedOut = json["timed_out"]?.boolValue ?? false
    }
}
