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
    outcome. Where `state` is draft nothing was sent: others must approve it, or whoever asked confirm it, as `approval` \
    says. While its status is PENDING never ask for the same payout again but with the same idempotency_key.
    """,
    "examples": [
        [
            "title": "Pay a refund of 500 shillings",
            "arguments": ["phone_number": "254712345678", "amount": 500, "remarks": "Refund of order 17"],
        ]
    ],
    "input_schema": MoneyTool.arguments(
        [
            "phone_number": [
                "type": "string", "minLength": 9, "maxLength": 32,
                "description": "The customer's Safaricom number, such as 2547XXXXXXXX or 07XXXXXXXX.",
            ],
            "amount": [
                "type": "integer", "minimum": 1, "description": "Whole Kenyan shillings, usually up to 250,000.",
            ],
            "remarks": [
                "type": "string", "minLength": 2, "maxLength": 100, "description": "What the payout is for.",
            ],
            "command_id": [
                "enum": ["BusinessPayment", "SalaryPayment", "PromotionPayment"],
                "description": "The kind of payout; BusinessPayment when left out.",
            ],
            "occasion": ["type": "string", "minLength": 1, "maxLength": 100, "description": "The occasion, if any."],
        ],
        required: ["phone_number", "amount", "remarks"]
    ),
    "output_schema": payoutSchema,
    "annotations": MoneyTool.movesMoney(),
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
    "description": MoneyTool.standing(of: "a payout", askedForBy: "mpesa_b2c_payment", again: "pay_again"),
    "examples": [
        ["title": "By the gateway's id", "arguments": ["transaction_id": "019ab3c4-0000-7000-8000-000000000001"]]
    ],
    "input_schema": MoneyTool.lookUp(
        by: "transaction_id",
        "The transaction_id or the conversation_id that mpesa_b2c_payment answered."
    ),
    "output_schema": payoutSchema,
    "annotations": MoneyTool.asks,
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
    Asks M-Pesa what the organization's accounts hold and waits a few seconds for the answer: texts in shillings and \
    cents, such as 481000.00. While status is PENDING nothing is known yet: call it again. balances_list says what was \
    answered last, in whole cents, and asks nobody: take that one first. Moves no money.
    """,
    "examples": [["title": "The PayBill's accounts", "arguments": ["account_type": "PAYBILL"]]],
    "input_schema": MoneyTool.arguments(
        [
            "account_type": [
                "enum": ["PAYBILL", "TILL"],
                "description": "What the short code is; the organization's own kind when left out.",
            ]
        ]
    ),
    "output_schema": balanceSchema,
    "annotations": MoneyTool.asks,
    "requires": ["role": "manager", "scopes": ["mpesa:balance"]],
    "rate": ["bucket": "read", "cost": 5],
    "http": ["method": "GET", "path": "/tools/account-balance"],
    "wait": ["default_ms": 10_000, "max_ms": 60_000],
    "since": "0.1.0",
]

private let text: JSON = ["type": "string"]

let payoutSchema = MoneyTool.answer(
    about: "payout",
    again: "pay_again",
    never: "pay it",
    [
        "remarks": text, "conversation_id": text, "originator_conversation_id": text, "mpesa_receipt_number": text,
    ]
)

private let shillings: JSON = ["type": "string", "description": "Shillings and cents, such as 481000.00."]

let balanceSchema: JSON = [
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": [
        "status": MoneyTool.status,
        "accounts": [
            "type": "array",
            "items": [
                "type": "object",
                "properties": [
                    "name": text, "currency": text, "current": shillings, "available": shillings,
                    "reserved": shillings, "uncleared": shillings,
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
    "query": OperatorMessages.asking(by: "payout_query", trustingFailureAfterSeconds: trustFailureAfterSeconds),
    // 1 and 5: no money; the others: the operator's credential, which repeated refusals would lock.
    "pause_codes": ["1", "5"],
    "break_codes": OperatorMessages.breakCodes,
    "x-examples": payoutRecordings,
]

let payoutQueryOperation = OperatorMessages.question(named: "payout_query", path: TransactionStatusQuery.path)

let balanceOperation = OperatorMessages.question(named: "balance", path: AccountBalance.path)
