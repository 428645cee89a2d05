import Synchronization

/// How often each statement was run for callers: what tests look at where two questions must cost the same.
///
/// What commits, fences and the audit's own lines cost is shared by many callers, and is not in it.
package final class StatementCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Starts at nothing.
    package init() {}

    /// What was run since the last look, by text.
    package func take() -> [String: Int] {
        counts.withLock { counts in
            defer { counts = [:] }
            return counts
        }
    }

    fileprivate func add(_ sql: String) { counts.withLock { $0[sql, default: 0] += 1 } }

    /// A session whose statements are counted.
    func counting(_ session: any SQLSession) -> any SQLSession { CountingSession(session, self) }
}

/// Hands every statement on, and counts it.
private final class CountingSession: SQLSession {
    private let inner: any SQLSession
    private let counts: StatementCounts

    init(_ inner: any SQLSession, _ counts: StatementCounts) {
        self.inner = inner
        self.counts = counts
    }

    func execute(_ sql: String, _ values: [SQLValue]) throws -> Int {
        counts.add(sql)
        return try inner.execute(sql, values)
    }

    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int {
        counts.add(statement.text)
        return try inner.execute(statement, row)
    }

    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer, presuming count: Int?) throws -> Int {
        counts.add(statement.text)
        return try inner.execute(statement, row, presuming: count)
    }

    func query<Element>(
        _ sql: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> [Element] {
        counts.add(sql)
        return try inner.query(sql, values, read)
    }

    func findsNothing(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Bool {
        counts.add(statement.text)
        return try inner.findsNothing(statement, row)
    }
}
