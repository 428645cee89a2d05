extension Migrations {
    /// Who made an export; sessions, of which a refreshed token replaces its predecessor; what became of persons'
    /// answers; and who had a name first.
    static let people = [
        "ALTER TABLE exports ADD COLUMN made_by TEXT NOT NULL DEFAULT ''",
        """
        CREATE TABLE sessions (
            organization_id TEXT NOT NULL, user_id TEXT NOT NULL, session_id TEXT NOT NULL, generation BIGINT NOT NULL,
            expires_ms BIGINT NOT NULL, PRIMARY KEY (organization_id, user_id, session_id)) {clustered}
        """,
        """
        CREATE TABLE answers (
            organization_id TEXT NOT NULL, question_id TEXT NOT NULL, digest {bytes} NOT NULL, outcome TEXT,
            expires_ms BIGINT NOT NULL, PRIMARY KEY (organization_id, question_id)) {clustered}
        """,
        "CREATE INDEX answers_expiring ON answers (expires_ms)",
        "CREATE INDEX logins_by_age ON logins (username, user_id)",
    ]
}
