import Gateway

extension Store: DueRepository {
    /// How many accounts can be left out of one reading.
    static let leftOutMax = 64

    package func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        // Two indexes, so two questions: what the host works on, and what waits for a person and is asked about daily.
        try await due([RecordCoding.isWaiting, "state = 'manual'"], at: now, limit: limit, except: accounts)
    }

    package func dueHeld(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        try await due([RecordCoding.isHeld + " AND batch_id IS NULL"], at: now, limit: limit, except: accounts)
    }

    package func organizationsHolding(
        after organization: OrganizationID?,
        limit: Int
    ) async throws(GatewayError) -> [OrganizationID] {
        let index = database.words.index("records_held")
        return try await read { sql in
            try sql.query(
                """
                SELECT DISTINCT organization_id FROM records\(index)
                WHERE \(RecordCoding.isHeld) AND organization_id > $1 ORDER BY organization_id LIMIT $2
                """,
                [.text(organization?.description ?? ""), .integer(Int64(max(1, limit)))]
            ) { OrganizationID($0.text(0) ?? "") }
        }
        .compactMap { $0 }
    }

    private func due(
        _ conditions: [String],
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        var accountClause = ""
        var names: [String] = []
        if !accounts.isEmpty {
            // Always as many places, so that there is one statement to keep prepared.
            names = accounts.prefix(Store.leftOutMax).map { "\($0.organization) \($0.environment.rawValue) \($0.name)" }
            names += Array(repeating: "", count: Store.leftOutMax - names.count)
            let places = names.indices.map { "$\($0 + 2)" }.joined(separator: ", ")
            accountClause =
                "AND organization_id || ' ' || environment || ' ' || COALESCE(account_name, 'main') NOT IN (\(places))"
        }
        let (clause, bound) = (accountClause, [.integer(now.milliseconds)] + names.map { SQLValue.text($0) })
        let rows = try await read { sql in
            var due: [Reading<Record>] = []
            for condition in conditions where due.count < limit {
                due += try sql.query(
                    """
                    SELECT \(RecordCoding.selected) FROM records
                    WHERE \(condition) AND next_action_ms <= $1 \(clause)
                    ORDER BY next_action_ms LIMIT $\(bound.count + 1)
                    """,
                    bound + [.integer(Int64(limit - due.count))],
                    { Reading($0, RecordCoding.record) }
                )
            }
            return due
        }
        let found = await readableDue(
            "transaction",
            rows,
            at: now,
            puttingOff: """
                UPDATE records SET next_action_ms = $1 WHERE organization_id = $2 AND record_id = $3 AND next_action_ms <= $4
                """
        )
        state.tell(ofDamaged: found)
        return found
    }

    package func keep(moment: Timestamp) async throws(GatewayError) {
        try await write { session in try Store.keep(moment, in: session) }
    }

    static func keep(_ moment: Timestamp, in session: WriteSession) throws {
        try session.sql.execute(
            """
            INSERT INTO configuration (name, value) VALUES ('moment', $1)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """,
            [.integer(moment.milliseconds)]
        )
    }

    package func newestMoment() async throws(GatewayError) -> Timestamp? {
        try await read { sql in
            let kept = try sql.first("SELECT value FROM configuration WHERE name = 'moment'", []) { $0.integer(0) }
            let seen = try sql.first(
                "SELECT MAX(updated_ms) FROM records WHERE \(RecordCoding.isWaiting) AND updated_ms > $1",
                [.integer((kept ?? nil) ?? 0)]
            ) { $0.integer(0) }
            let came = try sql.first("SELECT MAX(received_ms) FROM callbacks WHERE ended IS NULL", []) { $0.integer(0) }
            return [kept, seen, came].compactMap { $0 ?? nil }.max().map { Timestamp(milliseconds: $0) }
        }
    }

    package func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError) {
        try await write { session in
            try session.send(Store.postponement) { row in
                row.bind(moment.milliseconds)
                row.bind(record.organization)
                row.bind(record.id)
                row.bind(Int64(record.version))
            }
        }
    }

    /// The version stays: nothing has happened to the record.
    private static let postponement = SQLStatement(
        """
        UPDATE records SET next_action_ms = $1 WHERE organization_id = $2 AND record_id = $3 AND version = $4
        """
    )
}
