import Gateway
import OrderedJSON

/// Which payments that wait would be withdrawn by a change: told before it is made.
struct DraftLosses: Sendable {
    let house: Administration

    /// How many of each are named, the newest.
    private static let namedMax = 20
    /// How many of each are looked at, at most.
    private static let lookedMax = 10_000
    private static let pageMax = 100

    /// What an answer holds of it.
    static let schema = schema("What waits for people, or for its time, and would be withdrawn.")

    private static func schema(_ words: String) -> JSON {
        [
            "type": "object", "required": ["count", "transactions", "batch_count", "batches", "is_whole"],
            "description": .string(words),
            "properties": [
                "count": ["type": "integer", "description": "How many payments, those of batches left out."],
                "transactions": [
                    "type": "array", "items": ["type": "string"], "description": "The newest of them, at most 20.",
                ],
                "batch_count": ["type": "integer", "description": "How many open batches would be stopped."],
                "batches": ["type": "array", "items": ["type": "string"], "description": "Some of them, at most 20."],
                "is_whole": ["type": "boolean", "description": "False where there are more than were looked at."],
            ],
        ]
    }

    /// Of the answer to a preview that is about nothing else.
    static let preview: JSON = [
        "type": "object", "required": ["withdraws"], "properties": ["withdraws": schema],
    ]

    /// Of the answer to the preview of a key that is to do less.
    static let narrowing: JSON = [
        "type": "object", "required": ["withdraws", "holds"],
        "properties": ["withdraws": schema, "holds": schema(held)],
    ]
    private static let held = """
        What would go on waiting, since the key may not move so much in one call, and be withdrawn with its time; of \
        batches nothing is said.
        """

    /// What somebody asked for, and would lose by a change.
    func preview(of maker: String, in organization: OrganizationID) async throws(GatewayError) -> Action.Answer {
        let withdrawn = try await waiting(of: organization, madeBy: maker) { _ in true }
        return .data(["withdraws": withdrawn], message: "Nothing was changed.")
    }

    /// What a key asked for, and would lose, or not get while it is as it would be.
    func preview(
        of key: APIKey,
        _ membership: DirectoryCache.Membership
    ) async throws(GatewayError) -> Action.Answer {
        let principal = Principal(of: key)
        let tools = house.parts.registry.snapshot
        let isLost = { (one: Waiting) in
            // What is not loaded now has no role and no scopes to ask for.
            let mayCall =
                tools.tool(one.tool).map { Authorize.allows($0, principal: principal, membership: membership) }
                ?? key.rules.allows(tool: one.tool)
            return !mayCall || !(key.rules.accounts?.contains(one.account) ?? true)
        }
        let isHeld = { (one: Waiting) in
            guard let amount = one.amount, let most = key.rules.amountMax else { return false }
            return amount > most && !isLost(one)
        }
        let maker = principal.subjectText
        return .data(
            [
                "withdraws": try await waiting(of: key.organization, madeBy: maker, if: isLost),
                "holds": try await waiting(of: key.organization, madeBy: maker, if: isHeld),
            ],
            message: "Nothing was changed."
        )
    }

    /// A payment that waits, or an open batch.
    private struct Waiting {
        let tool: String
        let account: AccountName
        /// Of a payment.
        let amount: Shillings?
    }

    /// What an organization's tools hold that would be taken away; nil where none would.
    func withdrawn(of organization: OrganizationID, without tools: Set<String>) async throws(GatewayError) -> JSON? {
        guard !tools.isEmpty else { return nil }
        return try await waiting(of: organization, madeBy: nil) { tools.contains($0.tool) }
    }

    private func waiting(
        of organization: OrganizationID,
        madeBy maker: String?,
        if isMeant: (Waiting) -> Bool
    ) async throws(GatewayError) -> JSON {
        var (drafts, batches, isWhole) = (Found(), Found(), true)
        var before: RecordID?
        while isWhole {
            let page = try await house.parts.records.drafts(
                of: organization,
                in: Environment.allCases,
                madeBy: maker,
                before: before,
                limit: DraftLosses.pageMax
            )
            for draft in page {
                let one = Waiting(tool: draft.tool, account: draft.accountName, amount: draft.intent.amount)
                drafts.add(draft.id.description, isMeant(one))
            }
            guard page.count == DraftLosses.pageMax else { break }
            before = page.last?.id
            isWhole = drafts.looked < DraftLosses.lookedMax
        }
        var after: BatchID?
        while isWhole {
            let page = try await house.parts.batches.openBatches(
                of: organization,
                in: [.draft, .running, .paused],
                after: after,
                limit: DraftLosses.pageMax
            )
            for batch in page {
                let one = Waiting(tool: batch.tool, account: batch.accountName, amount: nil)
                batches.add(batch.id.description, maker.map { $0 == batch.madeBy } ?? true && isMeant(one))
            }
            guard let last = page.last else { break }
            after = last.id
            isWhole = batches.looked < DraftLosses.lookedMax
        }
        return [
            "count": .integer(Int64(drafts.count)), "transactions": .array(drafts.named.map { .string($0) }),
            "batch_count": .integer(Int64(batches.count)), "batches": .array(batches.named.map { .string($0) }),
            "is_whole": .bool(isWhole),
        ]
    }

    /// What is counted, and named as far as there is room.
    private struct Found {
        var (looked, count) = (0, 0)
        var named: [String] = []

        mutating func add(_ name: String, _ isLost: Bool) {
            looked += 1
            guard isLost else { return }
            count += 1
            if named.count < DraftLosses.namedMax { named.append(name) }
        }
    }
}

extension Principal {
    /// Whoever calls with a key, as a preview or an explanation asks about them; nobody calls.
    init(of key: APIKey) {
        self.init(
            organization: key.organization,
            subject: .apiKey(key.id),
            name: key.name,
            role: key.role,
            scopes: key.scopes,
            environment: key.environment,
            rules: key.rules
        )
    }
}
