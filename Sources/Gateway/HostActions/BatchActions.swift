import OrderedJSON

/// `batches.…`: many payments made, released, watched and stopped together.
package struct BatchActions: Sendable {
    let batches: Batches
    /// The most that one page shows.
    private static let pageMax = 100
    /// How many items are read at a time for a result.
    private static let sliceMax = 500

    /// Makes them.
    init(batches: Batches) { self.batches = batches }

    /// The actions.
    package var all: [Action] { [create, retry, list, show, items, result, release, strike, pause, resume, cancel] }

    private static func reading(_ name: String) -> ActionRules {
        ActionRules(
            name,
            auditAction: "BATCHES_READ",
            scopes: ["transactions:read"],
            isOpenWhenSuspended: true
        )
    }

    static func deciding(_ name: String, _ word: String, isOpenWhenSuspended: Bool = false) -> ActionRules {
        ActionRules(
            name,
            auditAction: word,
            role: .manager,
            isPersonal: true,
            isOpenWhenSuspended: isOpenWhenSuspended
        )
    }

    static let id: JSON = [
        "type": "string", "pattern": .string(BatchID.pattern), "description": .string("The batch's. \(BatchID.form)"),
    ]
    static let reason: JSON = [
        "type": "string", "minLength": 3, "maxLength": 200, "description": "Why, for whoever looks at it later.",
    ]

    private static let confirmedRows: JSON = [
        "type": "array", "items": ["type": "integer", "minimum": 1], "maxItems": 10_000, "uniqueItems": true,
        "description": """
        Rows that were refused because others have paid the same amount to the same receiver since: you have looked, and they \
        are other payments.
        """,
    ]

    private static let seen: JSON = [
        "type": "string", "pattern": "^[0-9a-f]{64}$",
        "description": "The sha256 of the batch as you have seen it: another one is refused.",
    ]

    private static func confirmed(_ use: Action.Use) -> Set<Int> {
        Set((use.arguments["confirmed_rows"]?.arrayValue ?? []).compactMap { $0.integerValue.map(Int.init) })
    }

    func shown(_ batch: Batch) async throws(GatewayError) -> Action.Answer {
        var writer = JSONWriter(capacity: 1024)
        let sums = try await batches.sums(of: batch)
        let stop = try await batches.stop(of: batch, sums)
        let wait = stop == nil ? try await batches.wait(of: batch, sums) : nil
        let overdue = try await batches.overdue(of: batch, sums)
        let retries = try await batches.retrying(batch)
        BatchDocument.write(
            batch,
            sums,
            overdue: overdue,
            waiting: wait,
            stoppedBy: stop,
            retriedBy: retries,
            to: &writer
        )
        return .data(writer.bytes)
    }

    // MARK: Reading

    private var list: Action {
        Action(
            BatchActions.reading("batches.list"),
            title: "List batches",
            summary: """
                The organization's batches, newest first; role user sees those that it made itself. Where there may be \
                more, next_before is sent as before for the next page. \(TransactionDocument.others)
                """,
            route: Route("GET", "/batches"),
            arguments: [
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(BatchActions.pageMax))],
                "before": [
                    "type": "string", "pattern": .string(BatchID.pattern),
                    "description": "Only older ones than the batch of this id, as next_before has it.",
                ],
            ],
            output: .data(
                ["type": "array", "items": BatchDocument.schema],
                beside: [
                    ("count", ["type": "integer", "minimum": 0]),
                    ("next_before", ["type": "string", "description": "Where there may be more."]),
                ]
            ),
            tool: "batches_list"
        ) { [batches] use throws(GatewayError) in
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? BatchActions.pageMax
            let page = try await batches.page(
                before: use.text("before").flatMap { BatchID($0) },
                limit: limit,
                use.principal
            )
            var writer = JSONWriter(capacity: 4096)
            writer.beginArray()
            for batch in page.batches {
                let sums = try await batches.sums(of: batch)
                BatchDocument.write(
                    batch,
                    sums,
                    overdue: try await batches.overdue(of: batch, sums),
                    stoppedBy: try await batches.stop(of: batch, sums),
                    to: &writer
                )
            }
            writer.endArray()
            var beside = [(name: "count", value: JSON.integer(Int64(page.batches.count)).bytes)]
            if let next = page.next { beside.append((name: "next_before", value: JSON.string(next.description).bytes)) }
            return .data(writer.bytes, beside: beside)
        }
    }

    private var show: Action {
        Action(
            BatchActions.reading("batches.show"),
            title: "Show a batch",
            summary: """
                One batch and how far it is: how many of its payments wait, are undecided, were paid or failed. Nothing of it \
                leaves before a person has released it. \(TransactionDocument.others)
                """,
            route: Route("GET", "/batches/{id}"),
            arguments: ["id": BatchActions.id],
            output: .data(BatchDocument.schema),
            tool: "batches_show",
            resource: ActionResource(
                "batches",
                argument: "id",
                listedBy: "batches.list",
                member: "batch_id",
                subject: ["batch_id"]
            )
        ) { [batches, self] use throws(GatewayError) in
            try await shown(try await batches.find(use.text("id") ?? "", for: use.principal))
        }
    }

    private var items: Action {
        Action(
            BatchActions.reading("batches.items"),
            title: "List a batch's payments",
            summary: """
                The payments of a batch in the order of its rows, then those that were tried again. Where there may be \
                more, next_after is sent as after for the next page. \(TransactionDocument.others)
                """,
            route: Route("GET", "/batches/{id}/items"),
            arguments: [
                "id": BatchActions.id,
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(BatchActions.pageMax))],
                "after": ["type": "integer", "minimum": 0, "description": "Only later ones."],
                "status": [
                    "enum": ["PENDING", "SUCCESS", "FAILED", "CANCELLED", "REVERSED"],
                    "description": "Where they stand.",
                ],
            ],
            output: .data(
                ["type": "array", "items": BatchItemDocument.schema],
                beside: [
                    ("count", ["type": "integer", "minimum": 0]),
                    ("next_after", ["type": "integer", "description": "Where there may be more."]),
                ]
            ),
            tool: "batches_items"
        ) { [batches] use throws(GatewayError) in
            let batch = try await batches.find(use.text("id") ?? "", for: use.principal)
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? BatchActions.pageMax
            let found = try await batches.items(
                of: batch,
                after: use.arguments["after"]?.integerValue.map(Int.init) ?? 0,
                status: use.text("status"),
                limit: limit
            )
            var writer = JSONWriter(capacity: 4096)
            writer.beginArray()
            let retries = try await batches.retries(of: found, in: batch)
            for item in found { BatchItemDocument.write(item, retriedBy: retries[item.id], to: &writer) }
            writer.endArray()
            var beside = [(name: "count", value: JSON.integer(Int64(found.count)).bytes)]
            if found.count == limit, let last = found.last?.batch?.sequence {
                beside.append((name: "next_after", value: JSON.integer(Int64(last)).bytes))
            }
            return .data(writer.bytes, beside: beside)
        }
    }

    private var result: Action {
        Action(
            BatchActions.reading("batches.result"),
            title: "A batch's result",
            summary: """
                All payments of a batch as CSV or XLSX: the columns that were sent, then what became of each. Safe to open in \
                a spreadsheet: a text that would be a formula there begins with an apostrophe.
                """,
            route: Route("GET", "/batches/{id}/result"),
            arguments: ["id": BatchActions.id, "format": RowFile.Format.schema],
            output: .file
        ) { [batches, self] use throws(GatewayError) in
            let batch = try await batches.find(use.text("id") ?? "", for: use.principal)
            let format = use.text("format").flatMap(RowFile.Format.init(rawValue:)) ?? .csv
            var result = BatchResult(format: format)
            try await walk(batch, use) { (slice) async throws(GatewayError) in for item in slice { result.note(item) } }
            let columns = result
            let file = RowFile(name: "batch-\(batch.id)", sheet: "Payments", header: columns.header, format: format)
            return .stream(
                file.stream(on: batches.sheets) { (take) async throws(GatewayError) in
                    try await walk(batch, use) { (slice) async throws(GatewayError) in
                        let retries = try await batches.retries(of: slice, in: batch)
                        try await take(slice.map { columns.cells(of: $0, retriedBy: retries[$0.id]) })
                    }
                }
            )
        }
    }

    /// All items, a slice at a time.
    private func walk(
        _ batch: Batch,
        _ use: Action.Use,
        _ take: ([Record]) async throws(GatewayError) -> Void
    ) async throws(GatewayError) {
        var last = 0
        while true {
            try await use.mayGoOn()
            let slice = try await batches.items(of: batch, after: last, status: nil, limit: BatchActions.sliceMax)
            try await take(slice)
            guard slice.count == BatchActions.sliceMax, let place = slice.last?.batch?.sequence else { return }
            last = place
        }
    }

    // MARK: Deciding

    private var release: Action {
        Action(
            BatchActions.deciding("batches.release", "BATCH_RELEASED"),
            title: "Release a batch",
            summary: """
                Lets a batch leave: its payments are sent one after another, by the gateway. Where a rule asked for another \
                person, neither whoever made it nor whoever made the key that did may release it. Rows that others may have \
                paid since it was made are refused, until confirmed_rows names them.
                """,
            route: Route("POST", "/batches/{id}/release"),
            arguments: [
                "id": BatchActions.id, "confirmed_rows": BatchActions.confirmedRows, "sha256": BatchActions.seen,
            ],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            try await shown(
                try await batches.release(
                    use.text("id") ?? "",
                    by: use.principal,
                    confirming: BatchActions.confirmed(use),
                    seeing: use.text("sha256")
                )
            )
        }
    }

    private var pause: Action {
        Action(
            BatchActions.deciding("batches.pause", "BATCH_PAUSED", isOpenWhenSuspended: true),
            title: "Pause a batch",
            summary: "Nothing more of a batch leaves until a person resumes it. What has left is waited for.",
            route: Route("POST", "/batches/{id}/pause"),
            arguments: ["id": BatchActions.id, "reason": BatchActions.reason],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            let reason = use.text("reason") ?? "Somebody paused it."
            return try await shown(
                try await batches.pause(use.text("id") ?? "", by: use.principal, because: reason)
            )
        }
    }

    private var resume: Action {
        Action(
            BatchActions.deciding("batches.resume", "BATCH_RESUMED"),
            title: "Resume a batch",
            summary: """
                Lets a paused batch go on. What failed for lack of money is tried again, as long as no more is paid than \
                was released. Rows are asked about as by batches.release.
                """,
            route: Route("POST", "/batches/{id}/resume"),
            arguments: [
                "id": BatchActions.id, "confirmed_rows": BatchActions.confirmedRows, "sha256": BatchActions.seen,
            ],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            try await shown(
                try await batches.resume(
                    use.text("id") ?? "",
                    by: use.principal,
                    confirming: BatchActions.confirmed(use),
                    seeing: use.text("sha256")
                )
            )
        }
    }

    private var cancel: Action {
        Action(
            BatchActions.deciding("batches.cancel", "BATCH_CANCELLED", isOpenWhenSuspended: true),
            title: "Cancel a batch",
            summary: "Takes back what has not left of a batch, for good. What has left is waited for.",
            route: Route("POST", "/batches/{id}/cancel"),
            arguments: ["id": BatchActions.id, "reason": BatchActions.reason],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            let reason = use.text("reason") ?? "Somebody took it back."
            return try await shown(
                try await batches.cancel(use.text("id") ?? "", by: use.principal, because: reason)
            )
        }
    }
}
