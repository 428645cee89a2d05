import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Rows that others ask for between the look at them and the commit with which they leave.
struct `Rows that others pay while they are looked at` {
    /// A process on the house's store, in which others come first just before a batch is let go.
    private func watched(_ house: House, _ others: @escaping @Sendable () async -> Void) -> Assembly {
        let batches = WatchedBatches(house.store)
        batches.meanwhile.value = others
        var settings = Assembly.Settings()
        settings.batchRunner.pace = nil
        return house.another(settings) { ports in
            ports.store = Assembly.Repositories(
                withoutPluginData: house.store,
                records: house.store,
                batches: batches
            )
        }
    }

    private func make(
        _ id: String,
        of payments: JSON,
        _ more: JSONObject = [:],
        in house: House,
        by gateway: Assembly
    ) async -> ToolReply {
        var arguments: JSONObject = ["batch_id": .string(id), "payments": payments, "release": true]
        for (name, value) in more { arguments[name] = value }
        return await gateway.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: .rest,
                credential: .token(house.key.text),
                tool: "fake_pay_many",
                arguments: .object(arguments)
            )
        )
    }

    @Test func `are refused to the second of two batches that are made to leave at once`() async throws {
        try await House.forBatches { (house) async throws in
            let gateway = watched(house) {
                _ = await house.batch("first", of: House.payments(2), ["release": true])
            }
            let reply = await make("second", of: House.payments(3), in: house, by: gateway)

            #expect(reply.refused?.code == .conflict && reply.refused?.errors.count == 2)
            #expect(reply.refused?.message.contains("row 1") == true)
            let second = try #require(BatchID("second"))
            #expect(try await house.store.batch(second, organization: house.organization) == nil)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `leave where somebody has named them, and where the amounts are others`() async throws {
        try await House.forBatches { (house) async throws in
            for (number, more) in [["confirmed_rows": [1, 2]], [:]].enumerated() as EnumeratedSequence<[JSONObject]> {
                let amount = Int64(100 + 10 * number)
                let gateway = watched(house) {
                    _ = await house.batch("first-\(number)", of: House.payments(2, amount: amount), ["release": true])
                }
                let rows = House.payments(3, amount: amount + Int64(number))
                let reply = await make("second-\(number)", of: rows, more, in: house, by: gateway)
                #expect(reply.output["state"] == "running", "\(reply.result)")
            }
        }
    }

    @Test func `are refused to whoever releases or resumes a batch`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let who = try await house.releaser()
            let other = Kept<RecordID>(nil)
            let releasing = watched(house) { other.value = await house.pay(phone: "254711010002").record }
            let error = await #expect(throws: GatewayError.self) {
                try await releasing.batches.release("b", by: who)
            }
            let paid = try #require(other.value)
            #expect(
                error?.code == .conflict && error?.message.contains("\(paid)") == true,
                "\(String(describing: error))"
            )
            #expect(try await house.batch("b").state == .draft)

            _ = try await house.gateway.batches.release("b", by: who, confirming: [2])
            _ = try await house.gateway.batches.pause("b", by: who, because: "Wait.")
            let resuming = watched(house) { _ = await house.pay(phone: "254711010001") }
            await #expect(throws: GatewayError.self) { try await resuming.batches.resume("b", by: who) }
            #expect(try await house.batch("b").state == .paused)
        }
    }

    @Test func `leave at once where they were named at the release, though the other was sent a moment ago`()
        async throws
    {
        try await House.forBatches { (house) async throws in
            let gateway = watched(house) {
                _ = await house.batch("first", of: House.payments(1), ["release": true])
                await house.sendBatches(after: .zero)
            }
            // One that waits has time to be asked about: it is kept all the same.
            _ = await make("second", of: House.payments(2), ["release": false], in: house, by: gateway)
            #expect(house.upstream.count("pay") == 1)
            let who = try await house.releaser()
            _ = try await house.gateway.batches.release("second", by: who, confirming: [1])
            await house.sendBatches(after: .seconds(1))
            #expect(house.upstream.count("pay") == 3)
        }
    }

    @Test func `do not leave at their moment`() async throws {
        try await House.forBatches { (house) async throws in
            let moment = house.clock.entropy.wall() + .seconds(3_600)
            try await house.run("b", 2, ["not_before_ms": .integer(moment.milliseconds)])
            let gateway = watched(house) { _ = await house.pay(phone: "254711010001") }
            house.clock.advance(.seconds(3_601))
            for _ in 1...3 { await gateway.batchRunner.sendDue() }

            #expect(try await house.items("b").map(\.state) == [.withdrawn, .accepted])
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `do not leave later than a minute after they were looked at`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 2)
            await house.sendBatches()
            house.clock.advance(.seconds(61))
            let other = try #require(await house.pay(phone: "254711010002").record)
            try await house.payAll("b")
            for _ in 1...3 { await house.sendBatches(after: .seconds(61)) }

            let items = try await house.items("b")
            #expect(items.map(\.state) == [.succeeded, .withdrawn])
            #expect(items[1].meaning?.contains("\(other)") == true, "\(items[1].meaning ?? "")")
            #expect(house.upstream.count("pay") == 2)
        }
    }
}

struct `Batches that share a moment` {
    @Test func `are looked at a few at once, and one of an organization`() throws {
        let looks = BatchLooks(atMost: 2)
        let organizations = (1...3).map { OrganizationID(Identifier(high: 1, low: UInt64($0))) }
        let keys = try organizations.map { BatchLines.Key($0, try #require(BatchID("a"))) }
        let sibling = BatchLines.Key(organizations[0], try #require(BatchID("b")))

        #expect(looks.begin(keys[0]) && !looks.begin(keys[0]) && !looks.begin(sibling))
        #expect(looks.begin(keys[1]) && !looks.begin(keys[2]))
        looks.end(keys[0])
        #expect(looks.begin(keys[2]) && !looks.begin(sibling))
    }

    @Test func `all leave, one after another`() async throws {
        try await House.forBatches(change: { $0.looksMax = 1 }) { (house) async throws in
            let moment = house.clock.entropy.wall() + .seconds(3_600)
            for number in 1...3 {
                let more: JSONObject = ["not_before_ms": .integer(moment.milliseconds)]
                try await house.run("b-\(number)", 2, amount: Int64(number), more)
            }
            await house.sendBatches(after: .seconds(3_600))
            for _ in 1...3 { await house.sendBatches() }
            #expect(house.upstream.count("pay") == 6)
        }
    }
}
