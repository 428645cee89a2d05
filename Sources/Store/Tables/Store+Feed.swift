import Gateway
import OrderedJSON

extension Store: FeedRepository {
    package func feedLanes() async throws(GatewayError) -> [Int] { [FeedReader.lane] }

    package func feed(lane: Int, after position: Int64, limit: Int) async throws(GatewayError) -> [FeedEntry] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(Self.feedColumns) FROM feed WHERE lane = $1 AND position > $2 ORDER BY position LIMIT $3
                """,
                [.integer(Int64(lane)), .integer(position), .integer(Int64(max(1, limit)))],
                Self.feedEntry
            )
        }
    }

    static let feedColumns = "organization_id, event_id, kind, subject, subject_version, at_ms, payload, position"

    /// Reads a row of `feedColumns`.
    static func feedEntry(_ row: any SQLRow) throws -> FeedEntry {
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
