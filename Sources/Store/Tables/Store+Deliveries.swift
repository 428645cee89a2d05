import Gateway

/// What is on its way to receivers of events, and what came of it.
extension Store {
    package func deliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        state: WebhookDelivery.State?,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery] {
        var values: [SQLValue] = [
            .text(organization.description), .text(endpoint.description), .text(before?.description ?? "~"),
        ]
        if let state { values.append(.text(state.rawValue)) }
        values.append(.integer(Int64(max(1, limit))))
        let (all, narrowed) = (values, state == nil ? "" : "AND state = $4")
        return try await read { sql in
            try sql.query(
                """
                SELECT \(WebhookCoding.deliveryColumns) FROM webhook_deliveries
                WHERE organization_id = $1 AND endpoint_id = $2 AND event_id < $3 \(narrowed)
                ORDER BY event_id DESC LIMIT $\(all.count)
                """,
                all,
                WebhookCoding.delivery
            )
        }
    }

    package func deliveries(
        of events: [Identifier],
        to endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [WebhookDelivery] {
        try await read { sql in
            try events.compactMap { event in
                try sql.first(
                    """
                    SELECT \(WebhookCoding.deliveryColumns) FROM webhook_deliveries
                    WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3
                    """,
                    [.text(organization.description), .text(endpoint.description), .text(event.description)],
                    WebhookCoding.delivery
                )
            }
        }
    }

    package func dueDeliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        at now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(WebhookCoding.deliveryColumns) FROM webhook_deliveries
                WHERE organization_id = $1 AND endpoint_id = $2 AND due_ms IS NOT NULL AND due_ms <= $3
                ORDER BY due_ms, event_id LIMIT $4
                """,
                [
                    .text(organization.description), .text(endpoint.description), .integer(now.milliseconds),
                    .integer(Int64(max(1, limit))),
                ],
                WebhookCoding.delivery
            )
        }
    }

    package func note(_ notes: [WebhookNote]) async throws(GatewayError) {
        try await write { session in
            for note in notes {
                let key: [SQLValue] = [.text(note.organization.description), .text(note.endpoint.description)]
                let there = try session.sql.first(
                    "SELECT 1 FROM webhook_endpoints WHERE organization_id = $1 AND endpoint_id = $2",
                    key
                ) { $0.integer(0) }
                guard there != nil else { continue }
                try Store.write(note, key, in: session)
            }
        }
    }

    private static func write(_ note: WebhookNote, _ key: [SQLValue], in session: WriteSession) throws {
        let sql = session.sql
        if let replay = note.replay {
            let isOpen = try sql.execute(
                """
                UPDATE webhook_replays SET place = $1, found = $2, ended_ms = $3
                WHERE organization_id = $4 AND replay_id = $5 AND ended_ms IS NULL
                """,
                [
                    .integer(replay.place), .integer(Int64(replay.found)), .optional(replay.endedAt?.milliseconds),
                    key[0], .text(replay.id.description),
                ]
            )
            guard isOpen == 1 else { return }
        }
        for delivery in note.deliveries {
            try sql.execute(
                """
                INSERT INTO webhook_deliveries (\(WebhookCoding.deliveryColumns))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                ON CONFLICT (organization_id, endpoint_id, event_id) DO UPDATE SET state = excluded.state,
                    tries = excluded.tries, due_ms = excluded.due_ms, replay = excluded.replay, at_ms = excluded.at_ms,
                    attempts = excluded.attempts, replay_id = excluded.replay_id
                """,
                WebhookCoding.values(delivery)
            )
        }
        if let (replays, moment) = note.stopped { try stop(replays, key, at: moment, in: sql) }
        if let (from, progress) = note.progress {
            try sql.execute(
                """
                UPDATE webhook_progress SET place = $1, failures = $2, failing_since_ms = $3, noticed_ms = $4,
                    paused_until_ms = $5
                WHERE organization_id = $6 AND endpoint_id = $7 AND place = $8
                """,
                [
                    .integer(progress.place), .integer(Int64(progress.failures)),
                    .optional(progress.failingSince?.milliseconds), .optional(progress.noticedAt?.milliseconds),
                    .optional(progress.pausedUntil?.milliseconds),
                ] + key + [.integer(from)]
            )
        }
        if let (off, moment) = note.off {
            let changed = try sql.execute(
                """
                UPDATE webhook_endpoints SET off = $1, off_ms = $2, version = version + 1
                WHERE organization_id = $3 AND endpoint_id = $4 AND off IS NULL AND (version = $5 OR $6 = 0)
                """,
                [.text(off.rawValue), .integer(moment.milliseconds)] + key
                    + [.integer(Int64(note.version ?? 0)), .integer(Int64(note.version ?? 0))]
            )
            guard changed == 1 else { return }
            try endWishes(key, at: moment, in: sql)
            try countChange(of: note.organization, in: sql)
        }
        session.tell(note.told)
    }

    /// Gives wishes up, and what waits of them.
    private static func stop(
        _ replays: Set<Identifier>,
        _ key: [SQLValue],
        at moment: Timestamp,
        in sql: any SQLSession
    ) throws {
        for replay in replays.sorted() {
            try sql.execute(
                """
                UPDATE webhook_deliveries SET state = $1, due_ms = NULL, at_ms = $2
                WHERE organization_id = $3 AND endpoint_id = $4 AND due_ms IS NOT NULL AND replay_id = $5
                """,
                [.text(WebhookDelivery.State.givenUp.rawValue), .integer(moment.milliseconds)] + key
                    + [.text(replay.description)]
            )
            try sql.execute(
                """
                UPDATE webhook_replays SET ended_ms = COALESCE(ended_ms, $1), stopped_ms = $2
                WHERE organization_id = $3 AND endpoint_id = $4 AND replay_id = $5 AND stopped_ms IS NULL
                """,
                [.integer(moment.milliseconds), .integer(moment.milliseconds)] + key + [.text(replay.description)]
            )
        }
    }

    package func forgetDeliveries(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        let bounds: [SQLValue] = [.integer(moment.milliseconds), .integer(Int64(max(1, limit)))]
        return try await write { session in
            let old = try session.sql.query(
                """
                SELECT organization_id, endpoint_id, event_id FROM webhook_deliveries
                WHERE at_ms < $1 ORDER BY at_ms LIMIT $2
                """,
                bounds
            ) { row in [SQLValue.text(row.text(0) ?? ""), .text(row.text(1) ?? ""), .text(row.text(2) ?? "")] }
            for key in old {
                try session.sql.execute(
                    "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND endpoint_id = $2 AND event_id = $3",
                    key
                )
            }
            let done = try session.sql.query(
                """
                SELECT organization_id, replay_id FROM webhook_replays
                WHERE ended_ms IS NOT NULL AND ended_ms < $1 ORDER BY ended_ms LIMIT $2
                """,
                bounds
            ) { row in [SQLValue.text(row.text(0) ?? ""), .text(row.text(1) ?? "")] }
            for key in done {
                try session.sql.execute(
                    "DELETE FROM webhook_replays WHERE organization_id = $1 AND replay_id = $2",
                    key
                )
            }
            return old.count + done.count
        }
    }
}
