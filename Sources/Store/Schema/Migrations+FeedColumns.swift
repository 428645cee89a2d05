extension Migrations {
    /// The feed with its key's columns first.
    ///
    /// SQLite 3.40.0 to 3.41.0, which Debian 12 has, looks for NULL in a clustered table only as far as the last column
    /// that may not be NULL lies in the key's tree. Where that one belongs to the key, `PRAGMA integrity_check` takes every
    /// column behind it for NULL, and frightens an operator about rows that are whole.
    static let feedColumns = [
        """
        CREATE TABLE feed_ordered (
            organization_id TEXT NOT NULL, lane BIGINT NOT NULL, position BIGINT NOT NULL, event_id TEXT NOT NULL,
            kind TEXT NOT NULL, subject TEXT NOT NULL, subject_version BIGINT NOT NULL, at_ms BIGINT NOT NULL,
            payload TEXT NOT NULL, PRIMARY KEY (organization_id, lane, position)) {clustered}
        """,
        """
        INSERT INTO feed_ordered
            (organization_id, lane, position, event_id, kind, subject, subject_version, at_ms, payload)
        SELECT organization_id, lane, position, event_id, kind, subject, subject_version, at_ms, payload FROM feed
        """,
        "DROP TABLE feed", "ALTER TABLE feed_ordered RENAME TO feed",
        "CREATE UNIQUE INDEX feed_by_position ON feed (lane, position)",
    ]
}
