extension Migrations {
    /// Sessions that go on by refresh tokens, and when the newest of these was made.
    static let refreshes = ["ALTER TABLE sessions ADD COLUMN refreshed_ms BIGINT"]
    /// Sessions that programs have called with, and since when.
    static let agents = ["ALTER TABLE sessions ADD COLUMN agent_ms BIGINT"]
}
