extension Migrations {
    /// Links by which somebody sets a password once, and second factors.
    static let factors = [
        """
        CREATE TABLE one_time_links (
            organization_id TEXT NOT NULL, link_id TEXT NOT NULL, user_id TEXT NOT NULL, purpose TEXT NOT NULL,
            hash {bytes} NOT NULL, expires_ms BIGINT NOT NULL, PRIMARY KEY (organization_id, link_id)) {clustered}
        """,
        """
        CREATE TABLE second_factors (
            organization_id TEXT NOT NULL, user_id TEXT NOT NULL, sealed {bytes} NOT NULL, used_step BIGINT NOT NULL,
            recovery TEXT NOT NULL, is_confirmed BIGINT NOT NULL, PRIMARY KEY (organization_id, user_id)) {clustered}
        """,
        "ALTER TABLE users ADD COLUMN has_second_factor BIGINT NOT NULL DEFAULT 0",
    ]
}
