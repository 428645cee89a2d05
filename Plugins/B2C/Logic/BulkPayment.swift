import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Many payouts in one call: the gateway makes a batch of them, checks every row before anything is kept, and sends them
/// one after another once a person has let them leave.
let bulkPaymentDescriptor: JSONObject = [
    "name": "mpesa_bulk_payment",
    "operation": "payout",
    "title": "Pay many customers",
    "description": """
    A batch of payouts (B2C), which leaves once a person releases it. Wrong rows are all named, and nothing is kept. \
    batches_show has its progress; never send it under another batch_id.
    """,
    "examples": [
        [
            "title": "Two salaries",
            "arguments": [
                "batch_name": "Salaries of November",
                "payments": [
                    [
                        "phone_number": "254712345678", "amount": 15000, "account_reference": "EMP-17",
                        "remarks": "Salary of November",
                    ],
                    ["phone_number": "0722000001", "amount": 18500],
                ],
            ],
        ]
    ],
    // Without its dialect, which is the usual one: a model reads this with all the other tools.
    "input_schema": [
        "type": "object", "additionalProperties": false, "required": ["payments", "batch_name"],
        "properties": [
            "payments": [
                "type": "array", "minItems": 1, "maxItems": 5000,
                "items": [
                    "type": "object",
                    "properties": [
                        "phone_number": [
                            "type": "string", "minLength": 9, "maxLength": 32,
                            "description": "Such as 07XXXXXXXX.",
                        ],
                        "amount": ["type": "integer", "minimum": 1, "description": "Whole KES."],
                        "account_reference": ["type": "string", "minLength": 1, "maxLength": 100],
                        "remarks": ["type": "string", "minLength": 2, "maxLength": 100],
                        "command_id": [
                            "enum": ["BusinessPayment", "SalaryPayment", "PromotionPayment"],
                            "description": "The first when left out.",
                        ],
                    ],
                    "required": ["phone_number", "amount"], "additionalProperties": false,
                ],
            ],
            "batch_name": ["type": "string", "minLength": 1, "maxLength": 100],
        ],
    ],
    "output_schema": payoutSchema,
    "annotations": MoneyTool.movesMoney(),
    "requires": ["role": "manager", "scopes": ["mpesa:b2c"]],
    "rate": ["bucket": "money", "cost": 1],
    "http": ["method": "POST", "path": "/tools/bulk-payment"],
    "sensitive": ["/payments/*/phone_number"],
    "since": "0.2.0",
]

/// Plans one payout of a batch: as one of its own, but that its remarks and its reference may be left out.
func planBulkItem(_ input: PrepareInput) throws(Refusal) -> OperationPlan {
    let arguments = input.arguments
    return try planPayout(
        input,
        remarks: arguments["remarks"]?.stringValue ?? "Payment",
        occasion: arguments["account_reference"]?.stringValue
    )
}
