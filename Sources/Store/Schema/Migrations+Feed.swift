extension Migrations {
    /// What became true, in the order of the commits; how far each reader is; and what is summed up of it.
    static let feed = [
        """
        CREATE TABLE feed (
            organization_id TEXT NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
            subject_version BIGINT NOT NULL, at_ms BIGINT NOT NULL, payload TEXT NOT NULL, lane BIGINT NOT NULL,
            position BIGINT NOT NULL, PRIMARY KEY (organization_id, event_id)) {clustered}
        """,
        "CREATE UNIQUE INDEX feed_by_position ON feed (lane, position)",
        """
        CREATE TABLE feed_cursors (
            reader TEXT NOT NULL, lane BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (reader, lane)) {clustered}
        """,
        """
        CREATE TABLE rollups (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, day BIGINT NOT NULL, account TEXT NOT NULL,
            source TEXT NOT NULL, direction TEXT NOT NULL, tool TEXT NOT NULL, outcome TEXT NOT NULL,
            transactions BIGINT NOT NULL, amount BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, day, account, source, direction, tool, outcome)) {clustered}
        """,
    ]
}
