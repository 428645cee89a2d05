import CSQLite
import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Testing

struct `A store that goes away while M-Pesa answers` {
    @Test func `loses no answer`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(1)
        try await House.with(settings: settings) { (house) async throws in
            // Somebody else holds the database from before the answer until after the call.
            let lock = try Holder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .answered(status: 200, body: House.accepted.bytes)
            }

            let reply = await house.collect(key: "k")

            #expect(reply.code == .unavailable)
            #expect(await house.journal.entries().count == 1)
            lock.release()
            house.clock.advance(.seconds(100))
            await house.money.sweeper.sweep()
            house.clock.advance(.seconds(10))
            await house.money.inbox.takeUpUnsettled()

            let again = await house.collect(key: "k")
            let record = try await house.record(again)
            #expect(record.externalIDs == ["fake_id": "F1"])
            #expect(!record.state.isEnded)
            #expect(await house.journal.entries().isEmpty)
            #expect(house.upstream.count("collect") == 1)
        }
    }
}

/// A connection of its own that keeps all others from writing.
private final class Holder: @unchecked Sendable {
    // Used by one task at a time: the test waits for each call.
    private var handle: OpaquePointer?

    init(_ path: String) throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Missing(what: path) }
    }

    func hold() { sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil) }

    func release() { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }

    deinit { sqlite3_close(handle) }
}
