import Daraja
import OrderedJSON

/// What M-Pesa posts to `ResultURL` and `QueueTimeOutURL`, in its own forms: times three ways, codes as numbers and as
/// texts, keys without a value, one key twice.
enum InitiatorResults {
    /// A movement's result, as bytes.
    static func bytes(of movement: Movement, _ accounts: Accounts) -> [UInt8] {
        let body =
            movement.original.map { self.body(of: movement, original: $0, accounts) } ?? body(of: movement, accounts)
        return movement.outcome == .oddBytes ? CallbackValues.odd(body.bytes) : body.bytes
    }

    /// A payout's result.
    private static func body(of payout: Movement, _ accounts: Accounts) -> JSON {
        let code = payout.resultCode ?? "1"
        let change = payout.outcome == .alteredID ? "X" : ""
        var result: JSONObject = [
            "ResultType": 0, "ResultCode": Int64(code).map { .integer($0) } ?? .string(code),
            "ResultDesc": .string(InitiatorResultCode.named(code).meaning),
            "OriginatorConversationID": .string(payout.originatorID + change),
            "ConversationID": .string(payout.conversationID + change),
            // Failures have one too, which means nothing.
            "TransactionID": .string(payout.receipt ?? "NLJ0000000"),
            "ReferenceData": ["ReferenceItem": ["Key": "QueueTimeoutURL", "Value": .string(payout.timeoutURL)]],
        ]
        guard payout.isDone else { return ["Result": .object(result)] }
        if payout.outcome == .otherForms {
            (result["ResultType"], result["ResultCode"]) = ("0", .string(code))
            result["ConversationID"] = .string(String(payout.conversationID.dropFirst("AG_".count)))
            result["ReferenceData"] = ["ReferenceItem": [["Key": "QueueTimeoutURL"], ["Key": "Occasion"]]]
        }
        let stated = CallbackValues.stated(
            parameters(of: payout, accounts),
            receipt: payout.receipt ?? "",
            key: "Key",
            payout.outcome
        )
        result["ResultParameters"] = stated.map { ["ResultParameter": $0] }
        return ["Result": .object(result)]
    }

    private static func parameters(of payout: Movement, _ accounts: Accounts) -> [JSON] {
        let isOdd = [.fractionalAmount, .textValues, .otherForms].contains(payout.outcome)
        let time = EastAfricaTime.timestamp(milliseconds: payout.createdMilliseconds)
        let amount = payout.outcome == .alteredAmount ? payout.amount + 1 : payout.amount
        return [
            [
                "Key": "TransactionAmount",
                "Value": isOdd ? CallbackValues.amount(amount, payout.outcome) : .integer(amount),
            ],
            ["Key": "TransactionReceipt", "Value": .string(payout.receipt ?? "")],
            [
                "Key": "ReceiverPartyPublicName",
                "Value": CallbackValues.publicName(payout.phone, payout.outcome),
            ],
            [
                "Key": "TransactionCompletedDateTime",
                "Value": payout.outcome == .otherForms
                    ? .integer(Int64(time) ?? 0) : .string(dotted(payout.createdMilliseconds)),
            ],
            ["Key": "B2CUtilityAccountAvailableFunds", "Value": .number(Double(accounts.utility))],
            ["Key": "B2CWorkingAccountAvailableFunds", "Value": .number(Double(accounts.working))],
            ["Key": "B2CRecipientIsRegisteredCustomer", "Value": "Y"],
            ["Key": "B2CChargesPaidAccountAvailableFunds", "Value": -4510.00],
        ]
    }

    /// Where a movement stands, as the parameters of a status query's answer.
    static func standing(of movement: Movement) -> [JSON] {
        let status =
            switch movement.resultCode {
            case nil: movement.hasTimedOut ? "Expired" : "Authorized"
            case "0": movement.outcome == .queryLies ? "Failed" : "Completed"
            default: "Declined"
            }
        // The answer about a payout names the other side under the key of the payer once more.
        let other = movement.kind == .payout ? "DebitPartyName" : "CreditPartyName"
        var parameters: [JSON] = [
            ["Key": "DebitPartyName", "Value": .string("\(movement.shortCode) - Demo Shop")],
            ["Key": .string(other), "Value": .string("\(movement.phone) - Amina Wanjiru")],
            ["Key": "OriginatorConversationID", "Value": .string(movement.originatorID)],
            [
                "Key": "InitiatedTime",
                "Value": .string(EastAfricaTime.timestamp(milliseconds: movement.createdMilliseconds)),
            ],
            ["Key": "TransactionReason"],
            ["Key": "TransactionStatus", "Value": .string(status)],
            ["Key": "Amount", "Value": .number(Double(movement.amount))],
            ["Key": "ConversationID", "Value": .string(movement.conversationID)],
        ]
        if let receipt = movement.receipt { parameters.append(["Key": "ReceiptNo", "Value": .string(receipt)]) }
        return parameters
    }

    /// What an organization's accounts hold, in whole shillings.
    struct Accounts: Sendable {
        let working: Int64
        let utility: Int64

        /// As a balance writes them.
        var text: String {
            let all = [("Working Account", working), ("Utility Account", utility), ("Charges Paid Account", -4510)]
            return all.map { "\($0.0)|KES|\($0.1).00|\($0.1).00|0.00|0.00" }.joined(separator: "&")
        }
    }

    /// What an organization's accounts hold, as parameters of an answer.
    static func balance(_ text: String, nowMilliseconds: Int64) -> [JSON] {
        let completed = Int64(EastAfricaTime.timestamp(milliseconds: nowMilliseconds)) ?? 0
        return [
            ["Key": "AccountBalance", "Value": .string(text)],
            ["Key": "BOCompletedTime", "Value": .integer(completed)],
        ]
    }

    /// The answer to a question, or that there is none.
    static func answer(conversation: String, originator: String, receipt: String, parameters: [JSON]?) -> JSON {
        var result: JSONObject = [
            "ResultType": "0", "ResultCode": parameters == nil ? "2032" : "0",
            "ResultDesc": parameters == nil
                ? "The transaction was not found." : "The service request is processed successfully.",
            "OriginatorConversationID": .string(originator), "ConversationID": .string(conversation),
            "TransactionID": .string(receipt),
        ]
        if let parameters { result["ResultParameters"] = ["ResultParameter": .array(parameters)] }
        return ["Result": .object(result)]
    }

    /// `19.12.2019 11:45:50`.
    private static func dotted(_ milliseconds: Int64) -> String {
        let stamp = Array(EastAfricaTime.timestamp(milliseconds: milliseconds))
        let part = { (range: Range<Int>) in String(stamp[range]) }
        return "\(part(6..<8)).\(part(4..<6)).\(part(0..<4)) \(part(8..<10)):\(part(10..<12)):\(part(12..<14))"
    }
}
