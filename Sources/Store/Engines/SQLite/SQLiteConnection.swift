import CSQLite
import Foundation
import Gateway

/// One SQLite connection with its prepared statements.
///
/// Used by one thread only, the one that owns it.
package final class SQLiteConnection: SQLSession {
    /// Nil once it is closed.
    private var handle: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]
    private let statementsMax = 200
    /// Those that run with every call, by their numbers.
    private var numbered: [OpaquePointer?] = []

    /// Takes over a database that is open; cannot fail, so that nothing is ever closed twice.
    private init(_ handle: OpaquePointer) { self.handle = handle }

    /// What is settled for the process before its first file is opened; where SQLite runs already, it stays as it is.
    private static let settled: Void = { _ = gateway_leave_memory_uncounted() }()

    /// Opens the file.
    package static func open(path: String, isReader: Bool, settings: StoreSettings) throws -> SQLiteConnection {
        _ = settled
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        // Readers write nothing. Without the layer, which only makes writing cheaper, the files are plain ones.
        let code = sqlite3_open_v2(path, &opened, flags, isReader ? nil : SQLiteGatheredLog.name)
        guard code == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw SQLError(
                message: "cannot open the database file \(path): \(String(cString: sqlite3_errstr(code)))",
                isAway: true
            )
        }
        let connection = SQLiteConnection(opened)
        sqlite3_busy_timeout(opened, Int32(min(settings.busyMax.wholeMilliseconds, 60_000)))
        // FULL: what a money call answers must survive the power failing (docs/adr/0005).
        let cache = isReader ? settings.readerCacheKiB : settings.writerCacheKiB
        let pragmas = [
            "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "query_only = \(isReader)",
            // Savepoints keep the pages that they may have to give back; in memory, not in a file.
            "temp_store = MEMORY", "cache_size = -\(cache)", "wal_autocheckpoint = \(settings.checkpointPages)",
        ]
        for pragma in pragmas { _ = try connection.query("PRAGMA " + pragma, []) { _ in } }
        return connection
    }

    /// Whether a transaction is open; the engine ends one by itself when its disk is full or fails.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// How many rows this connection has ever changed.
    var changesSoFar: Int64 { sqlite3_total_changes64(handle) }

    deinit { close() }

    /// Closes it; the last connection copies the log into the file.
    package func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        for statement in numbered { sqlite3_finalize(statement) }
        statements = [:]
        numbered = []
        sqlite3_close_v2(handle)
        handle = nil
    }

    /// Ends the transaction.
    ///
    /// - Throws: With `isOutcomeUnknown` where the disk failed: what it has of the log may hold after a crash.
    func commit() throws {
        do { try execute("COMMIT", []) } catch var error as SQLError {
            error.isOutcomeUnknown = sqlite3_errcode(handle) & 0xFF == SQLITE_IOERR
            throw error
        }
    }

    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int {
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        try bind(values, to: statement)
        let code = sqlite3_step(statement)
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw error(code) }
        return Int(sqlite3_changes(handle))
    }

    @discardableResult
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int {
        let statement = try prepared(statement)
        defer { sqlite3_reset(statement) }
        let code = try row.bytes.withUnsafeBytes { bytes in
            for (offset, field) in row.fields.enumerated() {
                let index = Int32(offset + 1)
                if case .text(let range) = field, let start = bytes.baseAddress?.advanced(by: range.lowerBound),
                    memchr(start, 0, range.count) != nil
                {
                    throw SQLError.nullCharacter
                }
                let code =
                    switch field {
                    case .null: sqlite3_bind_null(statement, index)
                    case .integer(let integer): sqlite3_bind_int64(statement, index, integer)
                    // An empty part must not become a null pointer, which would bind NULL.
                    case .text(let range) where range.isEmpty:
                        gateway_bind_text(statement, index, SQLiteConnection.nothing, 0)
                    case .text(let range):
                        gateway_bind_borrowed_text(
                            statement,
                            index,
                            bytes.baseAddress?.advanced(by: range.lowerBound),
                            Int32(range.count)
                        )
                    case .bytes(let range):
                        gateway_bind_borrowed_blob(
                            statement,
                            index,
                            bytes.baseAddress?.advanced(by: range.lowerBound),
                            Int32(range.count)
                        )
                    }
                guard code == SQLITE_OK else { throw error(code) }
            }
            return sqlite3_step(statement)
        }
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw error(code) }
        return Int(sqlite3_changes(handle))
    }

    package func query<Element>(
        _ sql: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> [Element] {
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        try bind(values, to: statement)
        let row = SQLiteRow(statement: statement)
        var elements: [Element] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: elements.append(try read(row))
            case SQLITE_DONE: return elements
            case let code: throw error(code)
            }
        }
    }

    private func prepared(_ statement: SQLStatement) throws -> OpaquePointer {
        if statement.number < numbered.count, let known = numbered[statement.number] { return known }
        let new = try prepare(statement.text)
        while numbered.count <= statement.number { numbered.append(nil) }
        numbered[statement.number] = new
        return new
    }

    private func prepared(_ sql: String) throws -> OpaquePointer {
        if let known = statements[sql] { return known }
        if statements.count >= statementsMax {
            for statement in statements.values { sqlite3_finalize(statement) }
            statements.removeAll()
        }
        let new = try prepare(sql)
        statements[sql] = new
        return new
    }

    private func prepare(_ sql: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw error(code) }
        return statement
    }

    /// `$1` is a name to SQLite, numbered by first appearance: every statement of the store names them in order.
    private func bind(_ values: [SQLValue], to statement: OpaquePointer) throws {
        for (offset, value) in values.enumerated() {
            if case .text(let text) = value, text.utf8.contains(0) { throw SQLError.nullCharacter }
            let code = bind(value, at: Int32(offset + 1), to: statement)
            guard code == SQLITE_OK else { throw error(code) }
        }
    }

    private func bind(_ value: SQLValue, at index: Int32, to statement: OpaquePointer) -> Int32 {
        switch value {
        case .null: sqlite3_bind_null(statement, index)
        case .integer(let integer): sqlite3_bind_int64(statement, index, integer)
        case .text(var text):
            text.withUTF8 { utf8 in
                utf8.withMemoryRebound(to: CChar.self) {
                    gateway_bind_text(statement, index, $0.baseAddress ?? SQLiteConnection.nothing, Int32($0.count))
                }
            }
        case .bytes(let bytes):
            bytes.withUnsafeBytes {
                gateway_bind_blob(
                    statement,
                    index,
                    $0.baseAddress ?? UnsafeRawPointer(SQLiteConnection.nothing),
                    Int32($0.count)
                )
            }
        }
    }

    /// Where empty text and bytes point: a null pointer would bind NULL.
    ///
    /// Allocated once, never written, never freed.
    nonisolated(unsafe) private static let nothing: UnsafePointer<CChar> = {
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return UnsafePointer(byte)
    }()

    /// What the engine answers when it cannot write or read now, whatever it is asked.
    private static let away: Set<Int32> = [
        SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_NOMEM,
        SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_PROTOCOL,
    ]

    private func error(_ code: Int32) -> SQLError {
        SQLError(
            message: String(cString: sqlite3_errmsg(handle)),
            isTransient: code & 0xFF == SQLITE_BUSY,
            isUniqueViolation: code & 0xFF == SQLITE_CONSTRAINT,
            isAway: SQLiteConnection.away.contains(code & 0xFF)
        )
    }
}

private struct SQLiteRow: SQLRow {
    let statement: OpaquePointer

    func integer(_ column: Int) -> Int64? {
        isNull(column) ? nil : sqlite3_column_int64(statement, Int32(column))
    }

    func isWhole(_ column: Int) -> Bool {
        let type = sqlite3_column_type(statement, Int32(column))
        return type == SQLITE_INTEGER || type == SQLITE_NULL
    }

    func text(_ column: Int) -> String? {
        guard let text = sqlite3_column_text(statement, Int32(column)) else { return nil }
        let length = Int(sqlite3_column_bytes(statement, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: text, count: length), as: UTF8.self)
    }

    func bytes(_ column: Int) -> [UInt8]? {
        guard !isNull(column) else { return nil }
        let length = Int(sqlite3_column_bytes(statement, Int32(column)))
        guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }

    private func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }
}
