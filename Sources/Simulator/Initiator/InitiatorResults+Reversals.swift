import Daraja
import OrderedJSON

/// What M-Pesa posts of a reversal: a success in numbers, a failure in texts, whose one parameter stands alone.
extension InitiatorResults {
    /// A reversal's result, as bytes.
    static func bytes(of reversal: Reversal, working: Int64) -> [UInt8] {
        let bytes = body(of: reversal, working: working).bytes
        return reversal.outcome == .oddBytes ? CallbackValues.odd(bytes) : bytes
    }

    private static func body(of reversal: Reversal, working: Int64) -> JSON {
        let code = reversal.resultCode ?? "1"
        let isText = !reversal.isDone || reversal.outcome == .textValues
        let change = reversal.outcome == .alteredID ? "X" : ""
        var conversation = reversal.conversationID + change
        var originator = reversal.originatorID + change
        if reversal.outcome == .otherOriginator {
            originator = "5118-" + originator
            conversation = String(conversation.dropFirst("AG_".count))
        }
        let queue: JSON = ["Key": "QueueTimeoutURL", "Value": .string(reversal.timeoutURL)]
        return [
            "Result": [
                "ResultType": isText ? "0" : 0,
                "ResultCode": isText ? .string(code) : Int64(code).map { .integer($0) } ?? .string(code),
                "ResultDesc": .string(InitiatorResultCode.ofReversal(code).meaning),
                "OriginatorConversationID": .string(originator), "ConversationID": .string(conversation),
                // Failures have one too, which means nothing.
                "TransactionID": .string(reversal.receipt ?? "NLJ0000000"),
                "ResultParameters": ["ResultParameter": parameters(of: reversal, working: working)],
                "ReferenceData": ["ReferenceItem": reversal.isDone ? queue : [queue, ["Key": "Occasion"]]],
            ]
        ]
    }

    private static func parameters(of reversal: Reversal, working: Int64) -> JSON {
        let completed = Int64(EastAfricaTime.timestamp(milliseconds: reversal.createdMilliseconds)) ?? 0
        guard reversal.isDone else { return ["Key": "BOCompletedTime", "Value": .integer(completed)] }
        let isOdd = [.fractionalAmount, .textValues, .alteredAmount].contains(reversal.outcome)
        return [
            [
                "Key": "DebitAccountBalance",
                "Value": .string("Working Account|KES|\(working).00|\(working).00|0.00|0.00"),
            ],
            [
                "Key": "Amount",
                "Value": isOdd ? CallbackValues.amount(reversal.amount, reversal.outcome) : .integer(reversal.amount),
            ],
            ["Key": "TransCompletedTime", "Value": .integer(completed)],
            ["Key": "OriginalTransactionID", "Value": .string(reversal.original)], ["Key": "Charge", "Value": 0],
            [
                "Key": "CreditPartyPublicName",
                "Value": CallbackValues.publicName(reversal.phone, reversal.outcome),
            ],
            ["Key": "DebitPartyPublicName", "Value": .string("\(reversal.shortCode) - Demo Shop")],
        ]
    }

    /// Where a reversal stands, as the parameters of a status query's answer.
    static func standing(of reversal: Reversal) -> [JSON] {
        let status =
            switch reversal.resultCode {
            case nil: reversal.hasTimedOut ? "Expired" : "Authorized"
            case "0": reversal.outcome == .queryLies ? "Failed" : "Completed"
            default: "Declined"
            }
        var parameters: [JSON] = [
            ["Key": "DebitPartyName", "Value": .string("\(reversal.shortCode) - Demo Shop")],
            ["Key": "CreditPartyName", "Value": .string("\(reversal.phone) - Amina Wanjiru")],
            ["Key": "OriginatorConversationID", "Value": .string(reversal.originatorID)],
            ["Key": "TransactionReason"], ["Key": "TransactionStatus", "Value": .string(status)],
            ["Key": "Amount", "Value": .number(Double(reversal.amount))],
            ["Key": "ConversationID", "Value": .string(reversal.conversationID)],
        ]
        if let receipt = reversal.receipt { parameters.append(["Key": "ReceiptNo", "Value": .string(receipt)]) }
        return parameters
    }
}
