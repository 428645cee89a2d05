extension Migrations {
    /// What the first version had.
    static let first = [
        // What is common to all organizations.
        "CREATE TABLE plans (name TEXT PRIMARY KEY, detail TEXT NOT NULL)",
        """
        CREATE TABLE organizations (
            organization_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, detail TEXT NOT NULL)
        """,
        "CREATE TABLE configuration (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
        """
        CREATE TABLE logins (
            username TEXT NOT NULL, organization_id TEXT NOT NULL, user_id TEXT NOT NULL,
            PRIMARY KEY (username, organization_id))
        """,
        // Who belongs to an organization, and what it keeps secret.
        """
        CREATE TABLE users (
            organization_id TEXT NOT NULL, user_id TEXT NOT NULL, username TEXT NOT NULL, email TEXT NOT NULL,
            password_hash TEXT NOT NULL, role TEXT NOT NULL, is_active BIGINT NOT NULL, failed_logins BIGINT NOT NULL,
            locked_until_ms BIGINT, session_epoch BIGINT NOT NULL,
            PRIMARY KEY (organization_id, user_id),
            UNIQUE (organization_id, username), UNIQUE (organization_id, email))
        """,
        """
        CREATE TABLE api_keys (
            organization_id TEXT NOT NULL, key_id TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL,
            hash {bytes} NOT NULL, environment TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT, expires_ms BIGINT,
            revoked_ms BIGINT, PRIMARY KEY (organization_id, key_id))
        """,
        """
        CREATE TABLE profiles (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (organization_id, environment))
        """,
        """
        CREATE TABLE credentials (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, field TEXT NOT NULL, sealed {bytes} NOT NULL,
            key_version BIGINT NOT NULL, version BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, field))
        """,
        """
        CREATE TABLE data_keys (
            organization_id TEXT NOT NULL, version BIGINT NOT NULL, master_key_id TEXT NOT NULL,
            wrapped {bytes} NOT NULL, PRIMARY KEY (organization_id, version))
        """,
        // Money, and what was asked about it.
        """
        CREATE TABLE records (
            organization_id TEXT NOT NULL, record_id TEXT NOT NULL, environment TEXT NOT NULL, class TEXT NOT NULL,
            plugin TEXT NOT NULL, operation TEXT NOT NULL, tool TEXT NOT NULL, direction TEXT NOT NULL,
            made_by TEXT NOT NULL, amount BIGINT, party TEXT, reference TEXT, created_ms BIGINT NOT NULL,
            plan TEXT NOT NULL, state TEXT NOT NULL, version BIGINT NOT NULL, receipt TEXT, sent_ms BIGINT,
            updated_ms BIGINT NOT NULL, ended_ms BIGINT, next_action_ms BIGINT, detail TEXT NOT NULL,
            PRIMARY KEY (organization_id, record_id))
        """,
        "CREATE INDEX records_due ON records (next_action_ms) WHERE next_action_ms IS NOT NULL",
        "CREATE INDEX records_unsent ON records (state) WHERE state IN ('created', 'sending')",
        """
        CREATE TABLE record_events (
            organization_id TEXT NOT NULL, record_id TEXT NOT NULL, sequence BIGINT NOT NULL, at_ms BIGINT NOT NULL,
            source TEXT NOT NULL, verdict TEXT, code TEXT, meaning TEXT, from_state TEXT NOT NULL,
            to_state TEXT NOT NULL, PRIMARY KEY (organization_id, record_id, sequence))
        """,
        """
        CREATE TABLE external_ids (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, namespace TEXT NOT NULL, value TEXT NOT NULL,
            record_id TEXT NOT NULL, PRIMARY KEY (organization_id, environment, namespace, value))
        """,
        """
        CREATE TABLE guards (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, guard_key TEXT NOT NULL, slot BIGINT NOT NULL,
            record_id TEXT NOT NULL, is_open BIGINT NOT NULL, active_until_ms BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, guard_key, slot))
        """,
        "CREATE INDEX guards_record ON guards (organization_id, record_id)",
        """
        CREATE TABLE unique_keys (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, unique_key TEXT NOT NULL,
            record_id TEXT NOT NULL, released_by TEXT NOT NULL,
            PRIMARY KEY (organization_id, environment, unique_key))
        """,
        "CREATE INDEX unique_keys_record ON unique_keys (organization_id, record_id)",
        """
        CREATE TABLE idempotency (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, idempotency_key TEXT NOT NULL,
            fingerprint {bytes} NOT NULL, record_id TEXT NOT NULL, expires_ms BIGINT NOT NULL,
            is_derived BIGINT NOT NULL, PRIMARY KEY (organization_id, environment, idempotency_key))
        """,
        """
        CREATE TABLE callbacks (
            organization_id TEXT NOT NULL, callback_id TEXT NOT NULL, environment TEXT NOT NULL,
            record_id TEXT NOT NULL, name TEXT NOT NULL, received_ms BIGINT NOT NULL, body {bytes} NOT NULL,
            address TEXT, attempts BIGINT NOT NULL, ended TEXT, ended_ms BIGINT,
            PRIMARY KEY (organization_id, callback_id))
        """,
        "CREATE INDEX callbacks_unsettled ON callbacks (received_ms) WHERE ended IS NULL",
        // What was done, and how much.
        """
        CREATE TABLE audit (
            organization_id TEXT NOT NULL, writer_id TEXT NOT NULL, sequence BIGINT NOT NULL,
            previous_hash {bytes} NOT NULL, hash {bytes} NOT NULL, audit_id TEXT NOT NULL, at_ms BIGINT NOT NULL,
            call_id TEXT NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, tool TEXT, door TEXT NOT NULL,
            outcome TEXT NOT NULL, code TEXT, record_id TEXT, environment TEXT, address TEXT, detail TEXT,
            PRIMARY KEY (organization_id, writer_id, sequence))
        """,
        "CREATE INDEX audit_newest ON audit (organization_id, audit_id)",
        """
        CREATE TABLE usage (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, tool TEXT NOT NULL, hour_ms BIGINT NOT NULL,
            succeeded BIGINT NOT NULL, failed BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, tool, hour_ms))
        """,
    ]
}
