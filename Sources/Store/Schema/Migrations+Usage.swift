extension Migrations {
    /// Usage by who called and by what it counts as, the newest hours close together; and invoices, whose lines are only
    /// ever added to.
    static let usage = [
        """
        CREATE TABLE usage_remade (
            organization_id TEXT NOT NULL, hour_ms BIGINT NOT NULL, environment TEXT NOT NULL, tool TEXT NOT NULL,
            counted TEXT NOT NULL, subject TEXT NOT NULL, succeeded BIGINT NOT NULL, failed BIGINT NOT NULL,
            PRIMARY KEY (organization_id, hour_ms, environment, tool, counted, subject)) {clustered}
        """,
        """
        INSERT INTO usage_remade (organization_id, hour_ms, environment, tool, counted, subject, succeeded, failed)
        SELECT organization_id, hour_ms, environment, tool, '', '', succeeded, failed FROM usage
        """,
        "DROP TABLE usage", "ALTER TABLE usage_remade RENAME TO usage",
        """
        CREATE TABLE invoice_lines (
            organization_id TEXT NOT NULL, month BIGINT NOT NULL, line BIGINT NOT NULL, kind TEXT NOT NULL,
            tool TEXT, counted TEXT, description TEXT NOT NULL, quantity BIGINT NOT NULL, unit_cents BIGINT NOT NULL,
            amount_cents BIGINT NOT NULL, made_by TEXT NOT NULL, made_ms BIGINT NOT NULL,
            PRIMARY KEY (organization_id, month, line)) {clustered}
        """,
    ]
}
