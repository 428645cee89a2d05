import OrderedJSON

/// What Safaricom sends about a reversal, masked, and what it proves: `plugin check` holds `interpret` to it.
///
/// Source: Daraja 2.0 portal, Reversal; names and numbers are masked. The portal's sample of a success carries the code
/// 21, which every table calls a refusal: it is one.
let reversalRecordings: JSON = [
    [
        "title": "Accepted", "source": ["type": "reply", "status": 200],
        "body": [
            "OriginatorConversationID": "8521-4298025-1", "ConversationID": "AG_20181005_00004d7ee675c0c7ee0b",
            "ResponseCode": "0", "ResponseDescription": "Accept the service request successfully.",
        ],
        "record": asked,
        "evidence": [
            "verdict": "accepted",
            "external_ids": [
                "conversation_id": "AG_20181005_00004d7ee675c0c7ee0b", "originator_conversation_id": "8521-4298025-1",
            ],
        ],
    ],
    [
        "title": "Given back", "source": result, "body": message(0, given),
        "record": asked,
        "evidence": [
            "verdict": "succeeded", "code": "0", "receipt": "MJ561H6X5O", "amount": 100, "party": "254708374149",
        ],
    ],
    [
        "title": "Of another payment", "source": result, "body": message(0, given),
        "record": ["reference": "MJ551H6XXX"],
        "evidence": ["verdict": "unknown"],
    ],
    [
        "title": "The portal's sample: not allowed, whatever else it says", "source": result,
        "body": message(21, given),
        "record": asked,
        "evidence": ["verdict": "failed", "code": "21", "whose_move": "organization"],
    ],
    [
        "title": "Reversed already", "source": result, "body": failure("R000001"),
        "record": asked,
        "evidence": ["verdict": "duplicate", "code": "R000001"],
    ],
    [
        "title": "No such payment", "source": result, "body": failure("R000002"),
        "record": asked,
        "evidence": ["verdict": "failed", "code": "R000002"],
    ],
    [
        "title": "The queue timed out", "source": ["type": "callback", "name": "timeout"], "body": failure("1"),
        "evidence": ["verdict": "unknown"],
    ],
]

private let asked: JSON = ["reference": "MJ551H6X5D"]
private let result: JSON = ["type": "callback", "name": "result"]

private let given: JSON = [
    ["Key": "DebitAccountBalance", "Value": "Utility Account|KES|51661.00|51661.00|0.00|0.00"],
    ["Key": "Amount", "Value": 100], ["Key": "TransCompletedTime", "Value": 20_181_005_153_225],
    ["Key": "OriginalTransactionID", "Value": "MJ551H6X5D"], ["Key": "Charge", "Value": 0],
    ["Key": "CreditPartyPublicName", "Value": "254708374149 - John Doe"],
    ["Key": "DebitPartyPublicName", "Value": "601315 - Safaricom1338"],
]

private func message(_ code: Int64, _ parameters: JSON) -> JSON {
    wrapped(["ResultType": 0, "ResultCode": .integer(code), "ResultParameters": ["ResultParameter": parameters]])
}

/// A failure: its codes are texts, and its one parameter stands alone.
private func failure(_ code: String) -> JSON {
    let completed: JSON = ["Key": "BOCompletedTime", "Value": 20_181_005_153_225]
    return wrapped([
        "ResultType": "0", "ResultCode": .string(code), "ResultParameters": ["ResultParameter": completed],
    ])
}

private func wrapped(_ members: JSONObject) -> JSON {
    var result: JSONObject = [
        "ResultDesc": "The service request is processed successfully.",
        "OriginatorConversationID": "8521-4298025-1", "ConversationID": "AG_20181005_00004d7ee675c0c7ee0b",
        "TransactionID": "MJ561H6X5O",
    ]
    for (name, value) in members { result[name] = value }
    return ["Result": .object(result)]
}
