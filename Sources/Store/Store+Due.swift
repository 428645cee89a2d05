import Gateway

extension Store: DueRepository {
    /// How many accounts can be left out of one reading.
    static let leftOutMax = 64

    package func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<Dispatcher.Account>
    ) async throws(GatewayError) -> [Record] {
        var values: [SQLValue] = [.integer(now.milliseconds), .integer(Int64(limit))]
        var leavingOut = ""
        if !accounts.isEmpty {
            // Always as many places, so that there is one statement to keep prepared.
            let names = accounts.prefix(Store.leftOutMax).map { "\($0.organization) \($0.environment.rawValue)" }
            let padded = names + Array(repeating: "", count: Store.leftOutMax - names.count)
            let places = padded.indices.map { "$\($0 + 3)" }.joined(separator: ", ")
            leavingOut = "AND organization_id || ' ' || environment NOT IN (\(places))"
            values += padded.map { .text($0) }
        }
        let (left, bound) = (leavingOut, values)
        // Two indexes, so two questions: what the host works on, and what waits for a person and is asked about daily.
        return try await read { sql in
            var due: [Record] = []
            for condition in [RecordCoding.isWaiting, "state = 'manual'"] where due.count < limit {
                var values = bound
                values[1] = .integer(Int64(limit - due.count))
                due += try sql.query(
                    """
                    SELECT \(RecordCoding.columns) FROM records
                    WHERE \(condition) AND next_action_ms <= $1 \(left) ORDER BY next_action_ms LIMIT $2
                    """,
                    values,
                    RecordCoding.record
                )
            }
            return due
        }
    }

    package func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError) {
        try await write { session in
            try session.execute(Store.postponement) { row in
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
