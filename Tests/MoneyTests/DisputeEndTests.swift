import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Whatever contradicts how a payment ended is over once somebody has looked it up, or once its double never left.
struct `The end of a dispute` {
    private func say(
        _ outcome: String,
        of id: RecordID,
        _ more: JSONObject = [:],
        in house: House
    ) async throws -> ActionReply {
        let ann = try await house.addPerson("ann\(house.clock.entropy.identifier())", role: .manager)
        var arguments: JSONObject = [
            "id": .string("\(id)"), "outcome": .string(outcome), "evidence": "statement of 26 November, line 4",
        ]
        for (name, value) in more { arguments[name] = value }
        return await house.ask("transactions.resolve", .object(arguments), as: ann.token)
    }

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
            let reply = try await say("succeeded", of: first, ["receipt": "R1", "amount": 100], in: house)

            #expect(reply.code == nil && reply.data["disputed"] == nil && reply.data["status"] == "SUCCESS")
            let record = try await house.record(first)
            #expect(!record.isDisputed && record.closedDisputes == [Dispute(.possibleDouble, other: second)])
            #expect(record.resolution?.isConfirmed == true && record.advice == "no")
            let told = try await told(in: house).filter { $0.kind == .undisputed }
            #expect(told.count == 1 && told.first?.subject == "\(first)")
            #expect(try await house.record(second).isDisputed)

            // What was looked up is not asked about once more.
            try await house.callback(first, says: paid)
            #expect(try await !house.record(first).isDisputed)
        }
    }

    @Test func `takes M-Pesa's own receipt and amount, or those it named beside them, and no others`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R7", "amount": 90])
            #expect(try await Set(house.record(id).disputes.map(\.kind)) == [.receipt, .amount])

            let others: [JSONObject] = [
                ["receipt": "R3", "amount": 100], ["receipt": "R1", "amount": 80], ["receipt": "R1"],
            ]
            for wrong in others {
                #expect(try await say("succeeded", of: id, wrong, in: house).code == .invalidArgument, "\(wrong)")
            }
            #expect(try await say("succeeded", of: id, ["receipt": "R7", "amount": 90], in: house).code == nil)
            let record = try await house.record(id)
            #expect(record.receipt == "R7" && !record.isDisputed && record.intent.amount == Shillings(100))
        }
    }

    @Test func `is a failure that M-Pesa called paid, as the statement shows either`() async throws {
        for outcome in ["failed", "succeeded"] {
            try await House.with { (house) async throws in
                let id = try #require(await house.pay().record)
                try await house.callback(id, says: ["verdict": "failed", "code": "1", "charge_again": "yes"])
                try await house.callback(id, says: ["verdict": "succeeded", "code": "0"])
                #expect(try await say("failed", of: id, in: house).code == .conflict)
                house.clock.advance(Resolutions.failedAfter)

                let seen: JSONObject = outcome == "failed" ? [:] : ["receipt": "R1", "amount": 100]
                #expect(try await say(outcome, of: id, seen, in: house).code == nil)
                let record = try await house.record(id)
                #expect(!record.isDisputed && record.advice == (outcome == "failed" ? "yes" : "no"))
                #expect(record.state == (outcome == "failed" ? .failed : .succeeded))
                let late = try await told(in: house).contains { $0.kind == .lateSuccess }
                #expect(late == (outcome == "succeeded"))
            }
        }
    }

    @Test func `takes a success of M-Pesa's back only where M-Pesa has called it failed too`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid)
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await say("failed", of: id, in: house).code == .conflict)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 90])
            #expect(try await say("failed", of: id, in: house).error?.message.contains("does not undo that") == true)
            #expect(try await house.record(id).state == .succeeded)

            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            #expect(try await say("failed", of: id, in: house).code == nil)
            let record = try await house.record(id)
            #expect(record.state == .failed && record.receipt == nil && !record.isDisputed)
            // What M-Pesa proves afterwards counts all the same.
            try await house.callback(id, says: paid)
            let after = try await house.record(id)
            #expect(after.state == .succeeded && after.receipt == "R1" && after.disputes.map(\.kind) == [.resolution])
        }
    }

    @Test func `is said of nothing that has ended and is not disputed, and of no question`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            house.clock.advance(Resolutions.failedAfter)
            #expect(try await say("failed", of: id, in: house).code == .conflict)
            #expect(try await house.record(id).resolution == nil)
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
