import Gateway
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(15)))
struct `A full disk` {
    private func callback(_ bytes: Int) -> ReceivedCallback {
        ReceivedCallback(
            id: CallbackID(newID()),
            organization: ours,
            environment: .test,
            record: RecordID(newID()),
            name: "result",
            receivedAt: moment,
            body: [UInt8](repeating: 0x61, count: bytes),
            address: nil,
            attempts: 1
        )
    }

    private func limitPages(of store: Store, to pages: Int64) async throws {
        try await store.database.write { session in
            _ = try session.sql.query("PRAGMA max_page_count = \(pages)", []) { _ in }
        }
    }

    @Test func `takes what was answered, and nothing of what was refused`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            let pages = try await store.database.read { sql in
                try sql.first("PRAGMA page_count", []) { $0.integer(0) ?? 0 } ?? 0
            }
            try await limitPages(of: store, to: pages + 40)

            let kept = await withTaskGroup(of: CallbackID?.self, returning: Set<CallbackID>.self) { group in
                for number in 0..<200 {
                    // Small ones go on where large ones no longer fit.
                    let callback = callback(number % 4 == 0 ? 40_000 : 100)
                    group.addTask { (try? await store.receive(callback)) == nil ? nil : callback.id }
                }
                return await group.reduce(into: []) { kept, id in if let id { kept.insert(id) } }
            }
            try await limitPages(of: store, to: 1_000_000)

            let found = try await store.unsettled(before: moment, limit: 1000)
            #expect(Set(found.map(\.id)) == kept)
            #expect(kept.count < 200)
            try await store.receive(callback(40_000))
        }
    }

    @Test func `is not ready, says why, and is ready again once there is room`() async throws {
        try await withSQLiteStore { (first, path) async throws in
            first.shutdown()
            let health = Health()
            let store = try await Store.open(.sqlite(path: path), settings: impatient(.seconds(4)), health: health)
            #expect(await store.canWrite() && health.isReady)
            try await limitPages(of: store, to: 1)
            await #expect(throws: GatewayError.self) { try await store.receive(callback(400_000)) }
            let reasons = health.reasons
            try await limitPages(of: store, to: 1_000_000)
            try await store.receive(callback(400_000))

            #expect(reasons.first?.sentence.contains("full") ?? false)
            #expect(reasons.contains { $0.severity == .notReady })
            #expect(await store.canWrite() && health.isReady)
            store.shutdown()
        }
    }

    @Test func `loses no audit line, once there is room again`() async throws {
        try await withSQLiteStore { (store, _) async throws in
            try await limitPages(of: store, to: 1)
            let line = makeLine(detail: String(repeating: "x", count: 100_000))
            try store.enqueue(line, usage: nil)
            // This write comes after the line's turn, so that the line has been refused at least once.
            await #expect(throws: GatewayError.self) { try await store.receive(callback(100_000)) }
            try await limitPages(of: store, to: 1_000_000)
            try await store.receive(callback(10))

            try await eventually { try await store.records(organization: ours, before: nil, limit: 10) == [line] }
        }
    }
}
