import Gateway

/// Receivers of events, as people set them up.
extension Store: WebhookRepository {
    /// An endpoint with how far it is, and when the earliest delivery that waits is due.
    private static let served = """
        \(WebhookCoding.endpointColumns), \(WebhookCoding.progressColumns),
            (SELECT MIN(d.due_ms) FROM webhook_deliveries d
             WHERE d.organization_id = e.organization_id AND d.endpoint_id = e.endpoint_id AND d.due_ms IS NOT NULL)
        FROM webhook_endpoints e
        JOIN webhook_progress p ON p.organization_id = e.organization_id AND p.endpoint_id = e.endpoint_id
        """

    package func webhooks(
        of organization: OrganizationID,
        environment: Gateway.Environment
    ) async throws(GatewayError) -> [ServedWebhook] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(Store.served) WHERE e.organization_id = $1 AND e.environment = $2 ORDER BY e.endpoint_id
                """,
                [.text(organization.description), .text(environment.rawValue)],
                WebhookCoding.served
            )
        }
    }

    package func webhook(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Gateway.Environment
    ) async throws(GatewayError) -> ServedWebhook? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(Store.served) WHERE e.organization_id = $1 AND e.endpoint_id = $2 AND e.environment = $3
                """,
                [.text(organization.description), .text(id.description), .text(environment.rawValue)],
                WebhookCoding.served
            )
        }
    }

    package func servedWebhooks(
        after place: (organization: OrganizationID, endpoint: Identifier)?,
        limit: Int
    ) async throws(GatewayError) -> [ServedWebhook] {
        let values: [SQLValue] = [
            .text(place?.organization.description ?? ""), .text(place?.endpoint.description ?? ""),
            .integer(Int64(max(1, limit))),
        ]
        return try await read { sql in
            try sql.query(
                """
                SELECT \(Store.served) WHERE (e.organization_id, e.endpoint_id) > ($1, $2) AND e.off IS NULL
                ORDER BY e.organization_id, e.endpoint_id LIMIT $3
                """,
                values,
                WebhookCoding.served
            )
        }
    }

    package func add(_ endpoint: WebhookEndpoint, endpointsMax: Int) async throws(GatewayError) {
        try await change(of: endpoint.organization, conflict: "There is such an endpoint.") { sql in
            let there = try sql.first(
                "SELECT COUNT(*) FROM webhook_endpoints WHERE organization_id = $1 AND environment = $2",
                [.text(endpoint.organization.description), .text(endpoint.environment.rawValue)]
            ) { $0.integer(0) ?? 0 }
            guard (there ?? 0) < Int64(endpointsMax) else {
                throw GatewayError(
                    .limitExceeded,
                    "At most \(endpointsMax) endpoints may be there: delete one that is not needed."
                )
            }
            try sql.execute(
                """
                INSERT INTO webhook_endpoints
                    (organization_id, endpoint_id, environment, url, detail, secrets, off, off_ms, version)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                WebhookCoding.values(endpoint)
            )
            try sql.execute(
                """
                INSERT INTO webhook_progress (organization_id, endpoint_id, place, failures) VALUES ($1, $2, $3, 0)
                """,
                [
                    .text(endpoint.organization.description), .text(endpoint.id.description),
                    .integer(try Store.end(of: FeedReader.lane, in: sql)),
                ]
            )
        }
    }

    package func change(
        _ endpoint: WebhookEndpoint,
        begins: Bool,
        telling told: [FeedEvent] = []
    ) async throws(GatewayError) -> Bool {
        let key: [SQLValue] = [.text(endpoint.organization.description), .text(endpoint.id.description)]
        return try await change(
            of: endpoint.organization,
            conflict: "The endpoint is being changed.",
            telling: { $0 ? told : [] }
        ) { sql in
            let changed = try sql.execute(
                """
                UPDATE webhook_endpoints SET url = $1, detail = $2, secrets = $3, off = $4, off_ms = $5, version = $6
                WHERE organization_id = $7 AND endpoint_id = $8 AND version = $9
                """,
                WebhookCoding.values(endpoint).dropFirst(3) + key + [.integer(Int64(endpoint.version - 1))]
            )
            guard changed == 1 else { return false }
            if endpoint.off != nil { try Store.endWishes(key, at: endpoint.offSince ?? endpoint.madeAt, in: sql) }
            if begins {
                try sql.execute(
                    """
                    UPDATE webhook_progress SET place = $1, failures = 0, failing_since_ms = NULL, noticed_ms = NULL,
                        paused_until_ms = NULL
                    WHERE organization_id = $2 AND endpoint_id = $3
                    """,
                    [.integer(try Store.end(of: FeedReader.lane, in: sql))] + key
                )
            }
            return true
        }
    }

    package func removeWebhook(_ id: Identifier, organization: OrganizationID) async throws(GatewayError) -> Bool {
        let key: [SQLValue] = [.text(organization.description), .text(id.description)]
        return try await change(of: organization, conflict: "The endpoint is being changed.") { sql in
            try sql.execute("DELETE FROM webhook_progress WHERE organization_id = $1 AND endpoint_id = $2", key)
            try sql.execute("DELETE FROM webhook_replays WHERE organization_id = $1 AND endpoint_id = $2", key)
            return try sql.execute("DELETE FROM webhook_endpoints WHERE organization_id = $1 AND endpoint_id = $2", key)
                == 1
        }
    }

    // MARK: Wishes

    /// Ends what is wished for an endpoint that is off: nothing is sent there, and others' wishes wait for no such.
    static func endWishes(_ key: [SQLValue], at moment: Timestamp, in sql: any SQLSession) throws {
        try sql.execute(
            """
            UPDATE webhook_replays SET ended_ms = $1
            WHERE organization_id = $2 AND endpoint_id = $3 AND ended_ms IS NULL
            """,
            [.integer(moment.milliseconds)] + key
        )
    }

    package func begin(_ replay: WebhookReplay, openMax: Int) async throws(GatewayError) {
        let organization = SQLValue.text(replay.organization.description)
        try await write { session in
            let sql = session.sql
            let open = try sql.first(
                "SELECT COUNT(*) FROM webhook_replays WHERE organization_id = $1 AND ended_ms IS NULL",
                [organization]
            ) { $0.integer(0) ?? 0 }
            guard (open ?? 0) < Int64(openMax) else {
                throw GatewayError(
                    .limitExceeded,
                    "\(openMax) replays are being worked off already. Ask again when one of them has ended."
                )
            }
            let there = try sql.first(
                "SELECT 1 FROM webhook_endpoints WHERE organization_id = $1 AND endpoint_id = $2",
                [organization, .text(replay.endpoint.description)]
            ) { $0.integer(0) }
            guard there != nil else { throw GatewayError(.notFound, "There is no such endpoint.") }
            try sql.execute(
                """
                INSERT INTO webhook_replays (\(WebhookCoding.replayColumns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                WebhookCoding.values(replay)
            )
        }
    }

    package func replays(
        to endpoint: Identifier,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [WebhookReplay] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(WebhookCoding.replayColumns) FROM webhook_replays
                WHERE organization_id = $1 AND endpoint_id = $2 ORDER BY replay_id DESC LIMIT $3
                """,
                [.text(organization.description), .text(endpoint.description), .integer(Int64(max(1, limit)))],
                WebhookCoding.replay
            )
        }
    }

    package func openReplays(limit: Int) async throws(GatewayError) -> [WebhookReplay] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(WebhookCoding.replayColumns) FROM webhook_replays WHERE ended_ms IS NULL
                ORDER BY replay_id LIMIT $1
                """,
                [.integer(Int64(max(1, limit)))],
                WebhookCoding.replay
            )
        }
    }
}
