import Gateway

/// SQLite's connection that writes; what it does is known at once, so that nothing is presumed.
final class SQLiteWriter: WriteEngine {
    private let connection: SQLiteConnection
    var mayPresume = true

    init(_ connection: SQLiteConnection) { self.connection = connection }

    var session: any SQLSession { connection }
    var changesSoFar: Int64 { connection.changesSoFar }
    var isReady: Bool { true }
    var misjudged: Misjudged { Misjudged() }

    /// A lock on the file keeps other hosts away: there is no fence, and nothing that is waited for.
    func begin(_ beginning: Beginning) throws { try connection.execute("BEGIN IMMEDIATE", []) }

    func mark(_ member: Int) {}

    func settle() throws {}

    func savepoint() throws { try connection.execute("SAVEPOINT member", []) }

    func release(undone: Bool) throws {
        if undone { try connection.execute("ROLLBACK TO member", []) }
        try connection.execute("RELEASE member", [])
    }

    /// Without this the next job would be committed statement by statement.
    func check() throws {
        guard connection.isInTransaction else {
            throw SQLError(message: "the engine gave up the transaction: its disk is full, or fails", isAway: true)
        }
    }

    func commit() throws { try connection.commit() }

    func undo() {
        // The connection may have rolled back by itself; a second rollback then only says so.
        _ = try? connection.execute("ROLLBACK", [])
    }

    func end() { connection.close() }
}

extension SQLiteConnection: ReadEngine {
    func read<Result>(until deadline: ContinuousClock.Instant, _ job: (any SQLSession) throws -> Result) throws
        -> Result
    { try job(self) }

    func end() { close() }
}
