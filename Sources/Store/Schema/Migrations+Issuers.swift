extension Migrations {
    /// Whose tokens organizations take besides the gateway's own.
    static let issuers = [
        """
        CREATE TABLE token_issuers (
            organization_id TEXT NOT NULL, issuer_id TEXT NOT NULL, url TEXT NOT NULL, environment TEXT NOT NULL,
            detail TEXT NOT NULL, is_active BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 1,
            PRIMARY KEY (organization_id, issuer_id), UNIQUE (organization_id, url)) {clustered}
        """
    ]
}
