import CSQLite

/// A connection of its own to a house's database, which may keep all others from writing.
final class DatabaseHolder: @unchecked Sendable {
    // Used by one task at a time: the test waits for each call.
    private var handle: OpaquePointer?

    init(_ path: String) throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Missing(what: path) }
    }

    func execute(_ statement: String) throws {
        // The house may be writing its audit.
        sqlite3_busy_timeout(handle, 60_000)
        guard sqlite3_exec(handle, statement, nil, nil, nil) == SQLITE_OK else { throw Missing(what: statement) }
    }

    func hold() { sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) }

    func release() { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }

    deinit { sqlite3_close(handle) }
}
