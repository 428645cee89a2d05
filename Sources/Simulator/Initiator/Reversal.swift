import OrderedJSON

/// A reversal that was taken: a customer's payment on its way back.
struct Reversal: Sendable {
    let conversationID: String
    /// M-Pesa's own: nothing in the request says it.
    let originatorID: String
    let shortCode: String
    /// The receipt of the payment.
    let original: String
    /// Who paid; empty where there is no such payment.
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
    /// What a person gave back meanwhile, in M-Pesa's portal.
    var portalAmount: Int64 = 0
    var callbackStatuses: [Int] = []

    var isDecided: Bool { resultCode != nil || hasTimedOut }
    var isDone: Bool { resultCode == "0" }
    /// How much has gone back by it, and by the portal.
    var returned: Int64 { (isDone ? amount : 0) + portalAmount }

    var json: JSON {
        var object: JSONObject = [
            "conversation_id": .string(conversationID), "originator_conversation_id": .string(originatorID),
            "short_code": .string(shortCode), "original_receipt": .string(original), "phone": .string(phone),
            "amount": .integer(amount), "remarks": .string(remarks), "result_url": .string(resultURL),
            "timeout_url": .string(timeoutURL), "outcome": .string(outcome.rawValue),
            "created_ms": .integer(createdMilliseconds), "timed_out": .bool(hasTimedOut),
            "portal_amount": .integer(portalAmount),
        ]
        object["result_code"] = resultCode.map { .string($0) }
        object["receipt"] = receipt.map { .string($0) }
        object["callback_statuses"] = .array(callbackStatuses.map { .integer(Int64($0)) })
        return .object(object)
    }
}

extension Reversal {
    init?(_ json: JSON) {
        guard let conversation = json["conversation_id"]?.stringValue,
            let original = json["original_receipt"]?.stringValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        let text = { (name: String) in json[name]?.stringValue ?? "" }
        self.init(
            conversationID: conversation,
            originatorID: text("originator_conversation_id"),
            shortCode: text("short_code"),
            original: original,
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

/// Payments and what has gone back of them.
struct Reversals {
    /// By ConversationID.
    private(set) var all: [String: Reversal] = [:]
    /// The reversals of each payment, by its receipt.
    private var ofReceipt: [String: [String]] = [:]

    /// Keeps a reversal as it stands now; a full simulator forgets everything rather than slow down.
    mutating func keep(_ reversal: Reversal, most entriesMax: Int) {
        if all[reversal.conversationID] == nil {
            if all.count >= entriesMax { self = Reversals() }
            ofReceipt[reversal.original, default: []].append(reversal.conversationID)
        }
        all[reversal.conversationID] = reversal
    }

    /// Keeps what a callback was answered with.
    mutating func note(callbackStatus: Int, of id: String) { all[id]?.callbackStatuses.append(callbackStatus) }

    /// How much of a payment has gone back.
    func returned(of receipt: String) -> Int64 {
        (ofReceipt[receipt] ?? []).reduce(0) { $0 + (all[$1]?.returned ?? 0) }
    }
}
