import Daraja
import DarajaKit
import OrderedJSON

let pushDescriptor: JSONObject = [
    "name": "mpesa_stk_push",
    "operation": "stk_push",
    "title": "Ask a customer to pay (STK push)",
    "description": """
    Sends an M-Pesa payment request to a customer's phone; the customer confirms with their PIN. The answer says \
    that the request was accepted, not that it was paid: read `status` and `next`, and ask mpesa_check_status for \
    the outcome. While its status is PENDING never ask for the same payment again but with the same idempotency_key.
    """,
    "examples": [
        [
            "title": "Collect 100 shillings for an invoice",
            "arguments": [
                "phone_number": "254712345678", "amount": 100, "account_reference": "INV-001",
                "transaction_desc": "Invoice 1",
            ],
        ]
    ],
    "input_schema": MoneyTool.arguments(
        [
            "phone_number": [
                "type": "string", "minLength": 9, "maxLength": 32,
                "description": "The customer's Safaricom number, such as 2547XXXXXXXX or 07XXXXXXXX.",
            ],
            "amount": [
                "type": "integer", "minimum": 1,
                "description": "Whole Kenyan shillings, usually up to 250,000.",
            ],
            "account_reference": [
                "type": "string", "minLength": 1, "maxLength": 12,
                "description": "What the payment is for, as the customer sees it: an invoice or account number.",
            ],
            "transaction_desc": [
                "type": "string", "minLength": 1, "maxLength": 13,
                "description": "A short description.",
            ],
        ],
        required: ["phone_number", "amount", "account_reference", "transaction_desc"]
    ),
    "output_schema": paymentSchema,
    "annotations": MoneyTool.movesMoney(reversibleBy: "mpesa_reverse_transaction"),
    "requires": ["role": "user", "scopes": ["mpesa:stk"]],
    "rate": ["bucket": "money", "cost": 1],
    "http": ["method": "POST", "path": "/tools/stk-push"],
    "x-audit": "STK_PUSH_INITIATED",
    "wait": ["default_ms": 0, "max_ms": 60_000],
    "idempotency": ["required": false, "retention_s": 86_400],
    "sensitive": ["/phone_number"],
    "since": "0.1.0",
]

let statusDescriptor: JSONObject = [
    "name": "mpesa_check_status",
    "operation": "stk_push",
    "title": "Check a payment's status",
    "description": MoneyTool.standing(of: "a payment request", askedForBy: "mpesa_stk_push", again: "charge_again"),
    "examples": [
        [
            "title": "By M-Pesa's id",
            "arguments": ["checkout_request_id": "ws_CO_23112026184643123712345678"],
        ]
    ],
    "input_schema": MoneyTool.lookUp(
        by: "checkout_request_id",
        "The checkout_request_id or the transaction_id that mpesa_stk_push answered."
    ),
    "output_schema": paymentSchema,
    "annotations": MoneyTool.asks,
    "requires": ["role": "user", "scopes": ["mpesa:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/transaction-status/{checkout_request_id}"],
    "x-audit": "TRANSACTION_STATUS_CHECK",
    "lookup": [
        "pointer": "/checkout_request_id", "namespace": "checkout_request_id", "refresh_after_ms": 20_000,
    ],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

/// What both tools answer.
let paymentSchema = MoneyTool.answer(
    about: "payment",
    again: "charge_again",
    never: "charge for it",
    [
        "reversed_amount": ["type": "integer", "description": "How much of it was given back, once that is anything."],
        "account_reference": text, "transaction_desc": text, "checkout_request_id": text, "merchant_request_id": text,
        "mpesa_receipt_number": text,
    ]
)

/// How long after sending a failure that was learned by asking is not believed.
let trustFailureAfterSeconds: Int64 = 90

/// When and how an open payment is asked about.
///
/// First after 20 s, because a customer needs that long to answer; a failure learned by asking is believed only after
/// 90 s, because queries have said "failed" of payments whose callback then said "paid". Safaricom does not say for how
/// long it can be asked; after a day a person must look.
let pushOperation: JSONObject = [
    "name": "stk_push",
    "direction": "in",
    "upstream": "daraja",
    "path": .string(STKPush.path),
    "callbacks": [["name": "result", "pointer": "/CallBackURL"]],
    "secrets": [passwordBinding],
    // M-Pesa Express has no id of ours, so nothing recognizes a repeat: the same push is never sent again by itself.
    "deduplication": ["mode": "none"],
    "resend": ["limit": 0, "grace_ms": 60_000],
    "send_before_ms": 60_000,
    "query": [
        "operation": "stk_query",
        "first_after_ms": 20_000,
        "every_ms": [15_000, 15_000, 15_000, 15_000, 15_000, 300_000, 900_000, 3_600_000],
        "trust_failure_after_ms": .integer(trustFailureAfterSeconds * 1000),
        "horizon_ms": 86_400_000,
    ],
    // Callbacks in the form that M-Pesa posts them, where they carry no token.
    "x-hint": ["pointer": "/Body/stkCallback/CheckoutRequestID", "namespace": "checkout_request_id"],
    "x-examples": pushRecordings,
]

let queryOperation: JSONObject = [
    "name": "stk_query",
    "direction": "none",
    "upstream": "daraja",
    "path": .string(STKQuery.path),
    "secrets": [passwordBinding],
    "send_before_ms": 60_000,
]

private let passwordBinding: JSON = [
    "transform": "stk_password", "pointer": "/Password",
    "inputs": ["short_code": "/BusinessShortCode", "timestamp": "/Timestamp"],
]
