import CPostgres

/// One PostgreSQL connection with its prepared statements.
///
/// Used by one thread only, the one that owns it. Text travels as text, bytes as bytes; types are the columns' own.
final class PostgresConnection: SQLSession {
    private let connection: OpaquePointer
    private var statements: [String: String] = [:]
    private let statementsMax = 300

    init(_ address: String) throws {
        guard let opened = PQconnectdb(address) else { throw SQLError(message: "libpq has no memory") }
        connection = opened
        guard PQstatus(opened) == CONNECTION_OK else {
            // libpq's message names host and user, and never the password.
            let message = String(cString: PQerrorMessage(opened))
            PQfinish(opened)
            throw SQLError(message: "PostgreSQL refused the connection: \(message)")
        }
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
    }

    deinit { PQfinish(connection) }

    /// Whether the connection can still be used.
    var isAlive: Bool { PQstatus(connection) == CONNECTION_OK }

    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int {
        let result = try run(sql, values)
        defer { PQclear(result) }
        return Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    func query<Element>(
        _ sql: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> [Element] {
        let result = try run(sql, values)
        defer { PQclear(result) }
        return try (0..<PQntuples(result)).map { try read(PostgresRow(result: result, row: $0)) }
    }

    /// Runs a statement without values and without preparing it: BEGIN, COMMIT, DDL.
    func command(_ sql: String) throws {
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw error(result) }
    }

    private func run(_ sql: String, _ values: [SQLValue]) throws -> OpaquePointer {
        let name = try prepared(sql, count: values.count)
        var owned: [[UInt8]?] = []
        for value in values { owned.append(Self.bytes(of: value)) }
        let formats = values.map { value -> Int32 in if case .bytes = value { 1 } else { 0 } }
        let lengths = owned.map { Int32($0.map { $0.count } ?? 0) }
        // Every value in one buffer, each text ended by a zero byte, so that one pointer keeps all of them alive.
        var buffer: [UInt8] = []
        var offsets: [Int?] = []
        for bytes in owned {
            offsets.append(bytes == nil ? nil : buffer.count)
            buffer.append(contentsOf: bytes ?? [])
            buffer.append(0)
        }
        let result = buffer.withUnsafeBytes { raw -> OpaquePointer? in
            let base = raw.bindMemory(to: CChar.self).baseAddress
            let pointers = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
            return PQexecPrepared(connection, name, Int32(values.count), pointers, lengths, formats, 0)
        }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
            guard let result else { throw SQLError(message: "libpq has no memory") }
            return result
        default:
            defer { PQclear(result) }
            throw error(result)
        }
    }

    private static func bytes(of value: SQLValue) -> [UInt8]? {
        switch value {
        case .null: nil
        case .integer(let integer): Array(String(integer).utf8)
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        }
    }

    private func prepared(_ sql: String, count: Int) throws -> String {
        if let known = statements[sql] { return known }
        if statements.count >= statementsMax {
            try command("DEALLOCATE ALL")
            statements.removeAll()
        }
        let name = "s\(statements.count)"
        let result = PQprepare(connection, name, sql, Int32(count), nil)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw error(result) }
        statements[sql] = name
        return name
    }

    private func error(_ result: OpaquePointer?) -> SQLError {
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        // The primary message alone: the detail would repeat the row's values.
        let primary = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        return SQLError(
            message: (primary ?? "the connection to PostgreSQL was lost") + (state.isEmpty ? "" : " (\(state))"),
            isTransient: state == "40001" || state == "40P01",
            isUniqueViolation: state == "23505"
        )
    }
}

private struct PostgresRow: SQLRow {
    let result: OpaquePointer
    let row: Int32

    func integer(_ column: Int) -> Int64? { text(column).flatMap { Int64($0) } }

    func text(_ column: Int) -> String? {
        guard PQgetisnull(result, row, Int32(column)) == 0, let value = PQgetvalue(result, row, Int32(column)) else {
            return nil
        }
        return String(cString: value)
    }

    /// Bytes come as `\x` and hexadecimal digits.
    func bytes(_ column: Int) -> [UInt8]? {
        guard let text = text(column) else { return nil }
        return PostgresRow.decoded(text.utf8.dropFirst(2))
    }

    private static func decoded(_ digits: Substring.UTF8View) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            let value = digit <= UInt8(ascii: "9") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
