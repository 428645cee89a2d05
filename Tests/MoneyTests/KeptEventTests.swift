import OrderedJSON
import Testing

@testable import Gateway

struct `What is kept of the feed` {
    /// A payment of which M-Pesa says that it failed, told and summed up.
    private func fail(_ number: Int, in house: House) async throws {
        let id = try #require(await house.collect(phone: "25471100000\(number)", amount: 60).record)
        try await house.callback(id, says: ["verdict": "failed", "code": "1"])
        try await house.gateway.rollups.catchUp()
    }

    @Test(arguments: [(nil, true), (40, true), (100, true), (101, false), (200, false)])
    func `is as much as the plan says where that is more than everybody's, and is listed`(
        days: Int?,
        isForgotten: Bool
    ) async throws {
        try await House.with { (house) async throws in
            let plan = Plan(
                name: "all",
                tools: ["**"],
                organizationLimits: [:],
                principalLimits: [:],
                eventDays: days
            )
            _ = try await house.store.set(plan, from: nil, at: nil)
            try await fail(1, in: house)
            let cursor = await house.ask("events.list", ["limit": 1]).beside("next_after") ?? .null
            try await fail(2, in: house)
            house.clock.advance(.seconds(100 * 86_400 + 3_600))
            try await fail(3, in: house)

            for _ in 1...2 { try await house.gateway.forgetting.forget() }

            let page = await house.ask("events.list", ["after": cursor])
            #expect(page.data.arrayValue?.count == (isForgotten ? 1 : 2))
            #expect(page.beside("missed") == .bool(isForgotten))
        }
    }

    /// Has the plan keep events for so many days.
    private func set(_ days: Int?, in house: House) async throws {
        let limits: [String: RateLimit] = [:]
        let plan = Plan(
            name: "all",
            tools: ["**"],
            organizationLimits: limits,
            principalLimits: limits,
            eventDays: days
        )
        _ = try await house.store.set(plan, from: nil, at: nil)
    }

    /// How many the store has once what is due is forgotten, shown or not.
    private func kept(in house: House) async throws -> Int {
        try await house.gateway.forgetting.forget()
        return try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 100).count
    }

    @Test func `goes with its age where the plan stops keeping it longer before anything was that old`() async throws {
        try await House.with { (house) async throws in
            try await set(365, in: house)
            try await fail(1, in: house)
            house.clock.advance(.seconds(121 * 86_400))
            try await fail(2, in: house)
            #expect(try await kept(in: house) == 2)
            try await set(nil, in: house)
            #expect(try await kept(in: house) == 2)
            house.clock.advance(.seconds(245 * 86_400))
            try await fail(3, in: house)
            #expect(try await kept(in: house) == 1)
        }
    }

    @Test func `goes with its age when the organization leaves the plan that kept it longer`() async throws {
        try await House.with { (house) async throws in
            try await set(200, in: house)
            try await fail(1, in: house)
            house.clock.advance(.seconds(201 * 86_400))
            try await fail(2, in: house)
            house.clock.advance(.seconds(100 * 86_400))
            try await fail(3, in: house)
            #expect(try await kept(in: house) == 2)
            try await set(nil, in: house)
            #expect(try await kept(in: house) == 2)
            house.clock.advance(.seconds(101 * 86_400))
            try await fail(4, in: house)
            // The third is of before the change, and as old as everybody's are when they go.
            #expect(try await kept(in: house) == 1)
        }
    }
}
