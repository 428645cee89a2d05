import Daraja
import OrderedJSON
import PluginKit

/// Plans a push: checks what the schema cannot, chooses PayBill or BuyGoods, and guards the customer against prompts
/// that come too fast.
func planPush(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let arguments = input.arguments
    guard let phone = MSISDN(arguments["phone_number"]?.stringValue ?? "") else {
        throw Refusal(
            "invalid_argument",
            field: "/phone_number",
            "phone_number: expected a Kenyan mobile number such as 254712345678, 0712345678 or +254112345678."
        )
    }
    let amount = arguments["amount"]?.integerValue ?? 0
    let least = input.profile.setting("amount_min", default: 1)
    let most = input.profile.setting("amount_max", default: 250_000)
    guard (least...max(least, most)).contains(amount) else {
        throw Refusal(
            "limit_exceeded",
            field: "/amount",
            "amount: expected \(least) to \(most) whole shillings, which is what M-Pesa allows for one payment."
        )
    }
    let reference = arguments["account_reference"]?.stringValue ?? ""
    let description = arguments["transaction_desc"]?.stringValue ?? ""
    let receiver = try receiver(input.profile)
    let request = STKPush.Request(
        BusinessShortCode: input.profile.shortCode,
        Timestamp: EastAfricaTime.timestamp(milliseconds: input.nowMilliseconds),
        TransactionType: receiver.type,
        Amount: amount,
        PhoneNumber: phone,
        PartyB: receiver.party,
        AccountReference: reference,
        TransactionDesc: description
    )
    return OperationPlan(
        amount: amount,
        party: phone.digits,
        reference: reference,
        description: description,
        guards: guards(phone, amount: amount),
        body: request.body
    )
}

/// For a till, `BusinessShortCode` is the store number and `PartyB` the till; for a PayBill both are the PayBill.
private func receiver(_ profile: Profile) throws(Refusal) -> (type: String, party: String) {
    guard profile.shortCodeType == "till" else { return ("CustomerPayBillOnline", profile.shortCode) }
    guard let till = profile.tillNumber, !till.isEmpty else {
        throw Refusal("not_configured", "The organization's short code is a till, but its till number is not set.")
    }
    return ("CustomerBuyGoodsOnline", till)
}

/// M-Pesa answers a second push to a phone with an open one by an error (500.001.1001), and the same amount within two
/// minutes by result 17.
///
/// Both are refused here, before the customer's phone rings again.
private func guards(_ phone: MSISDN, amount: Int64) -> [Guard] {
    [
        Guard(
            key: "phone:\(phone)",
            windowMilliseconds: 60_000,
            message: """
                This phone has a payment request that is open, or was sent less than a minute ago. Wait for its \
                outcome with mpesa_check_status before asking again.
                """
        ),
        Guard(
            key: "phone:\(phone):amount:\(amount)",
            windowMilliseconds: 120_000,
            message: """
                The same amount was asked of this phone less than two minutes ago, which M-Pesa refuses. If it is \
                the same payment, check its status; if not, wait.
                """
        ),
    ]
}

/// The request that asks about a push; none while M-Pesa's id is unknown, because nothing else can be asked by.
func planQuery(_ record: Record, _ profile: Profile, _ nowMilliseconds: Int64) -> JSON? {
    guard let checkout = record.externalIDs["checkout_request_id"] else { return nil }
    return STKQuery.body(
        BusinessShortCode: profile.shortCode,
        Timestamp: EastAfricaTime.timestamp(milliseconds: nowMilliseconds),
        CheckoutRequestID: checkout
    )
}

/// What both tools answer: the payment as it stands, in the seed's words, and what to do next.
func showPayment(_ record: Record) -> JSON {
    var output: JSONObject = [
        "transaction_id": .string(record.id), "status": .string(record.status), "state": .string(record.state),
    ]
    output["amount"] = record.amount.map { .integer($0) }
    let texts: [(String, String?)] = [
        ("phone_number", record.party), ("account_reference", record.reference),
        ("transaction_desc", record.description),
        ("checkout_request_id", record.externalIDs["checkout_request_id"]),
        ("merchant_request_id", record.externalIDs["merchant_request_id"]),
        ("mpesa_receipt_number", record.receipt), ("result_code", record.code), ("result_desc", record.meaning),
        ("whose_move", record.whoseMove), ("charge_again", record.chargeAgain), ("next", next(record)),
    ]
    for (name, text) in texts { output[name] = text.map { .string($0) } }
    output["created_at_ms"] = .integer(record.createdMilliseconds)
    output["ended_at_ms"] = record.endedMilliseconds.map { .integer($0) }
    return .object(output)
}

/// One sentence that says what to do.
///
/// Only a record that succeeded is ever called paid.
private func next(_ record: Record) -> String {
    switch record.state {
    case "succeeded": "Paid. Nothing more to do."
    case "accepted":
        "The request is on the customer's phone. Not paid yet: ask mpesa_check_status for the outcome."
    case "created", "sending": "The request is being sent. Not paid yet: ask mpesa_check_status for the outcome."
    case "unknown", "reconciling":
        "It is not known whether the request reached the customer. Do not ask again: check its status until it ends."
    case "manual": "M-Pesa stated no outcome. A person must check the M-Pesa statement before asking again."
    case "cancelled": "The customer declined. Ask again only if the customer wants it."
    case "expired": "The customer did not answer. You may ask again."
    case "reversed": "The money was paid and has been returned."
    default:
        switch record.chargeAgain {
        case "yes": "Not paid. You may ask the customer again."
        case "wait": "Not paid. Wait two minutes before asking the customer again."
        case "check_first": "Not paid as far as is known. Check the M-Pesa statement before asking again."
        default: "Not paid. Asking again will not help until the cause is removed."
        }
    }
}
