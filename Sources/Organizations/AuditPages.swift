import Gateway
import OrderedJSON

/// The lines of an organization's audit from a place on, page by page, asked before each whether it may go on.
///
/// Where it ends is taken before the first page: reading the audit writes lines of it, and a busy gateway writes more than a
/// slow reader takes. Ids are made before a line gets its number in its chain, so it is those numbers that say what was
/// there by then: all up to them, and no other, so that no line is missed that is committed meanwhile among older ones.
struct AuditPages: Sendable {
    /// How many lines a question reads.
    static let pageMax = 500

    /// Where each chain ended when reading began.
    struct End: Sendable {
        let at: Timestamp
        let heads: [AuditHead]
        fileprivate let last: Identifier?
        fileprivate let sequences: [String: Int64]

        fileprivate func holds(_ line: AuditLine) -> Bool { line.sequence <= sequences[line.writer] ?? 0 }
    }

    let reading: any AuditReading
    let use: Action.Use
    var after: Identifier?
    /// How many lines at most; nil for all.
    var most: Int?

    /// Where it ends, from now on.
    func end(at now: Timestamp) async throws(GatewayError) -> End {
        try await use.mayGoOn()
        let organization = use.principal.organization
        // In this order: every line that a head knows was there when the newest one is asked for.
        let heads = try await reading.heads(organization: organization)
        let newest = try await reading.page(AuditFilter(limit: 1), organization: organization).lines.first
        let sequences = Dictionary(heads.map { ($0.writer, $0.sequence) }) { max($0, $1) }
        return End(at: now, heads: heads, last: newest?.id, sequences: sequences)
    }

    /// Hands each line out up to the end, oldest first.
    func forEach(
        until end: End,
        _ take: (String) async throws(GatewayError) -> Void
    ) async throws(GatewayError) {
        guard end.last != nil else { return }
        var after = after
        var left = most ?? .max
        while left > 0 {
            try await use.mayGoOn()
            let page = try await reading.lines(
                after: after,
                until: end.last,
                organization: use.principal.organization,
                limit: Self.pageMax
            )
            for line in page where end.holds(line) && left > 0 {
                try await take(line.text)
                left -= 1
            }
            guard page.count == Self.pageMax else { return }
            after = page.last?.id
        }
    }

    /// What a file says first: where it begins and ends, so that nobody takes a part of it for the whole.
    func beginning(_ end: End) -> JSON {
        var said: JSONObject = [
            "organization_id": .string(use.principal.organization.description), "at": .string(end.at.description),
        ]
        said["after"] = after.map { .string($0.description) }
        said["limit"] = most.map { .integer(Int64($0)) }
        said["ends"] = AuditPages.ends(end)
        return [AuditExport.member: .object(said)]
    }

    /// Where each chain ends.
    static func ends(_ end: End) -> JSON {
        .array(end.heads.map { ["writer": .string($0.writer), "sequence": .integer($0.sequence)] })
    }
}
