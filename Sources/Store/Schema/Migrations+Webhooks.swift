extension Migrations {
    /// Receivers of events, how far each is, what is on its way to them, and what is asked for once more.
    static let webhooks = [
        """
        CREATE TABLE webhook_endpoints (
            organization_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, environment TEXT NOT NULL, url TEXT NOT NULL,
            detail TEXT NOT NULL, secrets TEXT NOT NULL, off TEXT, off_ms BIGINT, version BIGINT NOT NULL,
            PRIMARY KEY (organization_id, endpoint_id)) {clustered}
        """,
        """
        CREATE TABLE webhook_progress (
            organization_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, place BIGINT NOT NULL, failures BIGINT NOT NULL,
            failing_since_ms BIGINT, noticed_ms BIGINT, paused_until_ms BIGINT,
            PRIMARY KEY (organization_id, endpoint_id)) {clustered}
        """,
        """
        CREATE TABLE webhook_deliveries (
            organization_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, event_id TEXT NOT NULL, kind TEXT NOT NULL,
            position BIGINT NOT NULL, state TEXT NOT NULL, tries BIGINT NOT NULL, due_ms BIGINT, replay BIGINT NOT NULL,
            at_ms BIGINT NOT NULL, attempts TEXT NOT NULL,
            PRIMARY KEY (organization_id, endpoint_id, event_id)) {clustered}
        """,
        """
        CREATE INDEX webhook_deliveries_due ON webhook_deliveries (organization_id, endpoint_id, due_ms)
        WHERE due_ms IS NOT NULL
        """,
        "CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (at_ms)",
        """
        CREATE TABLE webhook_replays (
            organization_id TEXT NOT NULL, replay_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, wish TEXT NOT NULL,
            made_by TEXT NOT NULL, made_ms BIGINT NOT NULL, place BIGINT NOT NULL, found BIGINT NOT NULL,
            ended_ms BIGINT, PRIMARY KEY (organization_id, replay_id)) {clustered}
        """,
        "CREATE INDEX webhook_replays_open ON webhook_replays (replay_id) WHERE ended_ms IS NULL",
        "CREATE INDEX webhook_replays_ended ON webhook_replays (ended_ms) WHERE ended_ms IS NOT NULL",
    ]

    /// By which wish an event is sent once more, and when one was given up.
    static let stoppedReplays = [
        "ALTER TABLE webhook_deliveries ADD COLUMN replay_id TEXT",
        "ALTER TABLE webhook_replays ADD COLUMN stopped_ms BIGINT",
    ]
}
