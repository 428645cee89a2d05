import Gateway

/// What M-Pesa said that accounts hold.
extension Store {
    private static let balanceInsertion = SQLStatement(
        """
        INSERT INTO balances (organization_id, environment, account, name, at_ms, record_id, currency, current_cents,
            available_cents, reserved_cents, uncleared_cents)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
        """
    )

    /// Keeps what an answer told, as of the change that it is.
    static func keep(_ balances: [Balance], of record: Record, in session: WriteSession) throws {
        for balance in balances {
            try session.send(balanceInsertion) { row in
                row.bind(record.organization)
                row.bind(record.environment.rawValue)
                row.bind(record.accountName.description)
                row.bind(balance.name)
                row.bind(record.updatedAt.milliseconds)
                row.bind(record.id)
                row.bind(balance.currency)
                row.bind(balance.currentCents)
                row.bind(balance.availableCents)
                row.bind(balance.reservedCents)
                row.bind(balance.unclearedCents)
            }
        }
    }

    private static let balanceColumns = """
        account, name, at_ms, record_id, currency, current_cents, available_cents, reserved_cents, uncleared_cents
        """

    package func balances(
        of organization: OrganizationID,
        in environment: Gateway.Environment,
        accounts: Set<AccountName>?,
        before moment: Timestamp
    ) async throws(GatewayError) -> [ToldBalance] {
        let all = try await read { sql in
            // The newest of each, and then these: a handful, whatever is kept of before.
            let newest = try sql.query(
                """
                SELECT account, name, MAX(at_ms) FROM balances
                WHERE organization_id = $1 AND environment = $2 AND at_ms < $3 GROUP BY account, name
                """,
                [.text(organization.description), .text(environment.rawValue), .integer(moment.milliseconds)]
            ) { ($0.text(0) ?? "", $0.text(1) ?? "", $0.integer(2) ?? 0) }
            return try newest.compactMap { account, name, moment in
                try sql.first(
                    """
                    SELECT \(Store.balanceColumns) FROM balances WHERE organization_id = $1 AND environment = $2
                        AND account = $3 AND name = $4 AND at_ms = $5 ORDER BY record_id DESC LIMIT 1
                    """,
                    [
                        .text(organization.description), .text(environment.rawValue), .text(account), .text(name),
                        .integer(moment),
                    ],
                    Store.toldBalance
                )
            }
        }
        return all.filter { told in accounts?.contains { $0.description == told.account } ?? true }
            .sorted { ($0.account, $0.balance.name) < ($1.account, $1.balance.name) }
    }

    package func balanceHistory(
        of organization: OrganizationID,
        in environment: Gateway.Environment,
        accounts: Set<AccountName>?,
        before: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [ToldBalance] {
        var values: [SQLValue] = [
            .text(organization.description), .text(environment.rawValue), .integer(before.milliseconds),
        ]
        var narrowed = ""
        if let accounts = accounts?.map(\.description).sorted() {
            let places = accounts.indices.map { "$\(values.count + 1 + $0)" }.joined(separator: ", ")
            values += accounts.map { .text($0) }
            narrowed = "AND account IN (\(places.isEmpty ? "''" : places))"
        }
        values.append(.integer(Int64(max(1, limit))))
        let (all, clause) = (values, narrowed)
        return try await readAtOnce { sql in
            let found = try sql.query(
                """
                SELECT \(Store.balanceColumns) FROM balances
                WHERE organization_id = $1 AND environment = $2 AND at_ms < $3 \(clause)
                ORDER BY at_ms DESC, account, name, record_id LIMIT $\(all.count)
                """,
                all,
                Store.toldBalance
            )
            guard found.count >= limit, let last = found.last?.at else { return found }
            // The last answer is whole, so that the next page begins behind it: as many rows as M-Pesa named accounts.
            var values = all.dropLast()
            values[2] = .integer(last.milliseconds)
            return found.filter { $0.at > last }
                + (try sql.query(
                    """
                    SELECT \(Store.balanceColumns) FROM balances
                    WHERE organization_id = $1 AND environment = $2 AND at_ms = $3 \(clause)
                    ORDER BY account, name, record_id
                    """,
                    Array(values),
                    Store.toldBalance
                ))
        }
    }

    package func removeBalances(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        let old = try await read { sql in
            try sql.query(
                """
                SELECT organization_id, environment, account, name, at_ms, record_id FROM balances WHERE at_ms < $1
                LIMIT $2
                """,
                [.integer(moment.milliseconds), .integer(Int64(max(1, limit)))]
            ) { row in
                (0..<6)
                    .map { column -> SQLValue in
                        column == 4 ? .integer(row.integer(column) ?? 0) : .text(row.text(column) ?? "")
                    }
            }
        }
        guard !old.isEmpty else { return 0 }
        try await write { session in
            for place in old {
                try session.sql.execute(
                    """
                    DELETE FROM balances WHERE organization_id = $1 AND environment = $2 AND account = $3 AND name = $4
                        AND at_ms = $5 AND record_id = $6
                    """,
                    place
                )
            }
        }
        return old.count
    }

    private static func toldBalance(_ row: any SQLRow) throws -> ToldBalance {
        guard let record = row.text(3).flatMap({ RecordID($0) }) else {
            throw SQLError(message: "a balance's row is damaged")
        }
        let balance = Balance(
            name: row.text(1) ?? "",
            currency: row.text(4) ?? "",
            currentCents: row.integer(5) ?? 0,
            availableCents: row.integer(6) ?? 0,
            reservedCents: row.integer(7) ?? 0,
            unclearedCents: row.integer(8) ?? 0
        )
        return ToldBalance(
            account: row.text(0) ?? "",
            balance: balance,
            at: Timestamp(milliseconds: row.integer(2) ?? 0),
            record: record
        )
    }
}
