import Gateway
import OrderedJSON

/// The lines of an organization's audit from a place on, page by page, asked before each whether it may go on.
///
/// Where it ends is taken before the first page: reading the audit writes lines of it, and a busy gateway writes more than a
/// slow reader takes. Ids are made before a line gets its number in its chain, so each chain is read by its numbers: no
/// line is missed that is committed meanwhile among older ones.
struct AuditPages: Sendable {
    /// How many lines a question reads.
    static let pageMax = 500

    /// Where each chain ended when reading began.
    struct End: Sendable {
        let at: Timestamp
        let heads: [AuditHead]
    }

    let reading: any AuditReading
    let use: Action.Use
    /// How far each chain is in hand already, by its writer.
    var places: [String: Int64] = [:]
    /// How many lines at most; nil for all.
    var most: Int?

    /// Where it ends, from now on.
    func end(at now: Timestamp) async throws(GatewayError) -> End {
        try await use.mayGoOn()
        return End(at: now, heads: try await reading.heads(organization: use.principal.organization))
    }

    /// Hands each line out up to the end, chain by chain, each in its order.
    func forEach(
        until end: End,
        _ take: (String) async throws(GatewayError) -> Void
    ) async throws(GatewayError) {
        var left = most ?? .max
        for head in end.heads {
            var last = places[head.writer] ?? 0
            while left > 0, last < head.sequence {
                try await use.mayGoOn()
                let wanted = min(left, Self.pageMax)
                let page = try await reading.lines(
                    of: use.principal.organization,
                    after: last,
                    through: head,
                    limit: wanted
                )
                for line in page { try await take(line) }
                left -= page.count
                // What the chain should hold and does not is for whoever checks the file to miss.
                guard page.count == wanted, let text = page.last,
                    let sequence = (try? JSON(parsing: text))?["sequence"]?.integerValue
                else { break }
                last = sequence
            }
        }
    }

    /// What a file says first: where it begins and ends, so that nobody takes a part of it for the whole.
    func beginning(_ end: End) -> JSON {
        var said: JSONObject = [
            "organization_id": .string(use.principal.organization.description), "at": .string(end.at.description),
        ]
        let behind = places.sorted { $0.key < $1.key }.map { (writer: $0.key, sequence: $0.value) }
        if !behind.isEmpty { said["after"] = AuditPages.list(behind) }
        said["limit"] = most.map { .integer(Int64($0)) }
        said["ends"] = AuditPages.ends(end)
        return [AuditExport.member: .object(said)]
    }

    /// Where each chain ends.
    static func ends(_ end: End) -> JSON { list(end.heads.map { ($0.writer, $0.sequence) }) }

    private static func list(_ places: [(writer: String, sequence: Int64)]) -> JSON {
        .array(places.map { ["writer": .string($0.writer), "sequence": .integer($0.sequence)] })
    }
}
