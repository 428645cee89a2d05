extension Migrations {
    /// Work of tools that goes on after its call was answered, and what came of it.
    static let tasks = [
        """
        CREATE TABLE tasks (
            organization_id TEXT NOT NULL, task_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL,
            tool TEXT NOT NULL, principal TEXT NOT NULL, made_by TEXT NOT NULL, maker TEXT, accounts TEXT,
            call_key TEXT, fingerprint TEXT NOT NULL, begun_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL,
            state TEXT NOT NULL, attempt BIGINT NOT NULL, due_ms BIGINT, progress BIGINT NOT NULL, message TEXT NOT NULL,
            updated_ms BIGINT NOT NULL, ended_ms BIGINT, expires_ms BIGINT, arguments TEXT NOT NULL, result TEXT,
            PRIMARY KEY (organization_id, task_id))
        """,
        "CREATE INDEX tasks_due ON tasks (due_ms) WHERE due_ms IS NOT NULL",
        "CREATE INDEX tasks_expiring ON tasks (expires_ms) WHERE expires_ms IS NOT NULL",
        """
        CREATE UNIQUE INDEX tasks_by_key ON tasks (organization_id, environment, call_key) WHERE call_key IS NOT NULL
        """,
    ]
}
