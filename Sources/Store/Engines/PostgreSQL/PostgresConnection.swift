import CPostgres
import Foundation
import Gateway

/// One PostgreSQL connection with its prepared statements.
///
/// Used by one thread only, the one that owns it. Text travels as text, bytes as bytes; types are the columns' own.
/// Nothing waits past `deadline`: libpq only sends and reads what is there, the waiting is poll's.
final class PostgresConnection: SQLSession {
    let connection: OpaquePointer
    private var statements = PostgresStatements()
    private var parameters = PostgresParameters()
    /// Until when answers are waited for; set before each job.
    var deadline: ContinuousClock.Instant
    /// Whether an answer may still come that belongs to a statement that was given up.
    private var isGivenUp = false

    /// Takes over a connection that stands; cannot fail, so that nothing is ever finished twice.
    private init(_ connection: OpaquePointer, until deadline: ContinuousClock.Instant) {
        self.connection = connection
        self.deadline = deadline
    }

    deinit { PQfinish(connection) }

    /// Connects; takes at most `StoreSettings.connectMax` for each address that the URL names.
    static func open(_ address: String, settings: StoreSettings) throws -> PostgresConnection {
        let seconds = { (time: Duration) in String(max(2, time.components.seconds)) }
        let words: [(name: String, value: String)] = [
            // What the URL says goes before these.
            ("connect_timeout", seconds(settings.connectMax)), ("keepalives_idle", "5"),
            ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", String(settings.silenceMax.wholeMilliseconds)),
            ("fallback_application_name", "mpesa-gateway"), ("dbname", address), ("client_encoding", "UTF8"),
        ]
        let names = words.map { strdup($0.name) }
        let values = words.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        let opened = PQconnectdbParams(
            names.map { UnsafePointer($0) } + [nil],
            values.map { UnsafePointer($0) } + [nil],
            1
        )
        guard let opened else { throw SQLError(message: "libpq has no memory", isAway: true) }
        guard PQstatus(opened) == CONNECTION_OK else {
            // libpq's message names host and user, and never the password.
            let message = String(cString: PQerrorMessage(opened)).trimmingCharacters(in: .whitespacesAndNewlines)
            PQfinish(opened)
            throw SQLError(message: "PostgreSQL cannot be reached: \(message)", isAway: true)
        }
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
        PQsetnonblocking(opened, 1)
        let connection = PostgresConnection(opened, until: .now + settings.connectMax)
        try connection.command(
            """
            SET statement_timeout = \(settings.waitMax.wholeMilliseconds);
            SET lock_timeout = \(settings.lockMax.wholeMilliseconds);
            SET idle_in_transaction_session_timeout = \(settings.silenceMax.wholeMilliseconds)
            """
        )
        return connection
    }

    /// Whether the connection can still be used.
    var isAlive: Bool { !isGivenUp && PQstatus(connection) == CONNECTION_OK }

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

    /// Runs statements without values and without preparing them; answers the last one's command tag and rows.
    @discardableResult
    func command(_ sql: String) throws -> (tag: String, rows: Int) {
        try send { PQsendQuery(connection, sql) }
        let result = try answer()
        defer { PQclear(result) }
        return (String(cString: PQcmdStatus(result)), Int(PQntuples(result)))
    }

    /// Makes the transaction durable.
    ///
    /// - Throws: With `isOutcomeUnknown` where the server did not say what became of it.
    func commit() throws {
        let tag: String
        do { tag = try command("COMMIT").tag } catch var error as SQLError {
            error.isOutcomeUnknown = error.isLost
            throw error
        }
        // So a transaction ends in which a statement failed, whatever was made of that.
        guard tag == "COMMIT" else { throw SQLError(message: "the transaction was undone by a statement that failed") }
    }

    // MARK: Statements

    private func run(_ sql: String, _ values: [SQLValue]) throws -> OpaquePointer {
        let name = try prepared(sql, count: values.count)
        try parameters.fill(values)
        try send { parameters.with { PQsendQueryPrepared(connection, name, $0, $1, $2, $3, 0) } }
        return try answer()
    }

    private func prepared(_ sql: String, count: Int) throws -> String {
        if let known = statements.name(of: sql) { return known }
        if statements.isFull {
            try command("DEALLOCATE ALL")
            statements.removeAll()
        }
        let name = statements.newName()
        try send { PQsendPrepare(connection, name, sql, Int32(count), nil) }
        PQclear(try answer())
        statements.keep(sql, as: name)
        return name
    }

    // MARK: Waiting

    /// Sends by `call`, whole.
    func send(_ call: () -> Int32) throws {
        try put(call)
        try flush()
    }

    /// Has libpq take something that is sent later, or when there is much of it.
    func put(_ call: () -> Int32) throws {
        guard !isGivenUp, call() == 1 else { throw lost() }
    }

    private func flush() throws {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                // The server may be waiting to be read before it reads on.
                try wait(for: Int16(POLLIN) | Int16(POLLOUT))
                guard PQconsumeInput(connection) == 1 else { throw lost() }
            default: throw lost()
            }
        }
    }

    /// The last answer to what was sent.
    ///
    /// - Throws: The first error among the answers.
    private func answer() throws -> OpaquePointer {
        var last: OpaquePointer?
        var failure: SQLError?
        while true {
            while PQisBusy(connection) == 1 {
                do { try wait(for: Int16(POLLIN)) } catch {
                    PQclear(last)
                    throw error
                }
                // Where the connection has ended, what came before its end is a result still.
                if PQconsumeInput(connection) != 1 { break }
            }
            guard let result = PQgetResult(connection) else { break }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                PQclear(last)
                last = result
            default:
                failure = failure ?? error(result)
                PQclear(result)
            }
            if PQstatus(connection) != CONNECTION_OK { break }
        }
        if let failure {
            PQclear(last)
            throw failure
        }
        guard let last else { throw lost() }
        return last
    }

    /// The answer to the next statement of a pipeline.
    func nextAnswer() throws -> OpaquePointer {
        // A statement's answer is followed by nothing, which only says that there is no more of it.
        for _ in 0..<3 {
            while PQisBusy(connection) == 1 {
                try wait(for: Int16(POLLIN))
                // Where the connection has ended, what came before its end is a result still.
                if PQconsumeInput(connection) != 1 { break }
            }
            if let result = PQgetResult(connection) { return result }
        }
        throw lost()
    }

    private func wait(for events: Int16) throws {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                // What comes later would be taken for the answer to another statement.
                isGivenUp = true
                throw SQLError(message: "PostgreSQL has not answered in time", isAway: true, isLost: true)
            }
            var socket = pollfd(fd: PQsocket(connection), events: events, revents: 0)
            let count = poll(&socket, 1, Int32(min(left.wholeMilliseconds + 1, 60_000)))
            if count > 0 { return }
            if count < 0 && errno != EINTR { throw lost() }
        }
    }

    func lost() -> SQLError {
        isGivenUp = true
        return SQLError(message: "the connection to PostgreSQL was lost", isAway: true, isLost: true)
    }

    func error(_ result: OpaquePointer) -> SQLError {
        let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
        // The primary message alone: the detail would repeat the row's values.
        let primary = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        let isLost =
            PQstatus(connection) != CONNECTION_OK || state.hasPrefix("08") || state.hasPrefix("57P")
            || state == "25P03"
        return SQLError(
            message: (primary ?? "the connection to PostgreSQL was lost") + (state.isEmpty ? "" : " (\(state))"),
            isTransient: state == "40001" || state == "40P01",
            isUniqueViolation: state == "23505",
            isAway: isLost || Self.away.contains { state.hasPrefix($0) },
            isLost: isLost
        )
    }

    /// States, by their beginnings, in which the server cannot serve now: its resources, locks and statements that take
    /// too long, a system that fails, a standby that only reads.
    private static let away = ["53", "55P03", "57014", "58", "25006", "XX001", "XX002"]
}

struct PostgresRow: SQLRow {
    let result: OpaquePointer
    let row: Int32

    func integer(_ column: Int) -> Int64? { text(column).flatMap { Int64($0) } }

    /// The server keeps nothing else under such a type.
    func isWhole(_ column: Int) -> Bool { true }

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
