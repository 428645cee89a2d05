import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Whatever contradicts how a payment ended is over once somebody has looked it up, or once its double never left.
struct `The end of a dispute` {
    private func told(in house: House) async throws -> [FeedEvent] {
        try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 100).map(\.event)
    }

    private let paid: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]

    /// Two payments of one customer and amount, both of which M-Pesa has called paid.
    private func double(in house: House) async throws -> (RecordID, RecordID) {
        let first = try #require(await house.collect().record)
        try await house.callback(first, says: ["verdict": "expired", "code": "1037"])
        house.clock.advance(.seconds(61))
        let second = try #require(await house.collect().record)
        try await house.callback(second, says: ["verdict": "succeeded", "receipt": "R2", "amount": 100])
        try await house.callback(first, says: paid)
        return (first, second)
    }

    @Test func `is a person's word, with what was seen, told to whoever follows`() async throws {
        try await House.with { (house) async throws in
            let (first, second) = try await double(in: house)
            let reply = try await house.say("succeeded", of: first, ["receipt": "R1", "amount": 100])

            #expect(reply.code == nil && reply.data["disputed"] == nil && reply.data["status"] == "SUCCESS")
            let record = try await house.record(first)
            #expect(!record.isDisputed && record.closedDisputes == [Dispute(.possibleDouble, other: second)])
            #expect(record.resolution?.isConfirmed == true && record.advice == "no")
            let told = try await told(in: house).filter { $0.kind == .undisputed }
            #expect(told.count == 1 && told.first?.subject == "\(first)")
            #expect(try await house.record(second).isDisputed)

            // What was looked up holds while M-Pesa says the same.
            try await house.callback(first, says: paid)
            #expect(try await !house.record(first).isDisputed)
        }
    }

    @Test func `takes M-Pesa's own receipt, or one that it named beside it, and the amount that was asked for`()
        async throws
    {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R7", "amount": 90])
            #expect(try await Set(house.record(id).disputes.map(\.kind)) == [.receipt, .amount])

            let others: [JSONObject] = [
                ["receipt": "R3", "amount": 100], ["receipt": "R7", "amount": 90], ["receipt": "R1"],
            ]
            for wrong in others {
                #expect(try await house.say("succeeded", of: id, wrong).code == .invalidArgument, "\(wrong)")
            }
            #expect(try await house.say("succeeded", of: id, ["receipt": "R7", "amount": 100]).code == nil)
            let record = try await house.record(id)
            #expect(record.receipt == "R7" && !record.isDisputed)
        }
    }

    @Test func `leaves what M-Pesa says against it afterwards a dispute again`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            for _ in 0..<2 {
                #expect(try await house.say("succeeded", of: id, ["receipt": "R1", "amount": 100]).code == nil)
                #expect(try await !house.record(id).isDisputed)
                try await house.callback(id, says: ["verdict": "failed", "code": "1"])
                #expect(try await house.record(id).isDisputed)
            }
        }
    }

    @Test(arguments: [false, true])
    func `agrees with a failure, which proves what it did before unless M-Pesa ever called it paid`(wasPaid: Bool)
        async throws
    {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "expired", "code": "1037"])
            house.clock.advance(.seconds(61))
            let second = try #require(await house.collect().record)
            try await house.callback(second, says: ["verdict": "failed", "code": "1"])
            house.clock.advance(Resolutions.failedAfter)
            if wasPaid {
                try await house.callback(second, says: ["verdict": "succeeded", "code": "0"])
                #expect(try await house.say("failed", of: second).code == nil)
            }
            try await house.callback(first, says: paid)
            #expect(try await house.record(second).disputes == [Dispute(.possibleDouble, other: first)])
            // That another may be the same says nothing against M-Pesa's word of this one.
            let seen: JSONObject = ["receipt": "R2", "amount": 100]
            if !wasPaid { #expect(try await house.say("succeeded", of: second, seen).code == .conflict) }
            #expect(try await house.say("failed", of: second).code == nil)
            let record = try await house.record(second)
            #expect(record.hasMovedNothing == !wasPaid && record.state == .failed && !record.isDisputed)
        }
    }

    @Test func `is a failure that M-Pesa called paid, as the statement shows either`() async throws {
        for outcome in ["failed", "succeeded"] {
            try await House.with { (house) async throws in
                let id = try #require(await house.pay().record)
                try await house.callback(id, says: ["verdict": "failed", "code": "1", "charge_again": "yes"])
                try await house.callback(id, says: ["verdict": "succeeded", "code": "0"])
                #expect(try await house.say("failed", of: id).code == .conflict)
                house.clock.advance(Resolutions.failedAfter)

                let seen: JSONObject = outcome == "failed" ? [:] : ["receipt": "R1", "amount": 100]
                #expect(try await house.say(outcome, of: id, seen).code == nil)
                let record = try await house.record(id)
                #expect(!record.isDisputed && record.advice == (outcome == "failed" ? "yes" : "no"))
                #expect(record.state == (outcome == "failed" ? .failed : .succeeded))
                let late = try await told(in: house).contains { $0.kind == .lateSuccess }
                #expect(late == (outcome == "succeeded"))
            }
        }
    }

    @Test func `is said otherwise by whoever sees that the first was wrong`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.pay().record)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            try await house.callback(id, says: ["verdict": "succeeded", "code": "0"])
            house.clock.advance(Resolutions.failedAfter)
            let seen: JSONObject = ["receipt": "R1", "amount": 100]
            for (outcome, more, state): (String, JSONObject, RecordState) in [
                ("failed", [:], .failed), ("succeeded", seen, .succeeded), ("failed", [:], .failed),
            ] {
                #expect(try await house.say(outcome, of: id, more).code == nil, "\(outcome)")
                let record = try await house.record(id)
                #expect(record.state == state && !record.isDisputed)
                #expect(record.receipt == (state == .failed ? nil : "R1"))
            }
        }
    }

    @Test func `takes a success of M-Pesa's back only where M-Pesa has called it failed too`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: id).code == .conflict)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 90])
            #expect(try await house.say("failed", of: id).error?.message.contains("undoes that only") == true)
            #expect(try await house.record(id).state == .succeeded)

            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            #expect(try await house.say("failed", of: id).code == nil)
            let record = try await house.record(id)
            #expect(record.state == .failed && record.receipt == nil && !record.isDisputed)
            // What M-Pesa proves afterwards counts all the same.
            try await house.callback(id, says: paid)
            let after = try await house.record(id)
            #expect(after.state == .succeeded && after.receipt == "R1" && after.disputes.map(\.kind) == [.resolution])
            // And so does the statement, once more.
            #expect(try await house.say("failed", of: id).code == nil)
            #expect(try await house.record(id).state == .failed)
        }
    }

    @Test func `is said of nothing that has ended and is not disputed, and of no question`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await house.say("failed", of: id).code == .conflict)
            #expect(try await house.record(id).resolution == nil)
        }
    }

    @Test func `is not of what came while somebody looked`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay().record)
            house.clock.advance(Resolutions.failedAfter)
            let seen = try await house.record(id)
            try await house.callback(id, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
            #expect(try await house.record(id).disputes.map(\.kind) == [.noReceipt])

            let said = Resolution(
                outcome: .failed,
                receipt: nil,
                evidence: "statement, no line",
                by: "user:1",
                at: house.clock.entropy.now()
            )
            await #expect(throws: GatewayError.self) {
                try await house.gateway.resolutions.resolve(seen, as: said, amount: nil, seen: seen.version)
            }
            #expect(try await house.record(id).isDisputed)
            #expect(try await house.say("failed", of: id).code == nil)
        }
    }

    @Test func `is not in the way of a receipt that somebody had said to be its later twin's`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "expired", "code": "1037"])
            house.clock.advance(.seconds(61))
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let second = try #require(await house.collect().record)
            #expect(try await house.say("succeeded", of: second, ["receipt": "R1", "amount": 100]).code == nil)

            try await house.callback(first, says: paid)
            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.state == .succeeded && one.receipt == "R1")
            #expect(two.receipt == nil && Set(two.disputes.map(\.kind)) == [.repeatedReceipt, .possibleDouble])
        }
    }

    @Test func `comes by itself where one of two that might be the same never left`() async throws {
        try await House.with { (house) async throws in
            let held = try await house.held { await house.collect(key: "held") }
            house.clock.advance(.seconds(1))
            let failed = try #require(await house.collect(key: "first").record)
            try await house.callback(failed, says: ["verdict": "failed", "code": "1"])
            house.clock.advance(.seconds(61))
            try await house.callback(failed, says: paid)
            #expect(try await house.record(failed).disputes == [Dispute(.possibleDouble, other: held.id)])

            try await house.withdraw(try await house.record(held.id))
            for id in [held.id, failed] {
                let record = try await house.record(id)
                #expect(!record.isDisputed && record.closedDisputes.count == 1, "\(record.state)")
            }
            let told = try await told(in: house).filter { $0.kind == .undisputed }.map(\.subject)
            #expect(Set(told) == ["\(held.id)", "\(failed)"])
        }
    }
}
