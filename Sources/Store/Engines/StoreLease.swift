import Gateway

/// What keeps a second host away from a store.
protocol StoreLease: HostLease {
    /// Takes it, waiting for a predecessor that was killed for as long as its lease runs.
    ///
    /// - Throws: `conflict` with a sentence when another host holds it.
    func take() async throws
    /// Gives it back, so that the next host need not wait; call it when nothing is written any more.
    func giveBack()
}

/// Tables that the host needs before it may bring the schema up to date; made where they are missing, like the table of
/// migrations itself.
enum HostTables {
    static let statements = [
        """
        CREATE TABLE IF NOT EXISTS host_lease (
            name TEXT PRIMARY KEY, holder TEXT NOT NULL, number BIGINT NOT NULL, ends_ms BIGINT NOT NULL,
            beat BIGINT NOT NULL DEFAULT 0)
        """,
        "CREATE TABLE IF NOT EXISTS host_probe (name TEXT PRIMARY KEY, value {bytes} NOT NULL)",
    ]

    static func make(on database: Database) async throws {
        let statements = statements.map { database.words.filled(into: $0) }
        let make = {
            try await database.write(within: database.settings.openMax) { session in
                for statement in statements { try session.sql.execute(statement, []) }
                if database.words == .postgres { try addBeat(in: session.sql) }
            }
        }
        // Two hosts that make a table at once meet in the server's catalogue.
        do { try await make() } catch let error as SQLError where error.isUniqueViolation { try await make() }
    }

    /// Tables that were made before renewals were counted; looked at first, because a change of a table waits for its
    /// holder's transactions.
    private static func addBeat(in sql: any SQLSession) throws {
        let found = try sql.first(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = 'host_lease' AND column_name = 'beat'
            """,
            []
        ) { $0.text(0) }
        guard found == nil else { return }
        try sql.execute("ALTER TABLE host_lease ADD COLUMN IF NOT EXISTS beat BIGINT NOT NULL DEFAULT 0", [])
    }
}
