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
                await house.gateway.inbox.takeUpUnsettled()
            }
            #expect(try await house.store.quarantined(limit: 10).count == 1)
            await house.gateway.inbox.takeUpUnsettled()
            #expect(try await house.store.quarantined(limit: 10).count == 1)

            try house.registry.publish(FakePlugin.make(generation: 2, digest: "d2", crashes: false))
            await house.gateway.inbox.takeUpUnsettled()

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
                await house.gateway.inbox.takeUpUnsettled()
            }
            #expect(try await house.store.quarantined(limit: 10).count == 1)

            try house.registry.publish(FakePlugin.make(digest: "mended"))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `is in the journal while the store is away, and applied when it is back`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let answer = house.answer(
                to: record,
                says: ["verdict": "accepted", "external_ids": ["second_id": "S1"]]
            )
            #expect(await house.journal.keep(answer))
            #expect(await house.journal.entries() == [answer])

            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(await house.journal.entries().isEmpty)
            #expect(try await house.record(record).externalIDs == ["fake_id": "F1", "second_id": "S1"])
        }
    }

    @Test(arguments: ["rejected", "not_processed"])
    func `that it did not take a request counts however late it is read`(verdict: String) async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            let record = try #require(await house.pay().record)
            house.clock.advance(.seconds(61))
            house.upstream.answer(with: House.pending)
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(record).state == .reconciling)

            let answer = house.answer(to: record, says: ["verdict": .string(verdict), "code": "4"])
            #expect(await house.journal.keep(answer))
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            let found = try await house.record(record)
            #expect(found.state == .rejected && found.code == "4")
        }
    }

    @Test(arguments: ["rejected", "not_processed"])
    func `of one sending ends no later one`(verdict: String) async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let record = try #require(await house.collect().record)
            house.upstream.answer { _ in .unknown("cut") }
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(record).attempts == 2)

            let answer = house.answer(to: record, says: ["verdict": .string(verdict), "code": "4"])
            #expect(await house.journal.keep(answer))
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .unknown)
            #expect(try await house.store.unsettled(before: house.clock.now, limit: 10).isEmpty)
        }
    }

    @Test func `of a request that it has taken is a contradiction when it refuses it as well`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.pay().record)
            let answer = house.answer(to: record, says: ["verdict": "rejected", "code": "4"])
            #expect(await house.journal.keep(answer))
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            let found = try await house.record(record)
            #expect(found.state == .accepted && found.isDisputed)
        }
    }

    @Test func `when it was asked is read by the version that can`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            house.upstream.answer { _ in .answered(status: 200, body: FakePlugin.crash) }
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            #expect(house.upstream.count("collect_query") == 1)

            let kept = try await house.store.unsettled(before: house.clock.now + .seconds(1), limit: 10)
            #expect(kept.map(\.body) == [FakePlugin.crash])
            #expect(try await house.record(record).state == .accepted)
            try house.registry.publish(FakePlugin.make(generation: 2, digest: "d2", crashes: false))
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.store.unsettled(before: house.clock.now, limit: 10).isEmpty)
        }
    }

    @Test func `too early to be believed is not believed later`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.pay().record)
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            let question = try await house.newest("pay_query")
            let said: JSON = ["verdict": "failed", "code": "1", "charge_again": "yes"]
            try await house.gateway.inbox.receive(house.place(of: question.id), body: said.bytes, address: nil)

            house.clock.advance(.seconds(200))
            await house.gateway.inbox.takeUpUnsettled()

            let found = try await house.record(record)
            #expect(!found.state.isEnded && found.advice == "wait")
        }
    }

    @Test func `is kept where others moved the record on before it could be read`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { request in
                let url = (try? JSON(parsing: request.body.reveal()))?["url"]?.stringValue ?? ""
                let parts = url.split(separator: "/").suffix(2).map { $0 }
                if parts.count == 2, let target = house.addresses.target(organization: parts[0], token: parts[1]) {
                    let said: JSON = ["verdict": "unknown", "meaning": "The queue timed out."]
                    try? await house.callback(target.record, says: said)
                }
                return .answered(status: 200, body: FakePlugin.crash)
            }

            let record = try #require(await house.collect().record)

            #expect(try await house.record(record).state == .unknown)
            #expect(await house.journal.entries().map(\.body) == [FakePlugin.crash])
        }
    }

    @Test func `is not counted against its bytes while nobody could look at them`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            try house.registry.publish(FakePlugin.make(isAway: true))
            try await house.callback(record, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            for _ in 0..<8 {
                house.clock.advance(.seconds(10))
                await house.gateway.inbox.takeUpUnsettled()
            }
            #expect(try await house.store.quarantined(limit: 10).isEmpty)

            try house.registry.publish(FakePlugin.make())
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `to one plugin's requests does not wait for another's, which is not there`() async throws {
        try await House.with { (house) async throws in
            try house.registry.publish(FakePlugin.make(id: "gone"))
            let gone = try #require(
                await house.call("fake_gone_collect", ["phone": "254711000009", "amount": 100]).record
            )
            let record = try #require(await house.collect().record)
            house.registry.withdraw("gone")
            for _ in 0..<1_001 {
                try await house.store.receive(house.answer(to: gone, says: ["verdict": "pending"]))
            }
            let said: JSON = ["verdict": "accepted", "external_ids": ["second_id": "S1"]]
            house.clock.advance(.seconds(1))
            #expect(await house.journal.keep(house.answer(to: record, says: said)))

            for _ in 0..<3 {
                house.clock.advance(.seconds(10))
                await house.gateway.inbox.takeUpUnsettled()
            }

            #expect(try await house.record(record).externalIDs["second_id"] == "S1")
        }
    }

    @Test func `that it paid, without a receipt, of a payout that has failed is shown`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.pay().record)
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            let question = try await house.newest("pay_query")
            try await house.callback(record, says: ["verdict": "failed", "code": "1", "charge_again": "yes"])

            try await house.callback(question.id, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])

            let found = try await house.record(record)
            #expect(found.state == .failed && found.advice == "check_first")
            #expect(found.disputes.map(\.kind) == [.noReceipt])
        }
    }
}

extension House {
    static let pending: JSON = ["verdict": "accepted"]

    /// What M-Pesa answered to the first sending of a record, as the journal keeps it.
    fileprivate func answer(to record: RecordID, says document: JSON) -> ReceivedCallback {
        ReceivedCallback(
            id: CallbackID(clock.entropy.identifier()),
            organization: organization,
            environment: key.environment,
            record: record,
            name: ReceivedCallback.answerName(toSending: 1),
            receivedAt: clock.now,
            body: document.bytes,
            address: nil,
            attempts: 1,
            status: 200
        )
    }
}
