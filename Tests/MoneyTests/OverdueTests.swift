import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Longer than an hour less than the horizon of the fake plugin's payouts, which is a day.
private let almost: Duration = .seconds(23 * 3_600)

struct `A payout that M-Pesa took and says nothing of` {
    /// One that was taken, and nobody answers a question about it.
    private func taken(in house: House) async throws -> RecordID {
        let id = try #require(await house.pay(key: "one").record)
        house.upstream.answer { _ in .unknown("the connection was cut") }
        return id
    }

    private func resolve(_ id: RecordID, _ said: JSONObject, as token: Secret<String>, in house: House) async
        -> ActionReply
    {
        var arguments = said
        arguments["id"] = .string("\(id)")
        arguments["evidence"] = "statement of 26 November, line 4"
        return await house.ask("transactions.resolve", .object(arguments), as: token)
    }

    private func needsPerson(_ id: RecordID, in house: House) async throws -> Int {
        try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 1_000)
            .count { $0.event.kind == .needsPerson && $0.event.subject == "\(id)" }
    }

    @Test(
        arguments: [
            ["outcome": "failed"], ["outcome": "succeeded", "receipt": "R1", "amount": 100],
        ] as [JSONObject]
    )
    func `is ended by a person once its time has passed, and not before`(said: JSONObject) async throws {
        try await House.with { (house) async throws in
            let (id, early) = (try await taken(in: house), try await house.addPerson("ann", role: .manager).token)
            house.clock.advance(almost)
            await house.gateway.sweeper.sweep()
            #expect(await resolve(id, said, as: early, in: house).code == .conflict)

            house.clock.advance(.seconds(3_600))
            let token = try await house.addPerson("ben", role: .manager).token
            #expect(await resolve(id, said, as: token, in: house).code == nil)
            let record = try await house.record(id)
            #expect(record.state.rawValue == said["outcome"]?.stringValue && record.resolution?.by.isEmpty == false)
        }
    }

    @Test func `is on the list of what nobody knows from then on, and a manager's move`() async throws {
        try await House.with { (house) async throws in
            let (id, early) = (try await taken(in: house), try await house.addPerson("ann", role: .manager).token)
            let named: JSON = ["id": .string("\(id)")]
            house.clock.advance(almost)
            await house.gateway.sweeper.sweep()
            #expect(await house.ask("transactions.unknowns", as: early).data.arrayValue?.isEmpty == true)
            #expect(await house.ask("transactions.explain", named, as: early).data["whose_move"] == "mpesa")

            house.clock.advance(.seconds(3_600))
            let token = try await house.addPerson("ben", role: .manager).token
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(id).state == .accepted)
            let only = await house.ask("transactions.unknowns", as: token).data.arrayValue?.first
            #expect(only?["transaction_id"] == .string("\(id)") && only?["whose_move"] == "manager")
            #expect(only?["can"]?.text.contains("transactions.resolve") == true && only?["next_ms"] != nil)
            let explained = await house.ask("transactions.explain", named, as: token).data
            #expect(explained["whose_move"] == "manager" && explained["until_ms"] != nil)
        }
    }

    @Test func `is told once when its time has passed, though M-Pesa answers no question`() async throws {
        try await House.with { (house) async throws in
            let id = try await taken(in: house)
            house.clock.advance(almost)
            await house.gateway.sweeper.sweep()
            #expect(try await needsPerson(id, in: house) == 0)
            for _ in 1...3 {
                house.clock.advance(.seconds(2 * 3_600))
                await house.gateway.sweeper.sweep()
            }
            #expect(try await needsPerson(id, in: house) == 1)
            #expect(try await house.record(id).queries >= 3)
        }
    }

    @Test func `counts as ever when its message comes after all`() async throws {
        try await House.with { (house) async throws in
            let id = try await taken(in: house)
            house.clock.advance(.seconds(86_400))
            let token = try await house.addPerson("ben", role: .manager).token
            #expect(await resolve(id, ["outcome": "failed"], as: token, in: house).code == nil)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            let record = try await house.record(id)
            #expect(
                record.state == .succeeded && record.receipt == "R1" && record.disputes.map(\.kind) == [.resolution]
            )
        }
    }
}

struct `A payout that M-Pesa says it is working on` {
    @Test func `may be called failed once its time has passed, and not before`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay(key: "one").record)
            try await house.callback(id, says: ["verdict": "pending", "code": "p"])
            let early = try await house.addPerson("ann", role: .manager).token
            let failed: JSON = [
                "id": .string("\(id)"), "outcome": "failed", "evidence": "statement of 26 November, line 4",
            ]
            house.clock.advance(almost)
            #expect(await house.ask("transactions.resolve", failed, as: early).code == .conflict)

            house.clock.advance(.seconds(3_600))
            let token = try await house.addPerson("ben", role: .manager).token
            #expect(await house.ask("transactions.resolve", failed, as: token).code == nil)
        }
    }
}
