extension Migrations {
    /// What is open by comparisons, not by a list: SQLite makes a table of a list of more than two for every row that is
    /// written.
    static let compared = [
        "DROP INDEX records_waiting",
        """
        CREATE INDEX records_waiting ON records (next_action_ms)
        WHERE (state = 'created' OR state = 'sending' OR state = 'accepted' OR state = 'unknown' OR state = 'reconciling')
        """,
        "DROP INDEX records_open",
        """
        CREATE INDEX records_open ON records (organization_id, environment, created_ms)
        WHERE (state = 'draft' OR state = 'released' OR state = 'created' OR state = 'sending' OR state = 'accepted'
            OR state = 'unknown' OR state = 'reconciling' OR state = 'manual')
        """,
    ]
}
