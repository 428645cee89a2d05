extension Migrations {
    /// What lists go by: the digests of parties, within each day, so that what is new is written close together; and
    /// what has not succeeded.
    static let lists = [
        "ALTER TABLE records ADD COLUMN party_digest BIGINT",
        """
        CREATE INDEX records_by_party ON records ((created_ms / 86400000), party_digest)
        WHERE party_digest IS NOT NULL
        """,
        """
        CREATE INDEX records_not_succeeded ON records (organization_id, environment, record_id)
        WHERE state <> 'succeeded'
        """,
    ]
}
