import OrderedJSON

/// What Safaricom sends about a payout, masked, and what it proves: `plugin check` holds `interpret` to it.
///
/// Source: Daraja 3.0 portal, Business To Customer; names and numbers are masked.
let payoutRecordings: JSON = [
    [
        "title": "Accepted", "source": ["type": "reply", "status": 200],
        "body": [
            "ConversationID": "AG_20191219_00005797af5d7d75f652", "OriginatorConversationID": .string(id),
            "ResponseCode": "0", "ResponseDescription": "Accept the service request successfully.",
        ],
        "record": ["id": .string(id)],
        "evidence": ["verdict": "accepted"],
    ],
    [
        "title": "Paid", "source": result,
        "body": message(
            0,
            "The service request is processed successfully.",
            [
                ["Key": "TransactionAmount", "Value": 100], ["Key": "TransactionReceipt", "Value": "NLJ41HAY6Q"],
                ["Key": "B2CRecipientIsRegisteredCustomer", "Value": "Y"],
                ["Key": "ReceiverPartyPublicName", "Value": "254712345678 - John Doe"],
            ]
        ),
        "record": ["id": .string(id)],
        "evidence": ["verdict": "succeeded", "receipt": "NLJ41HAY6Q", "amount": 100, "party": "254712345678"],
    ],
    [
        "title": "No money", "source": result,
        "body": message(1, "The balance is insufficient for the transaction.", nil),
        "record": ["id": .string(id)],
        "evidence": ["verdict": "failed", "code": "1"],
    ],
    [
        "title": "The queue timed out", "source": ["type": "callback", "name": "timeout"],
        "body": message(0, "The service request is processed successfully.", nil),
        "evidence": ["verdict": "unknown"],
    ],
]

private let id = "019ab3c4-0000-7000-8000-000000000001"
private let result: JSON = ["type": "callback", "name": "result"]

private func message(_ code: Int64, _ words: String, _ parameters: [JSON]?) -> JSON {
    var result: JSONObject = [
        "ResultType": 0, "ResultCode": .integer(code), "ResultDesc": .string(words),
        "OriginatorConversationID": .string(id), "ConversationID": "AG_20191219_00005797af5d7d75f652",
        "TransactionID": "NLJ41HAY6Q",
    ]
    if let parameters { result["ResultParameters"] = ["ResultParameter": .array(parameters)] }
    return ["Result": .object(result)]
}
