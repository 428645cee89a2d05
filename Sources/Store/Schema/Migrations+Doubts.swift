extension Migrations {
    /// When a batch's rows were last asked about; and how payments are found that were held, or wait for a person, however long
    /// ago they were made.
    static let doubts = [
        "ALTER TABLE batches ADD COLUMN looked TEXT",
        """
        CREATE INDEX records_held_by_party ON records (party_digest, held_until_ms)
        WHERE party_digest IS NOT NULL AND held_until_ms IS NOT NULL
        """,
        """
        CREATE INDEX records_manual_by_party ON records (party_digest)
        WHERE party_digest IS NOT NULL AND state = 'manual'
        """,
    ]
}
