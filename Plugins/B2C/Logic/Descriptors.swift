import Daraja
import DarajaKit
import OrderedJSON

let payoutDescriptor: JSONObject = [
    "name": "mpesa_b2c_payment",
    "operation": "payout",
    "title": "Pay a customer (B2C)",
    "description": """
    Sends money from the organization's utility account to a customer's M-Pesa. It cannot be taken back. The answer says \
    that the request was accepted, not that it was paid: read `status` and `next`, and ask mpesa_check_payout for the \
    outcome. Never call it again for the same payout while its status is PENDING.
    """,
    "examples": [
        [
            "title": "Pay a refund of 500 shillings",
            "arguments": ["phone_number": "254712345678", "amount": 500, "remarks": "Refund of order 17"],
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
            "amount": ["type": "integer", "minimum": 1, "description": "Whole Kenyan shillings."],
            "remarks": [
                "type": "string", "minLength": 2, "maxLength": 100, "description": "What the payout is for.",
            ],
            "command_id": [
                "enum": ["BusinessPayment", "SalaryPayment", "PromotionPayment"],
                "description": "The kind of payout; BusinessPayment when left out.",
            ],
            "occasion": ["type": "string", "minLength": 1, "maxLength": 100, "description": "The occasion, if any."],
        ],
        "required": ["phone_number", "amount", "remarks"],
        "additionalProperties": false,
    ],
    "output_schema": payoutSchema,
    "annotations": [
        "read_only": false, "destructive": true, "idempotent": false, "open_world": true, "money_moving": true,
    ],
    "requires": ["role": "manager", "scopes": ["mpesa:b2c"]],
    "rate": ["bucket": "money", "cost": 1],
    "http": ["method": "POST", "path": "/tools/b2c-payment"],
    "wait": ["default_ms": 0, "max_ms": 60_000],
    "idempotency": ["required": false, "retention_s": 86_400],
    "sensitive": ["/phone_number"],
    "since": "0.1.0",
]

let payoutStatusDescriptor: JSONObject = [
    "name": "mpesa_check_payout",
    "operation": "payout",
    "title": "Check a payout's status",
    "description": """
    Says where a payout stands: PENDING, SUCCESS or FAILED, with M-Pesa's receipt, whose move it is, and whether paying \
    again is safe. Moves no money.
    """,
    "examples": [
        ["title": "By the gateway's id", "arguments": ["transaction_id": "019ab3c4-0000-7000-8000-000000000001"]]
    ],
    "input_schema": [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": [
            "transaction_id": [
                "type": "string", "minLength": 1, "maxLength": 128,
                "description": "The transaction_id or the conversation_id that mpesa_b2c_payment answered.",
            ]
        ],
        "required": ["transaction_id"],
        "additionalProperties": false,
    ],
    "output_schema": payoutSchema,
    "annotations": [
        "read_only": true, "destructive": false, "idempotent": true, "open_world": true, "money_moving": false,
    ],
    "requires": ["role": "user", "scopes": ["mpesa:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/b2c-payment/{transaction_id}"],
    "lookup": ["pointer": "/transaction_id", "namespace": "conversation_id", "refresh_after_ms": 30_000],
    "since": "0.1.0",
]

let balanceDescriptor: JSONObject = [
    "name": "mpesa_check_balance",
    "operation": "balance",
    "title": "Check the account balance",
    "description": """
    Asks M-Pesa what the organization's accounts hold and waits a few seconds for the answer. While status is PENDING \
    nothing is known yet: call it again. Moves no money.
    """,
    "examples": [["title": "The PayBill's accounts", "arguments": ["account_type": "PAYBILL"]]],
    "input_schema": [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": [
            "account_type": [
                "enum": ["PAYBILL", "TILL"],
                "description": "What the short code is; the organization's own kind when left out.",
            ]
        ],
        "additionalProperties": false,
    ],
    "output_schema": balanceSchema,
    "annotations": [
        "read_only": true, "destructive": false, "idempotent": true, "open_world": true, "money_moving": false,
    ],
    "requires": ["role": "manager", "scopes": ["mpesa:balance"]],
    "rate": ["bucket": "read", "cost": 5],
    "http": ["method": "GET", "path": "/tools/account-balance"],
    "wait": ["default_ms": 10_000, "max_ms": 60_000],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

let payoutSchema: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": [
        "transaction_id": ["type": "string", "description": "The gateway's id."],
        "status": ["enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"]],
        "state": ["type": "string", "description": "Exactly where it stands."],
        "amount": ["type": "integer"],
        "phone_number": text,
        "remarks": text,
        "conversation_id": text,
        "originator_conversation_id": text,
        "mpesa_receipt_number": text,
        "result_code": [
            "type": "string",
            "description": "M-Pesa's code, or http_ and a status; of what M-Pesa said last, even if it ended nothing.",
        ],
        "result_desc": text,
        "whose_move": [
            "enum": ["customer", "organization", "integrator", "operator", "safaricom", "nobody"]
        ],
        "pay_again": ["enum": ["yes", "no", "wait", "check_first"]],
        "disputed": [
            "type": "boolean",
            "description": "Whether something contradicts this payout. Then never pay it before a person looked.",
        ],
        "dispute": ["type": "string", "description": "What differs, when disputed."],
        "next": ["type": "string", "description": "What to do now."],
        "created_at_ms": ["type": "integer"],
        "ended_at_ms": ["type": "integer"],
    ],
    "required": ["transaction_id", "status", "state", "next", "created_at_ms"],
    "additionalProperties": false,
]

let balanceSchema: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": [
        "status": ["enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"]],
        "accounts": [
            "type": "array",
            "items": [
                "type": "object",
                "properties": [
                    "name": text, "currency": text, "current": text, "available": text, "reserved": text,
                    "uncleared": text,
                ],
                "required": ["name", "currency", "current", "available", "reserved", "uncleared"],
                "additionalProperties": false,
            ],
        ],
        "as_of": ["type": "string", "description": "When M-Pesa answered, in its own form."],
        "unread": [
            "type": "array", "items": text,
            "description": "Parts of M-Pesa's answer that could not be read, as M-Pesa wrote them.",
        ],
        "result_code": text,
        "result_desc": text,
        "next": text,
    ],
    "required": ["status", "next"],
    "additionalProperties": false,
]

/// How long after sending a failure that was learned by asking is not believed.
let trustFailureAfterSeconds: Int64 = 120

/// A payout and how it is asked about.
///
/// M-Pesa knows a repeat by OriginatorConversationID, which is the record's own id and so known before the first byte
/// leaves. A failure learned by asking is believed after two minutes.
let payoutOperation: JSONObject = [
    "name": "payout",
    "direction": "out",
    "upstream": "daraja",
    "path": .string(B2CPayment.path),
    "callbacks": OperatorMessages.callbacks,
    "secrets": OperatorMessages.secrets,
    "deduplication": ["mode": "host_id", "pointer": "/OriginatorConversationID"],
    "resend": ["limit": 0, "grace_ms": 1_800_000],
    "send_before_ms": 60_000,
    "query": [
        "operation": "payout_query",
        "first_after_ms": 20_000,
        "every_ms": [20_000, 60_000, 300_000, 900_000, 3_600_000],
        "trust_failure_after_ms": .integer(trustFailureAfterSeconds * 1000),
        "horizon_ms": 86_400_000,
    ],
    // 1 and 5: no money; the others: the operator's credential, which repeated refusals would lock.
    "pause_codes": ["1", "5"],
    "break_codes": OperatorMessages.breakCodes,
    "x-examples": payoutRecordings,
]

let payoutQueryOperation: JSONObject = [
    "name": "payout_query",
    "direction": "none",
    "upstream": "daraja",
    "path": .string(TransactionStatusQuery.path),
    "callbacks": OperatorMessages.callbacks,
    "secrets": OperatorMessages.secrets,
    "send_before_ms": 60_000,
]

let balanceOperation: JSONObject = [
    "name": "balance",
    "direction": "none",
    "upstream": "daraja",
    "path": .string(AccountBalance.path),
    "callbacks": OperatorMessages.callbacks,
    "secrets": OperatorMessages.secrets,
    "send_before_ms": 60_000,
]
