import Foundation
import Gateway
import Synchronization
import Testing

@testable import Store

/// Runs a test on PostgreSQL behind a relay, with a database of its own.
func withRelay(
    _ settings: StoreSettings = impatient(),
    _ body: (Store, PostgresRelay, DatabaseURL) async throws -> Void
) async throws {
    try await withPostgres { server, name in
        let relay = try PostgresRelay(before: server)
        defer { relay.end() }
        let user = server.split(separator: " ").first { $0.hasPrefix("user=") } ?? "user=app"
        let address = "host=127.0.0.1 port=\(relay.port) sslmode=disable \(user) dbname=\(name)"
        let store = try await Store.open(.postgres(Secret(address)), settings: settings)
        try await body(store, relay, .postgres(Secret(server + " dbname=" + name)))
        relay.isSilent = false
        store.shutdown()
    }
}

/// Settings under which callers wait for a short time only.
func impatient(_ wait: Duration = .seconds(2)) -> StoreSettings {
    var settings = StoreSettings()
    settings.waitMax = wait
    settings.shutdownMax = .seconds(2)
    settings.probeEvery = .zero
    return settings
}

/// Settings under which nothing but the test commits through the relay.
func withoutRenewals(_ wait: Duration = .seconds(4)) -> StoreSettings {
    var settings = impatient(wait)
    settings.leaseLength = .seconds(7200)
    settings.leaseEvery = .seconds(3600)
    return settings
}

/// Asks again and again until something holds; a test that waits in vain is ended by its time limit.
func eventually(_ holds: () async throws -> Bool) async throws {
    while !(try await holds()) { try await Task.sleep(for: .milliseconds(10)) }
}

private func lines(of store: Store) async throws -> [AuditRecord] {
    try await store.records(organization: ours, before: nil, limit: 1000)
}

private func usage(of store: Store) async throws -> Int64 {
    try await store.database.read { sql in
        try sql.first("SELECT SUM(succeeded) FROM usage", []) { $0.integer(0) ?? 0 } ?? 0
    }
}

@Suite(.timeLimit(.minutes(15)))
struct `A database that is away` {
    @Test func `says so where payments alone cannot be written, until one can`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let change = { (statement: String) in
                _ = try await store.database.write { session in try session.sql.execute(statement, []) }
            }
            try await change(
                "CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no space'); END"
            )
            await #expect(throws: GatewayError.self) { _ = try await store.commit(NewRecord(record: makeRecord())) }
            try await store.append([makeLine()], usage: [])

            #expect(await !store.canWrite())

            try await change("DROP TRIGGER full")
            _ = try await store.commit(NewRecord(record: makeRecord()))
            #expect(await store.canWrite())
        }
    }

    @Test func `is told in a sentence when it cannot be reached at the start`() async throws {
        let url = try DatabaseURL("postgres://127.0.0.1:1/x")

        let error = await #expect(throws: GatewayError.self) { try await Store.open(url) }

        #expect(error?.code == .unavailable)
        #expect(error?.detail?.contains("cannot be reached") ?? false)
    }

    @Test func `costs nobody an answer when it ended its connections meanwhile`() async throws {
        try await withPostgres { server, name in
            let store = try await Store.open(.postgres(Secret(server + " dbname=" + name)))
            for _ in 0..<20 { try await store.append([makeLine()], usage: []) }

            try administer(
                server,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'"
            )

            for _ in 0..<20 {
                try await store.append([makeLine()], usage: [])
                _ = try await lines(of: store)
            }
            #expect(try await lines(of: store).count == 40)
            store.shutdown()
        }
    }

    @Test func `that does not answer is waited for so long and no longer, and serves again when it is back`()
        async throws
    {
        try await withRelay { store, relay, _ in
            try await store.append([makeLine("before")], usage: [])
            relay.isSilent = true

            let refused = await #expect(throws: GatewayError.self) { try await store.append([makeLine()], usage: []) }
            await #expect(throws: GatewayError.self) { try await lines(of: store) }
            #expect(refused?.code == .unavailable)
            #expect(await store.canWrite() == false)

            relay.isSilent = false
            try await eventually { await store.canWrite() }
            try await store.append([makeLine("after")], usage: [])
            #expect(try await lines(of: store).map(\.action).contains("after"))
        }
    }

    @Test func `answers callers in time whatever its threads are stuck in, and runs no job whose caller has gone`()
        async throws
    {
        try await withDatabase { url in
            var settings = impatient()
            settings.connections = 1
            let store = try await Store.open(url, settings: settings)
            let isStuck = Mutex(true)
            let hasRun = Mutex(false)
            // A disk, or a server, that does not come back.
            async let first = Result {
                try await store.database.write { _ in
                    while isStuck.withLock({ $0 }) { usleep(1_000) }
                }
            }
            .failure
            async let second = Result { try await store.database.write { _ in hasRun.withLock { $0 = true } } }.failure
            let errors = [await first, await second].map { $0 as? SQLError }
            isStuck.withLock { $0 = false }
            try await eventually { await store.canWrite() }

            #expect(errors.allSatisfy { $0?.isAway == true })
            // One of them may have become durable; the other was never begun.
            #expect(errors.filter { $0?.isOutcomeUnknown == true }.count == 1 || hasRun.withLock { $0 })
            #expect(errors.contains { $0?.isOutcomeUnknown == false } != hasRun.withLock { $0 })
            store.shutdown()
        }
    }
}

@Suite(.timeLimit(.minutes(15)))
struct `A commit whose answer is lost` {
    @Test func `is told apart, and stands in nobody's way`() async throws {
        try await withRelay(withoutRenewals()) { store, relay, _ in
            try await store.append([makeLine("first")], usage: [])
            relay.cutCommits(1)
            let lost = makeLine("lost")

            let error = await #expect(throws: SQLError.self) { try await store.database.write { $0.add([lost]) } }
            for _ in 0..<20 { try await store.append([makeLine("later")], usage: []) }

            #expect(error?.isOutcomeUnknown == true)
            try await eventually { try await lines(of: store).count >= 22 }
            #expect(try await lines(of: store).filter { $0 == lost }.count == 1)
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }

    @Test func `loses no line that nobody waits for, and counts none twice`() async throws {
        try await withRelay(withoutRenewals()) { store, relay, _ in
            let line = makeLine("lost")
            let call = UsageRecord(organization: ours, environment: .test, tool: "a", at: moment, succeeded: true)
            relay.cutCommits(2)
            try store.enqueue(line, usage: call)
            try await eventually { relay.commitsToCut == 0 }
            try await eventually { try await lines(of: store).contains(line) }
            let next = makeLine("next")
            try store.enqueue(next, usage: call)
            try await eventually { try await lines(of: store).contains(next) }

            #expect(try await lines(of: store).count == 2)
            #expect(try await usage(of: store) == 2)
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }
}

extension Result where Failure == any Error, Success == Void {
    /// Runs something and keeps what it threw.
    fileprivate init(_ body: () async throws -> Void) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }

    fileprivate var failure: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}
