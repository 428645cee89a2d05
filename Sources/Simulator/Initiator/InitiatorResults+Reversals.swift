import Daraja
import OrderedJSON

/// What M-Pesa posts of a reversal: a success in numbers, a failure in texts, whose one parameter stands alone.
extension InitiatorResults {
    /// A reversal's result.
    static func body(of reversal: Movement, original: String, _ accounts: Accounts) -> JSON {
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
                "ResultParameters": ["ResultParameter": parameters(of: reversal, original: original, accounts)],
                "ReferenceData": ["ReferenceItem": reversal.isDone ? queue : [queue, ["Key": "Occasion"]]],
            ]
        ]
    }

    private static func parameters(of reversal: Movement, original: String, _ accounts: Accounts) -> JSON {
        let completed = Int64(EastAfricaTime.timestamp(milliseconds: reversal.createdMilliseconds)) ?? 0
        guard reversal.isDone else { return ["Key": "BOCompletedTime", "Value": .integer(completed)] }
        let isOdd = [.fractionalAmount, .textValues, .alteredAmount].contains(reversal.outcome)
        return [
            [
                "Key": "DebitAccountBalance",
                "Value": .string("Working Account|KES|\(accounts.working).00|\(accounts.working).00|0.00|0.00"),
            ],
            [
                "Key": "Amount",
                "Value": isOdd ? CallbackValues.amount(reversal.amount, reversal.outcome) : .integer(reversal.amount),
            ],
            ["Key": "TransCompletedTime", "Value": .integer(completed)],
            ["Key": "OriginalTransactionID", "Value": .string(original)], ["Key": "Charge", "Value": 0],
            [
                "Key": "CreditPartyPublicName",
                "Value": CallbackValues.publicName(reversal.phone, reversal.outcome),
            ],
            ["Key": "DebitPartyPublicName", "Value": .string("\(reversal.shortCode) - Demo Shop")],
        ]
    }
}
