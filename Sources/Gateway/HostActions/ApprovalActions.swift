import OrderedJSON

/// What waits for people, and what they say: `approvals.list`, `.show`, `.approve`, `.confirm`, `.decline`.
///
/// Only a person's own session decides, and never the one who asked, nor who owns the key that did. To approve is to
/// release: the host sends, and whoever called need not call again.
package struct ApprovalActions: Sendable {
    let records: any RecordRepository
    let directory: any DirectoryRepository
    let cache: DirectoryCache
    let drafts: Drafts
    let batches: Batches
    let entropy: Entropy
    let letters: ApprovalLetters?

    /// The most that one page shows.
    private static let pageMax = 100
    /// How many earlier payments to the same receiver are counted.
    private static let earlierMax = 100

    /// The actions.
    package var all: [Action] {
        [list, show, approve, confirm, decline] + rulesActions + stopActions + mandateActions + awayActions
    }

    // MARK: Seeing

    private static func reading(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(name, auditAction: audit, scopes: ["transactions:read"], isOpenWhenSuspended: true)
    }

    private var list: Action {
        Action(
            Self.reading("approvals.list", "APPROVALS_LISTED"),
            title: "List what waits for people",
            summary: """
                The drafts: what nobody has let leave yet, first the batches, each as one, then single payments, newest first. \
                A payment leaves once others than whoever asked approve it, or once whoever asked confirms it where the rule \
                says so; a batch is released. People do that, logged in; no tool does. A key sees those of its own environment; \
                somebody who logged in those of test and of live, as environment says of each. Role user sees those that it \
                asked for itself. A draft counts against a limit of the day only when it leaves. Where there may be more payments, next_before is sent as before for the next page. \
                \(TransactionDocument.others)
                """,
            route: Route("GET", "/approvals"),
            arguments: [
                "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(Self.pageMax))],
                "before": ["type": "string", "maxLength": 64, "description": "Only older ones."],
            ],
            output: .data(
                ["type": "array", "items": Self.schema],
                beside: [("next_before", ["type": "string", "description": "Where there may be more."])]
            ),
            tool: "approvals_list"
        ) { use throws(GatewayError) in
            let limit = use.arguments["limit"]?.integerValue.map(Int.init) ?? Self.pageMax
            let before = use.text("before").flatMap { RecordID($0) }
            guard before != nil || use.text("before") == nil else {
                throw GatewayError.wrong("before", "expected a transaction's id.")
            }
            let found = try await records.drafts(
                of: use.principal.organization,
                in: Self.environments(of: use.principal),
                madeBy: use.principal.maker,
                before: before,
                limit: limit
            )
            var beside: [(name: String, value: [UInt8])] = []
            if found.count == limit, let last = found.last {
                beside.append((name: "next_before", value: JSON.string(last.id.description).bytes))
            }
            let seen = found.filter { use.principal.sees($0) }.map { Self.document($0) }
            let whole = before == nil ? try await waitingBatches(for: use.principal) : []
            return .data(JSON.array(whole + seen).bytes, beside: beside)
        }
    }

    /// The batches that wait for a person; `batches.list` has all there are.
    private func waitingBatches(for principal: Principal) async throws(GatewayError) -> [JSON] {
        let environments = Self.environments(of: principal)
        var documents: [JSON] = []
        for batch in try await batches.waiting(of: principal.organization, limit: Self.pageMax) {
            guard environments.contains(batch.environment),
                principal.sees(madeBy: batch.madeBy, account: batch.accountName)
            else { continue }
            documents.append(Self.document(batch, try await batches.sums(of: batch)))
        }
        return documents
    }

    /// A key has its own; a person looks at both.
    private static func environments(of principal: Principal) -> [Environment] {
        if case .apiKey = principal.subject { return [principal.environment] }
        return Environment.allCases
    }

    private var show: Action {
        Action(
            Self.reading("approvals.show", "APPROVAL_SHOWN"),
            title: "Show what waits for people",
            summary: """
                One payment that is or was held: amount, receiver, who asked, by what rule it waits and until when, who has \
                approved it, and how many payments to the same receiver have succeeded before; decided_by once it was let leave or \
                withdrawn. \(TransactionDocument.others)
                """,
            route: Route("GET", "/approvals/{id}"),
            arguments: ["id": Self.id],
            output: .data(Self.schema),
            tool: "approvals_show"
        ) { use throws(GatewayError) in
            let record = try await held(use)
            let own = try await ownView(of: record, for: use.principal)
            guard record.intent.party != nil else { return .data(Self.document(record, beside: own)) }
            var filter = RecordFilter(limit: Self.earlierMax)
            filter.recordClass = .transaction
            filter.status = RecordState.succeeded.status
            filter.party = record.intent.party
            filter.direction = record.direction
            let earlier = try await records.page(
                matching: filter,
                organization: record.organization,
                environment: record.environment
            )
            return .data(Self.document(record, earlier: earlier.records.count, beside: own))
        }
    }

    // MARK: Deciding

    static func deciding(_ name: String, _ audit: String, takesAway: Bool = false) -> ActionRules {
        ActionRules(
            name,
            auditAction: audit,
            isPersonal: true,
            isOpenWhenSuspended: takesAway,
            writesItsLines: true
        )
    }

    private var approve: Action {
        Action(
            Self.deciding("approvals.approve", "APPROVAL_GIVEN"),
            title: "Approve a payment",
            summary: """
                Lets a held payment be sent: by a person of the role that its rule asks for, with a second factor, who did \
                not ask for it; it leaves with the last of those who must. Where another payment is in its way it stays as \
                it is, and the answer says when that is over.
                """,
            route: Route("POST", "/approvals/{id}/approve"),
            arguments: ["id": Self.id],
            output: .data(Self.schema),
            target: "transaction/id"
        ) { use throws(GatewayError) in
            let record = try await held(use)
            guard let asked = record.hold?.asked else {
                throw GatewayError(.conflict, "No rule asks about this: it is held as part of something else.")
            }
            try await check(use, asked, record)
            guard try await !asksFor(record, use.principal) else { throw Self.ownCall }
            try await checkAreApart(use, record.madeBy)
            if record.state == .draft { try await voidIfChanged(record, use.principal.organization) }
            let approved = try await drafts.approve(
                record.id,
                organization: record.organization,
                environment: record.environment,
                by: use.principal.subjectText,
                with: use.lines
            )
            return .data(Self.document(approved))
        }
    }

    private var decline: Action {
        Action(
            Self.deciding("approvals.decline", "APPROVAL_DECLINED", takesAway: true),
            title: "Decline a payment",
            summary: "Withdraws a held payment, for good. Whoever asked for it may take it back so too.",
            route: Route("POST", "/approvals/{id}/decline"),
            arguments: [
                "id": Self.id,
                "reason": ["type": "string", "minLength": 1, "maxLength": 200, "description": "Shown to who asked."],
            ],
            output: .data(Self.schema),
            target: "transaction/id"
        ) { use throws(GatewayError) in
            let record = try await held(use)
            let isOwn = try await asksFor(record, use.principal)
            if !isOwn { try Self.check(use.principal, record.hold?.asked?.role ?? .manager, record) }
            let reason = use.text("reason").map { ": " + $0 + (".!?".contains($0.last ?? " ") ? "" : ".") } ?? "."
            let withdrawn = try await drafts.withdraw(
                record.id,
                organization: record.organization,
                environment: record.environment,
                as: isOwn ? .cancelled : .declined,
                by: use.principal.subjectText,
                because: (isOwn ? "Taken back" : "Declined") + reason,
                with: use.lines
            )
            return .data(Self.document(withdrawn))
        }
    }

    /// A held record that whoever asks may see, of either environment.
    func held(_ use: Action.Use) async throws(GatewayError) -> Record {
        let missing = GatewayError(.notFound, "Nothing of this id was held.")
        guard let id = RecordID(use.text("id") ?? "") else { throw missing }
        for environment in Self.environments(of: use.principal) {
            let found = try await records.record(
                id,
                organization: use.principal.organization,
                environment: environment
            )
            guard let record = found, record.hold != nil else { continue }
            if use.principal.sees(record) { return record }
            // What a key of theirs asked for is theirs to confirm, or to take back.
            if try await asksFor(record, use.principal) { return record }
        }
        throw missing
    }

    private static func check(_ principal: Principal, _ role: Role, _ record: Record) throws(GatewayError) {
        guard principal.role < role else { return }
        throw GatewayError(
            .permissionDenied,
            "The rule asks for the role \(role.rawValue); yours is \(principal.role.rawValue).",
            record: record.id
        )
    }

    /// Whether a person may let money leave at all.
    private func check(_ use: Action.Use, _ asked: Hold.Asked, _ record: Record) async throws(GatewayError) {
        try Self.check(use.principal, asked.role, record)
        try await checkMayAgree(use)
        guard let people = asked.people else { return }
        let policy = try await directory.organization(record.organization)?.approvals ?? ApprovalPolicy()
        let call = Approvers.Call(record, away: policy.away(at: entropy.now()))
        try await directory.check(people, call, use.principal, at: entropy.now())
    }

    /// Whoever lets money leave, or rules be loosened, has a second factor, and was not given all that a moment ago.
    func checkMayAgree(_ use: Action.Use) async throws(GatewayError) {
        try await directory.checkMayAgree(use.principal, at: entropy.now())
    }

    /// Whether whoever decides is apart from somebody else who had a part in it.
    func checkAreApart(_ use: Action.Use, _ other: String) async throws(GatewayError) {
        let principal = use.principal
        try await directory.checkAreApart(
            other,
            principal.subjectText,
            of: principal.organization,
            at: entropy.now()
        )
    }

    /// Whether somebody asked for a payment, or owns the key that did.
    private func asksFor(_ record: Record, _ principal: Principal) async throws(GatewayError) -> Bool {
        if record.madeBy == principal.subjectText { return true }
        guard case .apiKey(let id)? = Principal.Subject(record.madeBy), case .user(let user) = principal.subject else {
            return false
        }
        // Of a key that is gone nobody knows whose it was: nobody approves for it.
        let key = try await directory.apiKey(id, organization: record.organization)
        return key.map { $0.isOf(user) } ?? true
    }

    private static let ownCall = GatewayError(
        .permissionDenied,
        "You asked for this, or own the key that did: somebody else must approve it."
    )

    // MARK: Rules that are others by now

    /// Withdraws a draft whose rule is gone, or asks for more by now.
    func voidIfChanged(_ record: Record, _ organization: OrganizationID) async throws(GatewayError) {
        let policy = try await directory.organization(organization)?.approvals ?? ApprovalPolicy()
        if record.isVoid(by: policy.rules(at: entropy.now())) { throw try await drafts.void(record) }
    }
}

extension ApprovalActions {
    static let id: JSON = ["type": "string", "maxLength": 64, "description": "The transaction's."]

    static let schema: JSON = [
        "type": "object", "required": ["reason", "until_ms", "made_by", "approved_by"],
        "properties": [
            "transaction": TransactionDocument.schema, "batch": BatchDocument.schema,
            "reason": ["type": "string", "description": "By what rule."],
            "until_ms": ["type": "integer", "description": "When it is withdrawn by itself."],
            "role": ["type": "string", "description": "The least role of who approves it."],
            "count": ["type": "integer", "description": "How many people must."],
            "approved_by": ["type": "array", "items": ["type": "string"], "description": "Who has."],
            "made_by": ["type": "string", "description": "Who asked."],
            "approvers": [
                "type": "array", "items": ["type": "string"], "description": "Who alone is asked; users' ids.",
            ],
            "substitutes": ["type": "array", "items": ["type": "string"], "description": "Who stands in for them."],
            "substitutes_from_ms": ["type": "integer", "description": "When those may decide in any case."],
            "is_new_receiver": ["type": "boolean", "description": "Where a rule looks at that."],
            "is_confirmation": ["type": "boolean", "description": "Where whoever asked may confirm it."],
            "called_unmoved": [
                "type": "array", "items": ["type": "string"],
                "description": """
                Earlier reversals that whoever asked says did not move, though M-Pesa has not said so: whoever lets this leave \
                stands for it.
                """,
            ],
            "is_own": ["type": "boolean", "description": "Where you asked for it yourself, or own the key that did."],
            "to_confirm": toConfirmSchema,
            "confirmation": [
                "type": "object", "required": ["by", "at_ms", "way", "shown", "sha256"],
                "properties": [
                    "by": ["type": "string", "description": "Who: whoever called, or the owner of the key that did."],
                    "at_ms": ["type": "integer"],
                    "way": [
                        "enum": .array(Hold.Confirmation.Way.allCases.map { .string($0.rawValue) }),
                        "description": "form, answered by the client, or session, a person's own.",
                    ],
                    "shown": ["type": "string", "description": "What they were shown."],
                    "sha256": [
                        "type": "string",
                        "description": "Of arguments, shown, tool and transaction_id, as canonical JSON (RFC 8785).",
                    ],
                ],
            ],
            "decided_by": ["type": "string", "description": "Who let it leave, or withdrew it."],
            "withdrawal": [
                "enum": .array(Hold.Withdrawal.allCases.map { .string($0.rawValue) }),
                "description": "Why it will never be sent.",
            ],
            "earlier_payments": ["type": "integer", "description": "To the same receiver; at most 100 are counted."],
        ],
    ]

    /// A batch is one entry: its items leave with it.
    static func document(_ batch: Batch, _ sums: [RecordState: RollupSum]) -> JSON {
        var writer = JSONWriter(capacity: 1024)
        BatchDocument.write(batch, sums, to: &writer)
        var document: JSONObject = [
            "batch": (try? JSON(parsing: writer.bytes)) ?? .null,
            "reason": .string(
                (batch.state == .paused ? batch.reason : batch.heldBecause) ?? "A person must release it."
            ),
            "until_ms": .integer(batch.until.milliseconds), "made_by": .string(batch.madeBy),
            "approved_by": .array(batch.approvers.map { .string($0) }),
        ]
        document["role"] = .string((batch.asked?.role ?? .manager).rawValue)
        document["count"] = .integer(Int64(batch.asked?.count ?? 1))
        batch.asked?.people?.show(in: &document, since: batch.createdAt)
        return .object(document)
    }

    static func document(_ record: Record, earlier: Int? = nil, beside own: JSONObject = [:]) -> JSON {
        var writer = JSONWriter(capacity: 1024)
        PluginDocuments.write(record, to: &writer)
        let hold = record.hold
        var document: JSONObject = [
            "transaction": (try? JSON(parsing: writer.bytes)) ?? .null,
            "reason": .string(hold?.reason ?? ""), "until_ms": .integer(hold?.until.milliseconds ?? 0),
            "made_by": .string(record.madeBy),
            "approved_by": .array((hold?.approvers ?? []).map { .string($0) }),
        ]
        if let asked = hold?.asked {
            document["role"] = .string(asked.role.rawValue)
            document["count"] = .integer(Int64(asked.count))
            if asked.isNewReceiver { document["is_new_receiver"] = true }
            asked.people?.show(in: &document, since: record.createdAt)
            if asked.isConfirmation { document["is_confirmation"] = true }
        }
        if let said = hold?.unmoved, !said.isEmpty {
            document["called_unmoved"] = .array(said.map { .string("\($0)") })
        }
        document["confirmation"] = hold?.confirmation?.json
        document["decided_by"] = hold?.decidedBy.map { .string($0) }
        document["withdrawal"] = hold?.withdrawal.map { .string($0.rawValue) }
        document["earlier_payments"] = earlier.map { .integer(Int64($0)) }
        for (name, value) in own { document[name] = value }
        return .object(document)
    }
}
