extension Migrations {
    /// What is summed up is told apart by who asked, by the hour, and by what M-Pesa took; reports that are kept; and
    /// what M-Pesa said that accounts hold.
    ///
    /// The feed has everything that is summed up from its first event on: the reader begins anew.
    static let reports = [
        "DROP TABLE rollups",
        """
        CREATE TABLE rollups (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, day BIGINT NOT NULL, account TEXT NOT NULL,
            source TEXT NOT NULL, direction TEXT NOT NULL, tool TEXT NOT NULL, made_by TEXT NOT NULL,
            outcome TEXT NOT NULL, hour BIGINT NOT NULL, transactions BIGINT NOT NULL, amount BIGINT NOT NULL,
            fee_cents BIGINT NOT NULL, fees_stated BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, day, account, source, direction, tool, made_by, outcome, hour))
            {clustered}
        """,
        "DELETE FROM feed_cursors WHERE reader = 'rollups'",
        """
        CREATE TABLE reports (
            organization_id TEXT NOT NULL, report_id TEXT NOT NULL, environment TEXT NOT NULL, kind TEXT NOT NULL,
            from_day BIGINT NOT NULL, to_day BIGINT NOT NULL, made_by TEXT NOT NULL, made_ms BIGINT NOT NULL,
            expires_ms BIGINT NOT NULL, maker TEXT, accounts TEXT, position BIGINT NOT NULL, document TEXT NOT NULL,
            PRIMARY KEY (organization_id, report_id)) {clustered}
        """,
        "CREATE INDEX reports_expiring ON reports (expires_ms)",
        """
        CREATE TABLE balances (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
            at_ms BIGINT NOT NULL, record_id TEXT NOT NULL, currency TEXT NOT NULL, current_cents BIGINT NOT NULL,
            available_cents BIGINT NOT NULL, reserved_cents BIGINT NOT NULL, uncleared_cents BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, account, name, at_ms, record_id)) {clustered}
        """,
        "CREATE INDEX balances_by_age ON balances (at_ms)",
    ]
}
