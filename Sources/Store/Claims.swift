import Gateway

/// What a new record claims in the commit that makes it: its idempotency key, the slots of its guards, its unique keys.
///
/// Nothing is ever given back. A claim names its record, and counts for as long as that record's state says: whoever
/// claims next looks. So what ends a record writes one row. Claims that have ended are forgotten later (`ClaimSweeper`).
enum Claims {
    /// Claims all of it.
    ///
    /// - Throws: `Undo` with the outcome, when another record stands in the way.
    static func claim(_ new: NewRecord, in session: WriteSession) throws {
        try claimIdempotency(new, in: session)
        for (index, rule) in new.guards.enumerated() {
            let isClaimed = try claimSlot(of: rule, for: new.record, in: session)
            if !isClaimed { throw try guarded(index, rule, new.record, in: session.sql) }
        }
        for (index, unique) in new.unique.enumerated() { try claim(unique, at: index, for: new.record, in: session) }
    }

    // MARK: Idempotency

    private static let idempotency = SQLStatement(
        """
        INSERT INTO idempotency (organization_id, environment, idempotency_key, fingerprint, record_id, expires_ms,
            is_derived)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """
    )

    private static let idempotencyAgain = SQLStatement(
        """
        UPDATE idempotency SET fingerprint = $1, record_id = $2, expires_ms = $3, is_derived = $4
        WHERE organization_id = $5 AND environment = $6 AND idempotency_key = $7 AND record_id = $8
        """
    )

    /// What stands behind a key, expired or not.
    static func entry(
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

    private static func claimIdempotency(_ new: NewRecord, in session: WriteSession) throws {
        guard let claim = new.idempotency else { return }
        let record = new.record
        let claimed = try session.execute(idempotency) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.key)
            bind(claim, of: record, to: &row)
        }
        if claimed == 1 { return }
        let entry = try entry(
            claim.key,
            organization: record.organization,
            environment: record.environment,
            in: session.sql
        )
        guard let entry else { throw SQLError(message: "an idempotency row has no record", isTransient: true) }
        guard entry.isFree || entry.claim.expiresAt <= record.createdAt else {
            let isSame = entry.claim.fingerprint == claim.fingerprint
            throw Undo(outcome: isSame ? CommitOutcome.replay(entry.record) : .keyReused(entry.record))
        }
        let taken = try session.execute(idempotencyAgain) { row in
            bind(claim, of: record, to: &row)
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(claim.key)
            row.bind(entry.record)
        }
        guard taken == 1 else { throw SQLError(message: "an idempotency key changed hands", isTransient: true) }
    }

    private static func bind(_ claim: IdempotencyClaim, of record: Record, to row: inout SQLRowBuffer) {
        row.bind(bytes: claim.fingerprint)
        row.bind(record.id)
        row.bind(claim.expiresAt.milliseconds)
        row.bind(claim.isDerived ? 1 : 0)
    }

    // MARK: Guards

    /// Takes a slot that nobody holds, or changes nothing, in one statement, so it is right under concurrency in every
    /// engine.
    ///
    /// A slot is free once its record has ended, or waits for a person, and the time has passed; or if nothing was ever
    /// sent. A record that this statement cannot see yet, because another transaction has only just made it, holds.
    private static let slot = SQLStatement(
        """
        INSERT INTO guards (organization_id, environment, guard_key, slot, record_id, active_until_ms)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (organization_id, environment, guard_key, slot) DO UPDATE
        SET record_id = excluded.record_id, active_until_ms = excluded.active_until_ms
        WHERE EXISTS (
            SELECT 1 FROM records
            WHERE records.organization_id = guards.organization_id AND records.record_id = guards.record_id
                AND (records.state NOT IN (\(RecordCoding.waitingStates)) AND guards.active_until_ms <= $7
                    OR records.state = 'rejected' AND records.sent_ms IS NULL))
        """
    )

    private static func claimSlot(of rule: Guard, for record: Record, in session: WriteSession) throws -> Bool {
        for number in 0..<rule.openMax {
            let changed = try session.execute(slot) { row in
                row.bind(record.organization)
                row.bind(record.environment.rawValue)
                row.bind(rule.key)
                row.bind(Int64(number))
                row.bind(record.id)
                row.bind((record.createdAt + rule.window).milliseconds)
                row.bind(record.createdAt.milliseconds)
            }
            if changed == 1 { return true }
        }
        return false
    }

    private static func guarded(
        _ index: Int,
        _ rule: Guard,
        _ record: Record,
        in sql: any SQLSession
    ) throws -> any Error {
        // First the slot that can be free soonest.
        let holder = try sql.first(
            """
            SELECT guards.record_id, guards.active_until_ms FROM guards LEFT JOIN records
                ON records.organization_id = guards.organization_id AND records.record_id = guards.record_id
            WHERE guards.organization_id = $1 AND guards.environment = $2 AND guards.guard_key = $3
            ORDER BY CASE WHEN records.state NOT IN (\(RecordCoding.waitingStates)) THEN 0 ELSE 1 END,
                guards.active_until_ms LIMIT 1
            """,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(rule.key)]
        ) { row in (row.text(0), row.integer(1) ?? 0) }
        guard let holder, let holding = holder.0.flatMap({ RecordID($0) }) else {
            return SQLError(message: "a guard's row is damaged")
        }
        let until = Timestamp(milliseconds: holder.1)
        return Undo(
            outcome: CommitOutcome.guarded(index: index, by: holding, until: until > record.createdAt ? until : nil)
        )
    }

    // MARK: Unique keys

    /// Takes a key that no record holds: a record has given it back once it stands in one of the states that do.
    private static let unique = SQLStatement(
        """
        INSERT INTO unique_keys (organization_id, environment, unique_key, record_id, released_by)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (organization_id, environment, unique_key) DO UPDATE
        SET record_id = excluded.record_id, released_by = excluded.released_by
        WHERE EXISTS (
            SELECT 1 FROM records
            WHERE records.organization_id = unique_keys.organization_id AND records.record_id = unique_keys.record_id
                AND records.state NOT IN (\(RecordCoding.waitingStates))
                AND unique_keys.released_by LIKE '%,' || records.state || ',%')
        """
    )

    private static func claim(
        _ key: UniqueKey,
        at index: Int,
        for record: Record,
        in session: WriteSession
    ) throws {
        let changed = try session.execute(unique) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key.key)
            row.bind(record.id)
            row.bind("," + key.releasedBy.map(\.rawValue).joined(separator: ",") + ",")
        }
        if changed == 1 { return }
        let holder = try session.sql.first(
            """
            SELECT record_id FROM unique_keys
            WHERE organization_id = $1 AND environment = $2 AND unique_key = $3
            """,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(key.key)]
        ) { $0.text(0).flatMap { RecordID($0) } }
        guard let holder = holder ?? nil else { throw SQLError(message: "a unique key's row is damaged") }
        throw Undo(outcome: CommitOutcome.duplicate(index: index, by: holder))
    }
}
