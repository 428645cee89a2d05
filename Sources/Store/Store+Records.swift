import Gateway

/// Thrown inside a transaction to undo it and answer why.
private struct Undo<Outcome: Sendable>: Error {
    let outcome: Outcome
}

extension Store: RecordRepository {
    package func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome {
        do {
            return try await database.write { session in
                try Self.claimIdempotency(new, in: session.sql)
                try Self.claimGuards(new, in: session.sql)
                try Self.claimUniqueKeys(new, in: session.sql)
                try Self.insert(new.record, in: session.sql)
                for event in new.events { try Self.insert(event, of: new.record, in: session.sql) }
                session.add(new.audit)
                return .committed
            }
        } catch let undo as Undo<CommitOutcome> {
            return undo.outcome
        } catch {
            return try await write { _ in throw error }
        }
    }

    package func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome {
        do {
            return try await database.write { session in
                for change in changes {
                    try Self.update(change.record, in: session.sql)
                    try Self.insert(change.newIDs, of: change.record, in: session.sql)
                    for event in change.events { try Self.insert(event, of: change.record, in: session.sql) }
                    try Self.giveBack(change.record, in: session.sql)
                    if let callback = change.settledCallback {
                        try Self.end(
                            callback,
                            of: change.record.organization,
                            as: "applied",
                            at: change.record.updatedAt,
                            in: session.sql
                        )
                    }
                    session.add(change.audit)
                    for line in change.usage { session.add(line) }
                }
                return .applied
            }
        } catch let undo as Undo<ApplyOutcome> {
            return undo.outcome
        } catch {
            return try await write { _ in throw error }
        }
    }

    package func record(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE organization_id = $1 AND record_id = $2 AND environment = $3
                """,
                [.text(organization.description), .text(id.description), .text(environment.rawValue)],
                RecordCoding.record
            )
        }
    }

    package func record(
        externalID: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { sql in
            try sql.first(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE organization_id = $1 AND record_id = (
                    SELECT record_id FROM external_ids
                    WHERE organization_id = $2 AND environment = $3 AND namespace = $4 AND value = $5)
                """,
                [
                    .text(organization.description), .text(organization.description),
                    .text(environment.rawValue), .text(namespace), .text(externalID),
                ],
                RecordCoding.record
            )
        }
    }

    package func events(
        of id: RecordID,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [RecordEvent] {
        let newest = try await read { sql in
            try sql.query(
                """
                SELECT sequence, at_ms, source, verdict, code, meaning, from_state, to_state FROM record_events
                WHERE organization_id = $1 AND record_id = $2 ORDER BY sequence DESC LIMIT $3
                """,
                [.text(organization.description), .text(id.description), .integer(Int64(limit))],
                Self.event
            )
        }
        return newest.reversed()
    }

    package func records(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [Record] {
        var clauses = ["organization_id = $1", "environment = $2"]
        var values: [SQLValue] = [.text(organization.description), .text(environment.rawValue)]
        func add(_ clause: String, _ value: SQLValue?) {
            guard let value else { return }
            values.append(value)
            clauses.append("\(clause) $\(values.count)")
        }
        add("class =", filter.recordClass.map { .text($0.rawValue) })
        add("operation =", filter.operation.map { .text($0) })
        add("party =", filter.party.map { .text($0) })
        add("created_ms >=", filter.from.map { .integer($0.milliseconds) })
        add("created_ms <", filter.until.map { .integer($0.milliseconds) })
        add("record_id <", filter.before.map { .text($0.description) })
        if let status = filter.status {
            let states = RecordState.allCases.filter { $0.status == status }.map { "'\($0.rawValue)'" }
            clauses.append("state IN (\(states.isEmpty ? "''" : states.joined(separator: ", ")))")
        }
        values.append(.integer(Int64(max(1, filter.limit))))
        let sql = """
            SELECT \(RecordCoding.columns) FROM records WHERE \(clauses.joined(separator: " AND "))
            ORDER BY record_id DESC LIMIT $\(values.count)
            """
        let bound = values
        return try await read { try $0.query(sql, bound, RecordCoding.record) }
    }

    package func due(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE next_action_ms IS NOT NULL AND next_action_ms <= $1 ORDER BY next_action_ms LIMIT $2
                """,
                [.integer(now.milliseconds), .integer(Int64(limit))],
                RecordCoding.record
            )
        }
    }

    package func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(RecordCoding.columns) FROM records
                WHERE state IN ('created', 'sending', 'accepted', 'unknown', 'reconciling', 'manual') AND state = $1
                LIMIT $2
                """,
                [.text(state.rawValue), .integer(Int64(limit))],
                RecordCoding.record
            )
        }
    }

    // MARK: Writing

    private static func insert(_ record: Record, in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO records (\(RecordCoding.columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
            """,
            RecordCoding.values(record)
        )
    }

    private static func update(_ record: Record, in sql: any SQLSession) throws {
        let changed = try sql.execute(
            """
            UPDATE records SET state = $1, version = $2, receipt = $3, sent_ms = $4, updated_ms = $5, ended_ms = $6,
                next_action_ms = $7, detail = $8
            WHERE organization_id = $9 AND record_id = $10 AND version = $11
            """,
            RecordCoding.changingValues(record) + [
                .text(record.organization.description), .text(record.id.description),
                .integer(Int64(record.version - 1)),
            ]
        )
        guard changed == 1 else { throw Undo(outcome: ApplyOutcome.conflict(record.id)) }
    }

    /// M-Pesa's ids stand at places of their own each, so that each is a page to write: only what is new is.
    private static func insert(_ ids: [String: String], of record: Record, in sql: any SQLSession) throws {
        for (namespace, value) in ids {
            try sql.execute(
                """
                INSERT INTO external_ids (organization_id, environment, namespace, value, record_id)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                [
                    .text(record.organization.description), .text(record.environment.rawValue), .text(namespace),
                    .text(value), .text(record.id.description),
                ]
            )
        }
    }

    private static func insert(_ event: RecordEvent, of record: Record, in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO record_events (organization_id, record_id, sequence, at_ms, source, verdict, code, meaning,
                from_state, to_state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            [
                .text(record.organization.description), .text(record.id.description),
                .integer(Int64(event.sequence)), .integer(event.at.milliseconds), .text(event.source),
                .optional(event.verdict), .optional(event.code), .optional(event.meaning),
                .text(event.from.rawValue), .text(event.to.rawValue),
            ]
        )
    }

    private static func event(_ row: any SQLRow) throws -> RecordEvent {
        guard let from = row.text(6).flatMap(RecordState.init(rawValue:)),
            let to = row.text(7).flatMap(RecordState.init(rawValue:))
        else { throw SQLError(message: "an event's row is damaged") }
        return RecordEvent(
            sequence: Int(row.integer(0) ?? 0),
            at: Timestamp(milliseconds: row.integer(1) ?? 0),
            source: row.text(2) ?? "",
            verdict: row.text(3),
            code: row.text(4),
            meaning: row.text(5),
            from: from,
            to: to
        )
    }

    /// Gives back the guards and unique keys that the record's new state no longer holds.
    private static func giveBack(_ record: Record, in sql: any SQLSession) throws {
        guard record.recordClass == .transaction, record.state.isEnded || record.state == .manual else { return }
        let owner: [SQLValue] = [.text(record.organization.description), .text(record.id.description)]
        if record.state == .rejected && record.sentAt == nil {
            try sql.execute("DELETE FROM guards WHERE organization_id = $1 AND record_id = $2", owner)
        } else {
            try sql.execute(
                "UPDATE guards SET is_open = 0 WHERE organization_id = $1 AND record_id = $2",
                owner
            )
        }
        try sql.execute(
            "DELETE FROM unique_keys WHERE organization_id = $1 AND record_id = $2 AND released_by LIKE $3",
            owner + [.text("%," + record.state.rawValue + ",%")]
        )
    }
}

// MARK: Claims

extension Store {
    package func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> IdempotencyEntry? {
        try await read { sql in
            try Self.entry(key, organization: organization, environment: environment, in: sql)
                .flatMap {
                    $0.claim.expiresAt > now ? $0 : nil
                }
        }
    }

    private static func entry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment,
        in sql: any SQLSession
    ) throws -> IdempotencyEntry? {
        try sql.first(
            """
            SELECT i.fingerprint, i.expires_ms, i.is_derived, i.record_id, r.state, r.sent_ms
            FROM idempotency i JOIN records r ON r.organization_id = i.organization_id AND r.record_id = i.record_id
            WHERE i.organization_id = $1 AND i.environment = $2 AND i.idempotency_key = $3
            """,
            [.text(organization.description), .text(environment.rawValue), .text(key)]
        ) { row in
            guard let record = row.text(3).flatMap({ RecordID($0) }),
                let state = row.text(4).flatMap(RecordState.init(rawValue:))
            else { throw SQLError(message: "an idempotency row is damaged") }
            let claim = IdempotencyClaim(
                key: key,
                fingerprint: row.bytes(0) ?? [],
                expiresAt: Timestamp(milliseconds: row.integer(1) ?? 0),
                isDerived: row.integer(2) == 1
            )
            return IdempotencyEntry(claim: claim, record: record, state: state, wasSent: row.integer(5) != nil)
        }
    }

    private static func claimIdempotency(_ new: NewRecord, in sql: any SQLSession) throws {
        guard let claim = new.idempotency else { return }
        let record = new.record
        let scope: [SQLValue] = [
            .text(record.organization.description), .text(record.environment.rawValue), .text(claim.key),
        ]
        let values: [SQLValue] = [
            .bytes(claim.fingerprint), .text(record.id.description), .integer(claim.expiresAt.milliseconds),
            .flag(claim.isDerived),
        ]
        let claimed = try sql.execute(
            """
            INSERT INTO idempotency (organization_id, environment, idempotency_key, fingerprint, record_id, expires_ms,
                is_derived)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
            """,
            scope + values
        )
        if claimed == 1 { return }
        let entry = try entry(
            claim.key,
            organization: record.organization,
            environment: record.environment,
            in: sql
        )
        guard let entry else { throw SQLError(message: "an idempotency row has no record", isTransient: true) }
        guard entry.isFree || entry.claim.expiresAt <= record.createdAt else {
            let isSame = entry.claim.fingerprint == claim.fingerprint
            throw Undo(outcome: isSame ? CommitOutcome.replay(entry.record) : .keyReused(entry.record))
        }
        let taken = try sql.execute(
            """
            UPDATE idempotency SET fingerprint = $1, record_id = $2, expires_ms = $3, is_derived = $4
            WHERE organization_id = $5 AND environment = $6 AND idempotency_key = $7 AND record_id = $8
            """,
            values + scope + [.text(entry.record.description)]
        )
        guard taken == 1 else { throw SQLError(message: "an idempotency key changed hands", isTransient: true) }
    }

    /// A guard has `openMax` slots.
    ///
    /// Claiming one is a single statement that either takes a free slot or changes nothing, so it is right under
    /// concurrency in every engine.
    private static func claimGuards(_ new: NewRecord, in sql: any SQLSession) throws {
        let record = new.record
        let now = record.createdAt
        for (index, rule) in new.guards.enumerated() {
            var isClaimed = false
            for slot in 0..<rule.openMax where !isClaimed {
                let changed = try sql.execute(
                    """
                    INSERT INTO guards (organization_id, environment, guard_key, slot, record_id, is_open,
                        active_until_ms)
                    VALUES ($1, $2, $3, $4, $5, 1, $6)
                    ON CONFLICT (organization_id, environment, guard_key, slot) DO UPDATE
                    SET record_id = excluded.record_id, is_open = 1, active_until_ms = excluded.active_until_ms
                    WHERE guards.is_open = 0 AND guards.active_until_ms <= $7
                    """,
                    [
                        .text(record.organization.description), .text(record.environment.rawValue), .text(rule.key),
                        .integer(Int64(slot)), .text(record.id.description),
                        .integer((now + rule.window).milliseconds), .integer(now.milliseconds),
                    ]
                )
                isClaimed = changed == 1
            }
            if !isClaimed { throw try guarded(index, rule, new.record, in: sql) }
        }
    }

    private static func guarded(
        _ index: Int,
        _ rule: Guard,
        _ record: Record,
        in sql: any SQLSession
    ) throws -> any Error {
        let holder = try sql.first(
            """
            SELECT record_id, is_open, active_until_ms FROM guards
            WHERE organization_id = $1 AND environment = $2 AND guard_key = $3
            ORDER BY is_open, active_until_ms LIMIT 1
            """,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(rule.key)]
        ) { row in (row.text(0), row.integer(1), row.integer(2) ?? 0) }
        guard let holder, let holding = holder.0.flatMap({ RecordID($0) }) else {
            return SQLError(message: "a guard's row is damaged")
        }
        let until = Timestamp(milliseconds: holder.2)
        return Undo(
            outcome: CommitOutcome.guarded(index: index, by: holding, until: until > record.createdAt ? until : nil)
        )
    }

    private static func claimUniqueKeys(_ new: NewRecord, in sql: any SQLSession) throws {
        let record = new.record
        let scope: [SQLValue] = [.text(record.organization.description), .text(record.environment.rawValue)]
        for (index, unique) in new.unique.enumerated() {
            let states = "," + unique.releasedBy.map(\.rawValue).joined(separator: ",") + ","
            let changed = try sql.execute(
                """
                INSERT INTO unique_keys (organization_id, environment, unique_key, record_id, released_by)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                scope + [.text(unique.key), .text(record.id.description), .text(states)]
            )
            if changed == 1 { continue }
            let holder = try sql.first(
                """
                SELECT record_id FROM unique_keys
                WHERE organization_id = $1 AND environment = $2 AND unique_key = $3
                """,
                scope + [.text(unique.key)]
            ) { $0.text(0).flatMap { RecordID($0) } }
            guard let holder = holder ?? nil else { throw SQLError(message: "a unique key's row is damaged") }
            throw Undo(outcome: CommitOutcome.duplicate(index: index, by: holder))
        }
    }
}
