extension Migrations {
    /// Reports that are kept once, however often whoever makes them begins again.
    static let keptOnce = [
        "ALTER TABLE reports ADD COLUMN keep_key TEXT",
        "CREATE INDEX reports_by_key ON reports (organization_id, environment, keep_key) WHERE keep_key IS NOT NULL",
    ]
}
