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

    private static func cursor(of reader: String, _ lane: Int, in sql: any SQLSession) throws -> Int64 {
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

extension Store: RollupRepository {
    private static let addition = SQLStatement(
        """
        INSERT INTO rollups (organization_id, environment, day, account, source, direction, tool, outcome,
            transactions, amount)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (organization_id, environment, day, account, source, direction, tool, outcome) DO UPDATE
        SET transactions = rollups.transactions + excluded.transactions, amount = rollups.amount + excluded.amount
        """
    )

    package func add(
        _ changes: [RollupPlace: RollupSum],
        lane: Int,
        from old: Int64,
        to new: Int64
    ) async throws(GatewayError) -> Bool {
        // In the order of their keys, as everywhere.
        let sorted = changes.sorted { $0.key.stands(before: $1.key) }
        return try await write { session in
            guard try Self.move(FeedReader.rollups, lane, from: old, to: new, in: session.sql) else { return false }
            for (place, sum) in sorted {
                try session.send(Self.addition) { row in
                    row.bind(place.organization)
                    row.bind(place.environment.rawValue)
                    row.bind(place.day)
                    row.bind(place.account)
                    row.bind(place.source)
                    row.bind(place.direction.rawValue)
                    row.bind(place.tool)
                    row.bind(place.outcome.rawValue)
                    row.bind(sum.transactions)
                    row.bind(sum.amount)
                }
            }
            return true
        }
    }

    package func rollups(
        organization: OrganizationID,
        environment: Environment,
        days: ClosedRange<Int64>
    ) async throws(GatewayError) -> [RollupPlace: RollupSum] {
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT \(Self.rollupColumns) FROM rollups
                WHERE organization_id = $1 AND environment = $2 AND day BETWEEN $3 AND $4
                    AND (transactions <> 0 OR amount <> 0)
                """,
                [
                    .text(organization.description), .text(environment.rawValue), .integer(days.lowerBound),
                    .integer(days.upperBound),
                ],
                Self.rollup
            )
        }
        return Dictionary(rows) { first, _ in first }
    }

    static let rollupColumns = """
        organization_id, environment, day, account, source, direction, tool, outcome, transactions, amount
        """

    /// Reads a row of `rollupColumns`.
    static func rollup(_ row: any SQLRow) throws -> (RollupPlace, RollupSum) {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let environment = row.text(1).flatMap(Environment.init(rawValue:)),
            let direction = row.text(5).flatMap(OperationDirection.init(rawValue:)),
            let outcome = row.text(7).flatMap(RecordState.init(rawValue:))
        else { throw SQLError(message: "a rollup's row is damaged") }
        let place = RollupPlace(
            organization: organization,
            environment: environment,
            day: row.integer(2) ?? 0,
            account: row.text(3) ?? "",
            source: row.text(4) ?? "",
            direction: direction,
            tool: row.text(6) ?? "",
            outcome: outcome
        )
        return (place, RollupSum(transactions: row.integer(8) ?? 0, amount: row.integer(9) ?? 0))
    }

    package func beginRollupsAnew() async throws(GatewayError) {
        try await write { session in
            try session.sql.execute("DELETE FROM rollups", [])
            try session.sql.execute("DELETE FROM feed_cursors WHERE reader = $1", [.text(FeedReader.rollups)])
        }
    }
}

extension RollupPlace {
    fileprivate func stands(before other: RollupPlace) -> Bool {
        if organization != other.organization { return organization.raw < other.organization.raw }
        if environment != other.environment { return environment.rawValue < other.environment.rawValue }
        if day != other.day { return day < other.day }
        return (account, source, direction.rawValue, tool, outcome.rawValue)
            < (other.account, other.source, other.direction.rawValue, other.tool, other.outcome.rawValue)
    }
}
