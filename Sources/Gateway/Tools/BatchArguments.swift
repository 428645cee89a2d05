import OrderedJSON

/// What the host adds to the arguments of a tool with items, at every door: shown and checked like everything else.
package enum BatchArguments {
    /// The batch's name for its maker.
    package static let name = "batch_name"
    /// How far ahead a batch may be put off, in days.
    package static let daysAheadMax = 60

    /// The members, by their names.
    package static let schemas: JSONObject = [
        "batch_id": [
            "type": "string", "pattern": .string(BatchID.pattern),
            "description": "Such as payroll-11; reuse it when you retry.",
        ],
        "batch_name": ["type": "string", "minLength": 1, "maxLength": 100, "description": "A name for people."],
        "not_before_ms": [
            "type": "integer", "minimum": 0,
            "description": "Unix ms; at most 60 days ahead.",
        ],
        "confirmed_rows": [
            "type": "array", "items": ["type": "integer", "minimum": 1], "maxItems": 10_000,
            "description": "Rows, from 1, that a person lets repeat a payment.",
        ],
        "repeats": [
            "type": "string", "pattern": .string(BatchID.pattern),
            "description": "The batch that a person lets be paid again.",
        ],
        "validate_only": ["type": "boolean", "description": "Keeps and sends nothing."],
        "release": [
            "type": "boolean",
            "description": "At once, where no rule asks; never an agent's.",
        ],
    ]

    /// What the schema of such a tool says of keys.
    static let words = """


        One batch_id or idempotency_key is one batch; without either, the same payments and name are for seven days.
        """
}

/// What a call asks for: a batch.
package struct BatchOrder: Sendable {
    /// Its items, as they came.
    package internal(set) var items: [JSON]
    /// The caller's own id.
    package var id: BatchID?
    /// For people.
    package var name: String
    /// Nothing leaves before, by the wall clock.
    package var notBefore: Timestamp?
    /// Rows that repeat a payment on purpose.
    package var confirmed: Set<Int>
    /// The batch that is made once more on purpose.
    package var repeats: BatchID?
    /// Whether nothing is to be kept.
    package var validatesOnly: Bool
    /// Whether it should leave at once.
    package var releases: Bool
    /// The rows of a file that its items stood in, as a spreadsheet counts them; empty where they came as a list.
    package var rows: [Int] = []
    /// What could not be read of a file's items, by their places from 0.
    package var faults: [Int: [GatewayError.FieldError]] = [:]
    /// What stood beside a file's items in columns that are none of theirs.
    package var beside: [Int: JSON] = [:]
    /// What is tried again, where its items are those of another batch.
    package var retry: Retry?
    /// What was read of a file, for whoever sent it: its sheet, and which header as which member.
    package var file: JSON?

    /// The row of an item, by its place from 0: of the file, or of the list from 1.
    package func row(of index: Int) -> Int { rows.isEmpty ? index + 1 : rows[index] }

    /// Where an item stands in what was sent, by its place from 0.
    package func pointer(to index: Int, in list: JSONPointer) -> String {
        rows.isEmpty ? "\(list)/\(index)" : "/rows/\(rows[index])"
    }

    /// Reads it from arguments that are of their schema.
    package init(items: [JSON], arguments: JSON) {
        self.items = items
        id = arguments["batch_id"]?.stringValue.flatMap { BatchID($0) }
        name = arguments[BatchArguments.name]?.stringValue ?? ""
        notBefore = arguments["not_before_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        confirmed = Set((arguments["confirmed_rows"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int.init) })
        repeats = arguments["repeats"]?.stringValue.flatMap { BatchID($0) }
        validatesOnly = arguments["validate_only"] == true
        releases = arguments["release"] == true
    }
}

extension BatchOrder {
    /// What a batch tries again.
    package struct Retry: Sendable {
        /// The batch whose items they were.
        let batch: BatchID
        /// Their account.
        let account: AccountName
        /// What was asked for: the same once more is the same batch.
        let asked: JSON
        /// What each item tries again.
        let tries: [RecordID]

        /// The same, of these tries.
        func trying(_ tries: [RecordID]) -> Retry { Retry(batch: batch, account: account, asked: asked, tries: tries) }
    }
}
