import DarajaKit
import OrderedJSON

private func date(_ description: String) -> JSON {
    [
        "type": "string", "pattern": "^\\d{4}-\\d\\d-\\d\\d$",
        "description": .string("\(description) YYYY-MM-DD in Nairobi."),
    ]
}

private func text(_ description: String, most: Int64 = 128) -> JSON {
    ["type": "string", "minLength": 1, "maxLength": .integer(most), "description": .string(description)]
}

private func shillings(_ description: String) -> JSON {
    ["type": "integer", "minimum": 0, "description": .string(description)]
}

private let types: JSON = [
    "enum": .array(TransactionType.allCases.map { .string($0.rawValue) }), "description": "Of this kind.",
]

let historyDescriptor: JSONObject = [
    "name": "mpesa_transaction_history",
    "title": "Transaction history",
    "description": .string(
        """
        Lists the organization's transactions, newest first, by whatever narrows them. Money and questions are never mixed: \
        class questions lists what M-Pesa was asked, such as balances. Where there is more, next_cursor is sent as cursor for \
        the next page; what is begun meanwhile moves none of the pages. Rows are short: transactions_list has them whole. \
        \(MoneyTool.others) Moves no money.
        """
    ),
    "examples": [
        ["title": "The newest payments", "arguments": ["status": "SUCCESS", "limit": 20]],
        [
            "title": "What one customer paid in a week",
            "arguments": [
                "phone_number": "254712345678", "start_date": "2026-11-16", "end_date": "2026-11-22", "direction": "in",
            ],
        ],
    ],
    "input_schema": MoneyTool.arguments([
        "start_date": date("The first day on which they were begun."),
        "end_date": date("The last such day."),
        "status": MoneyTool.status, "transaction_type": types,
        "phone_number": text("Of the other side.", most: 32),
        "limit": [
            "type": "integer", "minimum": 1, "maximum": 1000, "description": "At most so many; 100 unless said.",
        ],
        "receipt": text("With this receipt of M-Pesa's.", most: 64),
        "account_reference": text("With this reference of the organization's own."),
        "amount_min": shillings("Of at least so many shillings."),
        "amount_max": shillings("Of at most so many shillings."),
        "account": text("Through this M-Pesa account.", most: 64),
        "direction": ["enum": ["in", "out", "reverse"], "description": "Which way the money goes."],
        "class": ["enum": ["money", "questions"], "description": "What moves money, unless said."],
        "cursor": text("The next_cursor of the page before.", most: 64),
    ]),
    "output_schema": historySchema,
    "annotations": reading(isReadOnly: true),
    "requires": ["role": "user", "scopes": ["transactions:read"]],
    "rate": ["bucket": "read", "cost": 1],
    "http": ["method": "GET", "path": "/tools/transaction-history"],
    "sensitive": ["/phone_number", "/transactions/*/phone_number"],
    "since": "0.1.0",
]

let reportDescriptor: JSONObject = [
    "name": "mpesa_generate_report",
    "title": "Make a report",
    "description": """
    Sums up the organization's transactions of some days: how they ended, by type, account, user, key, hour and day, what \
    M-Pesa took where it says so, what is open and how old that is. A transaction counts on the day on which M-Pesa says \
    that it was completed, else on that on which it ended here, in Nairobi. The report is kept for 30 days under its \
    report_id and never changes; what becomes known later stands under corrections in the next one of its kind. What takes \
    long goes on as a task: the reply names it. Amounts are whole shillings, but fees and balances cents. Moves no money.
    """,
    "x-task": ["deadline_ms": 3_600_000, "again": true],
    "examples": [
        ["title": "One day", "arguments": ["report_type": "DAILY", "date_from": "2026-11-26"]],
        ["title": "A month", "arguments": ["report_type": "MONTHLY", "date_from": "2026-11-01"]],
        [
            "title": "Some days, as a file",
            "arguments": [
                "report_type": "CUSTOM", "date_from": "2026-11-10", "date_to": "2026-11-20", "format": "CSV",
            ],
        ],
        [
            "title": "A month, as a task",
            "arguments": ["report_type": "MONTHLY", "date_from": "2026-10-01", "as_task": true],
        ],
    ],
    "input_schema": MoneyTool.arguments(
        [
            "report_type": [
                "enum": .array(ReportKind.allCases.map { .string($0.rawValue) }),
                "description": "DAILY unless said. CUSTOM needs date_to.",
            ],
            "date_from": date("The first day."),
            "date_to": date("The last day, at most 366 days in all; what report_type says when left out."),
            "format": [
                "enum": ["JSON", "CSV", "XLSX"],
                "description": "CSV adds a link to a file, good for a day; XLSX to one as long as the report is kept.",
            ],
            "transactions": [
                "type": "boolean",
                "description": "Adds a link to a CSV of all transactions begun on these days. It goes on as a task.",
            ],
            "as_task": [
                "type": "boolean",
                "description": "Goes on as a task after the reply; more than 92 days do unless this is false.",
            ],
        ],
        required: ["date_from"]
    ),
    "output_schema": reportSchema,
    "annotations": reading(isReadOnly: false),
    "requires": ["role": "user", "scopes": ["reports:read"]],
    "rate": ["bucket": "read", "cost": 5],
    "http": ["method": "POST", "path": "/tools/reports/generate"],
    "since": "0.1.0",
]

private func reading(isReadOnly: Bool) -> JSON {
    [
        "read_only": .bool(isReadOnly), "destructive": false, "idempotent": .bool(isReadOnly), "open_world": false,
        "money_moving": false,
    ]
}
