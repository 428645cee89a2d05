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

extension Migrations {
    /// When a batch is looked at next, so that all come in turn; and who has agreed to its leaving.
    static let batchTurns = [
        "ALTER TABLE batches ADD COLUMN next_ms BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE batches ADD COLUMN approvers TEXT",
        "UPDATE batches SET next_ms = until_ms WHERE state IN ('draft', 'paused')",
        "DROP INDEX batches_open",
        "CREATE INDEX batches_open ON batches (organization_id, next_ms) WHERE ended_ms IS NULL",
    ]
}

extension Migrations {
    /// Which items that ended unpaid are tried again by other batches.
    static let batchRetries = [
        """
        CREATE TABLE batch_retries (
            organization_id TEXT NOT NULL, batch_id TEXT NOT NULL, record_id TEXT NOT NULL, retry_id TEXT NOT NULL,
            retry_batch_id TEXT NOT NULL, PRIMARY KEY (organization_id, batch_id, record_id)) {clustered}
        """
    ]
}

extension Migrations {
    /// The rows that were taken out of a batch while it waited.
    static let strikes = ["ALTER TABLE batches ADD COLUMN strikes TEXT"]
}

extension Migrations {
    /// What of a batch is left to be sent, and what of all batches has left and has not ended, found without a walk through
    /// all that they were made with.
    static let batchItems = [
        """
        CREATE INDEX records_batch_unsent ON records (organization_id, batch_id, batch_sequence)
        WHERE batch_id IS NOT NULL AND state IN ('draft', 'released')
        """,
        """
        CREATE INDEX records_batch_left ON records (organization_id, sent_ms, batch_id)
        WHERE batch_id IS NOT NULL AND (state = 'created' OR state = 'sending' OR state = 'accepted'
            OR state = 'unknown' OR state = 'reconciling' OR state = 'manual')
        """,
    ]
}
