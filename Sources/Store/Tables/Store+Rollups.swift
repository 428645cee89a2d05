import Gateway

extension Store: RollupRepository {
    private static let addition = SQLStatement(
        """
        INSERT INTO rollups (organization_id, environment, day, account, source, direction, tool, made_by, outcome,
            hour, transactions, amount, fee_cents, fees_stated)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (organization_id, environment, day, account, source, direction, tool, made_by, outcome, hour)
        DO UPDATE SET transactions = rollups.transactions + excluded.transactions,
            amount = rollups.amount + excluded.amount, fee_cents = rollups.fee_cents + excluded.fee_cents,
            fees_stated = rollups.fees_stated + excluded.fees_stated
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
                    row.bind(place.madeBy)
                    row.bind(place.outcome.rawValue)
                    row.bind(place.hour)
                    row.bind(sum.transactions)
                    row.bind(sum.amount)
                    row.bind(sum.feeCents)
                    row.bind(sum.feesStated)
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
                    AND (transactions <> 0 OR amount <> 0 OR fee_cents <> 0 OR fees_stated <> 0)
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

    package static let rollupColumns = """
        organization_id, environment, day, account, source, direction, tool, made_by, outcome, hour, transactions,
        amount, fee_cents, fees_stated
        """

    /// Reads a row of `rollupColumns`.
    package static func rollup(_ row: any SQLRow) throws -> (RollupPlace, RollupSum) {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let environment = row.text(1).flatMap(Environment.init(rawValue:)),
            let direction = row.text(5).flatMap(OperationDirection.init(rawValue:)),
            let outcome = row.text(8).flatMap(RecordState.init(rawValue:))
        else { throw SQLError(message: "a rollup's row is damaged") }
        let place = RollupPlace(
            organization: organization,
            environment: environment,
            day: row.integer(2) ?? 0,
            account: row.text(3) ?? "",
            source: row.text(4) ?? "",
            direction: direction,
            tool: row.text(6) ?? "",
            madeBy: row.text(7) ?? "",
            outcome: outcome,
            hour: row.integer(9) ?? 0
        )
        return (place, rollupSum(row, from: 10))
    }

    static func rollupSum(_ row: any SQLRow, from column: Int) -> RollupSum {
        RollupSum(
            transactions: row.integer(column) ?? 0,
            amount: row.integer(column + 1) ?? 0,
            feeCents: row.integer(column + 2) ?? 0,
            feesStated: row.integer(column + 3) ?? 0
        )
    }

    package func beginRollupsAnew() async throws(GatewayError) {
        try await write { session in
            guard try Store.floor(of: FeedReader.lane, keptFor: nil, in: session.sql) == 0 else {
                throw GatewayError(.conflict, "The feed no longer has its first events: nothing can be counted anew.")
            }
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
        let (left, right) = (direction.rawValue, other.direction.rawValue)
        if (account, source, left, tool) != (other.account, other.source, right, other.tool) {
            return (account, source, left, tool) < (other.account, other.source, right, other.tool)
        }
        return (madeBy, outcome.rawValue, hour) < (other.madeBy, other.outcome.rawValue, other.hour)
    }
}
