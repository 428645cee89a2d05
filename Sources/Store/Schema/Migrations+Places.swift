extension Migrations {
    /// From where people logged in, so that a restart does not make strangers of them.
    static let places = [
        """
        CREATE TABLE known_places (
            organization_id TEXT NOT NULL, user_id TEXT NOT NULL, network TEXT NOT NULL, login TEXT NOT NULL,
            seen_ms BIGINT NOT NULL, PRIMARY KEY (organization_id, user_id, network, login)) {clustered}
        """,
        "CREATE INDEX known_places_by_time ON known_places (seen_ms)",
    ]
}
