import OrderedJSON

/// Money that an operator has asked M-Pesa to move: a payout to a customer, or a customer's payment on its way back.
struct Movement: JournalEntry {
    enum Kind: Sendable, Equatable {
        case payout
        /// Of the payment with this receipt.
        case reversal(of: String)
    }

    let kind: Kind
    let conversationID: String
    /// The organization's own id of a payout, by which a repeat is known; of a reversal M-Pesa's, since nothing in the
    /// request says one.
    let originatorID: String
    let shortCode: String
    /// Who is paid or paid back; empty where there is no such payment.
    let phone: String
    let amount: Int64
    let remarks: String
    let resultURL: String
    let timeoutURL: String
    /// What was chosen for it; `insufficientFunds` once there was no money for one that was to be paid.
    var outcome: Outcome
    let createdMilliseconds: Int64
    /// Nil while M-Pesa has not decided.
    var resultCode: String?
    /// Whether it left M-Pesa's queue without a decision.
    var hasTimedOut = false
    var receipt: String?
    /// What a person gave back of the same payment meanwhile, in M-Pesa's portal.
    var portalAmount: Int64 = 0
    var callbackStatuses: [Int] = []

    init(
        _ kind: Kind,
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
        self.kind = kind
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

    var ids: [String] { [conversationID, originatorID] }
    var isDecided: Bool { resultCode != nil || hasTimedOut }
    var isDone: Bool { resultCode == "0" }
    /// The receipt of what is given back; nil for a payout.
    var original: String? { if case .reversal(let receipt) = kind { receipt } else { nil } }
    /// How much of a payment has gone back by it, and by the portal.
    var returned: Int64 { original == nil ? 0 : (isDone ? amount : 0) + portalAmount }
}

extension Movement {
    var json: JSON {
        var object: JSONObject = [
            "conversation_id": .string(conversationID), "originator_conversation_id": .string(originatorID),
            "short_code": .string(shortCode), "phone": .string(phone), "amount": .integer(amount),
            "remarks": .string(remarks), "result_url": .string(resultURL), "timeout_url": .string(timeoutURL),
            "outcome": .string(outcome.rawValue), "created_ms": .integer(createdMilliseconds),
            "timed_out": .bool(hasTimedOut),
        ]
        if let original {
            object["original_receipt"] = .string(original)
            object["portal_amount"] = .integer(portalAmount)
        }
        object["result_code"] = resultCode.map { .string($0) }
        object["receipt"] = receipt.map { .string($0) }
        object["callback_statuses"] = .array(callbackStatuses.map { .integer(Int64($0)) })
        return .object(object)
    }

    init?(_ json: JSON) {
        guard let conversation = json["conversation_id"]?.stringValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        let text = { (name: String) in json[name]?.stringValue ?? "" }
        self.init(
            json["original_receipt"]?.stringValue.map { .reversal(of: $0) } ?? .payout,
            conversationID: conversation,
            originatorID: text("originator_conversation_id"),
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
        hasTimedOut = json["timed_out"]?.boolValue ?? false
        receipt = json["receipt"]?.stringValue
        portalAmount = json["portal_amount"]?.integerValue ?? 0
    }
}
