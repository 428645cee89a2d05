import Daraja
import OrderedJSON

let pushDescriptor: JSONObject = [
    "name": "mpesa_stk_push",
    "operation": "stk_push",
    "title": "Ask a customer to pay (STK push)",
    "description": """
    Sends an M-Pesa payment request to a customer's phone; the customer confirms with their PIN. The answer says \
    that the request was accepted, not that it was paid: read `status` and `next`, and ask mpesa_check_status for \
    the outcome. Never call it again for the same payment while its status is PENDING.
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
    "input_schema": [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": [
            "phone_number": [
                "type": "string", "minLength": 9, "maxLength": 32,
                "description": "The customer's Safaricom number, such as 254712345678 or 0712345678.",
            ],
            "amount": [
                "type": "integer", "minimum": 1,
                "description": "Whole Kenyan shillings.",
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
        "required": ["phone_number", "amount", "account_reference", "transaction_desc"],
        "additionalProperties": false,
    ],
    "output_schema": paymentSchema,
    "annotations": [
        "read_only": false, "destructive": true, "idempotent": false, "open_world": true, "money_moving": true,
        "reversible_by": "mpesa_reverse_transaction",
    ],
    "requires": ["role": "user", "scopes": ["mpesa:stk"]],
    "rate": ["bucket": "money", "cost": 1],
    "http": ["method": "POST", "path": "/tools/stk-push"],
    "wait": ["default_ms": 0, "max_ms": 60_000],
    "idempotency": ["required": false, "retention_s": 86_400],
    "sensitive": ["/phone_number"],
    "since": "0.1.0",
]

let statusDescriptor: JSONObject = [
    "name": "mpesa_check_status",
    "operation": "stk_push",
    "title": "Check a payment's status",
    "description": """
    Says where a payment request stands: PENDING, SUCCESS, FAILED or CANCELLED, with M-Pesa's receipt, whose move \
    it is, and whether asking the customer again is safe. Moves no money.
    """,
    "examples": [
        [
            "title": "By M-Pesa's id",
            "arguments": ["checkout_request_id": "ws_CO_23112026184643123712345678"],
        ]
    ],
    "input_schema": [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": [
            "checkout_request_id": [
                "type": "string", "minLength": 1, "maxLength": 128,
                "description": "The checkout_request_id or the transaction_id that mpesa_stk_push answered.",
            ]
        ],
        "required": ["checkout_request_id"],
        "additionalProperties": false,
    ],
    "output_schema": paymentSchema,
    "annotations": [
        "read_only": true, "destructive": false, "idempotent": true, "open_world": true, "money_moving": false,
    ],
    "requires": ["role": "user", "scopes": ["mpesa:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/transaction-status/{checkout_request_id}"],
    "lookup": [
        "pointer": "/checkout_request_id", "namespace": "checkout_request_id", "refresh_after_ms": 20_000,
    ],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

/// What both tools answer.
let paymentSchema: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": [
        "transaction_id": ["type": "string", "description": "The gateway's id."],
        "status": ["enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"]],
        "state": ["type": "string", "description": "Exactly where it stands."],
        "amount": ["type": "integer"],
        "reversed_amount": ["type": "integer", "description": "How much of it was given back, once that is anything."],
        "phone_number": text,
        "account_reference": text,
        "transaction_desc": text,
        "checkout_request_id": text,
        "merchant_request_id": text,
        "mpesa_receipt_number": text,
        "result_code": [
            "type": "string",
            "description": "M-Pesa's code, or http_ and a status; of what M-Pesa said last, even if it ended nothing.",
        ],
        "result_desc": text,
        "whose_move": [
            "enum": ["customer", "organization", "integrator", "operator", "safaricom", "nobody"]
        ],
        "charge_again": ["enum": ["yes", "no", "wait", "check_first"]],
        "disputed": [
            "type": "boolean",
            "description":
                "Whether something contradicts this payment. Then never charge for it before a person looked.",
        ],
        "dispute": ["type": "string", "description": "What differs, when disputed."],
        "next": ["type": "string", "description": "What to do now."],
        "created_at_ms": ["type": "integer"],
        "ended_at_ms": ["type": "integer"],
    ],
    "required": ["transaction_id", "status", "state", "next", "created_at_ms"],
    "additionalProperties": false,
]

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
