import Foundation
import Gateway
import Synchronization
import Testing

@testable import Store

/// A job that holds the writer up until it is opened.
private final class Gate: Sendable {
    private let state = Mutex((isReached: false, isOpen: false))

    var isReached: Bool { state.withLock { $0.isReached } }
    func open() { state.withLock { $0.isOpen = true } }

    func wait() {
        state.withLock { $0.isReached = true }
        while !state.withLock({ $0.isOpen }) { usleep(500) }
    }
}

private typealias WriteJob = @Sendable (WriteSession) throws -> Void

/// Has jobs queue up until so many wait, so that they become one transaction; answers what each threw.
private func together(_ store: Store, _ jobs: [WriteJob]) async throws -> [(any Error)?] {
    let gate = Gate()
    async let first: Void = store.database.write { _ in gate.wait() }
    // Those who come later are not of its transaction.
    try await eventually { gate.isReached }
    let failures = await withTaskGroup(of: (Int, (any Error)?).self) { group in
        for (index, job) in jobs.enumerated() {
            group.addTask {
                do { try await store.database.write(job) } catch { return (index, error) }
                return (index, nil)
            }
        }
        group.addTask {
            // On a machine that is so busy that some were given up, the others still get their turn.
            let end = ContinuousClock.now + .seconds(60)
            while store.database.waiting < jobs.count, .now < end { try? await Task.sleep(for: .milliseconds(1)) }
            gate.open()
            return (-1, nil)
        }
        return await group.reduce(into: [(any Error)?](repeating: nil, count: jobs.count)) { failures, result in
            if result.0 >= 0 { failures[result.0] = result.1 }
        }
    }
    try await first
    return failures
}

private struct Refusal: Error {}

private let insertion = SQLStatement("INSERT INTO host_probe (name, value) VALUES ($1, $2)")
private let insertionOrNothing = SQLStatement(
    "INSERT INTO host_probe (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)

private func put(_ name: String, _ session: WriteSession) throws {
    try session.send(insertion) { row in
        row.bind(name)
        row.bind(bytes: [1])
    }
    session.add([makeLine(name)])
}

private func names(in store: Store) async throws -> [String] {
    try await store.database.read { sql in
        try sql.query("SELECT name FROM host_probe ORDER BY name", []) { $0.text(0) ?? "" }
    }
}

private func lines(of store: Store) async throws -> Set<String> {
    Set(try await store.records(organization: ours, before: nil, limit: 1000).map(\.action))
}

@Suite(.timeLimit(.minutes(15)))
struct `Jobs of one transaction` {
    @Test func `fail alone, whatever they fail of, and those that hold keep their audit lines`() async throws {
        try await withStore { store in
            try await store.database.write { try put("taken", $0) }

            let failures = try await together(
                store,
                [
                    { try put("a", $0) },
                    { session in
                        try put("undone", session)
                        throw Refusal()
                    },
                    { try put("taken", $0) },
                    { try put("b", $0) },
                    { _ in throw Refusal() },
                    { session in
                        try session.sql.execute("INSERT INTO nowhere VALUES ($1)", [.integer(1)])
                        session.add([makeLine("nowhere")])
                    },
                    { session in try put("nul\u{0}", session) },
                    { try put("c", $0) },
                ]
            )

            #expect(failures.map { $0 == nil } == [true, false, false, true, false, false, false, true])
            #expect((failures[2] as? SQLError)?.isUniqueViolation == true)
            #expect(failures[1] is Refusal && failures[4] is Refusal)
            #expect((failures[5] as? SQLError)?.isAway == false)
            #expect(try await names(in: store) == ["a", "b", "c", "taken"])
            #expect(try await lines(of: store) == ["a", "b", "c", "taken"])
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }

    @Test func `see what is true where they presumed something else`() async throws {
        try await withStore { store in
            let counts = Mutex<[Int]>([])
            let claim: WriteJob = { session in
                let count = try session.execute(insertionOrNothing, presuming: 1) { row in
                    row.bind("one")
                    row.bind(bytes: [1])
                }
                let isNew = try session.findsNothing(SQLStatement("SELECT name FROM host_probe WHERE name = $1")) {
                    $0.bind("nobody")
                }
                counts.withLock { $0.append(isNew ? count : -1) }
                if count == 0 { throw Refusal() }
            }

            let failures = try await together(store, Array(repeating: claim, count: 64))

            #expect(failures.filter { $0 == nil }.count == 1)
            #expect(failures.filter { $0 is Refusal }.count == 63)
            // Each has been answered by what it saw last: one inserted, the others did not.
            #expect(counts.withLock { $0.suffix(63).allSatisfy { $0 == 0 } })
        }
    }

    @Test func `are run again when the engine asks for that, and no more often than so`() async throws {
        try await withStore { store in
            let tries = Mutex([0, 0])
            let failures = try await together(
                store,
                [
                    { session in
                        try put("again", session)
                        if tries.withLock({
                            $0[0] += 1; return $0[0]
                        }) < 5 {
                            throw SQLError(message: "again", isTransient: true)
                        }
                    },
                    { _ in
                        tries.withLock { $0[1] += 1 }
                        throw SQLError(message: "never", isTransient: true)
                    },
                    { try put("other", $0) },
                ]
            )

            #expect(failures.map { $0 == nil } == [true, false, true])
            #expect((failures[1] as? SQLError)?.message == "never")
            // A try may be run in up to three passes.
            let most = store.database.settings.attemptsMax
            #expect((most...3 * most).contains(tries.withLock { $0[1] }))
            #expect(try await names(in: store) == ["again", "other"])
            #expect(try await lines(of: store) == ["again", "other"])
        }
    }

    @Test func `do not wait for a lock that one of them cannot get`() async throws {
        try await withPostgres { server, name in
            var settings = patient
            settings.lockMax = .milliseconds(300)
            let address = server + " dbname=" + name
            let store = try await Store.open(.postgres(Secret(address)), settings: settings)
            try await store.database.write { try put("locked", $0) }
            var silent = StoreSettings()
            silent.silenceMax = .seconds(300)
            let other = try PostgresConnection.open(address, settings: silent)
            other.deadline = .now + .seconds(60)
            try other.command("BEGIN; SELECT 1 FROM host_probe WHERE name = 'locked' FOR UPDATE")

            let failures = try await together(
                store,
                [
                    { try put("a", $0) },
                    { session in
                        try put("never", session)
                        try session.sql.execute("DELETE FROM host_probe WHERE name = $1", [.text("locked")])
                    },
                    { try put("b", $0) },
                ]
            )
            try other.command("ROLLBACK")

            #expect(failures.map { $0 == nil } == [true, false, true])
            #expect((failures[1] as? SQLError)?.isAway == true)
            #expect(try await names(in: store) == ["a", "b", "locked"])
            store.shutdown()
        }
    }

    @Test func `share commits and journeys, where nothing is unusual`() async throws {
        try await withRelay(withoutRenewals(.seconds(120))) { store, relay, _ in
            // What the statements are is told to the server once.
            try await store.database.write { try pay("0", $0) }
            let before = relay.syncs

            let failures = try await together(store, (1...64).map { index in { try pay("\(index)", $0) } })

            #expect(failures.allSatisfy { $0 == nil })
            // What held the others up, and all of them: two transactions at most, each of two journeys.
            #expect((2...4).contains(relay.syncs - before))
            #expect(try await store.records(organization: ours, before: nil, limit: 100).count == 65)
        }
    }
}

/// The statements of a payment's first commit.
private func pay(_ name: String, _ session: WriteSession) throws {
    let record = makeRecord()
    let claim = IdempotencyClaim(key: "key:" + name, fingerprint: [1], retention: .seconds(60), isDerived: false)
    let rule = Guard(key: "phone:" + name, openMax: 1, window: .seconds(60), code: "conflict", message: "open")
    let new = NewRecord(record: record, idempotency: claim, guards: [rule])
    try Claims.claim(new, holds: HoldWatch(latest: .max), in: session)
    try RecordWriting.insert(record, events: new.events, party: nil, in: session)
    session.add([makeLine()])
}

struct `The ends of audit chains` {
    @Test func `are found again when more organizations write than are kept in memory`() async throws {
        try await withDatabase { url in
            let database = try Store.engine(url, settings: StoreSettings(), state: makeState())
            try await Migrations.run(on: database)
            // Only the writer's thread touches it.
            nonisolated(unsafe) let chain = AuditChain(writer: "few", isNew: true, headsMax: 2)
            let organizations = (0..<7).map { OrganizationID(Identifier(high: 2, low: UInt64($0))) }

            for round in 0..<4 {
                for organization in organizations {
                    let line = makeLine("\(round)", organization)
                    try await database.write { session in
                        try chain.append([line], in: session.sql)
                        try chain.keepHeads(in: session.sql)
                        chain.hold()
                    }
                }
            }
            database.shutdown()

            let store = try await Store.open(url)
            for organization in organizations {
                #expect(try await store.firstBrokenAuditLine(organization: organization) == nil)
                #expect(try await store.records(organization: organization, before: nil, limit: 10).count == 4)
            }
            store.shutdown()
        }
    }
}

struct `Many rows of one` {
    @Test func `share their commit with nobody, and who waits goes between two of them`() async throws {
        try await withStore { store in
            let gate = Gate()
            let order = Mutex<[String]>([])
            let ran: @Sendable (String) -> Void = { name in order.withLock { $0.append(name) } }
            async let first: Void = store.database.write { _ in gate.wait() }
            try await eventually { gate.isReached }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (place, name) in ["file 1", "file 2", "file 3", "payment 1", "payment 2"].enumerated() {
                    let limit = name.hasPrefix("file") ? Duration.seconds(100) : store.database.settings.waitMax
                    group.addTask { try await store.database.write(within: limit) { _ in ran(name) } }
                    try await eventually { store.database.waiting > place }
                }
                gate.open()
                try await group.waitForAll()
            }
            try await first

            #expect(order.withLock { $0 } == ["file 1", "payment 1", "payment 2", "file 2", "file 3"])
        }
    }
}
