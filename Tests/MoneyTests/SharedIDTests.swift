import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// An id of M-Pesa's stands for one request: what names another record's may be the answer to another payment.
struct `An id that M-Pesa names to two records` {
    private func taken(_ id: String) -> JSON { ["verdict": "accepted", "external_ids": ["fake_id": .string(id)]] }

    @Test func `stays the first one's, raises both while they are open, and proves nothing`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: taken("M1"))
            let first = try #require(await house.collect(phone: "254711000001").record)
            let reply = await house.collect(phone: "254711000002")
            let second = try #require(reply.record)

            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.externalIDs == ["fake_id": "M1"] && one.state == .accepted)
            #expect(one.disputes == [Dispute(.sharedID, stated: "M1", other: second)])
            #expect(two.externalIDs.isEmpty && two.state == .unknown && two.nextActionAt != nil)
            #expect(two.disputes == [Dispute(.sharedID, stated: "M1", other: first)])
            #expect(two.advice == "check_first")

            house.upstream.answer(with: ["verdict": "succeeded", "code": "0", "charge_again": "no"])
            house.clock.advance(.seconds(600))
            await house.gateway.sweeper.sweep()
            let (asked, unasked) = (try await house.record(first), try await house.record(second))
            #expect(!asked.state.isEnded && !unasked.state.isEnded)
        }
    }

    @Test func `ends what its own callback says was paid, with a receipt`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: taken("M1"))
            let first = try #require(await house.collect(phone: "254711000001").record)
            let second = try #require(await house.collect(phone: "254711000002").record)
            for (record, receipt) in [(second, "R2"), (first, "R1")] {
                try await house.callback(
                    record,
                    says: [
                        "verdict": "succeeded", "amount": 100, "receipt": .string(receipt),
                        "external_ids": ["fake_id": "M1"],
                    ]
                )
            }

            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.state == .succeeded && one.receipt == "R1")
            #expect(two.state == .succeeded && two.receipt == "R2" && two.externalIDs.isEmpty)
            #expect(one.isDisputed && two.isDisputed)
        }
    }

    @Test(arguments: ["failed", "rejected"])
    func `is no failure of the second one's`(verdict: String) async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: taken("M1"))
            let first = try #require(await house.collect(phone: "254711000001").record)
            house.upstream.answer(with: ["verdict": .string(verdict), "code": "1", "external_ids": ["fake_id": "M1"]])
            let second = try #require(await house.collect(phone: "254711000002").record)

            let two = try await house.record(second)
            #expect(two.state == .unknown && two.code == "1" && two.advice == "check_first")
            #expect(two.disputes == [Dispute(.sharedID, stated: "M1", other: first)])
        }
    }

    @Test func `is told together with what may be the same payment`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let first = try #require(await house.collect().record)
            house.clock.advance(.seconds(601))
            house.upstream.answer(with: taken("M1"))
            let second = try #require(await house.collect().record)
            let said: JSON = [
                "verdict": "succeeded", "amount": 100, "receipt": "R1", "external_ids": ["fake_id": "M1"],
            ]
            try await house.callback(first, says: said)

            let (one, two) = (try await house.record(first), try await house.record(second))
            #expect(one.state == .succeeded && one.receipt == "R1" && two.state == .accepted)
            #expect(Set(one.disputes.map(\.kind)) == [.sharedID, .possibleDouble])
            #expect(Set(two.disputes.map(\.kind)) == [.sharedID, .possibleDouble])
        }
    }

    @Test func `does not stand against what names the second one's own id`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: taken("M1"))
            let first = try #require(await house.pay(phone: "254711000001").record)
            let second = try #require(await house.pay(phone: "254711000002").record)
            try await house.callback(
                second,
                says: [
                    "verdict": "succeeded", "amount": 100, "receipt": "R2",
                    "external_ids": ["fake_id": "M1", "own": .string(second.description)],
                ]
            )

            let two = try await house.record(second)
            #expect(two.state == .succeeded && two.externalIDs == ["own": second.description])
            #expect(try await house.record(first).externalIDs == ["fake_id": "M1"])
        }
    }
}
