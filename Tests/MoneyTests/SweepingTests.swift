import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@Suite(.timeLimit(.minutes(15)))
struct `The sweeper` {
    /// Sweeps by itself while a test's body runs.
    func sweeping(_ house: House, _ body: () async throws -> Void) async throws {
        let running = Task { await house.gateway.sweeper.run() }
        defer { running.cancel() }
        try await body()
    }

    static var small: Assembly.Settings {
        var bounds = Assembly.Settings()
        bounds.questions.placesMax = 16
        bounds.questions.accountPlacesMax = 6
        bounds.sweeper.every = .milliseconds(20)
        bounds.sweeper.again = .milliseconds(1)
        bounds.sweeper.batchMax = 5
        return bounds
    }

    @Test func `asks about others while one account's questions hang`() async throws {
        try await House.with(bounds: Self.small) { (house) async throws in
            let other = try await house.neighbour()
            for number in 100..<220 { #expect(await house.collect(phone: "254711000\(number)").code == nil) }
            let theirs = await house.call("fake_collect", ["phone": "254722000001", "amount": 100], as: other)
            #expect(theirs.code == nil)
            let gate = Gate()
            let asked = Gate()
            house.upstream.answer { request in
                await (request.request.organization == house.organization ? gate : asked).pass()
                return .answered(status: 200, body: JSON.object(["verdict": "pending"]).bytes)
            }
            house.clock.advance(.seconds(21))

            try await sweeping(house) {
                await gate.holds(6)
                await asked.holds(1)
                #expect(gate.waiting == 6)
                gate.open()
                asked.open()
                while house.upstream.count("collect_query") < 121 { await Task.yield() }
            }
            #expect(house.upstream.count("collect_query") == 121)
        }
    }

    @Test func `asks forty questions of one account at once, which is a hundred a second at 300 ms`() async throws {
        var bounds = Assembly.Settings()
        bounds.sweeper.every = .milliseconds(20)
        try await House.with(bounds: bounds) { (house) async throws in
            for number in 100..<180 { #expect(await house.collect(phone: "254711000\(number)").code == nil) }
            let gate = Gate()
            house.upstream.answer { _ in
                await gate.pass()
                return .answered(status: 200, body: JSON.object(["verdict": "pending"]).bytes)
            }
            house.clock.advance(.seconds(21))

            try await sweeping(house) {
                await gate.holds(40)
                gate.open()
                while house.upstream.count("collect_query") < 80 { await Task.yield() }
            }
        }
    }

    @Test func `puts off what it can do nothing about, and others come first`() async throws {
        try await House.with(bounds: Self.small) { (house) async throws in
            try house.registry.publish(FakePlugin.make(id: "gone"))
            for number in 100..<210 {
                let reply = await house.call(
                    "fake_gone_collect",
                    ["phone": .string("254711000\(number)"), "amount": 100]
                )
                #expect(reply.code == nil)
            }
            house.registry.withdraw("gone")
            house.clock.advance(.seconds(1))
            let record = try #require(await house.collect().record)
            house.upstream.answer(with: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            house.clock.advance(.seconds(21))

            await house.gateway.sweeper.sweep()

            #expect(try await house.record(record).state == .succeeded)
            #expect(try await house.store.due(at: house.clock.now, limit: 200, except: []).isEmpty)
            let later = house.clock.now + .seconds(300)
            let putOff = try await house.store.due(at: later, limit: 200, except: [])
            #expect(putOff.count == 110)
            #expect(putOff.allSatisfy { $0.state == .accepted && $0.version == 3 })
        }
    }

    @Test func `leaves a record alone that somebody has changed meanwhile`() async throws {
        try await House.with { (house) async throws in
            let record = try await house.record(await house.collect())
            try await house.callback(record.id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            try await house.store.postpone(record, until: house.clock.now)

            #expect(try await house.record(record.id).nextActionAt == nil)
        }
    }

    @Test func `reads past accounts that have as many questions on their way as they may`() async throws {
        try await House.with { (house) async throws in
            let other = try await house.neighbour()
            for number in 1...5 { #expect(await house.collect(phone: "25471100000\(number)").code == nil) }
            house.clock.advance(.seconds(1))
            _ = await house.call("fake_collect", ["phone": "254722000001", "amount": 100], as: other)
            house.clock.advance(.seconds(21))
            let busy = AccountID(organization: house.organization, environment: house.key.environment)

            let due = try await house.store.due(at: house.clock.now, limit: 3, except: [busy])

            #expect(due.map(\.organization) == [other.organization])
            #expect(try await house.store.due(at: house.clock.now, limit: 3, except: []).count == 3)
        }
    }

    @Test func `asks while requests hang, and requests leave while questions hang`() async throws {
        try await House.with(bounds: Self.small) { (house) async throws in
            let record = try #require(await house.collect().record)
            house.clock.advance(.seconds(31))
            let gate = Gate()
            house.upstream.answer { request in
                if request.request.kind.name == "collect" { await gate.pass() }
                return .answered(status: 200, body: JSON.object(["verdict": "pending"]).bytes)
            }
            async let hanging = house.collect(phone: "254711000002")
            await gate.holds(1)

            #expect(await house.call("fake_collect_status", ["id": .string(record.description)]).code == nil)

            #expect(house.upstream.count("collect_query") == 1)
            gate.open()
            _ = await hanging
        }
    }
}
