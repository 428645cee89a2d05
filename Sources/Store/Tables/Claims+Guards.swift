import Gateway

/// Guards' slots and unique keys.
///
/// Each is taken by two statements that engines which distribute tables can run too: an insert that does nothing where
/// there is a row, then an update under the condition that the row's record no longer counts. Who changes no row looks
/// for the holder; where there is none any more, the walk has just forgotten it, and the claim starts again.
extension Claims {
    private static let slot = SQLStatement(
        """
        INSERT INTO guards (organization_id, environment, guard_key, slot, record_id, active_until_ms)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """
    )

    /// A slot is free once its record has ended, or waits for a person, and the time has passed; if nothing was ever
    /// sent; or when its record no longer keeps it.
    ///
    /// A record that this statement cannot see yet, because another transaction has only just made it, holds.
    private static let slotAgain = SQLStatement(
        """
        UPDATE guards SET record_id = $1, active_until_ms = $2
        WHERE organization_id = $3 AND environment = $4 AND guard_key = $5 AND slot = $6 AND EXISTS (
            SELECT 1 FROM records
            WHERE records.organization_id = guards.organization_id AND records.record_id = guards.record_id
                AND (records.state NOT IN (\(RecordCoding.claimingStates)) AND guards.active_until_ms <= $7
                    OR records.state IN ('rejected', 'withdrawn') AND records.sent_ms IS NULL
                    OR records.released_ms <= $8))
        """
    )

    private static let slotKept = SQLStatement(
        """
        UPDATE guards SET active_until_ms = $1
        WHERE organization_id = $2 AND environment = $3 AND guard_key = $4 AND record_id = $5
        """
    )

    /// Lets a slot that the record has count from now on; false where it has none.
    static func keepSlot(
        of rule: Guard,
        for record: Record,
        at now: Timestamp,
        in session: WriteSession
    ) throws -> Bool {
        try session.execute(slotKept) { row in
            row.bind((now + rule.window).milliseconds)
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(rule.key)
            row.bind(record.id)
        } > 0
    }

    static func claimSlot(
        of rule: Guard,
        for record: Record,
        at now: Timestamp,
        in session: WriteSession
    ) throws -> Bool {
        let until = (now + rule.window).milliseconds
        for number in 0..<rule.openMax {
            let inserted = try session.execute(slot, presuming: 1) { row in
                row.bind(record.organization)
                row.bind(record.environment.rawValue)
                row.bind(rule.key)
                row.bind(Int64(number))
                row.bind(record.id)
                row.bind(until)
            }
            if inserted == 1 { return true }
            let taken = try session.execute(slotAgain) { row in
                row.bind(record.id)
                row.bind(until)
                row.bind(record.organization)
                row.bind(record.environment.rawValue)
                row.bind(rule.key)
                row.bind(Int64(number))
                row.bind(now.milliseconds)
                row.bind(now.milliseconds)
            }
            if taken == 1 { return true }
        }
        return false
    }

    static func guarded(
        _ index: Int,
        _ rule: Guard,
        _ record: Record,
        at now: Timestamp,
        in sql: any SQLSession
    ) throws -> any Error {
        // First the slot that can be free soonest.
        let holder = try sql.first(
            """
            SELECT guards.record_id, guards.active_until_ms, records.released_ms FROM guards LEFT JOIN records
                ON records.organization_id = guards.organization_id AND records.record_id = guards.record_id
            WHERE guards.organization_id = $1 AND guards.environment = $2 AND guards.guard_key = $3
            ORDER BY CASE WHEN records.state NOT IN (\(RecordCoding.claimingStates)) THEN 0 ELSE 1 END,
                guards.active_until_ms LIMIT 1
            """,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(rule.key)]
        ) { row in (row.text(0), row.integer(1) ?? 0, row.integer(2)) }
        guard let holder else { return SQLError(message: "a guard was forgotten meanwhile", isTransient: true) }
        guard let holding = holder.0.flatMap({ RecordID($0) }) else {
            return SQLError(message: "a guard's row is damaged")
        }
        let until = Timestamp(milliseconds: max(holder.1, holder.2 ?? 0))
        return Undo(
            outcome: CommitOutcome.guarded(index: index, by: holding, until: until > now ? until : nil)
        )
    }

    // MARK: Unique keys

    private static let unique = SQLStatement(
        """
        INSERT INTO unique_keys (organization_id, environment, unique_key, record_id, released_by)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """
    )

    /// A record has given its key back once it stands in one of the states that do.
    private static let uniqueAgain = SQLStatement(
        """
        UPDATE unique_keys SET record_id = $1, released_by = $2
        WHERE organization_id = $3 AND environment = $4 AND unique_key = $5 AND EXISTS (
            SELECT 1 FROM records
            WHERE records.organization_id = unique_keys.organization_id AND records.record_id = unique_keys.record_id
                AND records.state NOT IN (\(RecordCoding.claimingStates))
                AND (unique_keys.released_by LIKE '%,' || records.state || ',%' OR records.state = 'withdrawn'))
        """
    )

    static func claim(_ key: UniqueKey, at index: Int, for record: Record, in session: WriteSession) throws {
        let releasedBy = "," + key.releasedBy.map(\.rawValue).joined(separator: ",") + ","
        let inserted = try session.execute(unique, presuming: 1) { row in
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key.key)
            row.bind(record.id)
            row.bind(releasedBy)
        }
        if inserted == 1 { return }
        let taken = try session.execute(uniqueAgain) { row in
            row.bind(record.id)
            row.bind(releasedBy)
            row.bind(record.organization)
            row.bind(record.environment.rawValue)
            row.bind(key.key)
        }
        if taken == 1 { return }
        let holder = try session.sql.first(
            """
            SELECT record_id FROM unique_keys
            WHERE organization_id = $1 AND environment = $2 AND unique_key = $3
            """,
            [.text(record.organization.description), .text(record.environment.rawValue), .text(key.key)]
        ) { $0.text(0).flatMap { RecordID($0) } }
        guard let holder = holder ?? nil else { throw SQLError(message: "a unique key's row is damaged") }
        // What was held has it since it was a draft.
        if holder == record.id { return }
        throw Undo(outcome: CommitOutcome.duplicate(index: index, by: holder))
    }
}
