import Daraja
import DarajaKit
import OrderedJSON

let reversalDescriptor: JSONObject = [
    "name": "mpesa_reverse_transaction",
    "operation": "reversal",
    "title": "Give a payment back",
    "description": """
    Gives a customer's payment back, the whole of it or a part. The answer says that the request was accepted, not that \
    the money went back: read `status` and `next`, and ask mpesa_check_reversal for the outcome. Only money that came in \
    can be reversed, never a payout. Never call it again for the same payment while its status is PENDING.
    """,
    "examples": [
        [
            "title": "All that is left of a payment, by M-Pesa's receipt",
            "arguments": ["transaction_id": "NLJ7RT61SV", "reason": "Order 17 was cancelled"],
        ],
        [
            "title": "A part of it, by the gateway's id",
            "arguments": [
                "transaction_id": "019ab3c4-0000-7000-8000-000000000001", "amount": 40,
                "reason": "Two of five came back",
            ],
        ],
    ],
    "input_schema": [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": [
            "transaction_id": [
                "type": "string", "minLength": 1, "maxLength": 128,
                "description":
                    "The payment: M-Pesa's receipt, the transaction_id or the checkout_request_id of mpesa_stk_push.",
            ],
            "amount": [
                "type": "integer", "minimum": 1,
                "description": "Whole Kenyan shillings; all that is left of the payment when left out.",
            ],
            "reason": ["type": "string", "minLength": 2, "maxLength": 100, "description": "Why it is given back."],
            "held_reversals": [
                "type": "array", "items": ["type": "string", "minLength": 1, "maxLength": 64], "maxItems": 64,
                "uniqueItems": true,
                "description": """
                Ids of earlier reversals of this payment of which M-Pesa stated no outcome. Name one only after somebody \
                has seen in the M-Pesa statement that it did not move.
                """,
            ],
        ],
        "required": ["transaction_id", "reason"],
        "additionalProperties": false,
    ],
    "output_schema": reversalSchema,
    "annotations": [
        "read_only": false, "destructive": true, "idempotent": false, "open_world": true, "money_moving": true,
    ],
    "requires": ["role": "manager", "scopes": ["mpesa:reversal"]],
    "rate": ["bucket": "money", "cost": 1],
    "http": ["method": "POST", "path": "/tools/reverse-transaction"],
    "wait": ["default_ms": 0, "max_ms": 60_000],
    "idempotency": ["required": false, "retention_s": 86_400],
    "since": "0.1.0",
]

let reversalStatusDescriptor: JSONObject = [
    "name": "mpesa_check_reversal",
    "operation": "reversal",
    "title": "Check a reversal's status",
    "description": """
    Says where a reversal stands: PENDING, SUCCESS or FAILED, with M-Pesa's receipt of it, whose move it is, and whether \
    reversing again is safe. Moves no money.
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
                "description": "The transaction_id or the conversation_id that mpesa_reverse_transaction answered.",
            ]
        ],
        "required": ["transaction_id"],
        "additionalProperties": false,
    ],
    "output_schema": reversalSchema,
    "annotations": [
        "read_only": true, "destructive": false, "idempotent": true, "open_world": true, "money_moving": false,
    ],
    "requires": ["role": "user", "scopes": ["mpesa:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/reverse-transaction/{transaction_id}"],
    "lookup": ["pointer": "/transaction_id", "namespace": "conversation_id", "refresh_after_ms": 30_000],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

let reversalSchema: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": [
        "transaction_id": ["type": "string", "description": "The gateway's id of the reversal."],
        "status": ["enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"]],
        "state": ["type": "string", "description": "Exactly where it stands."],
        "amount": ["type": "integer", "description": "How much is given back."],
        "original_transaction_id": ["type": "string", "description": "The payment that it gives back."],
        "original_receipt_number": ["type": "string", "description": "That payment's receipt."],
        "phone_number": text,
        "reason": text,
        "conversation_id": text,
        "originator_conversation_id": text,
        "mpesa_receipt_number": ["type": "string", "description": "The receipt of the reversal itself."],
        "result_code": [
            "type": "string",
            "description": "M-Pesa's code, or http_ and a status; of what M-Pesa said last, even if it ended nothing.",
        ],
        "result_desc": text,
        "whose_move": ["enum": ["customer", "organization", "integrator", "operator", "safaricom", "nobody"]],
        "reverse_again": ["enum": ["yes", "no", "wait", "check_first"]],
        "disputed": [
            "type": "boolean",
            "description":
                "Whether something contradicts this reversal. Then never reverse again before a person looked.",
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
let trustFailureAfterSeconds: Int64 = 120

/// A reversal and how it is asked about.
///
/// M-Pesa knows a repeat by nothing, so it is never sent again by itself. What was not heard of within a day is a person's
/// to look up: an answer that was lost leaves nothing to ask by.
let reversalOperation: JSONObject = [
    "name": "reversal",
    "direction": "reverse",
    "upstream": "daraja",
    "path": .string(TransactionReversal.path),
    "callbacks": OperatorMessages.callbacks,
    "secrets": OperatorMessages.secrets,
    "deduplication": ["mode": "none"],
    "resend": ["limit": 0, "grace_ms": 60_000],
    "send_before_ms": 60_000,
    "query": [
        "operation": "reversal_query",
        "first_after_ms": 20_000,
        "every_ms": [20_000, 60_000, 300_000, 900_000, 3_600_000],
        "trust_failure_after_ms": .integer(trustFailureAfterSeconds * 1000),
        "horizon_ms": 86_400_000,
    ],
    "pause_codes": ["1"],
    "break_codes": OperatorMessages.breakCodes,
    "x-examples": reversalRecordings,
]

let reversalQueryOperation: JSONObject = [
    "name": "reversal_query",
    "direction": "none",
    "upstream": "daraja",
    "path": .string(TransactionStatusQuery.path),
    "callbacks": OperatorMessages.callbacks,
    "secrets": OperatorMessages.secrets,
    "send_before_ms": 60_000,
]
