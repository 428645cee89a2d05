import Gateway

extension Store: CallbackRepository {
    private static let arrival = SQLStatement(
        """
        INSERT INTO callbacks (organization_id, callback_id, environment, record_id, name, received_ms, body, address,
            attempts, status)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
        """
    )

    private static let ending = SQLStatement(
        """
        UPDATE callbacks SET ended = $1, ended_ms = $2
        WHERE organization_id = $3 AND callback_id = $4 AND ended IS NULL
        """
    )

    package func receive(_ callback: ReceivedCallback) async throws(GatewayError) {
        try await write { session in try Self.keep(callback, in: session) }
    }

    static func keep(_ callback: ReceivedCallback, in session: WriteSession) throws {
        try session.send(arrival) { row in
            row.bind(callback.organization)
            row.bind(callback.id)
            row.bind(callback.environment.rawValue)
            row.bind(callback.record)
            row.bind(callback.name)
            row.bind(callback.receivedAt.milliseconds)
            row.bind(bytes: callback.body)
            row.bind(callback.address)
            row.bind(Int64(callback.attempts))
            row.bind(callback.status.map { Int64($0) })
        }
    }

    package func quarantine(
        _ id: CallbackID,
        organization: OrganizationID,
        digest: String,
        at: Timestamp
    ) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                """
                UPDATE callbacks SET ended = 'quarantined', ended_ms = $1, digest = $2
                WHERE organization_id = $3 AND callback_id = $4 AND ended IS NULL
                """,
                [.integer(at.milliseconds), .text(digest), .text(organization.description), .text(id.description)]
            )
        }
    }

    package func quarantined(
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [(callback: ReceivedCallback, digest: String)] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(Self.columns), digest FROM callbacks WHERE ended = 'quarantined'
                    AND (received_ms, callback_id) > ($1, $2)
                ORDER BY received_ms, callback_id LIMIT $3
                """,
                Self.values(of: place) + [.integer(Int64(limit))]
            ) { row in (try Self.callback(row), row.text(10) ?? "") }
        }
    }

    package func reopen(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                """
                UPDATE callbacks SET ended = NULL, ended_ms = NULL, attempts = 0
                WHERE organization_id = $1 AND callback_id = $2 AND ended = 'quarantined'
                """,
                [.text(organization.description), .text(id.description)]
            )
        }
    }

    private static let columns = """
        organization_id, callback_id, environment, record_id, name, received_ms, body, address, attempts, status
        """

    package func countAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) -> Int {
        let key: [SQLValue] = [.text(organization.description), .text(id.description)]
        return try await write { session in
            try session.sql.execute(
                "UPDATE callbacks SET attempts = attempts + 1 WHERE organization_id = $1 AND callback_id = $2",
                key
            )
            let attempts = try session.sql.first(
                "SELECT attempts FROM callbacks WHERE organization_id = $1 AND callback_id = $2",
                key
            ) { $0.integer(0) ?? 0 }
            return Int(attempts ?? 0)
        }
    }

    package func forgiveAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                """
                UPDATE callbacks SET attempts = attempts - 1
                WHERE organization_id = $1 AND callback_id = $2 AND attempts > 0
                """,
                [.text(organization.description), .text(id.description)]
            )
        }
    }

    package func end(
        _ id: CallbackID,
        organization: OrganizationID,
        as end: CallbackEnd,
        at: Timestamp
    ) async throws(GatewayError) {
        try await write { session in
            try Self.end(id, of: organization, as: end.rawValue, at: at, in: session)
        }
    }

    /// Nothing came before the beginning.
    private static func values(of place: CallbackPlace?) -> [SQLValue] {
        [.integer(place?.receivedAt.milliseconds ?? .min), .text(place?.id.description ?? "")]
    }

    package func unsettled(
        before: Timestamp,
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [ReceivedCallback] {
        let rows = try await read { sql in
            try Store.filling(limit) {
                (behind: [SQLValue]?, limit: Int) -> [(row: Reading<ReceivedCallback>, place: [SQLValue])] in
                try sql.query(
                    """
                    SELECT \(Self.columns) FROM callbacks WHERE ended IS NULL AND received_ms <= $1
                        AND (received_ms, callback_id) > ($2, $3)
                    ORDER BY received_ms, callback_id LIMIT $4
                    """,
                    [.integer(before.milliseconds)] + (behind ?? Self.values(of: place)) + [.integer(Int64(limit))]
                ) { row in
                    let place: [SQLValue] = [.integer(row.integer(5) ?? .max), .text(row.text(1) ?? "~")]
                    return (row: Reading(row, Self.callback), place: place)
                }
            }
        }
        return readable("callback", rows)
    }

    static func end(
        _ id: CallbackID,
        of organization: OrganizationID,
        as end: String,
        at: Timestamp,
        in session: WriteSession
    ) throws {
        try session.send(ending) { row in
            row.bind(end)
            row.bind(at.milliseconds)
            row.bind(organization)
            row.bind(id)
        }
    }

    private static func callback(_ row: any SQLRow) throws -> ReceivedCallback {
        guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
            let id = row.text(1).flatMap({ CallbackID($0) }),
            let environment = row.text(2).flatMap(Environment.init(rawValue:)),
            let record = row.text(3).flatMap({ RecordID($0) })
        else { throw SQLError(message: "a callback's row is damaged") }
        return ReceivedCallback(
            id: id,
            organization: organization,
            environment: environment,
            record: record,
            name: row.text(4) ?? "",
            receivedAt: Timestamp(milliseconds: row.integer(5) ?? 0),
            body: row.bytes(6) ?? [],
            address: row.text(7),
            attempts: Int(row.integer(8) ?? 0),
            status: row.integer(9).map { Int($0) }
        )
    }
}
