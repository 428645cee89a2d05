extension Migrations {
    /// What narrows keys, whose they are and when they were used; by which version a thing that is edited is told from
    /// an older one; and what organizations use of their quotas.
    static let administration = [
        "ALTER TABLE api_keys ADD COLUMN owner_id TEXT",
        "ALTER TABLE api_keys ADD COLUMN rules TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE api_keys ADD COLUMN previous_hash {bytes}",
        "ALTER TABLE api_keys ADD COLUMN previous_until_ms BIGINT",
        "ALTER TABLE api_keys ADD COLUMN last_used_ms BIGINT",
        "ALTER TABLE api_keys ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
        "ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
        "ALTER TABLE organizations ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
        "ALTER TABLE plans ADD COLUMN version BIGINT NOT NULL DEFAULT 1",
        """
        CREATE TABLE quota_counts (
            organization_id TEXT NOT NULL, month BIGINT NOT NULL, counted TEXT NOT NULL, used BIGINT NOT NULL,
            noted BIGINT NOT NULL, PRIMARY KEY (organization_id, month, counted)) {clustered}
        """,
    ]
}
