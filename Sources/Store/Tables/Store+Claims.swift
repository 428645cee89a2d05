import Gateway

extension Store: ClaimRepository {
    package func forgetClaims(
        after place: ClaimPlace,
        limit: Int,
        endedBy moment: Timestamp,
        late: Timestamp
    ) async throws(GatewayError) -> (forgotten: Int, next: ClaimPlace?) {
        try await write { session in
            let last = try Self.end(of: place, limit: limit, in: session.sql)
            let forgotten = try Self.forget(after: place, upTo: last, endedBy: moment, late: late, in: session.sql)
            return (forgotten, last)
        }
    }

    /// The last key of the slice; nil when it reaches the end.
    private static func end(of place: ClaimPlace, limit: Int, in sql: any SQLSession) throws -> ClaimPlace? {
        let (table, key) = place.kind.columns
        return try sql.first(
            """
            SELECT organization_id, environment, \(key) FROM \(table)
            WHERE (organization_id, environment, \(key)) > ($1, $2, $3)
            ORDER BY organization_id, environment, \(key) LIMIT 1 OFFSET $4
            """,
            place.values + [.integer(Int64(max(1, limit) - 1))]
        ) { row in
            ClaimPlace(
                place.kind,
                organization: row.text(0) ?? "",
                environment: row.text(1) ?? "",
                key: row.text(2) ?? ""
            )
        }
    }

    private static func forget(
        after place: ClaimPlace,
        upTo last: ClaimPlace?,
        endedBy moment: Timestamp,
        late: Timestamp,
        in sql: any SQLSession
    ) throws -> Int {
        let (table, key) = place.kind.columns
        var values = place.values
        var range = "(organization_id, environment, \(key)) > ($1, $2, $3)"
        if let last {
            values += last.values
            range += " AND (organization_id, environment, \(key)) <= ($4, $5, $6)"
        }
        values.append(.integer(moment.milliseconds))
        let hasEnded: String
        switch place.kind {
        case .idempotency:
            values.append(.integer(late.milliseconds))
            hasEnded = """
                EXISTS (
                    SELECT 1 FROM records
                    WHERE records.organization_id = idempotency.organization_id
                        AND records.record_id = idempotency.record_id
                        AND records.ended_ms + idempotency.retention_ms <= $\(values.count - 1)
                        AND (records.state IN ('succeeded', 'reversed') OR records.class <> 'transaction'
                            OR records.sent_ms IS NULL OR records.ended_ms <= $\(values.count)))
                """
        case .guards:
            hasEnded = """
                active_until_ms <= $\(values.count) AND EXISTS (
                    SELECT 1 FROM records
                    WHERE records.organization_id = guards.organization_id AND records.record_id = guards.record_id
                        AND records.state NOT IN (\(RecordCoding.claimingStates)))
                """
        }
        return try sql.execute("DELETE FROM \(table) WHERE \(range) AND \(hasEnded)", values)
    }
}

extension ClaimPlace {
    fileprivate var values: [SQLValue] { [.text(organization), .text(environment), .text(key)] }
}

extension ClaimPlace.Kind {
    /// The table, and the column of its keys.
    fileprivate var columns: (table: String, key: String) {
        switch self {
        case .idempotency: ("idempotency", "idempotency_key")
        case .guards: ("guards", "guard_key")
        }
    }
}
