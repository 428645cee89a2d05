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
    static let schema: JSON = [
        "type": "object", "required": ["count", "transactions", "batch_count", "batches", "is_whole"],
        "description": "What waits for people, or for its time, and would be withdrawn.",
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

    /// Of the answer to a preview that is about nothing else.
    static let preview: JSON = [
        "type": "object", "required": ["withdraws"], "properties": ["withdraws": schema],
    ]

    /// What somebody asked for, and would lose by a change.
    func preview(of maker: String, in organization: OrganizationID) async throws(GatewayError) -> Action.Answer {
        let withdrawn = try await withdrawn(of: organization, madeBy: maker) { _ in true }
        return .data(["withdraws": withdrawn], message: "Nothing was changed.")
    }

    /// What an organization's tools hold that would be taken away; nil where none would.
    func withdrawn(of organization: OrganizationID, without tools: Set<String>) async throws(GatewayError) -> JSON? {
        guard !tools.isEmpty else { return nil }
        return try await withdrawn(of: organization, madeBy: nil, ifOf: tools.contains)
    }

    private func withdrawn(
        of organization: OrganizationID,
        madeBy maker: String?,
        ifOf isLost: (String) -> Bool
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
            for draft in page { drafts.add(draft.id.description, isLost(draft.tool)) }
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
                batches.add(batch.id.description, maker.map { $0 == batch.madeBy } ?? true && isLost(batch.tool))
            }
            guard page.count == DraftLosses.pageMax else { break }
            after = page.last?.id
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
