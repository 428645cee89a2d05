import OrderedJSON

/// `batches.…`: many payments made, released, watched and stopped together.
package struct BatchActions: Sendable {
    private let batches: Batches
    /// The most that one page shows.
    private static let pageMax = 100
    /// How many items are read at a time for a result.
    private static let sliceMax = 500

    /// Makes them.
    init(batches: Batches) { self.batches = batches }

    /// The actions.
    package var all: [Action] { [create, list, show, items, result, release, pause, resume, cancel] }

    private static func reading(_ name: String) -> ActionRules {
        ActionRules(
            name,
            auditAction: "BATCHES_READ",
            scopes: ["transactions:read"],
            isOpenWhenSuspended: true
        )
    }

    private static func deciding(_ name: String, _ word: String, isOpenWhenSuspended: Bool = false) -> ActionRules {
        ActionRules(
            name,
            auditAction: word,
            role: .manager,
            isPersonal: true,
            isOpenWhenSuspended: isOpenWhenSuspended
        )
    }

    private static let id: JSON = [
        "type": "string", "pattern": .string(BatchID.pattern), "description": "The batch's.",
    ]
    private static let reason: JSON = [
        "type": "string", "minLength": 3, "maxLength": 200, "description": "Why, for whoever looks at it later.",
    ]

    private func shown(_ batch: Batch) async throws(GatewayError) -> Action.Answer {
        var writer = JSONWriter(capacity: 1024)
        BatchDocument.write(batch, try await batches.sums(of: batch), to: &writer)
        return .data(writer.bytes)
    }

    // MARK: Making

    private var create: Action {
        var arguments = BatchArguments.schemas
        arguments["tool"] = ["type": "string", "maxLength": 64, "description": "The tool whose payments they are."]
        arguments["items"] = [
            "type": "array", "minItems": 1, "maxItems": 10_000,
            "description": "The payments, each as the tool lists them.", "items": ["type": "object"],
        ]
        arguments["account"] = [
            "type": "string", "pattern": .string(AccountName.pattern),
            "description": "Which of the organization's M-Pesa accounts; the default one unless said.",
        ]
        return Action(
            ActionRules("batches.create", auditAction: "BATCH_CREATED", bucket: "money"),
            title: "Make a batch",
            summary: """
                Makes many payments of one tool together. Every row is checked before anything is kept; rows that may be \
                payments made before are asked about. It waits until a person releases it, unless release says \
                otherwise and no rule asks for a person.
                """,
            route: Route("POST", "/batches"),
            arguments: arguments,
            required: ["tool", "items"],
            output: .data(BatchDocument.schema),
            sensitive: [JSONPointer(tokens: ["items"])],
            target: "batch_id"
        ) { [batches] use throws(GatewayError) in
            let order = BatchOrder(items: use.arguments["items"]?.arrayValue ?? [], arguments: use.arguments)
            return .data(try await batches.make(order, tool: use.text("tool") ?? "", for: use).output)
        }
    }

    // MARK: Reading

    private var list: Action {
        Action(
            BatchActions.reading("batches.list"),
            title: "List batches",
            summary: """
                The organization's batches, newest first; role user sees those that it made itself. Where there may be \
                more, next_before is sent as before for the next page.
                """,
            route: Route("GET", "/batches"),
            arguments: [
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(BatchActions.pageMax))],
                "before": ["type": "string", "pattern": .string(BatchID.pattern), "description": "Only older ones."],
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
            for batch in page.batches { BatchDocument.write(batch, try await batches.sums(of: batch), to: &writer) }
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
            summary: "One batch and how far it is: how many of its payments wait, are undecided, were paid or failed.",
            route: Route("GET", "/batches/{id}"),
            arguments: ["id": BatchActions.id],
            output: .data(BatchDocument.schema),
            tool: "batches_show"
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
                more, next_after is sent as after for the next page.
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
            for item in found { BatchItemDocument.write(item, to: &writer) }
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
                All payments of a batch as CSV: the columns that were sent, then what became of each. Safe to open in a \
                spreadsheet: a text that would be a formula there begins with an apostrophe.
                """,
            route: Route("GET", "/batches/{id}/result"),
            arguments: ["id": BatchActions.id],
            output: .file
        ) { [batches] use throws(GatewayError) in
            let batch = try await batches.find(use.text("id") ?? "", for: use.principal)
            var all: [Record] = []
            while true {
                let slice = try await batches.items(
                    of: batch,
                    after: all.last?.batch?.sequence ?? 0,
                    status: nil,
                    limit: BatchActions.sliceMax
                )
                all += slice
                if slice.count < BatchActions.sliceMax { break }
            }
            return .file(
                name: "batch-\(batch.id).csv",
                mediaType: "text/csv; charset=utf-8",
                bytes: BatchResult.csv(of: all)
            )
        }
    }

    // MARK: Deciding

    private var release: Action {
        Action(
            BatchActions.deciding("batches.release", "BATCH_RELEASED"),
            title: "Release a batch",
            summary: """
                Lets a batch leave: its payments are sent one after another, by the gateway. Where a rule asked for another \
                person, neither whoever made it nor whoever made the key that did may release it.
                """,
            route: Route("POST", "/batches/{id}/release"),
            arguments: ["id": BatchActions.id],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            try await shown(try await batches.release(use.text("id") ?? "", by: use.principal))
        }
    }

    private var pause: Action {
        Action(
            BatchActions.deciding("batches.pause", "BATCH_PAUSED"),
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
                was released.
                """,
            route: Route("POST", "/batches/{id}/resume"),
            arguments: ["id": BatchActions.id],
            output: .data(BatchDocument.schema),
            target: "batch_id"
        ) { [batches, self] use throws(GatewayError) in
            try await shown(try await batches.resume(use.text("id") ?? "", by: use.principal))
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
