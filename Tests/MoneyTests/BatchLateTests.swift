import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// A process on the house's store whose batches are watched.
private func watched(_ house: House, _ batches: WatchedBatches) -> Assembly {
    var settings = Assembly.Settings()
    settings.batchRunner.pace = nil
    return house.another(settings) { ports in
        ports.store = Assembly.Repositories(withoutPluginData: house.store, records: house.store, batches: batches)
    }
}

struct `A batch whose time is over` {
    /// Its rows at its moment, and who has the places of its account.
    @Test(arguments: [true, false])
    func `is late though what is looked at before it leaves cannot be`(hasMoment: Bool) async throws {
        try await House.forBatches { (house) async throws in
            let moment = house.clock.entropy.wall() + .seconds(3_600)
            try await house.run("b", 2, hasMoment ? ["not_before_ms": .integer(moment.milliseconds)] : [:])
            let batches = WatchedBatches(house.store)
            batches.isLost.value = true
            let gateway = watched(house, batches)
            house.clock.advance(.seconds(3_700))
            await gateway.batchRunner.sendDue()
            #expect(try await house.batch("b").state == .running)

            house.clock.advance(.seconds(86_400))
            for _ in 0..<3 {
                await gateway.batchRunner.sendDue()
                house.clock.advance(.seconds(6))
            }
            let batch = try await house.batch("b")
            #expect(batch.state == .cancelled && batch.withdrawal == .unsent && batch.endedAt != nil)
            #expect(house.upstream.sent.isEmpty)
        }
    }
}

struct `A payment that cannot be asked about` {
    @Test func `is told to need a person once its time has passed, and once`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.pay(key: "one").record)
            let away = house.another { $0.registry = ToolRegistry() }
            let needed = { () async throws in
                try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 1_000)
                    .count { $0.event.kind == .needsPerson && $0.event.subject == "\(id)" }
            }
            house.clock.advance(.seconds(23 * 3_600))
            await away.sweeper.sweep()
            #expect(try await needed() == 0)

            for _ in 1...3 {
                house.clock.advance(.seconds(2 * 3_600))
                await away.sweeper.sweep()
            }
            #expect(try await needed() == 1)
            #expect(try await house.record(id).state == .accepted)
        }
    }
}
