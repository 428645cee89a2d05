import Daraja
import DarajaKit
import OrderedJSON

let reversalDescriptor: JSONObject = [
    "name": "mpesa_reverse_transaction",
    "operation": "reversal",
    "title": "Give a payment back",
    "description": """
    Gives a customer's payment back, whole or in part. The answer says that the request was accepted, not that it went \
    back: read `status` and `next`, and ask mpesa_check_reversal for the outcome. Only money that came in can be reversed, \
    never a payout. Where `state` is draft nothing was sent: others must approve it, or whoever asked confirm it, as \
    `approval` says. While PENDING never ask for the same reversal again but with the same idempotency_key.
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
    "input_schema": MoneyTool.arguments(
        [
            "transaction_id": [
                "type": "string", "minLength": 1, "maxLength": 128,
                "description":
                    "The payment: M-Pesa's receipt, or mpesa_stk_push's transaction_id or checkout_request_id.",
            ],
            "amount": [
                "type": "integer", "minimum": 1,
                "description": "Whole Kenyan shillings; all that is left when left out.",
            ],
            "reason": ["type": "string", "minLength": 2, "maxLength": 100, "description": "Why it is given back."],
            "held_reversals": [
                "type": "array", "items": ["type": "string", "minLength": 1, "maxLength": 64], "maxItems": 64,
                "uniqueItems": true,
                "description": """
                Earlier reversals of this payment without an outcome, by id: only those that somebody has seen in the \
                M-Pesa statement not to have moved.
                """,
            ],
        ],
        required: ["transaction_id", "reason"]
    ),
    "output_schema": reversalSchema,
    "annotations": MoneyTool.movesMoney(),
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
    "description": MoneyTool.standing(
        of: "a reversal",
        askedForBy: "mpesa_reverse_transaction",
        again: "reverse_again"
    ),
    "examples": [
        ["title": "By the gateway's id", "arguments": ["transaction_id": "019ab3c4-0000-7000-8000-000000000001"]]
    ],
    "input_schema": MoneyTool.lookUp(
        by: "transaction_id",
        "The transaction_id or the conversation_id that mpesa_reverse_transaction answered."
    ),
    "output_schema": reversalSchema,
    "annotations": MoneyTool.asks,
    "requires": ["role": "user", "scopes": ["mpesa:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/reverse-transaction/{transaction_id}"],
    "lookup": ["pointer": "/transaction_id", "namespace": "conversation_id", "refresh_after_ms": 30_000],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

let reversalSchema = MoneyTool.answer(
    about: "reversal",
    again: "reverse_again",
    never: "reverse again",
    [
        "original_transaction_id": ["type": "string", "description": "The payment that it gives back."],
        "original_receipt_number": ["type": "string", "description": "That payment's receipt."],
        "reason": text, "conversation_id": text, "originator_conversation_id": text,
        "mpesa_receipt_number": ["type": "string", "description": "The receipt of the reversal itself."],
    ]
)

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
    "query": OperatorMessages.asking(by: "reversal_query", trustingFailureAfterSeconds: trustFailureAfterSeconds),
    "pause_codes": ["1"],
    "break_codes": OperatorMessages.breakCodes,
    "x-examples": reversalRecordings,
]

let reversalQueryOperation = OperatorMessages.question(named: "reversal_query", path: TransactionStatusQuery.path)
