extension Migrations {
    /// Usage by the account that a call was for: nothing stands for what is for none, and for what was counted before;
    /// and the audit by who called, however many lines others have.
    static let sought = [
        """
        CREATE TABLE usage_remade (
            organization_id TEXT NOT NULL, hour_ms BIGINT NOT NULL, environment TEXT NOT NULL, tool TEXT NOT NULL,
            counted TEXT NOT NULL, subject TEXT NOT NULL, caller TEXT NOT NULL, account TEXT NOT NULL,
            succeeded BIGINT NOT NULL, failed BIGINT NOT NULL,
            PRIMARY KEY (organization_id, hour_ms, environment, tool, counted, subject, caller, account)) {clustered}
        """,
        """
        INSERT INTO usage_remade
            (organization_id, hour_ms, environment, tool, counted, subject, caller, account, succeeded, failed)
        SELECT organization_id, hour_ms, environment, tool, counted, subject, caller, '', succeeded, failed FROM usage
        """,
        "DROP TABLE usage", "ALTER TABLE usage_remade RENAME TO usage",
        "CREATE INDEX audit_by_subject ON audit (organization_id, subject, audit_id)",
    ]
}
