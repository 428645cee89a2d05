extension Migrations {
    /// Who was made what they are by somebody else, and when: for a while they let no money leave.
    static let settling = [
        "ALTER TABLE users ADD COLUMN settling_ms BIGINT", "ALTER TABLE users ADD COLUMN settling_by TEXT",
    ]

    /// What moved by calls on a day, where a limit counts it.
    static let moneyCounts = [
        """
        CREATE TABLE money_counts (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, scope TEXT NOT NULL, day BIGINT NOT NULL,
            calls BIGINT NOT NULL, amount BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, scope, day)) {clustered}
        """
    ]
}
