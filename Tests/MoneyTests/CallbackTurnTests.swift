import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(15)))
struct `A callback's turn` {
    /// A plugin whose reading of a callback waits at a gate.
    private static func plugin(_ id: String = "fake", until gate: Gate) throws -> LoadedPlugin {
        try FakePlugin.make(id: id) { functions in
            LoadedPlugin.OperationFunctions(
                prepare: functions.prepare,
                interpret: { index, input, raw throws(LoadedPlugin.Failure) in
                    if String(decoding: raw, as: UTF8.self).contains("hangs") { await gate.pass() }
                    return try await functions.interpret(index, input, raw)
                },
                query: functions.query,
                render: functions.render
            )
        }
    }

    private static let paid: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]

    private static func hanging(_ number: Int) -> JSON {
        ["verdict": "succeeded", "receipt": .string("H\(number)"), "amount": 100, "meaning": "hangs"]
    }

    /// Searches all the time, and takes up whatever has come.
    private static var eager: Assembly.Settings {
        var bounds = Assembly.Settings()
        bounds.inbox.searchEvery = .milliseconds(10)
        bounds.inbox.searchAgain = .milliseconds(10)
        return bounds
    }

    /// Works in the background while a test's body runs.
    private func working(_ house: House, _ body: (Task<Void, Never>) async throws -> Void) async throws {
        let running = Task { await house.gateway.inbox.run() }
        defer { running.cancel() }
        while !house.gateway.inbox.isOpen { await Task.yield() }
        try await body(running)
    }

    private func collect(_ count: Int, in house: House, by tool: String = "fake_collect") async throws -> [RecordID] {
        var records: [RecordID] = []
        for number in 100..<100 + count {
            let arguments: JSON = ["phone": .string("254711000\(number)"), "amount": 100]
            records.append(try #require(await house.call(tool, arguments).record))
        }
        return records
    }

    @Test(arguments: [true, false])
    func `does not wait for another account's burst, as it comes or from the store`(isFromStore: Bool) async throws {
        let gate = Gate()
        try await House.with(plugin: Self.plugin(until: gate), bounds: Self.eager) { (house) async throws in
            let other = try await house.neighbour()
            let records = try await collect(40, in: house)
            let theirs = try #require(
                await house.call("fake_collect", ["phone": "254722000001", "amount": 100], as: other).record
            )
            let place = CallbackAddresses.Target(
                organization: other.organization,
                environment: other.environment,
                record: theirs,
                name: "result"
            )
            let burst = { () async throws in
                for (number, record) in records.enumerated() {
                    let body = Self.hanging(number).bytes
                    try await house.gateway.inbox.receive(house.place(of: record), body: body, address: nil)
                }
                try await house.gateway.inbox.receive(place, body: Self.paid.bytes, address: nil)
            }
            if isFromStore {
                try await burst()
                house.clock.advance(.seconds(1))
            }

            try await working(house) { _ in
                if !isFromStore { try await burst() }
                var state: RecordState?
                while state != .succeeded {
                    state = try await house.store.record(
                        theirs,
                        organization: other.organization,
                        environment: other.environment
                    )?
                    .state
                }
                await gate.holds(12)
                #expect(gate.waiting == 12)
                gate.open()
                house.clock.advance(.seconds(1))
                while try await !house.store.unsettled(before: house.clock.now, limit: 1).isEmpty { await Task.yield() }
            }
            for record in records { #expect(try await house.record(record).state == .succeeded) }
        }
    }

    @Test func `does not wait for a plugin that hangs on others`() async throws {
        let gate = Gate()
        try await House.with(bounds: Self.eager) { (house) async throws in
            try house.registry.publish(Self.plugin("slow", until: gate))
            let slow = try await collect(40, in: house, by: "fake_slow_collect")
            let record = try #require(await house.collect(phone: "254722000001").record)

            try await working(house) { _ in
                for (number, id) in slow.enumerated() {
                    let body = Self.hanging(number).bytes
                    try await house.gateway.inbox.receive(house.place(of: id), body: body, address: nil)
                }
                await gate.holds(12)
                try await house.gateway.inbox.receive(house.place(of: record), body: Self.paid.bytes, address: nil)

                while try await house.record(record).state != .succeeded { await Task.yield() }
                gate.open()
            }
        }
    }

    @Test func `comes after those of the same record that came before`() async throws {
        let order = Mutex<[String]>([])
        let plugin = try FakePlugin.make { functions in
            LoadedPlugin.OperationFunctions(
                prepare: functions.prepare,
                interpret: { index, input, raw throws(LoadedPlugin.Failure) in
                    let code = (try? JSON(parsing: raw))?["code"]?.stringValue ?? ""
                    order.withLock { $0.append("begins " + code) }
                    for _ in 0..<20 { await Task.yield() }
                    order.withLock { $0.append("ends " + code) }
                    return try await functions.interpret(index, input, raw)
                },
                query: functions.query,
                render: functions.render
            )
        }
        try await House.with(plugin: plugin, bounds: Self.eager) { (house) async throws in
            let record = try #require(await house.collect().record)
            order.withLock { $0 = [] }

            try await working(house) { _ in
                for number in 1...6 {
                    let said: JSON = ["verdict": "pending", "code": .string("\(number)")]
                    try await house.gateway.inbox.receive(house.place(of: record), body: said.bytes, address: nil)
                    house.clock.advance(.milliseconds(1))
                }
                while order.withLock({ $0.count }) < 12 { await Task.yield() }
            }

            #expect(order.withLock { $0 } == (1...6).flatMap { ["begins \($0)", "ends \($0)"] })
        }
    }

    @Test func `is left to the next process when this one is told to stop`() async throws {
        let gate = Gate()
        try await House.with(plugin: Self.plugin(until: gate), bounds: Self.eager) { (house) async throws in
            let records = try await collect(30, in: house)
            try await working(house) { running in
                for (number, record) in records.dropLast().enumerated() {
                    let body = Self.hanging(number).bytes
                    try await house.gateway.inbox.receive(house.place(of: record), body: body, address: nil)
                }
                await gate.holds(12)
                running.cancel()
                gate.open()
                await running.value
            }

            // The door is open until the listener closes.
            let last = house.place(of: try #require(records.last))
            try await house.gateway.inbox.receive(last, body: Self.hanging(30).bytes, address: nil)
            house.clock.advance(.seconds(10))
            #expect(try await house.store.unsettled(before: house.clock.now, limit: 100).count == 18)
            await house.another().inbox.takeUpUnsettled()
            for record in records { #expect(try await house.record(record).state == .succeeded) }
        }
    }

    @Test func `in the store comes though more of another account is there than may wait`() async throws {
        var bounds = Self.eager
        bounds.inbox.queueMax = 40
        bounds.inbox.accountQueueMax = 20
        bounds.inbox.pageMax = 8
        try await House.with(bounds: bounds) { (house) async throws in
            let other = try await house.neighbour()
            let records = try await collect(60, in: house)
            let theirs = try #require(
                await house.call("fake_collect", ["phone": "254722000001", "amount": 100], as: other).record
            )
            for (number, record) in records.enumerated() {
                let body = Self.hanging(number).bytes
                try await house.gateway.inbox.receive(house.place(of: record), body: body, address: nil)
                house.clock.advance(.milliseconds(1))
            }
            let place = CallbackAddresses.Target(
                organization: other.organization,
                environment: other.environment,
                record: theirs,
                name: "result"
            )
            try await house.gateway.inbox.receive(place, body: Self.paid.bytes, address: nil)
            house.clock.advance(.seconds(1))
            let next = house.another(bounds)

            await next.inbox.takeUpUnsettled()

            let found = try await house.store.record(
                theirs,
                organization: other.organization,
                environment: other.environment
            )
            #expect(found?.state == .succeeded)
            #expect(try await house.store.unsettled(before: house.clock.now, limit: 100).count == 40)
            await next.inbox.takeUpUnsettled()
            await next.inbox.takeUpUnsettled()
            #expect(try await house.store.unsettled(before: house.clock.now, limit: 100).isEmpty)
        }
    }
}
