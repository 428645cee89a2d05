import Gateway
import GatewayTesting
import Testing

struct `A wall clock that is set back an hour` {
    @Test func `does not make a limit last longer`() async throws {
        try await House.with { (house) async throws in
            try await house.limit(units: 2, per: .seconds(60))
            for number in 1...2 { #expect(await house.collect(phone: "25471100000\(number)").code == nil) }
            #expect(await house.collect(phone: "254711000003").code == .rateLimited)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(31))

            #expect(await house.collect(phone: "254711000003").code == nil)
        }
    }

    @Test func `does not make what is remembered last longer`() async throws {
        try await House.with { (house) async throws in
            #expect(await house.collect(phone: "254711000001").code == nil)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(3))
            try await house.store.save(
                Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:])
            )

            #expect(await house.collect(phone: "254711000002").code == .notFound)
        }
    }

    @Test func `does not put off what is to be asked`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(19))
            await house.money.sweeper.sweep()
            #expect(house.upstream.count("collect_query") == 0)
            house.clock.advance(.seconds(2))
            await house.money.sweeper.sweep()

            #expect(house.upstream.count("collect_query") == 1)
            #expect(try await house.record(record).queries == 1)
        }
    }
}

extension House {
    /// Lets the organization call so often, and no more.
    fileprivate func limit(units: Int, per period: Duration) async throws {
        try await store.save(
            Plan(
                name: "all",
                tools: ["**"],
                organizationLimits: ["money": RateLimit(units: units, per: period)],
                principalLimits: [:]
            )
        )
    }
}
