import OrderedJSON

/// What Safaricom sends about a push, masked, and what it proves: `plugin check` holds `interpret` to it.
///
/// Source: Daraja 3.0 portal, M-Pesa Express; names and numbers are masked.
let pushRecordings: JSON = [
    [
        "title": "Accepted", "source": ["type": "reply", "status": 200],
        "body": [
            "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": "ws_CO_191220191020363925",
            "ResponseCode": "0", "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        ],
        "evidence": [
            "verdict": "accepted",
            "external_ids": [
                "checkout_request_id": "ws_CO_191220191020363925", "merchant_request_id": "29115-34620561-1",
            ],
        ],
    ],
    [
        "title": "Paid", "source": result,
        "body": callback(
            0,
            "The service request is processed successfully.",
            [
                ["Name": "Amount", "Value": 100], ["Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"],
                ["Name": "TransactionDate", "Value": 20_191_219_102_115],
                ["Name": "PhoneNumber", "Value": 254_712_345_678],
            ]
        ),
        "evidence": [
            "verdict": "succeeded", "receipt": "NLJ7RT61SV", "amount": 100, "party": "254712345678",
            "charge_again": "no",
        ],
    ],
    [
        "title": "Cancelled by the customer", "source": result,
        "body": callback(1032, "Request cancelled by user.", nil),
        "evidence": ["verdict": "cancelled", "code": "1032"],
    ],
    [
        "title": "A gateway's page", "source": ["type": "reply", "status": 502],
        "body": "<html><body><h1>502 Bad Gateway</h1></body></html>",
        "evidence": ["verdict": "unknown"],
    ],
]

private let result: JSON = ["type": "callback", "name": "result"]

private func callback(_ code: Int64, _ words: String, _ items: [JSON]?) -> JSON {
    var callback: JSONObject = [
        "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": "ws_CO_191220191020363925",
        "ResultCode": .integer(code), "ResultDesc": .string(words),
    ]
    if let items { callback["CallbackMetadata"] = ["Item": .array(items)] }
    return ["Body": ["stkCallback": .object(callback)]]
}
