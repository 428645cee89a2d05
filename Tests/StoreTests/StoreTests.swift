import Cryptography
import Foundation
import Gateway
import Logging
import OrderedJSON
import Testing

@testable import Store

/// Runs a test on both engines, each time with an empty store of its own.
func withStore(_ body: (Store) async throws -> Void) async throws {
    try await withDatabase { url in
        let store = try await Store.open(url)
        try await body(store)
        store.shutdown()
    }
}

/// Runs a test on both engines, each time with an empty database of its own.
func withDatabase(_ body: (DatabaseURL) async throws -> Void) async throws {
    try await withFolder { folder in try await body(.sqlite(path: folder + "/test.db")) }
    let server = try #require(
        ProcessInfo.processInfo.environment["GATEWAY_TEST_POSTGRES"],
        "These tests need a PostgreSQL: run them by make test, or under Scripts/with-test-postgres."
    )
    let name = "t_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    let admin = try PostgresConnection(server + " dbname=postgres")
    try admin.command("CREATE DATABASE \(name)")
    try await body(.postgres(Secret(server + " dbname=" + name)))
    try admin.command("DROP DATABASE \(name) WITH (FORCE)")
}

/// Runs a test on SQLite alone, with the file's path.
func withSQLiteStore(_ body: (Store, String) async throws -> Void) async throws {
    try await withFolder { folder in
        let path = folder + "/test.db"
        let store = try await Store.open(.sqlite(path: path))
        try await body(store, path)
        store.shutdown()
    }
}

private func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}

let moment = Timestamp(milliseconds: 1_800_000_000_000)
let ours = OrganizationID(Identifier(high: 1, low: 1))
let theirs = OrganizationID(Identifier(high: 1, low: 2))

func newID() -> Identifier { Identifier(at: moment, random: (SecureRandom.word(), SecureRandom.word())) }

func makeRecord(
    _ organization: OrganizationID = ours,
    at now: Timestamp = moment,
    reversing original: RecordID? = nil
) -> Record {
    var record = Record(
        id: RecordID(newID()),
        organization: organization,
        environment: .test,
        recordClass: .transaction,
        plugin: "stk-push",
        operation: "stk_push",
        tool: "mpesa_stk_push",
        direction: original == nil ? .incoming : .reverse,
        madeBy: "key:1",
        intent: Intent(amount: Shillings(100), party: "254712345678", reference: "Ä\"1", original: original),
        about: nil,
        createdAt: now,
        query: QueryPlan(
            operation: "stk_query",
            firstAfter: .seconds(20),
            every: [.seconds(15), .seconds(60)],
            trustFailureAfter: .seconds(90),
            horizon: .seconds(86_400)
        ),
        sendBefore: now + .seconds(60),
        request: RequestTemplate(headers: ["X-A": "b"], body: ["Amount": "100"])
    )
    record.nextActionAt = now + .seconds(60)
    return record
}

/// What settles records of a store at one moment, with no plugin loaded.
func makeSettlement(_ store: Store) -> Settlement {
    Settlement(
        records: store,
        registry: ToolRegistry(),
        waiters: OutcomeWaiters(),
        entropy: Entropy(now: { moment }, random: { newID().low }),
        limits: RecordMachine.Rules(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    )
}

func advanced(_ record: Record, to state: RecordState) -> RecordChange {
    var next = record
    next.state = state
    next.version += 1
    next.externalIDs = ["checkout_request_id": "ws_\(record.id)"]
    if state.isEnded { next.nextActionAt = nil }
    let event = RecordEvent(sequence: next.version, at: moment, source: "reply", from: record.state, to: state)
    return RecordChange(record: next, events: [event])
}

let rule = Guard(key: "phone:1", openMax: 1, window: .seconds(60), code: "conflict", message: "open")

struct `Records` {
    @Test func `are read back as they were written`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()

            #expect(try await store.commit(NewRecord(record: record)) == .committed)
            #expect(try await store.record(record.id, organization: ours, environment: .test) == record)
        }
    }

    @Test func `are nobody else's, by any question`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))
            let change = advanced(record, to: .accepted)
            _ = try await store.apply([change])
            let checkout = "ws_\(record.id)"

            #expect(try await store.record(record.id, organization: theirs, environment: .test) == nil)
            #expect(try await store.record(record.id, organization: ours, environment: .live) == nil)
            #expect(
                try await store.record(
                    externalID: checkout,
                    namespace: "checkout_request_id",
                    organization: theirs,
                    environment: .test
                )
                    == nil
            )
            #expect(
                try await store.record(
                    externalID: checkout,
                    namespace: "checkout_request_id",
                    organization: ours,
                    environment: .test
                )
                    == change.record
            )
            #expect(try await store.events(of: record.id, organization: theirs, limit: 10).isEmpty)
            let filter = RecordFilter(limit: 10)
            #expect(try await store.records(matching: filter, organization: theirs, environment: .test).isEmpty)
        }
    }

    @Test func `are changed under their version or not at all`() async throws {
        try await withStore { (store) async throws in
            let first = makeRecord()
            let second = makeRecord()
            for record in [first, second] { _ = try await store.commit(NewRecord(record: record)) }
            #expect(try await store.apply([advanced(first, to: .accepted)]) == .applied)

            let outcome = try await store.apply([advanced(second, to: .accepted), advanced(first, to: .failed)])
            #expect(outcome == .conflict(first.id))
            #expect(try await store.record(second.id, organization: ours, environment: .test)?.version == 1)
        }
    }

    @Test func `are due when their time has come`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record))

            #expect(try await store.due(at: moment + .seconds(59), limit: 10).isEmpty)
            #expect(try await store.due(at: moment + .seconds(60), limit: 10) == [record])
        }
    }
}

struct `What the host still works on` {
    @Test func `is found by an index, in the order of its time`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let steps = try await store.read { sql in
                try sql.query(
                    """
                    EXPLAIN QUERY PLAN SELECT \(RecordCoding.columns) FROM records
                    WHERE \(Migrations.isWaiting) AND next_action_ms <= 5 ORDER BY next_action_ms
                    """,
                    []
                ) { $0.text(3) ?? "" }
            }

            #expect(steps == ["SEARCH records USING INDEX records_waiting (next_action_ms<?)"])
        }
    }

    @Test func `is every open state, but not what waits for a person`() {
        let open = RecordState.allCases.filter { !$0.isEnded && $0 != .manual }.map { "'\($0.rawValue)'" }
        #expect(Migrations.waitingStates == open.joined(separator: ", "))
    }
}

struct `Idempotency claims` {
    func claim(_ fingerprint: UInt8 = 1, derived: Bool = false, expires: Duration = .seconds(600)) -> IdempotencyClaim {
        IdempotencyClaim(key: "key:k", fingerprint: [fingerprint], expiresAt: moment + expires, isDerived: derived)
    }

    @Test func `are taken once, however many try at the same time`() async throws {
        try await withStore { (store) async throws in
            let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { group in
                for _ in 0..<64 {
                    group.addTask { try await store.commit(NewRecord(record: makeRecord(), idempotency: claim())) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.filter { $0 == .committed }.count == 1)
            #expect(outcomes.allSatisfy { if case .keyReused = $0 { false } else { true } })
        }
    }

    @Test func `tell other arguments, and other organizations, apart`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, idempotency: claim()))

            #expect(
                try await store.commit(NewRecord(record: makeRecord(), idempotency: claim(2))) == .keyReused(record.id)
            )
            #expect(
                try await store.commit(NewRecord(record: makeRecord(theirs), idempotency: claim(2))) == .committed
            )
        }
    }

    @Test func `are free again once nothing was sent for them`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, idempotency: claim()))
            _ = try await store.apply([advanced(record, to: .rejected)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), idempotency: claim())) == .committed)
        }
    }

    @Test func `that a caller gave outlive a failure, and those that the host derived do not`() async throws {
        for isDerived in [false, true] {
            try await withStore { (store) async throws in
                var record = makeRecord()
                record.sentAt = moment
                _ = try await store.commit(NewRecord(record: record, idempotency: claim(derived: isDerived)))
                _ = try await store.apply([advanced(record, to: .failed)])
                let again = try await store.commit(
                    NewRecord(record: makeRecord(), idempotency: claim(derived: isDerived))
                )

                #expect(again == (isDerived ? .committed : .replay(record.id)))
            }
        }
    }

    @Test func `expire`() async throws {
        try await withStore { (store) async throws in
            _ = try await store.commit(NewRecord(record: makeRecord(), idempotency: claim(expires: .seconds(5))))
            let later = makeRecord(at: moment + .seconds(6))

            #expect(
                try await store.idempotencyEntry(
                    "key:k",
                    organization: ours,
                    environment: .test,
                    now: moment + .seconds(6)
                ) == nil
            )
            #expect(try await store.commit(NewRecord(record: later, idempotency: claim(2))) == .committed)
        }
    }
}

struct `Guards` {
    @Test func `hold while the record is open, and for their window`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            let blocked = try await store.commit(NewRecord(record: makeRecord(), guards: [rule]))
            #expect(blocked == .guarded(index: 0, by: record.id, until: moment + .seconds(60)))

            let late = makeRecord(at: moment + .seconds(61))
            #expect(
                try await store.commit(NewRecord(record: late, guards: [rule]))
                    == .guarded(index: 0, by: record.id, until: nil)
            )
            var sent = record
            sent.sentAt = moment
            _ = try await store.apply([advanced(sent, to: .failed)])
            #expect(try await store.commit(NewRecord(record: late, guards: [rule])) == .committed)
        }
    }

    @Test func `hold against many at the same time, even with a window of no length`() async throws {
        let rule = Guard(key: "phone:2", openMax: 2, window: .zero, code: "conflict", message: "open")
        try await withStore { (store) async throws in
            let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { group in
                for _ in 0..<64 {
                    group.addTask { try await store.commit(NewRecord(record: makeRecord(), guards: [rule])) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.filter { $0 == .committed }.count == 2)
        }
    }

    @Test func `are free for the next one while a person looks at the record`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            var waiting = advanced(record, to: .manual).record
            waiting.sentAt = moment
            _ = try await store.apply([RecordChange(record: waiting, events: [])])

            let late = makeRecord(at: moment + .seconds(61))
            #expect(try await store.commit(NewRecord(record: late, guards: [rule])) == .committed)
        }
    }

    @Test func `are given back at once when nothing was sent`() async throws {
        try await withStore { (store) async throws in
            let record = makeRecord()
            _ = try await store.commit(NewRecord(record: record, guards: [rule]))
            _ = try await store.apply([advanced(record, to: .rejected)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), guards: [rule])) == .committed)
        }
    }

    @Test func `undo the whole commit that meets them`() async throws {
        try await withStore { (store) async throws in
            _ = try await store.commit(NewRecord(record: makeRecord(), guards: [rule]))
            let loser = makeRecord()
            let claim = IdempotencyClaim(
                key: "key:x",
                fingerprint: [1],
                expiresAt: moment + .seconds(60),
                isDerived: false
            )
            _ = try await store.commit(NewRecord(record: loser, idempotency: claim, guards: [rule]))

            #expect(try await store.record(loser.id, organization: ours, environment: .test) == nil)
            #expect(
                try await store.idempotencyEntry("key:x", organization: ours, environment: .test, now: moment) == nil
            )
        }
    }
}

struct `Unique keys` {
    @Test func `are held until a state gives them back`() async throws {
        try await withStore { (store) async throws in
            let unique = UniqueKey(key: "u", releasedBy: [.failed])
            var record = makeRecord()
            record.sentAt = moment
            _ = try await store.commit(NewRecord(record: record, unique: [unique]))
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), unique: [unique]))
                    == .duplicate(index: 0, by: record.id)
            )
            let cancelled = advanced(record, to: .cancelled)
            _ = try await store.apply([cancelled])
            #expect(
                try await store.commit(NewRecord(record: makeRecord(), unique: [unique]))
                    == .duplicate(index: 0, by: record.id)
            )
            _ = try await store.apply([advanced(cancelled.record, to: .failed)])

            #expect(try await store.commit(NewRecord(record: makeRecord(), unique: [unique])) == .committed)
        }
    }
}

struct `Callbacks` {
    @Test func `stay unsettled until they are ended`() async throws {
        try await withStore { (store) async throws in
            let callback = ReceivedCallback(
                id: CallbackID(newID()),
                organization: ours,
                environment: .test,
                record: RecordID(newID()),
                name: "result",
                receivedAt: moment,
                body: [0, 255, 10],
                address: "127.0.0.1",
                attempts: 1
            )
            try await store.receive(callback)
            #expect(try await store.unsettled(before: moment, limit: 10) == [callback])
            #expect(try await store.countAttempt(callback.id, organization: ours) == 2)
            #expect(try await store.countAttempt(callback.id, organization: theirs) == 0)
            try await store.end(callback.id, organization: theirs, as: .ignored, at: moment)
            #expect(try await store.unsettled(before: moment, limit: 10).count == 1)
            try await store.end(callback.id, organization: ours, as: .ignored, at: moment)

            #expect(try await store.unsettled(before: moment, limit: 10).isEmpty)
        }
    }
}
