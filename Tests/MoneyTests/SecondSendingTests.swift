import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// The same request goes out again only where nothing can come of it twice; what is known of one sending says nothing of
/// another.
struct `A second sending` {
    private static let unknownToThem: JSON = ["verdict": "not_found", "code": "2032"]

    /// A payout whose answer was lost, in an organization that wants what M-Pesa does not know sent again.
    private func lostPayout(in house: House) async throws -> RecordID {
        _ = try await house.store.change(house.organization) { $0.resendsNotFound = true }
        house.upstream.answer { _ in .unknown("cut") }
        return try #require(await house.pay().record)
    }

    /// Asks about everything that is due, and answers the newest question by callback.
    private func ask(_ house: House, after wait: Duration, says document: JSON) async throws {
        house.clock.advance(wait)
        await house.gateway.sweeper.sweep()
        try await house.callback(try await house.newest("pay_query").id, says: document)
        await house.gateway.sweeper.sweep()
    }

    /// A version whose requests do not carry the record's id.
    private static func withoutOurID() throws -> LoadedPlugin {
        let place = try JSONPointer(parsing: "/plan/request/body/id")
        return try FakePlugin.make(pay: ["deduplication": ["mode": "none"]]) { functions in
            LoadedPlugin.OperationFunctions(
                prepare: { tool, input throws(LoadedPlugin.Failure) in
                    guard var plan = try? JSON(parsing: await functions.prepare(tool, input)) else {
                        throw LoadedPlugin.Failure(status: 22, reason: "no plan")
                    }
                    _ = plan.set("none", at: place)
                    return plan.bytes
                },
                interpret: functions.interpret,
                query: functions.query,
                render: functions.render
            )
        }
    }

    @Test func `does not come of an answer that was given too early and is read late`() async throws {
        try await House.with { (house) async throws in
            let record = try await lostPayout(in: house)
            house.upstream.answer(with: ["verdict": "accepted"])
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            let question = try await house.newest("pay_query")
            try await house.gateway.inbox.receive(
                house.place(of: question.id),
                body: Self.unknownToThem.bytes,
                address: nil
            )

            house.clock.advance(.seconds(2400))
            await house.gateway.inbox.takeUpUnsettled()
            await house.gateway.sweeper.sweep()

            #expect(house.upstream.count("pay") == 1)
            #expect(try await !house.record(record).state.isEnded)
        }
    }

    @Test(arguments: ["rejected", "not_processed"])
    func `that is refused says nothing of the first`(verdict: String) async throws {
        let plugin = try FakePlugin.make(pay: ["resend": ["limit": 3]])
        try await House.with(plugin: plugin) { (house) async throws in
            let id = try await lostPayout(in: house)
            house.upstream.answer { request in
                let isPayout = request.request.kind.name == "pay"
                let said: JSON = ["verdict": .string(isPayout ? verdict : "accepted"), "code": "2001"]
                return .answered(status: 200, body: said.bytes)
            }
            try await ask(house, after: .seconds(1900), says: Self.unknownToThem)
            #expect(house.upstream.count("pay") == 2)
            house.clock.advance(.seconds(3600))
            await house.gateway.sweeper.sweep()

            let record = try await house.record(id)
            #expect(record.state == .reconciling && record.nextActionAt != nil && record.advice == "check_first")
            let again = await house.pay()
            #expect(again.code == nil && again.record == id)
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `needs our id in the request that was sent, whatever the plugin does by now`() async throws {
        try await House.with(plugin: Self.withoutOurID()) { (house) async throws in
            _ = try await lostPayout(in: house)
            try house.registry.publish(FakePlugin.make(generation: 2))
            house.upstream.answer(with: ["verdict": "accepted"])
            try await ask(house, after: .seconds(1900), says: Self.unknownToThem)

            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `that left is not ended by what is known of one that never did`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let id = try #require(await house.collect().record)
            // It was begun once before, and that could not be kept.
            var begun = try await house.record(id)
            begun.attempts += 1
            begun.resentAt = house.clock.now
            let reason = Array("Never sent.".utf8)
            let statement = ReceivedCallback(
                id: CallbackID(Identifier(high: 7, low: 7)),
                organization: begun.organization,
                environment: begun.environment,
                record: id,
                name: ReceivedCallback.unsentName(of: begun),
                receivedAt: house.clock.now,
                body: reason,
                address: nil,
                attempts: 1
            )
            #expect(await house.journal.keep(statement))

            house.upstream.answer { _ in .unknown("cut") }
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()
            #expect(house.upstream.count("collect") == 2)
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            let record = try await house.record(id)
            #expect(record.state == .unknown && record.advice == "check_first")
            #expect(await house.journal.entries().isEmpty)
        }
    }

    @Test func `does not come of a request that M-Pesa has shown that it has, and ends nothing`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            for (index, verdict) in ["pending", "duplicate", "unknown"].enumerated() {
                house.upstream.answer(with: ["verdict": "not_processed"])
                let id = try #require(await house.collect(phone: "25471100000\(index)").record)
                let said: JSON = ["verdict": .string(verdict), "external_ids": ["fake_id": .string("F9\(index)")]]
                try await house.callback(id, says: said)
                house.clock.advance(.seconds(3600))
                await house.gateway.sweeper.sweep()

                let record = try await house.record(id)
                #expect(!record.state.isEnded && record.nextActionAt != nil && record.state != .created, "\(verdict)")
                #expect(house.upstream.count("collect") == index + 1)
                #expect(house.upstream.count("collect_query") >= index + 1)
            }
        }
    }

    @Test func `keeps its moment whatever M-Pesa says without showing that it has the request`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: ["verdict": "unknown", "meaning": "A page."])
            house.upstream.accept()
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(id).state == .accepted)
            #expect(house.upstream.count("collect") == 2)
        }
    }
}
