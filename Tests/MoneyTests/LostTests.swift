import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What M-Pesa said` {
    @Test func `and a plugin could not read is read by the version that can`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .answered(status: 200, body: FakePlugin.crash) }
            let reply = await house.collect()
            #expect(try await house.record(reply).state == .unknown)
            for _ in 0..<6 {
                house.clock.advance(.seconds(10))
                await house.money.inbox.takeUpUnsettled()
            }
            #expect(try await house.store.quarantined(limit: 10).count == 1)
            await house.money.inbox.takeUpUnsettled()
            #expect(try await house.store.quarantined(limit: 10).count == 1)

            try house.registry.publish(FakePlugin.make(generation: 2, digest: "d2", crashes: false))
            await house.money.inbox.takeUpUnsettled()

            #expect(try await house.store.quarantined(limit: 10).isEmpty)
            #expect(try await house.store.unsettled(before: house.clock.now, limit: 10).isEmpty)
        }
    }

    @Test func `in a callback that was quarantined counts once a mended version serves`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let body: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]
            // It fails on everything, as one does that was built wrongly.
            try house.registry.publish(FakePlugin.make(digest: "broken", fails: true))
            try await house.callback(record, says: body)
            for _ in 0..<6 {
                house.clock.advance(.seconds(10))
                await house.money.inbox.takeUpUnsettled()
            }
            #expect(try await house.store.quarantined(limit: 10).count == 1)

            try house.registry.publish(FakePlugin.make(digest: "mended"))
            await house.money.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `is in the journal while the store is away, and applied when it is back`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let answer = ReceivedCallback(
                id: CallbackID(house.clock.entropy.identifier()),
                organization: house.organization,
                environment: .test,
                record: record,
                name: ReceivedCallback.answerName,
                receivedAt: house.clock.now,
                body: JSON.object(["verdict": "accepted", "external_ids": ["second_id": "S1"]]).bytes,
                address: nil,
                attempts: 1,
                status: 200
            )
            #expect(await house.journal.keep(answer))
            #expect(await house.journal.entries() == [answer])

            house.clock.advance(.seconds(10))
            await house.money.inbox.takeUpUnsettled()

            #expect(await house.journal.entries().isEmpty)
            #expect(try await house.record(record).externalIDs == ["fake_id": "F1", "second_id": "S1"])
        }
    }
}
