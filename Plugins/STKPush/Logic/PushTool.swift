import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Plans a push: checks what the schema cannot, chooses PayBill or BuyGoods, and guards the customer against prompts
/// that come too fast.
func planPush(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let phone = try PaymentArguments.phone(input)
    let amount = try PaymentArguments.amount(input, least: 1, movement: "payment")
    let reference = input.arguments["account_reference"]?.stringValue ?? ""
    let description = input.arguments["transaction_desc"]?.stringValue ?? ""
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
