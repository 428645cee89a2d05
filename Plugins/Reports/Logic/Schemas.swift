import DarajaKit
import OrderedJSON

private let dialect: JSON = "https://json-schema.org/draft/2020-12/schema"
private let text: JSON = ["type": "string"]
private let whole: JSON = ["type": "integer"]

private func object(_ properties: JSONObject, optional: Set<String> = []) -> JSON {
    [
        "type": "object", "properties": .object(properties),
        "required": .array(properties.map { $0.key }.filter { !optional.contains($0) }.map { .string($0) }),
        "additionalProperties": false,
    ]
}

private func list(of items: JSON) -> JSON { ["type": "array", "items": items] }

let historySchema: JSON = [
    "$schema": dialect, "type": "object", "required": ["transactions", "count"], "additionalProperties": false,
    "properties": [
        "transactions": list(of: shownSchema), "count": whole,
        "next_cursor": ["type": "string", "description": "Where there may be more."],
    ],
]

private let shownSchema: JSON = [
    "type": "object", "additionalProperties": false,
    "required": ["transaction_id", "status", "state", "transaction_type", "direction", "created_at_ms"],
    "properties": [
        "transaction_id": text, "status": MoneyTool.status, "state": text, "transaction_type": text, "direction": text,
        "account": text, "amount": ["type": "integer", "description": "Whole Kenyan shillings."],
        "reversed_amount": ["type": "integer", "description": "How much of it went back."],
        "phone_number": text, "account_reference": text, "transaction_desc": text, "mpesa_receipt_number": text,
        "result_code": ["type": "string", "description": "M-Pesa's, which need not be a number."], "result_desc": text,
        "original_transaction_id": text, "about_transaction_id": text,
        "disputed": ["type": "boolean", "description": "Whether something contradicts it."],
        "created_at_ms": whole, "ended_at_ms": whole,
    ],
]

private let rate: JSON = [
    "type": ["number", "null"], "description": "Of 1; of those that were sent. Null where there were none.",
]

/// What every row of a report has beside its name.
private let tally: JSONObject = [
    "count": whole, "successful_count": ["type": "integer", "description": "With those that went back later."],
    "failed_count": whole, "cancelled_count": whole,
    "withdrawn_count": ["type": "integer", "description": "Held, and never sent."], "amount_in": whole,
    "amount_out": whole, "amount_given_back": whole, "success_rate": rate,
]

private func row(_ name: String, _ more: JSONObject = [:], without: String? = nil) -> JSON {
    var properties: JSONObject = [name: text]
    for (name, schema) in tally where name != without { properties[name] = schema }
    for (name, schema) in more { properties[name] = schema }
    return list(of: object(properties))
}

private let moved = object(["count": whole, "amount": whole])

let reportSchema: JSON = {
    guard
        case .object(var schema) = object(
            reportProperties,
            optional: ["balances", "report_id", "expires_at_ms", "organization_id", "corrections"]
        )
    else { return .null }
    schema["$schema"] = dialect
    return .object(schema)
}()

private let reportProperties: JSONObject = [
    "report_type": text, "period": text, "date_from": text, "date_to": text,
    "is_period_over": ["type": "boolean", "description": "False while its last day goes on."],
    "generated_at": text, "as_of_ms": ["type": "integer", "description": "When the sums were read."],
    "reader": object([
        "counted_to": ["type": "string", "description": "The place in the feed that sums and what is open are of."],
        "events_behind": [
            "type": "integer",
            "description": "How many events the reader of the feed had not summed up; they are counted all the same.",
        ],
    ]),
    "summary": object([
        "total_transactions": [
            "type": "integer", "description": "Those that ended in these days, and all that is open.",
        ],
        "successful_count": ["type": "integer", "description": "With those that went back later."],
        "successful_amount": whole, "failed_count": whole, "cancelled_count": whole, "withdrawn_count": whole,
        "reversed_count": ["type": "integer", "description": "Those of the successful that went back later."],
        "reversed_amount": whole,
        "pending_count": ["type": "integer", "description": "What is open now, whenever it was begun."],
        "pending_amount": whole, "success_rate": rate,
    ]),
    "money": object(["in": moved, "out": moved, "given_back": moved, "net": whole]),
    "fees": object([
        "cents": ["type": "integer", "description": "What M-Pesa took, where it says so, in cents."],
        "stated_for": ["type": "integer", "description": "Of how many it says so."],
        "of": ["type": "integer", "description": "Of how many that moved money."],
    ]),
    "by_type": row("transaction_type", ["total_amount": whole]), "by_account": row("account"),
    "by_user": row("user_id"), "by_key": row("key_id"), "by_hour": row("hour"),
    "daily_breakdown": row("date", ["transaction_count": whole, "daily_amount": whole], without: "count"),
    "bulk_payments": object(
        [
            "total_batches": [
                "type": "integer",
                "description":
                    "Those that were made on these days, whatever has become of them; left out past 20,000.",
            ],
            "total_recipients": whole, "total_bulk_amount": whole,
        ],
        optional: ["total_batches"]
    ),
    "open": list(
        of: object([
            "state": text, "direction": text, "account": text, "transaction_type": text, "count": whole,
            "amount": whole, "oldest_at_ms": whole, "oldest_age_s": whole,
        ])
    ),
    "balances": [
        "type": "array",
        "description": """
        What M-Pesa last said before the end of these days that accounts hold; only for whoever may read balances.
        """,
        "items": object([
            "account": text, "name": text, "currency": text, "current_cents": whole, "available_cents": whole,
            "reserved_cents": whole, "uncleared_cents": whole, "at_ms": whole,
        ]),
    ],
    "not_seen": list(of: text),
    "report_id": text, "expires_at_ms": whole, "organization_id": text,
    "corrections": [
        "type": ["object", "null"],
        "description": "What became known since the last report of this kind, of days that were reported before.",
    ],
]
