import Gateway
import OrderedJSON
import Testing

@testable import Store

/// What plugins keep, on both engines.
struct `What plugins keep` {
    func owner(_ organization: OrganizationID = ours, _ environment: Environment = .test, plugin: String = "desk")
        -> PluginOwner
    {
        PluginOwner(organization: organization, environment: environment, plugin: plugin)
    }

    func notes(_ owner: PluginOwner) -> PluginCollection { PluginCollection(owner: owner, name: "notes") }

    func put(_ store: Store, _ key: String, _ value: JSON, over version: Int64? = nil, in place: PluginCollection)
        async throws(GatewayError) -> Int64
    {
        try await store.put(key, value, over: version, in: place, at: moment, itemsMax: 3)
    }

    @Test func `is each organization's, environment's, plugin's and collection's own`() async throws {
        try await withStore { store in
            let places = [
                notes(owner()), notes(owner(theirs)), notes(owner(ours, .live)), notes(owner(plugin: "other")),
                PluginCollection(owner: owner(), name: "letters"),
            ]
            for (number, place) in places.enumerated() {
                _ = try await put(store, "same", .integer(Int64(number)), in: place)
            }
            for (number, place) in places.enumerated() {
                #expect(try await store.item("same", in: place)?.value == .integer(Int64(number)))
                #expect(try await store.items(in: place, prefix: "", after: nil, limit: 10).count == 1)
            }
        }
    }

    @Test func `changes only over the version that was read`() async throws {
        try await withStore { store in
            let place = notes(owner())
            #expect(try await put(store, "a", 1, over: 0, in: place) == 1)
            await #expect(throws: GatewayError.self) { _ = try await put(store, "a", 2, over: 0, in: place) }
            await #expect(throws: GatewayError.self) { _ = try await put(store, "a", 2, over: 2, in: place) }
            #expect(try await put(store, "a", 3, over: 1, in: place) == 2)
            await #expect(throws: GatewayError.self) { try await store.delete("a", over: 1, in: place) }
            #expect(try await store.item("a", in: place) == PluginItem(key: "a", value: 3, version: 2))
            try await store.delete("a", over: 2, in: place)
            #expect(try await store.item("a", in: place) == nil)
        }
    }

    @Test func `is not counted anew for every value that comes and goes`() async throws {
        let statements = StatementCounts()
        var settings = patient
        settings.statements = statements
        try await withDatabase { url in
            let store = try await Store.open(url, settings: settings)
            let place = notes(owner())
            for key in ["a", "b", "c"] { _ = try await put(store, key, 1, in: place) }
            await #expect(throws: GatewayError.self) { _ = try await put(store, "d", 1, in: place) }
            _ = statements.take()
            for _ in 0..<20 {
                try await store.delete("a", over: nil, in: place)
                _ = try await put(store, "a", 1, in: place)
                try await store.delete("no such", over: nil, in: place)
            }

            #expect(statements.take().filter { $0.key.contains("COUNT(*)") }.values.reduce(0, +) <= 1)
            await #expect(throws: GatewayError.self) { _ = try await put(store, "d", 1, in: place) }
            store.shutdown()
        }
    }

    @Test func `is bounded, and listed by a prefix that means its letters`() async throws {
        try await withStore { store in
            let place = notes(owner())
            for key in ["x%", "X%é", "xa"] { _ = try await put(store, key, 1, in: place) }
            await #expect(throws: GatewayError.self) { _ = try await put(store, "fourth", 1, in: place) }
            #expect(try await put(store, "xa", 2, in: place) == 2)
            let found = try await store.items(in: place, prefix: "x%", after: nil, limit: 10).map(\.key)
            #expect(found == ["x%"])
            let other = try await store.items(in: place, prefix: "X%é", after: nil, limit: 10).map(\.key)
            #expect(other == ["X%é"])
        }
    }

    func timer(_ owner: PluginOwner, due: Timestamp) -> PluginTimer {
        let principal = Principal(
            organization: owner.organization,
            subject: .apiKey(APIKeyID(newID())),
            name: "key",
            role: .manager,
            scopes: ["a", "b"],
            environment: owner.environment
        )
        return PluginTimer(
            id: newID(),
            owner: owner,
            name: "t",
            data: ["x": 1],
            scheduledBy: principal,
            dueAt: due,
            attempt: 0
        )
    }

    @Test(arguments: ["principal", "data"])
    func `keeps no other from its turn where a part of it cannot be read`(column: String) async throws {
        try await withStore { store in
            let (damaged, other) = (timer(owner(), due: moment), timer(owner(), due: moment + .milliseconds(1)))
            for timer in [damaged, other] { try await store.add(timer, timersMax: 10) }
            _ = try await store.database.write { session in
                try session.sql.execute(
                    "UPDATE plugin_timers SET \(column) = '{\"half' WHERE organization_id = $1 AND timer_id = $2",
                    [.text(ours.description), .text(damaged.id.description)]
                )
            }

            let now = moment + .seconds(1)
            #expect(try await store.dueTimers(at: now, limit: 1, except: BusyTimers()).isEmpty)
            #expect(try await store.dueTimers(at: now, limit: 1, except: BusyTimers()).map(\.id) == [other.id])
        }
    }

    @Test func `is left out while its owner, or its plugin, is busy`() async throws {
        try await withStore { store in
            let (mine, other) = (timer(owner(), due: moment), timer(owner(plugin: "other"), due: moment))
            for timer in [mine, other, timer(owner(theirs), due: moment)] { try await store.add(timer, timersMax: 10) }
            var (owners, plugins) = (BusyTimers(), BusyTimers())
            owners.owners = [owner()]
            plugins.plugins = ["desk"]

            let others = try await store.dueTimers(at: moment, limit: 10, except: owners)
            let rest = try await store.dueTimers(at: moment, limit: 10, except: plugins)

            #expect(others.count == 2 && !others.contains { $0.id == mine.id })
            #expect(rest.map(\.id) == [other.id])
        }
    }

    @Test func `comes due once for all hosts, as whoever scheduled it`() async throws {
        try await withStore { store in
            let timer = timer(owner(), due: moment)
            try await store.add(timer, timersMax: 10)
            let later = moment + .seconds(60)
            #expect(try await store.takeDueTimers(at: moment + .seconds(-1), until: later, limit: 10).isEmpty)
            let taken = try await store.takeDueTimers(at: moment, until: later, limit: 10)
            #expect(taken.count == 1 && taken.first?.id == timer.id && taken.first?.attempt == 1)
            #expect(taken.first?.scheduledBy == timer.scheduledBy && taken.first?.data == timer.data)
            #expect(try await store.takeDueTimers(at: moment, until: later, limit: 10).isEmpty)
            // Nobody ended it: it comes again.
            #expect(
                try await store.takeDueTimers(at: later, until: later + .seconds(60), limit: 10).first?.attempt == 2
            )
            try await store.removeTimer(timer.id, of: owner(theirs))
            try await store.postpone(timer, to: moment, attempts: 5)
            #expect(try await store.takeDueTimers(at: moment, until: later, limit: 10).first?.attempt == 6)
            try await store.removeTimer(timer.id, of: owner())
            try await store.postpone(timer, to: moment, attempts: 5)
            #expect(try await store.takeDueTimers(at: moment, until: later, limit: 10).isEmpty)
        }
    }

    @Test func `has so many timers and no more`() async throws {
        try await withStore { store in
            try await store.add(timer(owner(), due: moment), timersMax: 1)
            await #expect(throws: GatewayError.self) { try await store.add(timer(owner(), due: moment), timersMax: 1) }
            try await store.add(timer(owner(theirs), due: moment), timersMax: 1)
        }
    }

    @Test func `is exported in pieces, shown to its organization, and forgotten in time`() async throws {
        try await withStore { store in
            let export = PluginExport(
                id: newID(),
                owner: owner(),
                name: "a.csv",
                mediaType: "text/csv",
                expiresAt: moment + .seconds(10),
                madeBy: "user:1"
            )
            try await store.add(export, exportsMax: 1)
            await #expect(throws: GatewayError.self) { try await store.add(export, exportsMax: 1) }
            let id = export.id
            #expect(try await store.append([1, 2], to: id, of: owner(), bytesMax: 4) == 2)
            #expect(try await store.append([3], to: id, of: owner(), bytesMax: 4) == 3)
            await #expect(throws: GatewayError.self) {
                _ = try await store.append([4, 5], to: id, of: owner(), bytesMax: 4)
            }
            await #expect(throws: GatewayError.self) { _ = try await store.closeExport(id, of: owner(theirs)) }
            func shown(_ organization: OrganizationID, at now: Timestamp) async throws -> [UInt8]? {
                let found = try await store.export(id, organization: organization, environment: .test, now: now)
                guard let found else { return nil }
                var bytes: [UInt8] = []
                for part in 0..<found.parts {
                    bytes += try await store.part(part, of: id, organization: organization) ?? []
                }
                #expect(found.bytes == bytes.count)
                return bytes
            }
            #expect(try await shown(ours, at: moment) == nil)
            #expect(try await store.closeExport(id, of: owner()) == 3)
            #expect(try await shown(ours, at: moment) == [1, 2, 3])
            #expect(try await shown(theirs, at: moment) == nil)
            #expect(try await shown(ours, at: moment + .seconds(10)) == nil)
            try await store.removeExpiredExports(at: moment + .seconds(9))
            #expect(try await shown(ours, at: moment) == [1, 2, 3])
            try await store.removeExpiredExports(at: moment + .seconds(10))
            #expect(try await shown(ours, at: moment) == nil)
        }
    }
}

extension Store {
    /// Takes what is due.
    fileprivate func takeDueTimers(at now: Timestamp, until: Timestamp, limit: Int) async throws -> [PluginTimer] {
        try await take(try await dueTimers(at: now, limit: limit, except: BusyTimers()), until: until)
    }
}
