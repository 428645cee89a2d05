import OrderedJSON

/// `transactions.explain` and `transactions.unknowns`: why money stands where it does, and what is open.
struct ExplainActions: Sendable {
    let records: any RecordRepository
    let search: RecordSearch
    let directory: any DirectoryRepository
    let batches: any BatchRepository
    let places: BatchPlaces
    let cache: DirectoryCache
    let registry: ToolRegistry
    let entropy: Entropy
    let page: ConfirmationPage

    /// The actions.
    var all: [Action] { [explain, unknowns] }

    /// The most steps of one life that are shown.
    private static let eventsMax = 1_000
    /// How many open transactions one page looks at.
    private static let pageMax = 100

    private static func rules(_ name: String) -> ActionRules {
        ActionRules(name, auditAction: "TRANSACTIONS_READ", scopes: ["transactions:read"], isOpenWhenSuspended: true)
    }

    private var explain: Action {
        Action(
            Self.rules("transactions.explain"),
            title: "Explain a transaction",
            summary: """
                Why it stands where it does: every step with what said so and M-Pesa's own code and words, what is waited \
                for, until when, whose move it is, what that one can do now, and what is in the way. For what does not end, or \
                ended otherwise than it should; where it stands says transactions_show. \(TransactionDocument.others)
                """,
            route: Route("GET", "/transactions/{id}/explanation"),
            arguments: [
                "id": [
                    "type": "string", "minLength": 1, "maxLength": 255,
                    "description": "The transaction's id, M-Pesa's id or receipt of it, or your idempotency key.",
                ]
            ],
            output: .data(Self.schema),
            tool: "transactions_explain"
        ) { use throws(GatewayError) in
            guard let (record, _) = try await search.find(use.text("id") ?? "", for: use.principal) else {
                throw GatewayError.noTransaction
            }
            let events = try await records.events(
                of: record.id,
                organization: record.organization,
                limit: Self.eventsMax
            )
            let explanation = Explanation(record, try await circumstances(of: record))
            var document = Self.document(record, explanation, at: entropy.now())
            document["steps"] = .array(
                events.map { event in
                    var writer = JSONWriter(capacity: 160)
                    PluginDocuments.write(event, to: &writer)
                    return (try? JSON(parsing: writer.bytes)) ?? .null
                }
            )
            return .data(.object(document))
        }
    }

    private var unknowns: Action {
        Action(
            Self.rules("transactions.unknowns"),
            title: "List what nobody knows the outcome of",
            summary: """
                The organization's transactions that were sent, or may have been, and of which M-Pesa has stated no outcome, \
                those that it took once the time has passed in which it says so: how old each is, whose move it is, and by \
                when there must be evidence or a person is called. Newest first; \
                next_before is sent as before for the next page, also after a short one. transactions_explain says more of one. \
                \(TransactionDocument.others)
                """,
            route: Route("GET", "/unknowns"),
            arguments: ["before": ["type": "string", "maxLength": 64, "description": "Only older ones."]],
            output: .data(
                ["type": "array", "items": Self.schema],
                beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
            ),
            tool: "transactions_unknowns"
        ) { use throws(GatewayError) in
            var filter = RecordFilter(limit: Self.pageMax)
            filter.recordClass = .transaction
            filter.status = RecordState.unknown.status
            filter.madeBy = use.principal.maker
            filter.accounts = use.principal.accounts
            if let text = use.text("before") {
                guard let id = RecordID(text) else {
                    throw GatewayError.wrong("before", "expected a transaction's id.")
                }
                filter.before = id
            }
            let page = try await records.page(
                matching: filter,
                organization: use.principal.organization,
                environment: use.principal.environment
            )
            var shown: [JSON] = []
            let (now, rules) = (entropy.now(), RecordMachine.Rules())
            for record in page.records where record.awaitsPerson(at: now, rules: rules) {
                let explanation = Explanation(record, try await circumstances(of: record))
                shown.append(.object(Self.document(record, explanation, at: entropy.now())))
            }
            let beside = page.next.map { [(name: "next_before", value: JSON.string($0.description).bytes)] }
            return .data(JSON.array(shown).bytes, beside: beside ?? [])
        }
    }

    /// What is around a record now.
    private func circumstances(of record: Record) async throws(GatewayError) -> Explanation.Circumstances {
        var found = Explanation.Circumstances()
        found.page = page
        found.hasPlugin = registry.snapshot.generation(of: record.plugin, for: record.operation) != nil
        found.isOverdue = record.isOverdue(at: entropy.now(), rules: found.rules)
        guard !record.state.isEnded else {
            found.retry = try await retry(of: record)
            return found
        }
        let membership = try await cache.membership(of: record.organization)
        let organization = membership.organization
        found.batch = try await batch(of: record)
        if let batch = found.batch { found.places = try await places.wait(of: batch) }
        found.limit = try await limit(of: record, membership)
        found.refusal = organization.refusal(at: entropy.now())?.message
        found.stop =
            organization.approvals
            .refusal(tool: record.tool, madeBy: record.madeBy, record.caller, at: entropy.now())?
            .message
        found.hasCredential =
            try await directory.sealedCredential(
                organization: record.organization,
                environment: record.environment,
                account: record.accountName
            ) != nil
        return found
    }

    /// What pays it in another batch; nil of what was paid, or is no batch's.
    private func retry(of record: Record) async throws(GatewayError) -> BatchRetry? {
        guard record.hasEndedUnmoved, let place = record.batch else { return nil }
        let id = record.id.description
        return try await batches.retries(of: place.batch, organization: record.organization, between: id...id).first
    }

    private func batch(of record: Record) async throws(GatewayError) -> Batch? {
        guard record.state.isHeld, let place = record.batch else { return nil }
        return try await batches.batch(place.batch, organization: record.organization)
    }

    /// The limit of the day that something held would be past if it left now; nil for none.
    private func limit(
        of record: Record,
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) -> LimitPlace? {
        let now = entropy.now()
        let limits = membership.organization.approvals.bounds(at: now) + membership.ceilings.limits
        guard record.state.isHeld, !limits.isEmpty, record.limited?.day != RollupPlace.day(of: now) else { return nil }
        let holders = try await directory.ids(behind: record.madeBy, of: record.organization)
        // What is wrong with it at any time, or at this hour, is said where it is to leave.
        guard let claims = try? limits.claims(of: record, by: holders, at: now) else { return nil }
        for claim in claims where try await !claim.holds(after: records.moved(at: claim.place)) { return claim.place }
        return nil
    }

    // MARK: Documents

    private static let schema: JSON = [
        "type": "object",
        "required": ["transaction_id", "state", "status", "why", "whose_move", "can", "obstacles", "age_ms"],
        "properties": [
            "transaction_id": ["type": "string"],
            "state": [
                "enum": .array(RecordState.allCases.map { .string($0.rawValue) }),
                "description": "Exactly where it stands.",
            ],
            "status": ["type": "string"], "amount": ["type": "integer"], "tool": ["type": "string"],
            "why": ["type": "string", "description": "Where it stands, in sentences."],
            "waits_for": ["type": "string"],
            "until_ms": ["type": "integer", "description": "When that is over, whatever comes."],
            "next_ms": ["type": "integer", "description": "When the gateway comes back to it by itself."],
            "whose_move": [
                "enum": .array(Explanation.Owner.allCases.map { .string($0.rawValue) }),
                "description": "Who must act for it to go on.",
            ],
            "can": ["type": "array", "items": ["type": "string"], "description": "What can be done now, and by whom."],
            "obstacles": ["type": "array", "items": ["type": "string"], "description": "What is in the way."],
            "age_ms": ["type": "integer", "description": "How long ago it was asked for."],
            "steps": ["type": "array", "items": TransactionDocument.eventSchema],
        ],
    ]

    private static func document(_ record: Record, _ explanation: Explanation, at now: Timestamp) -> JSONObject {
        var document: JSONObject = [
            "transaction_id": .string(record.id.description), "state": .string(record.state.rawValue),
            "status": .string(record.state.status), "tool": .string(record.tool), "why": .string(explanation.why),
            "whose_move": .string(explanation.owner.rawValue),
            "can": .array(explanation.can.map { .string($0) }),
            "obstacles": .array(explanation.obstacles.map { .string($0) }),
            "age_ms": .integer(max(0, (now - record.createdAt).wholeMilliseconds)),
        ]
        document["amount"] = record.intent.amount.map { .integer($0.amount) }
        document["waits_for"] = explanation.waitsFor.map { .string($0) }
        document["until_ms"] = explanation.until.map { .integer($0.milliseconds) }
        document["next_ms"] = explanation.next.map { .integer($0.milliseconds) }
        return document
    }
}
