extension Migrations {
    /// Versions of plugins that were installed into a running host; no organization's.
    static let plugins = [
        """
        CREATE TABLE plugins (
            plugin_id TEXT PRIMARY KEY, declared TEXT, last_generation BIGINT NOT NULL, note TEXT)
        """,
        """
        CREATE TABLE plugin_versions (
            plugin_id TEXT NOT NULL, generation BIGINT NOT NULL, role TEXT NOT NULL, digest TEXT NOT NULL,
            entry TEXT NOT NULL, share BIGINT NOT NULL, organizations TEXT NOT NULL,
            PRIMARY KEY (plugin_id, generation))
        """,
        "CREATE TABLE plugin_binaries (digest TEXT PRIMARY KEY, bytes {bytes} NOT NULL)",
        """
        CREATE INDEX records_open ON records (plugin, operation)
        WHERE state IN ('created', 'sending', 'accepted', 'unknown', 'reconciling', 'manual')
        """,
    ]

    /// What plugins keep: collections, timers, exports; each organization's.
    static let pluginData = [
        """
        CREATE TABLE plugin_items (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL, collection TEXT NOT NULL,
            item_key TEXT NOT NULL, version BIGINT NOT NULL, value TEXT NOT NULL, updated_at BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, plugin, collection, item_key))
        """,
        """
        CREATE TABLE plugin_timers (
            organization_id TEXT NOT NULL, timer_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL,
            name TEXT NOT NULL, data TEXT NOT NULL, principal TEXT NOT NULL, due_at BIGINT NOT NULL,
            attempt BIGINT NOT NULL, PRIMARY KEY (organization_id, timer_id))
        """,
        "CREATE INDEX plugin_timers_due ON plugin_timers (due_at)",
        """
        CREATE TABLE exports (
            organization_id TEXT NOT NULL, export_id TEXT NOT NULL, environment TEXT NOT NULL, plugin TEXT NOT NULL,
            name TEXT NOT NULL, media_type TEXT NOT NULL, bytes BIGINT NOT NULL, parts BIGINT NOT NULL,
            closed BIGINT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (organization_id, export_id))
        """,
        "CREATE INDEX exports_expiring ON exports (expires_at)",
        """
        CREATE TABLE export_parts (
            organization_id TEXT NOT NULL, export_id TEXT NOT NULL, part BIGINT NOT NULL, bytes {bytes} NOT NULL,
            PRIMARY KEY (organization_id, export_id, part))
        """,
    ]

    /// When a version was promoted, so that what it is watched for outlives the host.
    static let probation = ["ALTER TABLE plugin_versions ADD COLUMN promoted_at BIGINT"]
}
