import Daraja
import OrderedJSON
import PluginKit

/// An operation plugin in Swift: asks a customer to pay, and says what M-Pesa's messages prove.
///
/// It sends nothing itself. The host commits the request, sends it once, receives the callback, and asks these pure
/// functions what each message means. `Plugins/STKPush` is the same idea with everything a real shop needs.
public let plugin = Plugin(
    id: "till-request",
    version: "0.1.0",
    title: "Request to pay",
    tools: [.operation(OperationTool(request, prepare: plan, render: Shown.init))],
    operations: [Operation(kind, interpret: interpret)],
    secrets: ["stk_password"]
)

/// The tool: what callers and models are told.
private let request: JSONObject = [
    "name": "till_request",
    "operation": "request",
    "title": "Request a payment",
    "description":
        "Asks a customer's phone to pay. The answer says that the request was accepted, not that it was paid.",
    "examples": [["title": "Ten shillings", "arguments": ["phone_number": "254712345678", "amount": 10]]],
    "input_schema": [
        "type": "object",
        "properties": [
            "phone_number": ["type": "string", "maxLength": 20, "description": "The customer's Safaricom number."],
            "amount": ["type": "integer", "minimum": 1, "maximum": 250_000, "description": "Whole shillings."],
        ],
        "required": ["phone_number", "amount"],
        "additionalProperties": false,
    ],
    "output_schema": [
        "type": "object",
        "properties": [
            "transaction_id": ["type": "string"], "status": ["type": "string"], "receipt": ["type": "string"],
            "meaning": ["type": "string"],
        ],
        "required": ["transaction_id", "status"],
        "additionalProperties": false,
    ],
    "annotations": [
        "read_only": false, "destructive": true, "idempotent": false, "open_world": true, "money_moving": true,
    ],
    "rate": ["bucket": "money", "cost": 1],
]

/// The kind of request: where it goes, what the host fills in, and that nothing may ever be sent twice.
private let kind: JSONObject = [
    "name": "request",
    "direction": "in",
    "upstream": "daraja",
    "path": .string(STKPush.path),
    "callbacks": [["name": "result", "pointer": "/CallBackURL"]],
    "secrets": [
        [
            "transform": "stk_password", "pointer": "/Password",
            "inputs": ["short_code": "/BusinessShortCode", "timestamp": "/Timestamp"],
        ]
    ],
    "deduplication": ["mode": "none"],
    "resend": ["limit": 0, "grace_ms": 60_000],
    "send_before_ms": 60_000,
    "x-examples": recorded,
]

/// What M-Pesa was seen to send, and what it proves: `plugin check` holds `interpret` to it, and takes parts of it away.
///
/// `dev` answers by it where its simulator does not know the path.
private let recorded: JSON = [
    [
        "title": "Taken", "source": ["type": "reply", "status": 200],
        "body": [
            "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": "ws_CO_191220191020363925",
            "ResponseCode": "0", "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        ],
        "evidence": ["verdict": "accepted"],
    ],
    [
        "title": "Paid", "source": ["type": "callback", "name": "result"],
        "body": [
            "Body": [
                "stkCallback": [
                    "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": "ws_CO_191220191020363925",
                    "ResultCode": 0, "ResultDesc": "The service request is processed successfully.",
                    "CallbackMetadata": [
                        "Item": [
                            ["Name": "Amount", "Value": 100], ["Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"],
                            ["Name": "PhoneNumber", "Value": 254_712_345_678],
                        ]
                    ],
                ]
            ]
        ],
        "evidence": ["verdict": "succeeded", "receipt": "NLJ7RT61SV", "amount": 100],
    ],
    [
        "title": "A gateway's page", "source": ["type": "reply", "status": 502], "body": "<html>502</html>",
        "evidence": ["verdict": "unknown"],
    ],
]

/// What the tool is given; a test says whether the schemas above mean the same as these two types.
private struct Payment: Decodable {
    var phoneNumber: String
    var amount: Int64

    enum CodingKeys: String, CodingKey {
        case phoneNumber = "phone_number"
        case amount
    }
}

/// What it answers: the payment as it stands.
private struct Shown: Codable {
    var transactionID: String
    var status: String
    var receipt: String?
    var meaning: String?

    init(_ record: Record) {
        transactionID = record.id
        status = record.status
        receipt = record.receipt
        meaning = record.meaning
    }

    enum CodingKeys: String, CodingKey {
        case transactionID = "transaction_id"
        case status, receipt, meaning
    }
}

private func plan(_ payment: Payment, _ input: PrepareInput) throws(Refusal) -> OperationPlan {
    guard let phone = MSISDN(payment.phoneNumber) else {
        throw Refusal(
            "invalid_argument",
            field: "/phone_number",
            "phone_number: expected a number such as 2547XXXXXXXX."
        )
    }
    let body = STKPush.Request(
        BusinessShortCode: input.profile.shortCode,
        Timestamp: EastAfricaTime.timestamp(milliseconds: input.nowMilliseconds),
        TransactionType: "CustomerPayBillOnline",
        Amount: payment.amount,
        PhoneNumber: phone,
        PartyB: input.profile.shortCode,
        AccountReference: "TILL",
        TransactionDesc: "Payment"
    )
    return OperationPlan(
        amount: payment.amount,
        party: phone.digits,
        guards: [Guard(key: "phone:\(phone)", windowMilliseconds: 60_000, message: "This phone was asked just now.")],
        body: body.body
    )
}

/// What bytes prove.
///
/// Never an error: what makes no sense proves nothing.
private func interpret(_ raw: [UInt8], _ source: Source, _ record: Record) -> Evidence? {
    guard let body = try? JSON(parsing: raw) else { return Evidence(.unknown) }
    switch source {
    case .reply:
        guard let reply = STKPush.Reply(body) else { return Evidence(.unknown) }
        // Only a plain code refuses; what says neither may have been taken, and is asked about.
        let verdict: Evidence.Verdict =
            switch reply.answer {
            case .taken: .accepted
            case .refused: .rejected
            case .unclear: .unknown
            }
        var evidence = Evidence(verdict)
        evidence.meaning = reply.ResponseDescription
        evidence.externalIDs = ["checkout_request_id": reply.CheckoutRequestID]
        return evidence
    case .callback:
        guard let callback = STKPush.Callback(body) else { return nil }
        let result = STKResultCode.named(callback.ResultCode)
        // A payment is of some whole shillings; what states anything else is not taken for one.
        let amount = callback.Amount.flatMap { $0 > 0 ? $0 : nil }
        var evidence = Evidence(.unknown)
        switch result.outcome {
        case .paid where callback.MpesaReceiptNumber != nil && amount != nil && callback.contradiction == nil:
            evidence = Evidence(.succeeded)
        case .cancelled: evidence = Evidence(.cancelled)
        case .expired: evidence = Evidence(.expired)
        case .failed: evidence = Evidence(.failed)
        default: break
        }
        evidence.code = result.code
        evidence.meaning = result.meaning
        evidence.receipt = callback.MpesaReceiptNumber
        evidence.amount = amount
        evidence.externalIDs = ["checkout_request_id": callback.CheckoutRequestID]
        return evidence
    case .statement: return nil
    }
}
