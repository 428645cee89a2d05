extension Migrations {
    /// Batches, and the place of their items in them.
    static let batches = [
        """
        CREATE TABLE batches (
            organization_id TEXT NOT NULL, batch_id TEXT NOT NULL, environment TEXT NOT NULL, state TEXT NOT NULL,
            version BIGINT NOT NULL, content {bytes} NOT NULL, created_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL,
            ended_ms BIGINT, detail TEXT NOT NULL, decided_by TEXT, released_by TEXT, reason TEXT, withdrawal TEXT,
            PRIMARY KEY (organization_id, batch_id)) {clustered}
        """,
        "CREATE INDEX batches_open ON batches (until_ms) WHERE ended_ms IS NULL",
        "CREATE INDEX batches_listed ON batches (organization_id, environment, created_ms, batch_id)",
        "CREATE INDEX batches_by_content ON batches (organization_id, content)",
        "ALTER TABLE records ADD COLUMN batch_id TEXT",
        "ALTER TABLE records ADD COLUMN batch_sequence BIGINT",
        """
        CREATE INDEX records_by_batch ON records (organization_id, batch_id, batch_sequence)
        WHERE batch_id IS NOT NULL
        """,
    ]
}
