import CPostgres
import Gateway

/// Statements of one transaction, sent without waiting for each one's answer.
///
/// What a statement changes may be presumed (`WriteEngine`): it is then only sent. Whatever must be known is asked for
/// together with all that was sent before. Used by the thread that owns the connection, which it keeps in libpq's
/// pipeline mode.
final class PostgresPipeline: SQLSession {
    private enum Kind {
        /// What begins or ends something.
        case control
        case preparing(name: String)
        /// A statement, or question, that nearly always changes, or finds, so many rows.
        case statement(presumed: Int?)
        case fence(Fence)
    }

    private struct Sent {
        let member: Int
        let kind: Kind
    }

    let connection: PostgresConnection
    private var statements = PostgresStatements()
    private var parameters = PostgresParameters()
    private var sent: [Sent] = []
    private var member = 0
    var mayPresume = true
    private(set) var changesSoFar: Int64 = 0
    private(set) var misjudged = Misjudged()
    /// Why the whole transaction cannot hold.
    private var fatal: SQLError?
    /// Whether a statement failed since the last savepoint, so that the server takes no other.
    private var hasFailed = false

    init(_ connection: PostgresConnection) throws {
        self.connection = connection
        try connection.put { PQenterPipelineMode(connection.connection) }
    }

    // MARK: A transaction's parts

    func begin(_ beginning: Beginning) throws {
        connection.deadline = beginning.deadline
        (misjudged, fatal, hasFailed, member) = (Misjudged(), nil, false, 0)
        if statements.isFull { try deallocate() }
        try control("BEGIN")
        if let limit = beginning.limit?.wholeMilliseconds {
            try control("SET LOCAL statement_timeout = \(limit)")
            try control("SET LOCAL lock_timeout = \(limit)")
        }
        if let fence = beginning.fence { try control(fence.statement, as: .fence(fence)) }
    }

    func mark(_ member: Int) { self.member = member }

    func savepoint() throws { try control("SAVEPOINT member") }

    func release(undone: Bool) throws {
        if undone {
            try control("ROLLBACK TO SAVEPOINT member")
            hasFailed = false
        }
        try control("RELEASE SAVEPOINT member")
    }

    func check() throws {
        if let fatal { throw fatal }
        if hasFailed { throw SQLError(message: "the transaction was undone by a statement that failed") }
    }

    func settle() throws {
        try settle { _ in }
        if let fatal { throw fatal }
    }

    func commit() throws {
        mayPresume = false
        try control("COMMIT")
        do {
            let tag = try settle { String(cString: PQcmdStatus($0)) }
            try check()
            // So a transaction ends in which a statement failed, whatever was made of that.
            guard tag == "COMMIT" else {
                throw SQLError(message: "the transaction was undone by a statement that failed")
            }
        } catch var error as SQLError {
            error.isOutcomeUnknown = error.isLost
            throw error
        }
    }

    /// - Throws: When the connection cannot be used any more.
    func undo() throws {
        // What was sent is answered first, and no failure among the answers matters any more.
        mayPresume = true
        try settle { _ in }
        (misjudged, fatal, hasFailed) = (Misjudged(), nil, false)
        try control("ROLLBACK")
        try settle()
    }

    // MARK: Statements

    @discardableResult
    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int {
        try put(sql, values, presuming: nil)
        return try settled { Int(String(cString: PQcmdTuples($0))) ?? 0 }
    }

    @discardableResult
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int {
        try put(statement, row, presuming: nil)
        return try settled { Int(String(cString: PQcmdTuples($0))) ?? 0 }
    }

    @discardableResult
    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer, presuming count: Int?) throws -> Int {
        guard mayPresume else { return try execute(statement, row) }
        try put(statement, row, presuming: count)
        return count ?? 0
    }

    func query<Element>(
        _ sql: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> [Element] {
        try put(sql, values, presuming: nil, writes: false)
        return try settled { result in
            try (0..<PQntuples(result)).map { try read(PostgresRow(result: result, row: $0)) }
        }
    }

    func findsNothing(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Bool {
        try put(statement, row, presuming: 0, writes: false)
        guard !mayPresume else { return true }
        return try settled { PQntuples($0) == 0 }
    }

    /// Waits for what was sent last, and all before it.
    private func settled<Result>(_ read: (OpaquePointer) throws -> Result) throws -> Result {
        let result = try settle(read)
        if let fatal { throw fatal }
        guard misjudged.isEmpty, let result else { throw PresumedWrongly() }
        return result
    }

    // MARK: Sending

    private func control(_ sql: String, as kind: Kind = .control) throws {
        try connection.put { PQsendQueryParams(connection.connection, sql, 0, nil, nil, nil, nil, 0) }
        sent.append(Sent(member: member, kind: kind))
    }

    private func put(_ sql: String, _ values: [SQLValue], presuming count: Int?, writes: Bool = true) throws {
        try parameters.fill(values)
        let name = try statements.name(of: sql) ?? prepare(sql, values.count)
        try put(name, presuming: count, writes: writes)
    }

    private func put(
        _ statement: SQLStatement,
        _ row: SQLRowBuffer,
        presuming count: Int?,
        writes: Bool = true
    ) throws {
        try parameters.fill(row)
        let name = try statements.name(of: statement) ?? prepare(statement.text, row.fields.count)
        statements.keep(statement, as: name)
        try put(name, presuming: count, writes: writes)
    }

    private func put(_ name: String, presuming count: Int?, writes: Bool) throws {
        try connection.put {
            parameters.with { PQsendQueryPrepared(connection.connection, name, $0, $1, $2, $3, 0) }
        }
        sent.append(Sent(member: member, kind: .statement(presumed: mayPresume ? count : nil)))
        if writes { changesSoFar += 1 }
    }

    private func prepare(_ sql: String, _ count: Int) throws -> String {
        let name = statements.newName()
        try connection.put { PQsendPrepare(connection.connection, name, sql, Int32(count), nil) }
        sent.append(Sent(member: member, kind: .preparing(name: name)))
        statements.keep(sql, as: name)
        return name
    }

    private func deallocate() throws {
        statements.removeAll()
        try control("DEALLOCATE ALL")
    }

    // MARK: Answers

    /// Waits for the answers to all that was sent, and reads the last one, where no statement failed.
    private func settle<Result>(_ read: (OpaquePointer) throws -> Result) throws -> Result? {
        guard !sent.isEmpty else { return nil }
        let waiting = sent
        sent.removeAll(keepingCapacity: true)
        try connection.send { PQpipelineSync(connection.connection) }
        var last: OpaquePointer?
        defer { PQclear(last) }
        var failure: (error: SQLError, member: Int)?
        for one in waiting {
            PQclear(last)
            last = nil
            let result = try connection.nextAnswer()
            last = result
            if let error = judge(one, result), failure == nil { failure = (error, one.member) }
        }
        PQclear(try connection.nextAnswer())
        if let failure {
            try take(failure.error, of: failure.member)
            return nil
        }
        return try last.map { try read($0) }
    }

    /// What went wrong with a statement; what is only not as presumed is noted.
    private func judge(_ one: Sent, _ result: OpaquePointer) -> SQLError? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
            switch one.kind {
            case .statement(let presumed?):
                let isQuestion = PQresultStatus(result) == PGRES_TUPLES_OK
                let count = isQuestion ? Int(PQntuples(result)) : Int(String(cString: PQcmdTuples(result))) ?? 0
                if count != presumed { misjudged.members.insert(one.member) }
            case .fence(let fence) where PQntuples(result) != 1: fatal = fence.refusal
            case .control, .preparing, .statement, .fence: break
            }
            return nil
        case PGRES_PIPELINE_ABORTED:
            // Not run, because of what failed before it.
            if case .preparing(let name) = one.kind { statements.forget(name) }
            return nil
        default:
            if case .preparing(let name) = one.kind { statements.forget(name) }
            return connection.error(result)
        }
    }

    /// Where a member's statement failed, the member is undone and others are not.
    private func take(_ error: SQLError, of member: Int) throws {
        hasFailed = true
        if error.isLost { throw error }
        guard mayPresume else { throw error }
        if error.isAway { misjudged.refused[member] = error } else { misjudged.members.insert(member) }
    }
}
