import Gateway
import Synchronization
import Testing

@testable import Store

struct `A customer who is held` {
    @Test func `costs a push nothing while nobody is`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let new = NewRecord(record: makeRecord(), guards: [rule])

            let counted = try await store.statements(of: new)

            // The guard's own insert.
            #expect(counted.executed == 1 && counted.asked == 0)
        }
    }

    @Test func `is looked for while anybody may be, and not after`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let hold = PartyHold(
                party: "254700000000",
                amount: try #require(Shillings(7)),
                until: moment + .seconds(600)
            )
            store.holds.note(hold)

            #expect(try await store.statements(of: NewRecord(record: makeRecord())).asked == 1)
            store.holds.note(PartyHold(party: "x", amount: hold.amount, until: moment))
            #expect(store.holds.mayHold(at: moment + .seconds(599)))
            #expect(!store.holds.mayHold(at: moment + .seconds(600)))
        }
    }

    @Test func `is known again when the store is opened`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            let until = moment + .seconds(9_999_999)
            let hold = PartyHold(party: "254700000000", amount: try #require(Shillings(7)), until: until)
            try await store.write { try Claims.hold(hold, for: record, in: $0) }

            #expect(try await HoldWatch.latest(in: store.database) == until.milliseconds)
        }
    }
}

extension Store {
    /// How many statements claiming costs, by kind; nothing of it is kept.
    fileprivate func statements(of new: NewRecord) async throws -> (executed: Int, asked: Int) {
        let counts = Counts()
        try await write { [holds] session in
            let counting = CountingSession(session.sql, counts)
            try Claims.claim(new, holds: holds, in: WriteSession(counting))
        }
        return counts.all.withLock { $0 }
    }
}

private final class Counts: Sendable {
    let all = Mutex((executed: 0, asked: 0))
}

/// A session that counts what runs on it.
private final class CountingSession: SQLSession {
    private let sql: any SQLSession
    private let counts: Counts

    init(_ sql: any SQLSession, _ counts: Counts) {
        self.sql = sql
        self.counts = counts
    }

    func execute(_ text: String, _ values: [SQLValue]) throws -> Int {
        counts.all.withLock { $0.executed += 1 }
        return try sql.execute(text, values)
    }

    func execute(_ statement: SQLStatement, _ row: SQLRowBuffer) throws -> Int {
        counts.all.withLock { $0.executed += 1 }
        return try sql.execute(statement, row)
    }

    func query<Element>(
        _ text: String,
        _ values: [SQLValue],
        _ read: (any SQLRow) throws -> Element
    ) throws -> [Element] {
        counts.all.withLock { $0.asked += 1 }
        return try sql.query(text, values, read)
    }
}
