extension Migrations {
    /// Usage by what kind of caller called; and records by their account, so that lists go by it: nothing stands for the
    /// account `main`.
    static let callers = [
        """
        CREATE TABLE usage_remade (
            organization_id TEXT NOT NULL, hour_ms BIGINT NOT NULL, environment TEXT NOT NULL, tool TEXT NOT NULL,
            counted TEXT NOT NULL, subject TEXT NOT NULL, caller TEXT NOT NULL, succeeded BIGINT NOT NULL,
            failed BIGINT NOT NULL,
            PRIMARY KEY (organization_id, hour_ms, environment, tool, counted, subject, caller)) {clustered}
        """,
        """
        INSERT INTO usage_remade
            (organization_id, hour_ms, environment, tool, counted, subject, caller, succeeded, failed)
        SELECT organization_id, hour_ms, environment, tool, counted, subject, '', succeeded, failed FROM usage
        """,
        "DROP TABLE usage", "ALTER TABLE usage_remade RENAME TO usage",
        "ALTER TABLE records ADD COLUMN account_name TEXT",
        """
        UPDATE records SET account_name = CAST(plan AS {document}) ->> 'account_name'
        WHERE plan LIKE '%"account_name":%'
        """,
    ]
}
