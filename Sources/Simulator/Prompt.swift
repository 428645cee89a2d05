import OrderedJSON

/// A push that was taken: the prompt on a phone.
struct Prompt: JournalEntry {
    let checkoutRequestID: String
    let merchantRequestID: String
    let shortCode: String
    let phone: String
    let amount: Int64
    let reference: String
    let callbackURL: String
    let outcome: Outcome
    let createdMilliseconds: Int64
    /// Nil while the customer has not answered.
    var resultCode: Int?
    var receipt: String?
    var callbackStatuses: [Int] = []

    var ids: [String] { [checkoutRequestID] + (receipt.map { [$0] } ?? []) }
    var isDecided: Bool { resultCode != nil }

    var json: JSON {
        var object: JSONObject = [
            "checkout_request_id": .string(checkoutRequestID), "merchant_request_id": .string(merchantRequestID),
            "short_code": .string(shortCode), "phone": .string(phone), "amount": .integer(amount),
            "reference": .string(reference), "callback_url": .string(callbackURL),
            "outcome": .string(outcome.rawValue), "created_ms": .integer(createdMilliseconds),
        ]
        object["result_code"] = resultCode.map { .integer(Int64($0)) }
        object["receipt"] = receipt.map { .string($0) }
        object["callback_statuses"] = .array(callbackStatuses.map { .integer(Int64($0)) })
        return .object(object)
    }

    init(
        checkoutRequestID: String,
        merchantRequestID: String,
        shortCode: String,
        phone: String,
        amount: Int64,
        reference: String,
        callbackURL: String,
        outcome: Outcome,
        createdMilliseconds: Int64
    ) {
        self.checkoutRequestID = checkoutRequestID
        self.merchantRequestID = merchantRequestID
        self.shortCode = shortCode
        self.phone = phone
        self.amount = amount
        self.reference = reference
        self.callbackURL = callbackURL
        self.outcome = outcome
        self.createdMilliseconds = createdMilliseconds
    }

    init?(_ json: JSON) {
        guard let checkout = json["checkout_request_id"]?.stringValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        self.init(
            checkoutRequestID: checkout,
            merchantRequestID: json["merchant_request_id"]?.stringValue ?? "",
            shortCode: json["short_code"]?.stringValue ?? "",
            phone: json["phone"]?.stringValue ?? "",
            amount: json["amount"]?.integerValue ?? 0,
            reference: json["reference"]?.stringValue ?? "",
            callbackURL: json["callback_url"]?.stringValue ?? "",
            outcome: outcome,
            createdMilliseconds: json["created_ms"]?.integerValue ?? 0
        )
        resultCode = json["result_code"]?.integerValue.map { Int($0) }
        receipt = json["receipt"]?.stringValue
    }
}

extension Prompt {
    /// A charge as the ledger shows it: money that left somebody's account, and how much of it has gone back.
    ///
    /// The ledger is the judge of every crash test.
    func charge(returned: Int64) -> JSON {
        [
            "phone": .string(phone), "amount": .integer(amount), "reference": .string(reference),
            "checkout_request_id": .string(checkoutRequestID), "receipt": .string(receipt ?? ""),
            "returned": .integer(returned),
        ]
    }
}
