extension Migrations {
    /// Tables of small rows that every payment writes, made anew in one tree each; the audit is kept in the order in
    /// which it is read, which is the order in which it is written.
    static let clustered =
        [
            remade(
                "record_events",
                """
                organization_id TEXT NOT NULL, record_id TEXT NOT NULL, sequence BIGINT NOT NULL, at_ms BIGINT NOT NULL,
                source TEXT NOT NULL, verdict TEXT, code TEXT, meaning TEXT, from_state TEXT NOT NULL,
                to_state TEXT NOT NULL, PRIMARY KEY (organization_id, record_id, sequence)
                """
            ),
            remade(
                "external_ids",
                """
                organization_id TEXT NOT NULL, environment TEXT NOT NULL, namespace TEXT NOT NULL, value TEXT NOT NULL,
                record_id TEXT NOT NULL, PRIMARY KEY (organization_id, environment, namespace, value)
                """
            ),
            remade(
                "guards",
                """
                organization_id TEXT NOT NULL, environment TEXT NOT NULL, guard_key TEXT NOT NULL, slot BIGINT NOT NULL,
                record_id TEXT NOT NULL, is_open BIGINT NOT NULL, active_until_ms BIGINT NOT NULL,
                PRIMARY KEY (organization_id, environment, guard_key, slot)
                """
            ),
            ["CREATE INDEX guards_by_record ON guards (organization_id, record_id)"],
            remade(
                "unique_keys",
                """
                organization_id TEXT NOT NULL, environment TEXT NOT NULL, unique_key TEXT NOT NULL,
                record_id TEXT NOT NULL, released_by TEXT NOT NULL,
                PRIMARY KEY (organization_id, environment, unique_key)
                """
            ),
            ["CREATE INDEX unique_keys_by_record ON unique_keys (organization_id, record_id)"],
            remade(
                "idempotency",
                """
                organization_id TEXT NOT NULL, environment TEXT NOT NULL, idempotency_key TEXT NOT NULL,
                fingerprint {bytes} NOT NULL, record_id TEXT NOT NULL, expires_ms BIGINT NOT NULL,
                is_derived BIGINT NOT NULL, PRIMARY KEY (organization_id, environment, idempotency_key)
                """
            ),
            remade(
                "audit",
                """
                organization_id TEXT NOT NULL, writer_id TEXT NOT NULL, sequence BIGINT NOT NULL,
                previous_hash {bytes} NOT NULL, hash {bytes} NOT NULL, audit_id TEXT NOT NULL, at_ms BIGINT NOT NULL,
                call_id TEXT NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, tool TEXT, door TEXT NOT NULL,
                outcome TEXT NOT NULL, code TEXT, record_id TEXT, environment TEXT, address TEXT, detail TEXT,
                PRIMARY KEY (organization_id, audit_id)
                """
            ),
            [
                """
                CREATE TABLE audit_heads (
                    organization_id TEXT NOT NULL, writer_id TEXT NOT NULL, sequence BIGINT NOT NULL,
                    hash {bytes} NOT NULL, PRIMARY KEY (organization_id, writer_id)) {clustered}
                """,
                """
                INSERT INTO audit_heads SELECT organization_id, writer_id, sequence, hash FROM audit WHERE sequence = (
                    SELECT MAX(same.sequence) FROM audit AS same
                    WHERE same.organization_id = audit.organization_id AND same.writer_id = audit.writer_id)
                """,
            ],
            // A restart finds what was being sent by `records_open`.
            ["DROP INDEX records_unsent"],
        ]
        .flatMap { $0 }

    static func remade(_ table: String, _ columns: String) -> [String] {
        [
            "CREATE TABLE \(table)_remade (\(columns)) {clustered}",
            "INSERT INTO \(table)_remade SELECT * FROM \(table)",
            "DROP TABLE \(table)", "ALTER TABLE \(table)_remade RENAME TO \(table)",
        ]
    }

    /// A record's steps stand in its row; claims count as long as their record's state says, and so need neither a
    /// mark nor an index to find them by their record; one index has what is open.
    static let wholeRecords = [
        "ALTER TABLE records ADD COLUMN events TEXT NOT NULL DEFAULT ''",
        """
        UPDATE records SET events = COALESCE((
            SELECT {joined}(line, '') FROM (
                SELECT '[' || sequence || ',' || at_ms || ',' || CAST({json}(source) AS TEXT)
                    || ',' || COALESCE(CAST({json}(verdict) AS TEXT), 'null')
                    || ',' || COALESCE(CAST({json}(code) AS TEXT), 'null')
                    || ',' || COALESCE(CAST({json}(meaning) AS TEXT), 'null')
                    || ',"' || from_state || '","' || to_state || '"]\n' AS line
                FROM record_events
                WHERE record_events.organization_id = records.organization_id
                    AND record_events.record_id = records.record_id
                ORDER BY sequence) AS lines), '')
        """,
        "DROP TABLE record_events",
        """
        CREATE TABLE guards_remade (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, guard_key TEXT NOT NULL, slot BIGINT NOT NULL,
            record_id TEXT NOT NULL, active_until_ms BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, guard_key, slot)) {clustered}
        """,
        """
        INSERT INTO guards_remade
        SELECT organization_id, environment, guard_key, slot, record_id, active_until_ms FROM guards
        """,
        "DROP TABLE guards", "ALTER TABLE guards_remade RENAME TO guards",
        "DROP INDEX unique_keys_by_record",
        "DROP INDEX records_due", "DROP INDEX records_open",
        """
        CREATE INDEX records_waiting ON records (next_action_ms)
        WHERE state IN ('created', 'sending', 'accepted', 'unknown', 'reconciling')
        """,
        "CREATE INDEX records_manual ON records (plugin, operation) WHERE state = 'manual'",
    ]

    /// Keys count from their record's end; a receipt stands for one movement of money; what waits for a person is asked
    /// about daily; bytes that could not be read are kept with the version that could not.
    static let endsAndReceipts = [
        "ALTER TABLE idempotency ADD COLUMN retention_ms BIGINT NOT NULL DEFAULT 86400000",
        "UPDATE idempotency SET retention_ms = 600000 WHERE is_derived = 1",
        "ALTER TABLE idempotency DROP COLUMN expires_ms",
        "ALTER TABLE records ADD COLUMN released_ms BIGINT",
        """
        CREATE TABLE receipts (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, account TEXT NOT NULL, direction TEXT NOT NULL,
            receipt TEXT NOT NULL, record_id TEXT NOT NULL,
            PRIMARY KEY (organization_id, environment, account, direction, receipt)) {clustered}
        """,
        "CREATE INDEX records_manual_due ON records (next_action_ms) WHERE state = 'manual'",
        "UPDATE records SET next_action_ms = updated_ms WHERE state = 'manual' AND next_action_ms IS NULL",
        "ALTER TABLE callbacks ADD COLUMN status BIGINT",
        "ALTER TABLE callbacks ADD COLUMN digest TEXT",
        "CREATE INDEX callbacks_quarantined ON callbacks (received_ms) WHERE ended = 'quarantined'",
    ]
}
