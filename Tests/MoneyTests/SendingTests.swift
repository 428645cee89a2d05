import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@Suite(.timeLimit(.minutes(15)))
struct `A request that must wait` {
    static var narrow: Assembly.Settings {
        var bounds = Assembly.Settings()
        bounds.requests.placesMax = 8
        bounds.requests.accountPlacesMax = 2
        bounds.requests.waitMax = .milliseconds(50)
        return bounds
    }

    @Test func `is refused unsent and unwritten when it cannot leave in time`() async throws {
        try await House.with(bounds: Self.narrow) { (house) async throws in
            let gate = Gate()
            house.upstream.answer { _ in
                await gate.pass()
                return .answered(status: 200, body: House.accepted.bytes)
            }
            async let first = house.collect(phone: "254711000001")
            async let second = house.collect(phone: "254711000002")
            await gate.holds(2)

            let third = await house.collect(phone: "254711000003", key: "k3")

            guard case .failure(let error) = third.result else {
                Issue.record("expected a refusal, got \(third.result)")
                return gate.open()
            }
            #expect(error.code == .upstreamUnavailable && error.retryAfter != nil && third.record == nil)
            gate.open()
            #expect(await first.code == nil)
            #expect(await second.code == nil)
            #expect(house.upstream.count("collect") == 2)
            #expect(try await house.store.records(matching: RecordFilter(limit: 10), of: house).count == 2)
            #expect(await house.collect(phone: "254711000003", key: "k3").code == nil)
        }
    }

    @Test func `waits for its own account alone`() async throws {
        try await House.with(bounds: Self.narrow) { (house) async throws in
            let other = try await house.neighbour()
            let gate = Gate()
            house.upstream.answer { request in
                if request.request.organization == house.organization { await gate.pass() }
                return .answered(status: 200, body: House.accepted.bytes)
            }
            async let first = house.collect(phone: "254711000001")
            async let second = house.collect(phone: "254711000002")
            await gate.holds(2)

            let theirs = await house.call(
                "fake_collect",
                ["phone": "254711000003", "amount": 100],
                as: other
            )

            #expect(theirs.code == nil)
            gate.open()
            _ = await (first, second)
        }
    }

    @Test func `leaves its place to the next as soon as it is answered`() async throws {
        var bounds = Self.narrow
        bounds.requests.waitMax = .seconds(60)
        try await House.with(bounds: bounds) { (house) async throws in
            let replies = await withTaskGroup(of: ToolReply.self) { group in
                for number in 10..<60 { group.addTask { await house.collect(phone: "2547110000\(number)") } }
                return await group.reduce(into: []) { $0.append($1) }
            }

            #expect(replies.count { $0.code == nil } == 50)
        }
    }

    @Test func `is never sent once its time has passed in a slow commit`() async throws {
        let slow = { (clock: ManualEntropy) in
            Failpoints { if $0 == .beforeSend { clock.advance(.seconds(61)) } }
        }
        try await House.with(failpoints: slow) { (house) async throws in
            let reply = await house.collect(key: "k1")

            #expect(reply.code == .upstreamUnavailable)
            #expect(house.upstream.sent.isEmpty)
            let record = try #require(
                try await house.store.records(matching: RecordFilter(limit: 1), of: house).first
            )
            #expect(record.state == .rejected && record.sentAt == nil)
        }
    }

    @Test func `is told by when its first byte must leave`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { request in
                let isBound = request.leaveBy == house.clock.entropy.uptime() + .seconds(60)
                return isBound ? .answered(status: 200, body: House.accepted.bytes) : .notSent("unbound")
            }

            #expect(await house.collect().code == nil)
        }
    }
}
