extension Migrations {
    /// The feed in the order in which an organization's events became true, so that its reader goes by its place; reports
    /// that are remembered once they have expired, and up to where each looked for corrections; of what exports are; and
    /// what is open of an organization, however much others have.
    static let told = [
        """
        CREATE TABLE feed_remade (
            organization_id TEXT NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
            subject_version BIGINT NOT NULL, at_ms BIGINT NOT NULL, payload TEXT NOT NULL, lane BIGINT NOT NULL,
            position BIGINT NOT NULL, PRIMARY KEY (organization_id, lane, position)) {clustered}
        """,
        """
        INSERT INTO feed_remade
            (organization_id, event_id, kind, subject, subject_version, at_ms, payload, lane, position)
        SELECT organization_id, event_id, kind, subject, subject_version, at_ms, payload, lane, position FROM feed
        """,
        "DROP TABLE feed", "ALTER TABLE feed_remade RENAME TO feed",
        "CREATE UNIQUE INDEX feed_by_position ON feed (lane, position)",
        "ALTER TABLE reports ADD COLUMN corrected BIGINT NOT NULL DEFAULT 0",
        "UPDATE reports SET corrected = position",
        "ALTER TABLE exports ADD COLUMN maker TEXT", "ALTER TABLE exports ADD COLUMN accounts TEXT",
        // Of whom they are nobody can say any more; they are gone in a day.
        "UPDATE exports SET maker = made_by",
        "DROP INDEX reports_expiring",
        "CREATE INDEX reports_expiring ON reports (expires_ms) WHERE document <> ''",
        "CREATE INDEX reports_remembered ON reports (expires_ms)",
        "CREATE INDEX reports_kept ON reports (organization_id, environment, expires_ms)",
        """
        CREATE INDEX records_open ON records (organization_id, environment, created_ms)
        WHERE state IN ('draft', 'released', 'created', 'sending', 'accepted', 'unknown', 'reconciling', 'manual')
        """,
    ]
}
