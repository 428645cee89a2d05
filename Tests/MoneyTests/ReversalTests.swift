import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A reversal, before anything is sent,` {
    private func paid(in house: House, phone: String = "254711000001") async throws -> RecordID {
        let record = try #require(await house.collect(phone: phone).record)
        try await house.callback(
            record,
            says: ["verdict": "succeeded", "receipt": .string("R" + phone), "amount": 100, "code": "0"]
        )
        return record
    }

    private func undo(_ original: String, amount: Int64 = 100, in house: House) async -> ToolReply {
        await house.call("fake_undo", ["original": .string(original), "amount": .integer(amount)])
    }

    @Test func `is refused for more than is left`() async throws {
        try await House.with { (house) async throws in
            let original = try await paid(in: house)

            let reply = await undo(original.description, amount: 101, in: house)

            #expect(reply.code == .invalidArgument)
            #expect(house.upstream.count("undo") == 0)
        }
    }

    @Test func `is refused for what is unknown, of nobody's, or not a transaction`() async throws {
        try await House.with { (house) async throws in
            let asked = try #require(await house.call("fake_ask").record)
            for original in [RecordID(house.clock.entropy.identifier()), asked] {
                #expect(await undo(original.description, in: house).code == .notFound)
            }
            #expect(house.upstream.count("undo") == 0)
        }
    }

    @Test func `is refused for what has not succeeded`() async throws {
        try await House.with { (house) async throws in
            let original = try #require(await house.collect().record)

            #expect(await undo(original.description, in: house).code == .conflict)
            #expect(house.upstream.count("undo") == 0)
        }
    }

    @Test func `is refused beside another of the same, and free again once that has failed`() async throws {
        try await House.with { (house) async throws in
            let original = try await paid(in: house)
            let first = await undo(original.description, in: house)
            let second = await house.call(
                "fake_undo",
                ["original": .string(original.description), "amount": 100],
                key: "another"
            )
            try await house.callback(try #require(first.record), says: ["verdict": "failed", "code": "R1"])
            let third = await house.call(
                "fake_undo",
                ["original": .string(original.description), "amount": 100],
                key: "third"
            )

            #expect(first.shown["status"] == "PENDING")
            #expect(second.code == .conflict && second.record == first.record)
            #expect(third.shown["status"] == "PENDING")
            #expect(house.upstream.count("undo") == 2)
        }
    }

    @Test func `is refused once an earlier one has succeeded late, which reverses its original`() async throws {
        try await House.with { (house) async throws in
            let original = try await paid(in: house)
            let first = try #require(await undo(original.description, in: house).record)
            try await house.callback(first, says: ["verdict": "failed", "code": "R1"])
            try await house.callback(
                first,
                says: ["verdict": "succeeded", "receipt": "U1", "amount": 100, "code": "0"]
            )

            let again = await house.call(
                "fake_undo",
                ["original": .string(original.description), "amount": 100],
                key: "again"
            )

            #expect(try await house.record(first).state == .succeeded)
            #expect(try await house.record(original).state == .reversed)
            #expect(again.code == .conflict && house.upstream.count("undo") == 1)
        }
    }

    @Test func `and one begun since name each other when the earlier succeeds late`() async throws {
        try await House.with { (house) async throws in
            let original = try await paid(in: house)
            let another = try await paid(in: house, phone: "254711000002")
            let first = try #require(await undo(original.description, in: house).record)
            try await house.callback(first, says: ["verdict": "failed", "code": "R1"])
            let stranger = try #require(await undo(another.description, in: house).record)
            let second = await house.call(
                "fake_undo",
                ["original": .string(original.description), "amount": 100],
                key: "second"
            )
            let since = try #require(second.record)

            try await house.callback(
                first,
                says: ["verdict": "succeeded", "receipt": "U1", "amount": 100, "code": "0"]
            )

            #expect(try await house.record(original).state == .reversed)
            #expect(try await house.record(first).disputes == [Dispute(.possibleDouble, other: since)])
            #expect(try await house.record(since).disputes == [Dispute(.possibleDouble, other: first)])
            #expect(try await !house.record(stranger).isDisputed)
        }
    }

    @Test func `is refused for another plugin's transaction`() async throws {
        try await House.with { (house) async throws in
            let original = try await paid(in: house)
            try house.registry.publish(FakePlugin.make(id: "stranger"))

            let reply = await house.call(
                "fake_stranger_undo",
                ["original": .string(original.description), "amount": 100]
            )

            #expect(reply.code == .notFound)
            #expect(house.upstream.count("undo") == 0)
        }
    }
}
