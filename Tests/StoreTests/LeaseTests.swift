import Foundation
import Gateway
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(15)))
struct `One host for one database` {
    /// Settings under which a lease is over soon.
    private func brief() -> StoreSettings {
        var settings = impatient()
        settings.leaseLength = .seconds(6)
        settings.leaseEvery = .milliseconds(200)
        settings.leaseMargin = .seconds(1)
        return settings
    }

    @Test func `is what a second host is told, and the first goes on`() async throws {
        try await withDatabase { url in
            let first = try await Store.open(url, settings: brief())

            let error = await #expect(throws: GatewayError.self) { try await Store.open(url, settings: brief()) }

            #expect(error?.code == .conflict)
            #expect(error?.message.contains("Another gateway serves") ?? false)
            #expect(first.lease.isHeld)
            try await first.append([makeLine()], usage: [])
            first.shutdown()
        }
    }

    @Test(arguments: ["", "-wal"], [true, false])
    func `is lost with its file or its log, removed or another's`(suffix: String, isReplaced: Bool) async throws {
        try await withSQLiteStore { (store, path) async throws in
            try await store.append([makeLine()], usage: [])
            #expect(store.lease.isHeld)
            #expect(await store.canWrite())

            try FileManager.default.removeItem(atPath: path + suffix)
            if isReplaced { try Data([0]).write(to: URL(fileURLWithPath: path + suffix)) }

            #expect(!store.lease.isHeld)
            #expect(await !store.canWrite())
        }
    }

    @Test func `is refused for a file that has another name as well`() async throws {
        try await withSQLiteStore { (store, path) async throws in
            store.shutdown()
            try FileManager.default.linkItem(atPath: path, toPath: path + ".twin")

            let error = await #expect(throws: GatewayError.self) { try await Store.open(.sqlite(path: path)) }

            #expect(error?.code == .conflict && error?.message.contains("hard link") ?? false)
        }
    }

    @Test func `is given back by a host that ends, so that the next need not wait`() async throws {
        try await withDatabase { url in
            var long = StoreSettings()
            long.leaseLength = .seconds(3600)
            let first = try await Store.open(url, settings: long)
            first.shutdown()
            #expect(!first.lease.isHeld)

            let second = try await Store.open(url, settings: long)

            #expect(second.lease.isHeld)
            second.shutdown()
        }
    }

    @Test func `passes to the next when it cannot be renewed, and nothing of the first is written after that`()
        async throws
    {
        try await withRelay(brief()) { first, relay, url in
            try await first.append([makeLine("first")], usage: [])
            relay.isSilent = true
            try await eventually { !first.lease.isHeld }

            let second = try await Store.open(url, settings: brief())
            relay.isSilent = false

            #expect(!first.lease.isHeld && second.lease.isHeld)
            await #expect(throws: GatewayError.self) { try await first.append([makeLine("late")], usage: []) }
            #expect(await first.canWrite() == false)
            try await second.append([makeLine("second")], usage: [])
            let actions = try await second.records(organization: ours, before: nil, limit: 10).map(\.action)
            #expect(Set(actions) == ["first", "second"])
            second.shutdown()
        }
    }

    @Test func `is not waited for by who has what the killed one had to itself, and by anybody else is`() async throws {
        try await withPostgres { server, name in
            let url = DatabaseURL.postgres(Secret(server + " dbname=" + name))
            func settings(_ place: String?) -> StoreSettings {
                var settings = brief()
                (settings.leaseLength, settings.leaseMargin) = (.seconds(2), .milliseconds(500))
                settings.place = place
                return settings
            }
            let first = try await Store.open(url, settings: settings("a locked file"))
            try await first.append([makeLine("first")], usage: [])

            for other in [nil, "a locked file of another machine"] {
                let error = await #expect(throws: GatewayError.self) {
                    try await Store.open(url, settings: settings(other))
                }
                #expect(error?.code == .conflict)
            }
            // As if the process of the first were gone.
            let second = try await Store.open(url, settings: settings("a locked file"))

            #expect(second.lease.isHeld)
            await #expect(throws: GatewayError.self) { try await first.append([makeLine("late")], usage: []) }
            try await second.append([makeLine("second")], usage: [])
            second.shutdown()
            first.shutdown()
        }
    }

    @Test func `has no holder when it stands still, whatever the server's clock says`() async throws {
        try await withPostgres { server, name in
            let url = DatabaseURL.postgres(Secret(server + " dbname=" + name))
            var settings = brief()
            settings.leaseLength = .seconds(2)
            settings.leaseMargin = .milliseconds(500)
            let first = try await Store.open(url, settings: settings)
            first.shutdown()
            // A holder that was killed, and a server's clock that was set back by years since.
            try change(server, name, "UPDATE host_lease SET holder = 'gone', ends_ms = 99999999999999")

            let second = try await Store.open(url, settings: settings)

            #expect(second.lease.isHeld)
            try await second.append([makeLine()], usage: [])
            second.shutdown()
        }
    }

    @Test func `is lost where the database turns out to be an older copy, and nothing is written to that`() async throws
    {
        try await withPostgres { server, name in
            let store = try await Store.open(.postgres(Secret(server + " dbname=" + name)), settings: brief())
            try await store.append([makeLine("first")], usage: [])
            // As a server has it that took over with a copy from before.
            try change(server, name, "UPDATE host_lease SET beat = beat - 1000000")

            await #expect(throws: GatewayError.self) { _ = try await store.commit(NewRecord(record: makeRecord())) }
            try await eventually { !store.lease.isHeld }
            #expect(await store.canWrite() == false)
            await #expect(throws: GatewayError.self) { try await store.append([makeLine("late")], usage: []) }
            store.shutdown()
        }
    }

    private func change(_ server: String, _ name: String, _ command: String) throws {
        try PostgresConnection.open(server + " dbname=" + name, settings: patient).command(command)
    }

    @Test func `leaves the database file to its owner's eyes`() async throws {
        try await withSQLiteStore { (store, path) in
            store.shutdown()
            #expect(chmod(path, 0o644) == 0)
            let again = try await Store.open(.sqlite(path: path))
            try await again.append([makeLine()], usage: [])

            for end in ["", "-wal", "-shm"] {
                let mode = try FileManager.default.attributesOfItem(atPath: path + end)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(end)")
            }
            again.shutdown()
        }
    }
}
