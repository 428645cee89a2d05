import Gateway
import OrderedJSON

extension Store: FeedRepository {
    package func feedLanes() async throws(GatewayError) -> [Int] { [FeedReader.lane] }

    package func feed(lane: Int, after position: Int64, limit: Int) async throws(GatewayError) -> [FeedEntry] {
        let rows = try await read { sql in
            try Store.filling(limit) { (behind: Int64?, limit: Int) -> [(row: Reading<FeedEntry>, place: Int64)] in
                try sql.query(
                    """
                    SELECT \(Self.feedColumns) FROM feed WHERE lane = $1 AND position > $2 ORDER BY position LIMIT $3
                    """,
                    [.integer(Int64(lane)), .integer(behind ?? position), .integer(Int64(limit))],
                    Self.placed
                )
            }
        }
        return readable("event", rows)
    }

    /// - Throws: At what a newer version has told: nobody goes past it who does not know what it is.
    private static func placed(_ row: any SQLRow) throws -> (row: Reading<FeedEntry>, place: Int64) {
        if let kind = row.text(2), FeedEvent.Kind(rawValue: kind) == nil, isKind(kind) {
            throw SQLError(message: "the feed has events of the kind \(kind), which this version does not know")
        }
        return (Reading(row, feedEntry), row.integer(7) ?? .max)
    }

    /// Whether a text is what kinds are called: words of small letters with a point between.
    private static func isKind(_ text: String) -> Bool {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        return words.count == 2
            && words.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 } }
    }

    package func feed(
        lane: Int,
        of organization: OrganizationID,
        after position: Int64,
        limit: Int
    ) async throws(GatewayError) -> (entries: [FeedEntry], upTo: Int64) {
        let limit = max(1, limit)
        return try await readAtOnce { sql in
            let entries = try self.feed(lane, of: organization, after: position, limit: limit, in: sql)
            if entries.count == limit, let last = entries.last { return (entries, last.position) }
            return (entries, max(position, try Self.end(of: lane, in: sql)))
        }
    }

    /// The events of one organization after a position, by its own key.
    func feed(
        _ lane: Int,
        of organization: OrganizationID,
        after position: Int64,
        limit: Int,
        in sql: any SQLSession
    ) throws -> [FeedEntry] {
        let rows = try Store.filling(limit) {
            (behind: Int64?, limit: Int) -> [(row: Reading<FeedEntry>, place: Int64)] in
            try sql.query(
                """
                SELECT \(Self.feedColumns) FROM feed WHERE organization_id = $1 AND lane = $2 AND position > $3
                ORDER BY position LIMIT $4
                """,
                [
                    .text(organization.description), .integer(Int64(lane)), .integer(behind ?? position),
                    .integer(Int64(limit)),
                ],
                Self.placed
            )
        }
        return readable("event", rows)
    }

    package func feedFloor(lane: Int, keptFor days: Int?) async throws(GatewayError) -> Int64 {
        try await readAtOnce { sql in try Self.floor(of: lane, keptFor: days, in: sql) }
    }

    package func feedAges(lane: Int) async throws(GatewayError) -> Set<Int> {
        try await read { sql in
            Set(try Self.cursors(of: lane, in: sql).compactMap { FeedReader.age(of: $0.reader) })
        }
    }

    private static func cursors(of lane: Int, in sql: any SQLSession) throws -> [(reader: String, position: Int64)] {
        try sql.query(
            "SELECT reader, position FROM feed_cursors WHERE lane = $1",
            [.integer(Int64(lane))]
        ) { (reader: $0.text(0) ?? "", position: $0.integer(1) ?? 0) }
    }

    static func floor(of lane: Int, keptFor days: Int?, in sql: any SQLSession) throws -> Int64 {
        let forgotten = try cursors(of: lane, in: sql)
            .filter { cursor in FeedReader.age(of: cursor.reader).map { $0 >= days ?? 0 } ?? false }
        let oldest = try sql.first(
            "SELECT MIN(position) FROM feed WHERE lane = $1",
            [.integer(Int64(lane))]
        ) { $0.integer(0) }
        return max(0, ((oldest ?? nil) ?? 1) - 1, forgotten.map(\.position).max() ?? 0)
    }

    package func forgetFeed(
        lane: Int,
        _ age: FeedAge,
        exceptFor dead: Set<String>,
        limit: Int
    ) async throws(GatewayError) -> Int {
        let (number, reader) = (lane, FeedReader.forgotten(after: age.days))
        let lane = SQLValue.integer(Int64(number))
        return try await write { session in
            let cursors = try Self.cursors(of: number, in: session.sql)
            let readers = cursors.filter { FeedReader.age(of: $0.reader) == nil && !dead.contains($0.reader) }
            guard let slowest = readers.map(\.position).min() else { return 0 }
            let done = cursors.first { $0.reader == reader }?.position ?? 0
            let oldest = try session.sql.query(
                """
                SELECT position, at_ms FROM feed WHERE lane = $1 AND position > $2 AND position <= $3
                ORDER BY position LIMIT $4
                """,
                [lane, .integer(done), .integer(slowest), .integer(Int64(max(1, limit)))]
            ) { ($0.integer(0) ?? 0, $0.integer(1) ?? 0) }
            let newest = try session.sql.first("SELECT MAX(position) FROM feed WHERE lane = $1", [lane]) {
                $0.integer(0) ?? 0
            }
            // The newest stays: the next position is counted from it.
            let old = oldest.prefix { $0.1 < age.before.milliseconds && $0.0 < newest ?? 0 }
            guard let last = old.last?.0 else { return 0 }
            try Self.forget(from: done, to: last, but: age.longer.sorted(), lane, in: session.sql)
            _ = try Self.move(reader, number, from: done, to: last, in: session.sql)
            return old.count
        }
    }

    private static func forget(
        from done: Int64,
        to last: Int64,
        but longer: [String],
        _ lane: SQLValue,
        in sql: any SQLSession
    ) throws {
        let places = longer.indices.map { "$\($0 + 4)" }.joined(separator: ", ")
        let others =
            longer.isEmpty
            ? "" : " AND organization_id NOT IN (SELECT organization_id FROM organizations WHERE plan IN (\(places)))"
        try sql.execute(
            "DELETE FROM feed WHERE lane = $1 AND position > $2 AND position <= $3\(others)",
            [lane, .integer(done), .integer(last)] + longer.map { .text($0) }
        )
    }

    package func feedEnd(lane: Int) async throws(GatewayError) -> Int64 {
        try await read { sql in try Self.end(of: lane, in: sql) }
    }

    static func end(of lane: Int, in sql: any SQLSession) throws -> Int64 {
        let end = try sql.first("SELECT MAX(position) FROM feed WHERE lane = $1", [.integer(Int64(lane))]) {
            $0.integer(0)
        }
        return (end ?? nil) ?? 0
    }

    package static let feedColumns =
        "organization_id, event_id, kind, subject, subject_version, at_ms, payload, position"

    /// Reads a row of `feedColumns`.
    package static func feedEntry(_ row: any SQLRow) throws -> FeedEntry {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ Identifier($0) }),
            let kind = row.text(2).flatMap(FeedEvent.Kind.init(rawValue:))
        else { throw SQLError(message: "an event's row is damaged") }
        let event = FeedEvent(
            organization: organization,
            id: id,
            kind: kind,
            subject: row.text(3) ?? "",
            version: Int(row.integer(4) ?? 0),
            at: Timestamp(milliseconds: row.integer(5) ?? 0),
            payload: try JSON(parsing: row.text(6) ?? "")
        )
        return FeedEntry(event: event, position: row.integer(7) ?? 0)
    }

    package func cursor(of reader: String, lane: Int) async throws(GatewayError) -> Int64 {
        try await read { sql in try Self.cursor(of: reader, lane, in: sql) }
    }

    static func cursor(of reader: String, _ lane: Int, in sql: any SQLSession) throws -> Int64 {
        try sql.first(
            "SELECT position FROM feed_cursors WHERE reader = $1 AND lane = $2",
            [.text(reader), .integer(Int64(lane))]
        ) { $0.integer(0) ?? 0 } ?? 0
    }

    package func moveCursor(
        of reader: String,
        lane: Int,
        from old: Int64,
        to new: Int64
    ) async throws(GatewayError) -> Bool {
        try await write { session in try Self.move(reader, lane, from: old, to: new, in: session.sql) }
    }

    static func move(
        _ reader: String,
        _ lane: Int,
        from old: Int64,
        to new: Int64,
        in sql: any SQLSession
    ) throws -> Bool {
        try sql.execute(
            "INSERT INTO feed_cursors (reader, lane, position) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
            [.text(reader), .integer(Int64(lane))]
        )
        let moved = try sql.execute(
            "UPDATE feed_cursors SET position = $1 WHERE reader = $2 AND lane = $3 AND position = $4",
            [.integer(new), .text(reader), .integer(Int64(lane)), .integer(old)]
        )
        return moved == 1
    }
}
