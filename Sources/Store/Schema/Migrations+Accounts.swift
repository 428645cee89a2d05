extension Migrations {
    /// Several accounts of an organization in one environment, each with credentials of its own; what there was becomes
    /// the account `main`, which is the default one.
    static let accounts = [
        """
        CREATE TABLE accounts (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, account TEXT NOT NULL, detail TEXT NOT NULL,
            is_default BIGINT NOT NULL, retired_ms BIGINT, version BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, account)) {clustered}
        """,
        """
        INSERT INTO accounts (organization_id, environment, account, detail, is_default, retired_ms, version)
        SELECT organization_id, environment, 'main', detail, 1, NULL, 1 FROM profiles
        """,
        "DROP TABLE profiles",
        """
        CREATE TABLE credentials_remade (
            organization_id TEXT NOT NULL, environment TEXT NOT NULL, account TEXT NOT NULL, field TEXT NOT NULL,
            sealed {bytes} NOT NULL, key_version BIGINT NOT NULL, version BIGINT NOT NULL,
            PRIMARY KEY (organization_id, environment, account, field)) {clustered}
        """,
        """
        INSERT INTO credentials_remade (organization_id, environment, account, field, sealed, key_version, version)
        SELECT organization_id, environment, 'main', field, sealed, key_version, version FROM credentials
        """,
        "DROP TABLE credentials", "ALTER TABLE credentials_remade RENAME TO credentials",
    ]
}
