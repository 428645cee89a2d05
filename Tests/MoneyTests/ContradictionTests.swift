import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A contradiction` {
    private func paid(_ receipt: String = "R1", amount: Int64 = 100) -> JSON {
        ["verdict": "succeeded", "receipt": .string(receipt), "amount": .integer(amount), "code": "0"]
    }

    @Test func `of a failure by a success with a receipt is a late success`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            try await house.callback(record, says: ["verdict": "expired", "code": "1037", "charge_again": "yes"])
            #expect(try await house.record(record).state == .expired)

            try await house.callback(record, says: paid())

            let found = try await house.record(record)
            #expect(found.state == .succeeded && found.receipt == "R1")
        }
    }

    @Test func `that comes after the customer was asked again names both as a possible double`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "expired", "code": "1037"])
            house.clock.advance(.seconds(61))
            let second = try #require(await house.collect().record)
            try await house.callback(second, says: paid("R2"))

            try await house.callback(first, says: paid("R1"))

            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.state == .succeeded && two.state == .succeeded)
            #expect(one.disputes == [Dispute(.possibleDouble, other: second)])
            #expect(two.disputes == [Dispute(.possibleDouble, other: first)])
            let shown = await house.call("fake_collect_status", ["id": .string(first.description)]).shown
            #expect(shown["disputed"] == true && shown["charge_again"] == "no")
            #expect(shown["disputes"]?[0]?["text"]?.stringValue?.contains(second.description) == true)
        }
    }

    @Test func `of the amount is shown also where it is not whole shillings`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)

            try await house.callback(record, says: ["verdict": "unknown", "code": "0", "amount_text": "100.50"])

            let found = try await house.record(record)
            #expect(!found.state.isEnded && found.disputes == [Dispute(.amount, stated: "100.50", expected: "100")])
        }
    }

    @Test func `without a receipt keeps the customer from being asked for ten minutes`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "failed", "code": "1"])
            house.clock.advance(.seconds(3600))
            try await house.callback(first, says: ["verdict": "succeeded", "code": "0"])

            let refused = await house.collect(key: "k")
            let another = await house.collect(amount: 101)
            house.clock.advance(.seconds(601))

            #expect(try await house.record(first).state == .failed)
            #expect(refused.code == .conflict && refused.record == first)
            #expect(another.shown["status"] == "PENDING")
            #expect(await house.collect(key: "k").shown["status"] == "PENDING")
        }
    }

    @Test func `without a receipt keeps a payout from being made again for ten minutes, and nothing else`()
        async throws
    {
        try await House.with { (house) async throws in
            let first = try #require(await house.pay().record)
            try await house.callback(first, says: ["verdict": "failed", "code": "2001"])
            house.clock.advance(.seconds(3600))
            try await house.callback(first, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])

            let refused = await house.pay(key: "k")
            #expect(refused.code == .conflict && refused.record == first)
            #expect(await house.pay(amount: 101).code == nil)
            #expect(await house.collect().code == nil)
            house.clock.advance(.seconds(601))
            #expect(await house.pay(key: "k").code == nil)
            #expect(house.upstream.count("pay") == 3)
        }
    }

    @Test func `by a failure of what was called paid without a receipt never says that it may be asked again`()
        async throws
    {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            try await house.callback(record, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
            house.upstream.answer(with: ["verdict": "expired", "code": "1037", "charge_again": "yes"])
            house.clock.advance(.seconds(1200))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(record).advice == "check_first")

            try await house.callback(record, says: ["verdict": "expired", "code": "1037", "charge_again": "yes"])
            let refused = await house.collect(key: "k")

            let found = try await house.record(record)
            #expect(found.state.isEnded && found.advice == "check_first")
            #expect(refused.code == .conflict && refused.record == record)
        }
    }

    @Test func `by a receipt that is another's ends nothing in live use, and the record is asked about on`()
        async throws
    {
        try await House.with(environment: .live) { (house) async throws in
            let first = try #require(await house.collect(phone: "254711000001").record)
            let second = try #require(await house.collect(phone: "254711000002").record)
            try await house.callback(first, says: paid())
            try await house.callback(second, says: paid())

            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.state == .succeeded && !one.isDisputed)
            #expect(two.state == .accepted && two.nextActionAt != nil)
            #expect(two.disputes == [Dispute(.repeatedReceipt, stated: "R1", other: first)])
            #expect(two.advice == "check_first")

            try await expectOpen(second, whateverIsAnsweredIn: house)
        }
    }

    @Test(arguments: ["1.50", "100.50"])
    func `of the amount is not settled by an answer that names no receipt`(amount: String) async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            try await house.callback(record, says: ["verdict": "unknown", "code": "0", "amount_text": .string(amount)])

            try await expectOpen(record, whateverIsAnsweredIn: house)
        }
    }

    /// Asks about a record, hears success and failure without a receipt, until a person is called; a receipt ends it.
    private func expectOpen(_ record: RecordID, whateverIsAnsweredIn house: House) async throws {
        let answers: [JSON] = [
            ["verdict": "succeeded", "code": "0", "charge_again": "no"],
            ["verdict": "expired", "code": "1037", "charge_again": "yes"],
        ]
        for (index, answer) in answers.enumerated() {
            house.upstream.answer(with: answer)
            house.clock.advance(.seconds(3601))
            await house.gateway.sweeper.sweep()

            let found = try await house.record(record)
            #expect(house.upstream.count("collect_query") == index + 1 && found.answers == index + 1)
            #expect(!found.state.isEnded && found.advice == "check_first" && found.nextActionAt != nil)
        }
        for _ in 0..<24 {
            house.clock.advance(.seconds(3601))
            await house.gateway.sweeper.sweep()
        }
        #expect(try await house.record(record).state == .manual)

        house.upstream.answer(with: ["verdict": "succeeded", "receipt": "R9", "amount": 100, "code": "0"])
        house.clock.advance(.seconds(86_400))
        await house.gateway.sweeper.sweep()
        #expect(try await house.record(record).state == .succeeded)
    }

    @Test func `by a receipt that is another's is flagged where receipts repeat`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect(phone: "254711000001").record)
            let second = try #require(await house.collect(phone: "254711000002").record)
            for record in [first, second] { try await house.callback(record, says: paid()) }

            let two = try await house.record(second)
            #expect(two.state == .succeeded)
            #expect(two.disputes == [Dispute(.repeatedReceipt, stated: "R1", other: first)])
        }
    }

    @Test func `is none when payments in and out have one receipt, or one is told twice`() async throws {
        try await House.with(environment: .live) { (house) async throws in
            let incoming = try #require(await house.collect().record)
            let outgoing = try #require(await house.pay().record)
            for record in [incoming, outgoing, incoming] { try await house.callback(record, says: paid()) }

            for record in [incoming, outgoing] {
                let found = try await house.record(record)
                #expect(found.state == .succeeded && !found.isDisputed)
            }
        }
    }
}
