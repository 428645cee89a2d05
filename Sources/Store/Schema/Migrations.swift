import Cryptography

/// The schema's history.
///
/// A migration that has been released is never changed; its checksum is kept to prove it.
///
/// One text for every engine; they differ in two words: `{bytes}`, and `{clustered}`, by which SQLite keeps a table's
/// rows in its key's own tree, so that a row is one page to write instead of two. The organization leads every key, so
/// that the tables can be distributed by it.
enum Migrations {
    static let all: [[String]] = [
        first, plugins, pluginData, clustered, probation, wholeRecords, endsAndReceipts, people, lists,
        administration, usage, factors, changes, accounts, places, refreshes, callers, held, feed, reports, sought,
        settling, moneyCounts,
    ]

    /// Brings the schema up to date, or, for tests, up to an older number.
    static func run(on database: Database, upTo newest: Int = all.count) async throws {
        let words = database.words
        try await database.write(within: nil) { session in
            let sql = session.sql
            try sql.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL)",
                []
            )
            let done = try sql.query("SELECT number, checksum FROM migrations ORDER BY number", []) { row in
                (Int(row.integer(0) ?? 0), row.text(1) ?? "")
            }
            if let last = done.last?.0, last > all.count {
                throw SQLError(
                    message: "the database has schema \(last), this gateway knows \(all.count): run a newer gateway"
                )
            }
            for (number, checksum) in done where checksum != self.checksum(all[number - 1]) {
                throw SQLError(message: "migration \(number) is not the one that this database was made with")
            }
            for (index, statements) in all.prefix(newest).enumerated().dropFirst(done.count) {
                for statement in statements {
                    try sql.execute(words.filled(into: statement), [])
                }
                try sql.execute(
                    "INSERT INTO migrations (number, checksum) VALUES ($1, $2)",
                    [.integer(Int64(index + 1)), .text(self.checksum(statements))]
                )
            }
        }
    }

    private static func checksum(_ statements: [String]) -> String {
        SHA256.digest(Array(statements.joined(separator: ";").utf8)).hexadecimal
    }

    private static let first = [
        // What is common to all organizations.
        "CREATE TABLE plans (name TEXT PRIMARY KEY, detail TEXT NOT NULL)",
        """
        CREATE TABLE organizations (
            organization_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, detail TEXT NOT NULL)
        """,
        "CREATE TABLE configuration (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
        """
        CREATE TABLE logins (
            username TEXT NOT NULL, organization_id TEXT NOT NULL, user_id TEXT NOT NULL,
            PRIMARY KEY (username, organization_id))
        """,
        // Who belongs to an organization, and what it keeps secret.
        """
        CREATE TABLE users (
            organization_id TEXT NOT NULL, user_id TEXT NOT NULL, username TEXT NOT NULL, email TEXT NOT NULL,
            password_hash TEXT NOT NULL, role TEXT NOT NULL, is_active BIGINT NOT NULL, failed_logins BIGINT NOT NULL,
            locked_until_ms BIGINT, session_epoch BIGINT NOT NULL,
            PRIMARY KEY (organization_id, user_id),
            UNIQUE (organization_id, username), UNIQUE (organization_id, email))
        """,
        """
        CREATE TABLE api_keys (
            organization_id TEXT NOT NULL, key_id TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL,
            hash {bytes} NOT NULL, environment TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT, expires_ms BIGINT,
            revoked_ms BIGINT, PRIMARY KEY (organization_id, key_id))
        """,
        """
        CREATE TABLE profiles (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (organization_id, environment))
        """,
        """
        CREATE TABLE credentials (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, field TEXT NOT NULL, sealed {bytes} NOT NULL,
            key_version BIGINT NOT NULL, version BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, field))
        """,
        """
        CREATE TABLE data_keys (
            organization_id TEXT NOT NULL, version BIGINT NOT NULL, master_key_id TEXT NOT NULL,
            wrapped {bytes} NOT NULL, PRIMARY KEY (organization_id, version))
        """,
        // Money, and what was asked about it.
        """
        CREATE TABLE records (
            organization_id TEXT NOT NULL, record_id TEXT NOT NULL, environment TEXT NOT NULL, class TEXT NOT NULL,
            plugin TEXT NOT NULL, operation TEXT NOT NULL, tool TEXT NOT NULL, direction TEXT NOT NULL,
            made_by TEXT NOT NULL, amount BIGINT, party TEXT, reference TEXT, created_ms BIGINT NOT NULL,
            plan TEXT NOT NULL, state TEXT NOT NULL, version BIGINT NOT NULL, receipt TEXT, sent_ms BIGINT,
            updated_ms BIGINT NOT NULL, ended_ms BIGINT, next_action_ms BIGINT, detail TEXT NOT NULL,
            PRIMARY KEY (organization_id, record_id))
        """,
        "CREATE INDEX records_due ON records (next_action_ms) WHERE next_action_ms IS NOT NULL",
        "CREATE INDEX records_unsent ON records (state) WHERE state IN ('created', 'sending')",
        """
        CREATE TABLE record_events (
            organization_id TEXT NOT NULL, record_id TEXT NOT NULL, sequence BIGINT NOT NULL, at_ms BIGINT NOT NULL,
            source TEXT NOT NULL, verdict TEXT, code TEXT, meaning TEXT, from_state TEXT NOT NULL,
            to_state TEXT NOT NULL, PRIMARY KEY (organization_id, record_id, sequence))
        """,
        """
        CREATE TABLE external_ids (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, namespace TEXT NOT NULL, value TEXT NOT NULL,
            record_id TEXT NOT NULL, PRIMARY KEY (organization_id, environment, namespace, value))
        """,
        """
        CREATE TABLE guards (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, guard_key TEXT NOT NULL, slot BIGINT NOT NULL,
            record_id TEXT NOT NULL, is_open BIGINT NOT NULL, active_until_ms BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, guard_key, slot))
        """,
        "CREATE INDEX guards_record ON guards (organization_id, record_id)",
        """
        CREATE TABLE unique_keys (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, unique_key TEXT NOT NULL,
            record_id TEXT NOT NULL, released_by TEXT NOT NULL,
            PRIMARY KEY (organization_id, environment, unique_key))
        """,
        "CREATE INDEX unique_keys_record ON unique_keys (organization_id, record_id)",
        """
        CREATE TABLE idempotency (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, idempotency_key TEXT NOT NULL,
            fingerprint {bytes} NOT NULL, record_id TEXT NOT NULL, expires_ms BIGINT NOT NULL,
            is_derived BIGINT NOT NULL, PRIMARY KEY (organization_id, environment, idempotency_key))
        """,
        """
        CREATE TABLE callbacks (
            organization_id TEXT NOT NULL, callback_id TEXT NOT NULL, environment TEXT NOT NULL,
            record_id TEXT NOT NULL, name TEXT NOT NULL, received_ms BIGINT NOT NULL, body {bytes} NOT NULL,
            address TEXT, attempts BIGINT NOT NULL, ended TEXT, ended_ms BIGINT,
            PRIMARY KEY (organization_id, callback_id))
        """,
        "CREATE INDEX callbacks_unsettled ON callbacks (received_ms) WHERE ended IS NULL",
        // What was done, and how much.
        """
        CREATE TABLE audit (
            organization_id TEXT NOT NULL, writer_id TEXT NOT NULL, sequence BIGINT NOT NULL,
            previous_hash {bytes} NOT NULL, hash {bytes} NOT NULL, audit_id TEXT NOT NULL, at_ms BIGINT NOT NULL,
            call_id TEXT NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, tool TEXT, door TEXT NOT NULL,
            outcome TEXT NOT NULL, code TEXT, record_id TEXT, environment TEXT, address TEXT, detail TEXT,
            PRIMARY KEY (organization_id, writer_id, sequence))
        """,
        "CREATE INDEX audit_newest ON audit (organization_id, audit_id)",
        """
        CREATE TABLE usage (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, tool TEXT NOT NULL, hour_ms BIGINT NOT NULL,
            succeeded BIGINT NOT NULL, failed BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, tool, hour_ms))
        """,
    ]
    /// Versions of plugins that were installed into a running host; no organization's.
    private static let plugins = [
        """
        CREATE TABLE plugins (
            plugin_id TEXT PRIMARY KEY, declared TEXT, last_generation BIGINT NOT NULL, note TEXT)
        """,
        """
        CREATE TABLE plugin_versions (
            plugin_id TEXT NOT NULL, generation BIGINT NOT NULL, role TEXT NOT NULL, digest TEXT NOT NULL,
            entry TEXT NOT NULL, share BIGINT NOT NULL, organizations TEXT NOT NULL,
            PRIMARY KEY (plugin_id, generation))
        """,
        "CREATE TABLE plugin_binaries (digest TEXT PRIMARY KEY, bytes {bytes} NOT NULL)",
        """
        CREATE INDEX records_open ON records (plugin, operation)
        WHERE state IN ('created', 'sending', 'accepted', 'unknown', 'reconciling', 'manual')
        """,
    ]

    /// Tables of small rows that every payment writes, made anew in one tree each; the audit is kept in the order in
    /// which it is read, which is the order in which it is written.
    private static let clustered =
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

    private static func remade(_ table: String, _ columns: String) -> [String] {
        [
            "CREATE TABLE \(table)_remade (\(columns)) {clustered}",
            "INSERT INTO \(table)_remade SELECT * FROM \(table)",
            "DROP TABLE \(table)", "ALTER TABLE \(table)_remade RENAME TO \(table)",
        ]
    }

    /// What plugins keep: collections, timers, exports; each organization's.
    private static let pluginData = [
        """
        CREATE TABLE plugin_items (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL, collection TEXT NOT NULL,
            item_key TEXT NOT NULL, version BIGINT NOT NULL, value TEXT NOT NULL, updated_at BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, plugin, collection, item_key))
        """,
        """
        CREATE TABLE plugin_timers (
            organization_id TEXT NOT NULL, timer_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL,
            name TEXT NOT NULL, data TEXT NOT NULL, principal TEXT NOT NULL, due_at BIGINT NOT NULL,
            attempt BIGINT NOT NULL, PRIMARY KEY (organization_id, timer_id))
        """,
        "CREATE INDEX plugin_timers_due ON plugin_timers (due_at)",
        """
        CREATE TABLE exports (
            organization_id TEXT NOT NULL, export_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL,
            name TEXT NOT NULL, media_type TEXT NOT NULL, bytes BIGINT NOT NULL, parts BIGINT NOT NULL,
            closed BIGINT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (organization_id, export_id))
        """,
        "CREATE INDEX exports_expiring ON exports (expires_at)",
        """
        CREATE TABLE export_parts (
            organization_id TEXT NOT NULL, export_id TEXT NOT NULL, part BIGINT NOT NULL, bytes {bytes} NOT NULL,
            PRIMARY KEY (organization_id, export_id, part))
        """,
    ]

    /// When a version was promoted, so that what it is watched for outlives the host.
    private static let probation = ["ALTER TABLE plugin_versions ADD COLUMN promoted_at BIGINT"]

    /// A record's steps stand in its row; claims count as long as their record's state says, and so need neither a
    /// mark nor an index to find them by their record; one index has what is open.
    private static let wholeRecords = [
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
    private static let endsAndReceipts = [
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
