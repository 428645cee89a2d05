import Foundation
import Gateway
import Synchronization
import Testing

@testable import Store

/// What makes the database refuse an audit line for what it is.
private func refuseLines(of action: String, in store: Store) async throws {
    let isPostgres = store.database.words == .postgres
    _ = try await store.database.write { session in
        try session.sql.execute(
            isPostgres
                ? "ALTER TABLE audit ADD CONSTRAINT refused CHECK (action <> '\(action)')"
                : """
                CREATE TRIGGER refused BEFORE INSERT ON audit WHEN NEW.action = '\(action)'
                BEGIN SELECT RAISE(ABORT, 'refused'); END
                """,
            []
        )
    }
}

@Suite(.timeLimit(.minutes(15)))
struct `Work that nobody waits for` {
    @Test func `costs no payment its commit when the database refuses it, and only what is refused is lost`()
        async throws
    {
        try await withStore { store in
            try await refuseLines(of: "POISON", in: store)
            let good = (0..<5).map { makeLine("good \($0)") }
            for line in good {
                try store.enqueue(line, usage: nil)
                try store.enqueue(makeLine("POISON"), usage: nil)
            }

            for _ in 0..<5 {
                #expect(
                    try await store.commit(NewRecord(record: makeRecord(), audit: [makeLine("paid")])) == .committed
                )
            }

            try await eventually { store.counts.auditLinesSetAside == 5 }
            let found = try await store.records(organization: ours, before: nil, limit: 100)
            #expect(good.allSatisfy { found.contains($0) } && found.count == 10)
            #expect(await store.canWrite())
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }

    @Test func `is counted for two tools at once without waiting for each other`() async throws {
        try await withPostgres { server, name in
            let address = server + " dbname=" + name
            let store = try await Store.open(.postgres(Secret(address)))
            let rounds = 60
            // Each thread counts the same tools, in whatever order its dictionary has them.
            let failures = await withTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask { await Self.count(rounds, at: address) }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }

            #expect(failures == [])
            let counted = try await store.database.read { sql in
                try sql.query("SELECT succeeded FROM usage ORDER BY tool", []) { $0.integer(0) ?? 0 }
            }
            #expect(counted == [Int64](repeating: Int64(4 * rounds), count: 8))
            store.shutdown()
        }
    }

    /// On a thread of its own, without trying again.
    private static func count(_ rounds: Int, at address: String) async -> [String] {
        await withUnsafeContinuation { continuation in
            Thread {
                let worker = PostgresWorker(address: address, settings: StoreSettings())
                var failures: [String] = []
                for _ in 0..<rounds {
                    var usage: [UsageRecord: Int64] = [:]
                    for tool in 0..<8 {
                        let call = UsageRecord(
                            organization: ours,
                            environment: .test,
                            tool: "tool \(tool)",
                            at: moment,
                            succeeded: true
                        )
                        usage[call] = 1
                    }
                    do {
                        // Once: a deadlock is a failure here.
                        var hasRun = false
                        try worker.transaction(until: .now + .seconds(60)) { sql in
                            if hasRun { failures.append("run again") }
                            hasRun = true
                            try usage.add(in: sql)
                        }
                    } catch {
                        failures.append("\(error)")
                    }
                }
                continuation.resume(returning: failures)
            }
            .start()
        }
    }

    @Test func `keeps what strangers write, without the character that ends a text`() async throws {
        try await withStore { store in
            try store.enqueue(makeLine("a\u{0}b"), usage: nil)

            try await eventually {
                try await store.records(organization: ours, before: nil, limit: 10).map(\.action) == ["a?b"]
            }
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }
}

struct `A text with U+0000` {
    @Test func `is refused, and finds nobody`() async throws {
        try await withStore { store in
            let user = User(
                id: UserID(newID()),
                organization: ours,
                username: "user",
                email: "u@x",
                passwordHash: "h",
                role: .user
            )
            try await store.save(user)

            let asked = await #expect(throws: GatewayError.self) {
                try await store.activeUsers(named: "user\u{0}evil", after: nil, limit: 5)
            }
            let kept = await #expect(throws: GatewayError.self) {
                try await store.save(Plan(name: "p\u{0}q", tools: [], organizationLimits: [:], principalLimits: [:]))
            }

            #expect(asked?.code == .invalidArgument && kept?.code == .invalidArgument)
            #expect(try await store.activeUsers(named: "user", after: nil, limit: 5) == [user])
        }
    }
}

struct `A transaction in which a statement failed` {
    @Test func `never counts as written, whatever was made of the failure`() async throws {
        try await withPostgres { server, name in
            let store = try await Store.open(.postgres(Secret(server + " dbname=" + name)))

            await #expect(throws: SQLError.self) {
                try await store.database.write { session in
                    _ = try? session.sql.execute("SELECT nothing FROM nowhere", [])
                }
            }
            store.shutdown()
        }
    }
}
