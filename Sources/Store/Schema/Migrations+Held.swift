extension Migrations {
    /// Records that are held until somebody lets them leave, and until when.
    static let held = [
        "ALTER TABLE records ADD COLUMN held_until_ms BIGINT",
        "CREATE INDEX records_held ON records (next_action_ms) WHERE state IN ('draft', 'released')",
    ]
}
