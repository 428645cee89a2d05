import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A key` {
    private let paid: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]

    @Test(arguments: [
        "0711000001", "+254 711 000 001", "254-711-000-001", "00254711000001", "711000001", "\u{202A}254711000001",
    ])
    func `is the same however its phone is written`(phone: String) async throws {
        try await House.with { (house) async throws in
            let given = await house.pay(key: "k")
            #expect(await house.pay(phone: phone, key: "k").isReplayed)
            let first = await house.pay(phone: "254711000002")
            try await house.callback(
                try #require(first.record),
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )
            house.clock.advance(.seconds(64))

            let again = await house.pay(phone: phone.replacing(/1$/, with: "2"))

            #expect(again.isReplayed && again.record == first.record && given.record != first.record)
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test(arguments: ["254711000003", "0711000011", "71100000", "not a phone", "254711000001x"])
    func `is another where its phone is another`(phone: String) async throws {
        try await House.with { (house) async throws in
            #expect(await house.pay(key: "k").code == nil)

            #expect(await house.pay(phone: phone, key: "k").code == .idempotencyKeyReused)
        }
    }

    @Test func `is the same payment for as long as that has not ended, a person's look included`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            let first = await house.pay(key: "k")
            house.upstream.answer(with: ["verdict": "unknown", "code": "x"])
            for _ in 0..<40 {
                house.clock.advance(.seconds(3600))
                await house.gateway.sweeper.sweep()
                if let question = try? await house.newest("pay_query") {
                    try await house.callback(question.id, says: ["verdict": "pending", "code": "26"])
                }
            }
            let record = try await house.record(first)
            #expect(record.state == .manual)

            let again = await house.pay(key: "k")

            #expect(again.isReplayed && again.record == first.record)
            #expect(again.shown["status"] == "PENDING")
            #expect(house.upstream.count("pay") == 1)
            #expect(await house.pay(key: "another").record != first.record)
        }
    }

    @Test func `that nobody gave covers a payment for two minutes after it was paid`() async throws {
        try await House.with { (house) async throws in
            let first = await house.collect()
            try await house.callback(try #require(first.record), says: paid)

            house.clock.advance(.seconds(62))
            let soon = await house.collect()
            house.clock.advance(.seconds(63))
            let later = await house.collect()

            #expect(soon.isReplayed && soon.record == first.record)
            #expect(!later.isReplayed && later.record != first.record)
            #expect(house.upstream.count("collect") == 2)
        }
    }

    @Test func `that nobody gave lets a customer be asked again once they did not pay`() async throws {
        try await House.with { (house) async throws in
            let first = await house.collect()
            try await house.callback(try #require(first.record), says: ["verdict": "cancelled", "code": "1032"])
            house.clock.advance(.seconds(61))

            #expect(await house.collect().isReplayed == false)
        }
    }

    @Test(arguments: ["succeeded", "failed"])
    func `that nobody gave covers a payout for ten minutes after whatever end`(end: String) async throws {
        try await House.with { (house) async throws in
            let first = await house.pay()
            try await house.callback(
                try #require(first.record),
                says: ["verdict": .string(end), "receipt": "R1", "amount": 100, "code": "0"]
            )

            house.clock.advance(.seconds(590))
            let soon = await house.pay()
            house.clock.advance(.seconds(11))
            let later = await house.pay()

            #expect(soon.isReplayed && soon.record == first.record)
            #expect(!later.isReplayed && later.record != first.record)
        }
    }

    @Test func `that nobody gave, of a call that is open for more than a day, is not answered for`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            let first = await house.pay()
            house.clock.advance(.seconds(86_401))

            let again = await house.pay()

            #expect(again.code == .conflict)
            #expect(again.record == first.record)
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `and the guard of a push without an id of M-Pesa's end ten minutes after sending`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("closed") }
            let first = await house.collect()
            house.clock.advance(.seconds(599))
            let during = await house.collect()
            let other = await house.call("fake_collect", ["phone": "254711000001", "amount": 100], key: "new")
            house.clock.advance(.seconds(2))
            let after = await house.collect()

            #expect(during.isReplayed)
            #expect(other.code == .conflict && other.record == first.record)
            #expect(!after.isReplayed && after.record != first.record)
            // A callback still counts, and names what was paid meanwhile.
            let (one, two) = (try #require(first.record), try #require(after.record))
            try await house.callback(two, says: ["verdict": "succeeded", "receipt": "R2", "amount": 100])
            try await house.callback(one, says: paid)
            #expect(try await house.record(one).state == .succeeded)
            #expect(try await house.record(one).disputes == [Dispute(.possibleDouble, other: two)])
            #expect(try await house.record(two).disputes == [Dispute(.possibleDouble, other: one)])
        }
    }

    @Test func `and the guard of what M-Pesa was too busy to look at let the next one through at once`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed", "code": "500.003.02", "whose_move": "safaricom"])
            let first = await house.collect()
            house.upstream.accept()
            house.clock.advance(.seconds(61))
            let second = await house.collect()

            #expect(first.code == .upstreamUnavailable)
            #expect(second.shown["status"] == "PENDING")
        }
    }

    @Test func `that nobody gave is the same payment when that succeeds late, though claims are forgotten`()
        async throws
    {
        try await House.with { (house) async throws in
            let first = await house.collect()
            let record = try #require(first.record)
            try await house.callback(record, says: ["verdict": "expired", "code": "1037"])
            house.clock.advance(.seconds(200))
            await house.gateway.claimSweeper.walk()
            try await house.callback(record, says: paid)
            house.clock.advance(.seconds(10))

            let again = await house.collect()

            #expect(again.isReplayed && again.record == record)
            #expect(house.upstream.count("collect") == 1)
        }
    }

    @Test(arguments: [nil, "k"], [700, 90_000])
    func `of a payout is the same one when that succeeds late, though claims are forgotten`(key: String?, after: Int)
        async throws
    {
        try await House.with { (house) async throws in
            let record = try #require(await house.pay(key: key).record)
            try await house.callback(record, says: ["verdict": "failed", "code": "2001"])
            house.clock.advance(.seconds(after))
            await house.gateway.claimSweeper.walk()
            try await house.callback(record, says: paid)
            house.clock.advance(.seconds(10))

            let again = await house.pay(key: key)

            #expect(again.isReplayed && again.record == record)
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `of what a person looks at lets the next through, and both are named when it succeeds`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.pay(key: "k").record)
            house.clock.advance(.seconds(40 * 86_400))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(first).state == .manual)
            let second = try #require(await house.pay(key: "l").record)

            try await house.callback(first, says: paid)

            #expect(try await house.record(first).disputes == [Dispute(.possibleDouble, other: second)])
            #expect(try await house.record(second).disputes == [Dispute(.possibleDouble, other: first)])
        }
    }
}
