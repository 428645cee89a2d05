import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// What a person says of a payment that is disputed: of what they saw, and undone where it was wrong.
struct `A person's word on what is disputed` {
    private let paid: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
    private let unproven: JSON = ["verdict": "succeeded", "code": "0"]
    private let failed: JSON = ["verdict": "failed", "code": "1"]

    private func version(of id: RecordID, in house: House) async throws -> JSON {
        try await .integer(Int64(house.record(id).version))
    }

    private func refund(of id: RecordID, _ amount: Int64 = 100, in house: House) async throws -> RecordID {
        let arguments: JSON = ["original": .string("\(id)"), "amount": .integer(amount)]
        return try #require(
            await house.call("fake_refund", arguments, key: house.clock.entropy.identifier().description).record
        )
    }

    @Test func `is of the version that was looked at, and nothing that came since is passed by`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay().record)
            house.clock.advance(Resolutions.failedAfter)
            let seen = try await version(of: id, in: house)
            try await house.callback(id, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
            #expect(try await house.record(id).disputes.map(\.kind) == [.noReceipt])

            let late = try await house.say("failed", of: id, ["version": seen])
            #expect(late.code == .staleVersion && late.error?.message.contains("without a receipt") == true)
            let unsaid = try await house.say("failed", of: id, ["version": .null])
            #expect(unsaid.code == .invalidArgument && unsaid.error?.errors.first?.pointer == "/version")
            #expect(try await house.record(id).resolution == nil)

            #expect(try await house.say("failed", of: id).code == nil)
            // Once more, as who has not heard the answer says it.
            #expect(try await house.say("failed", of: id, ["version": seen]).code == nil)
            #expect(try await house.record(id).state == .failed)
        }
    }

    @Test func `needs no version where nothing is disputed, and holds to the one that it names`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay().record)
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: id, ["version": 0]).code == .staleVersion)
            #expect(try await house.say("failed", of: id, ["version": .null]).code == nil)
        }
    }

    @Test func `of a failure lets the receiver be paid at once`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay(key: "first").record)
            try await house.callback(id, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
            house.clock.advance(Resolutions.failedAfter)
            house.upstream.answer(with: House.accepted)
            #expect(await house.pay(key: "again").code != nil)
            #expect(try await house.say("failed", of: id).data["charge_again"] == "yes")
            #expect(await house.pay(key: "again").code == nil)
        }
    }

    @Test func `names no receipt of another payment, where M-Pesa has named none`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let first = try #require(await house.collect().record)
            house.clock.advance(.seconds(601))
            house.upstream.answer(with: House.accepted)
            let second = try #require(await house.collect().record)
            try await house.callback(second, says: ["verdict": "succeeded", "receipt": "R2", "amount": 100])
            try await house.callback(first, says: unproven)
            let unnamed = try await house.record(first)
            #expect(unnamed.state == .succeeded && unnamed.receipt == nil)
            #expect(unnamed.disputes == [Dispute(.possibleDouble, other: second)])

            let others = try await house.say("succeeded", of: first, ["receipt": "R2", "amount": 100])
            #expect(others.code == .conflict && others.error?.record == second)
            #expect(try await house.record(first).isDisputed)
            #expect(try await house.say("succeeded", of: first, ["receipt": "R3", "amount": 100]).code == nil)
            let named = try await house.record(first)
            #expect(named.receipt == "R3" && named.hasUnconfirmedReceipt)
            // It gives way to M-Pesa's own.
            try await house.callback(first, says: paid)
            let record = try await house.record(first)
            #expect(record.receipt == "R1" && !record.isDisputed && !record.hasUnconfirmedReceipt)
        }
    }

    @Test(arguments: [true, false])
    func `names a receipt that gives way to M-Pesa's, also where that comes without an amount`(isProven: Bool)
        async throws
    {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: unproven)
            try await house.callback(id, says: failed)
            #expect(try await house.say("succeeded", of: id, ["receipt": "R3", "amount": 100]).code == nil)
            try await house.callback(
                id,
                says: isProven ? paid : ["verdict": "succeeded", "receipt": "R1", "code": "0"]
            )
            let record = try await house.record(id)
            #expect(record.receipt == "R1" && !record.hasUnconfirmedReceipt)
        }
    }

    @Test func `corrects a receipt that a person alone had named, of what has gone back since`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.collect().record)
            #expect(try await house.say("succeeded", of: id, ["receipt": "R9", "amount": 100]).code == nil)
            house.upstream.answer(with: House.accepted)
            let reversal = try await refund(of: id, in: house)
            try await house.callback(reversal, says: ["verdict": "succeeded", "receipt": "U1", "amount": 100])
            try await house.callback(id, says: failed)
            let back = try await house.record(id)
            #expect(back.state == .reversed && back.isDisputed)

            #expect(try await house.say("succeeded", of: id, ["receipt": "R1", "amount": 100]).code == nil)
            let record = try await house.record(id)
            #expect(record.state == .reversed && record.receipt == "R1" && record.hasUnconfirmedReceipt)
            // The other one is free for whose it is.
            house.clock.advance(.seconds(601))
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F2"]])
            let other = try #require(await house.collect().record)
            try await house.callback(other, says: ["verdict": "succeeded", "receipt": "R9", "amount": 100])
            let owner = try await house.record(other)
            #expect(owner.receipt == "R9" && owner.state == .succeeded && !owner.isDisputed)
        }
    }

    @Test(arguments: [false, true])
    func `is that it failed also where a reversal moved nothing, and not while one may have`(isOver: Bool) async throws
    {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            try await house.callback(id, says: failed)
            let back = try await refund(of: id, in: house)
            if isOver { try await house.callback(back, says: failed) }
            house.clock.advance(Resolutions.failedAfter)

            let reply = try await house.say("failed", of: id)
            #expect(reply.code == (isOver ? nil : .conflict), "\(reply.error?.message ?? "")")
            #expect(try await house.record(id).state == (isOver ? .failed : .succeeded))
            guard isOver else { return }
            // Whatever M-Pesa says of that reversal later is kept with it.
            try await house.callback(back, says: ["verdict": "succeeded", "receipt": "U1", "amount": 100])
            let record = try await house.record(id)
            #expect(record.isDisputed && record.reversedAmount == 100)
            house.clock.advance(.seconds(86_400))
            // And that it was paid after all says nothing against its having gone back.
            #expect(try await house.say("succeeded", of: id, ["receipt": "R1", "amount": 100]).code == nil)
            let after = try await house.record(id)
            #expect(after.state == .reversed && after.receipt == "R1" && !after.isDisputed)
            #expect(after.countedAt == house.clock.now, "not when it was called failed")
        }
    }

    @Test(arguments: [Int64(40), 100])
    func `takes back a reversal that M-Pesa has called both, and the payment stands again`(amount: Int64) async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            let counted = try await house.record(id).countedAt
            house.clock.advance(.seconds(86_400))
            let back = try await refund(of: id, amount, in: house)
            let done: JSON = ["verdict": "succeeded", "receipt": "U1", "amount": .integer(amount)]
            let seen: JSONObject = ["receipt": "U1", "amount": .integer(amount)]
            try await house.callback(back, says: done)
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: back).code == .conflict, "M-Pesa says nothing against it")
            try await house.callback(back, says: failed)

            #expect(try await house.say("failed", of: back).code == nil)
            let (record, reversal) = (try await house.record(id), try await house.record(back))
            #expect(reversal.state == .failed && reversal.receipt == nil && !reversal.isDisputed)
            #expect(record.state == .succeeded && record.reversedAmount == 0 && record.countedAt == counted)

            // Whoever sees that this was wrong says so, also where M-Pesa has said once more what it did.
            try await house.callback(back, says: failed)
            #expect(try await house.say("succeeded", of: back, seen).code == nil)
            #expect(try await house.record(id).reversedAmount == amount)
            #expect(try await house.record(id).countedAt == counted)
            #expect(try await house.say("failed", of: back).code == nil)
            #expect(try await house.record(id).reversedAmount == 0)

            // A further one is begun by whoever names it, since M-Pesa has not said so alone.
            let again: JSONObject = ["original": .string("\(id)"), "amount": .integer(100)]
            #expect(await house.call("fake_refund", .object(again), key: "plain").code == .invalidArgument)
            var named = again
            named["unmoved"] = [.string("\(back)")]
            let other = try #require(await house.call("fake_refund", .object(named), key: "named").record)
            try await house.callback(other, says: ["verdict": "succeeded", "receipt": "U2", "amount": 100])
            #expect(try await house.record(id).state == .reversed)
            // And where M-Pesa proves the first all the same, both are seen to be too much.
            try await house.callback(back, says: done)
            let after = try await house.record(id)
            #expect(after.reversedAmount == 100 + amount && after.disputes.map(\.kind) == [.reversedTooMuch])
        }
    }

    @Test func `takes back a reversal that keeps its sum again, whatever was said of it before`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            let first = try await refund(of: id, 60, in: house)
            house.clock.advance(.seconds(40 * 86_400))
            await house.gateway.sweeper.sweep()
            let named: JSON = ["original": .string("\(id)"), "amount": 40, "unmoved": [.string("\(first)")]]
            _ = try #require(await house.call("fake_refund", named, key: "second").record)
            try await house.callback(first, says: ["verdict": "succeeded", "receipt": "U1", "amount": 60])
            try await house.callback(first, says: failed)
            #expect(try await house.say("failed", of: first).code == nil)
            let mark = try #require(try await house.record(id).reversals.first)
            #expect(mark.id == first && !mark.isDone && !mark.isCalledUnmoved)
        }
    }

    @Test func `takes back a reversal that another person's word alone had called done`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let back = try await refund(of: id, in: house)
            #expect(try await house.say("succeeded", of: back, ["receipt": "U1", "amount": 100]).code == nil)
            #expect(try await house.record(id).state == .reversed)
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: back).code == nil)
            let record = try await house.record(id)
            #expect(record.state == .succeeded && record.reversedAmount == 0)
        }
    }

    @Test func `stands as M-Pesa's once M-Pesa has said the same, and is undone and done again by it`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let back = try await refund(of: id, in: house)
            let seen: JSONObject = ["receipt": "U1", "amount": 100]
            #expect(try await house.say("succeeded", of: back, seen).code == nil)
            try await house.callback(back, says: ["verdict": "succeeded", "receipt": "U1", "amount": 100])
            try await house.callback(back, says: failed)
            #expect(try await house.record(back).disputes.map(\.kind) == [.contradiction])
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: back).code == nil)
            try await house.callback(back, says: failed)
            #expect(try await house.say("succeeded", of: back, seen).code == nil)
            #expect(try await house.record(id).state == .reversed)
        }
    }

    @Test func `is confirmed by M-Pesa's, so that what failed counts for nothing any more`() async throws {
        for wasPaid in [false, true] {
            try await House.with { (house) async throws in
                house.upstream.answer { _ in .unknown("the connection was cut") }
                let id = try #require(await house.pay().record)
                if wasPaid {
                    try await house.callback(id, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
                }
                house.clock.advance(Resolutions.failedAfter)
                #expect(try await house.say("failed", of: id).code == nil)
                #expect(try await !house.record(id).hasMovedNothing)
                try await house.callback(id, says: failed)
                #expect(try await house.record(id).hasMovedNothing == !wasPaid)
            }
        }
    }
}
