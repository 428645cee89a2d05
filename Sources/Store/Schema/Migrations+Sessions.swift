extension Migrations {
    /// Sessions that go on by refresh tokens, and when the newest of these was made.
    static let refreshes = ["ALTER TABLE sessions ADD COLUMN refreshed_ms BIGINT"]
}
