extension Migrations {
    /// Whose configuration was changed last by which version: what caches ask for.
    static let changes = [
        """
        CREATE TABLE configuration_changes (
            organization_id TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL) {clustered}
        """,
        "CREATE INDEX configuration_changes_by_version ON configuration_changes (version)",
    ]
}
