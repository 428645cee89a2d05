import Daraja
import DarajaKit
import OrderedJSON
import PluginKit

/// Many payouts in one call: the gateway makes a batch of them, checks every row before anything is kept, and sends them
/// one after another once a person has let them leave.
let bulkPaymentDescriptor: JSONObject = [
    "name": "mpesa_bulk_payment",
    "operation": "payout",
    "title": "Pay many customers (B2C)",
    "description": """
    Makes a batch of payouts from the organization's utility account: salaries, refunds, commissions. Nothing is sent \
    before a person has released it, unless release says otherwise and no rule asks for one. Where rows are wrong all of \
    them are named, and nothing is kept. Ask batches_show for its progress by batch_id; never send it again under another \
    id.
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
    "input_schema": MoneyTool.arguments(
        [
            "payments": [
                "type": "array", "minItems": 1, "maxItems": 5000,
                "items": [
                    "type": "object",
                    "properties": [
                        "phone_number": [
                            "type": "string", "minLength": 9, "maxLength": 32,
                            "description": "Such as 254712345678 or 0712345678.",
                        ],
                        "amount": ["type": "integer", "minimum": 1, "description": "Whole Kenyan shillings."],
                        "account_reference": [
                            "type": "string", "minLength": 1, "maxLength": 100,
                            "description": "Your own, such as a staff number.",
                        ],
                        "remarks": [
                            "type": "string", "minLength": 2, "maxLength": 100,
                            "description": "Payment when left out.",
                        ],
                        "command_id": [
                            "enum": ["BusinessPayment", "SalaryPayment", "PromotionPayment"],
                            "description": "BusinessPayment when left out.",
                        ],
                    ],
                    "required": ["phone_number", "amount"], "additionalProperties": false,
                ],
            ],
            "batch_name": ["type": "string", "minLength": 1, "maxLength": 100],
        ],
        required: ["payments", "batch_name"]
    ),
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
