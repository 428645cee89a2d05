import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

struct `A batch that runs` {
    /// How many are on their way at once.
    private struct Requests {
        var all = 0
        var now = 0
        var most = 0

        mutating func begin() -> Int {
            (all, now) = (all + 1, now + 1)
            most = max(most, now)
            return all
        }
    }

    /// A batch that was let go.
    private func running(_ house: House, _ count: Int, _ more: JSONObject = [:]) async throws {
        _ = await house.batch("b", of: House.payments(count), more)
        _ = try await house.gateway.batches.release("b", by: try await house.releaser())
    }

    @Test func `has no more undecided at once than its account may`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await running(house, 5)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)

            for paid in [4, 5] {
                try await house.payAll("b")
                await house.sendBatches()
                #expect(house.upstream.count("pay") == paid)
            }
        }
    }

    @Test func `takes at most half of its account's places, and so none that waits is refused`() async throws {
        var bounds = Assembly.Settings()
        bounds.batchRunner.pace = nil
        (bounds.requests.accountPlacesMax, bounds.requests.accountWaitingMax) = (4, 1)
        let requests = Mutex(Requests())
        try await House.with(plugin: FakePlugin.make(pay: [:]), bounds: bounds) { (house) async throws in
            house.upstream.answer { _ in
                let number = requests.withLock { $0.begin() }
                for _ in 0..<100 { await Task.yield() }
                requests.withLock { $0.now -= 1 }
                let document: JSON = ["verdict": "accepted", "external_ids": ["fake_id": .string("F\(number)")]]
                return .answered(status: 200, body: document.bytes)
            }
            try await running(house, 10)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 10 && requests.withLock { $0.most } <= 2)
        }
    }

    @Test func `waits for its moment`() async throws {
        try await House.forBatches { (house) async throws in
            let moment = house.clock.entropy.wall().milliseconds + 3_600_000
            try await running(house, 1, ["not_before_ms": .integer(moment)])
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            await house.sendBatches(after: .seconds(3_600))
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `is paused for lack of money, and pays what failed for it once it goes on`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await running(house, 3)
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            #expect(try await house.batch("b").state == .paused && house.upstream.count("pay") == 1)

            house.upstream.accept()
            await house.sendBatches(after: .seconds(61))
            #expect(house.upstream.count("pay") == 1)
            _ = try await house.gateway.batches.resume("b", by: try await house.releaser("atieno"))
            for _ in 0..<4 {
                await house.sendBatches()
                try await house.payAll("b")
            }
            await house.sendBatches()

            let items = try await house.items("b")
            #expect(items.map(\.state) == [.failed, .succeeded, .succeeded, .succeeded])
            #expect(items.last?.batch?.retryOf == items.first?.id && items.last?.batch?.row == 1)
            #expect(try await house.batch("b").state == .completed && house.upstream.count("pay") == 4)
        }
    }

    @Test func `does not pay again what failed and was paid after all`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await running(house, 1)
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            _ = try await house.gateway.batches.resume("b", by: try await house.releaser("atieno"))
            house.upstream.accept()
            let failed = try #require(try await house.items("b").first)
            try await house.callback(failed.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R1"])

            await house.sendBatches(after: .seconds(61))
            await house.sendBatches()

            #expect(try await house.items("b").map(\.state) == [.succeeded, .withdrawn])
            #expect(try await house.batch("b").endedAt != nil && house.upstream.count("pay") == 1)
        }
    }

    @Test func `is broken by a code that refuses the organization itself`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await running(house, 3)
            house.upstream.answer(with: ["verdict": "rejected", "code": "2001", "meaning": "Wrong credential."])
            await house.sendBatches()
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .broken && batch.endedAt != nil && house.upstream.count("pay") == 1)
            #expect(try await house.items("b").map(\.state) == [.rejected, .withdrawn, .withdrawn])
        }
    }

    @Test(
        arguments: [([], "COMPLETED"), ([2], "PARTIALLY_COMPLETED"), ([1, 2, 3], "FAILED")] as [(Set<Int64>, String)]
    )
    func `has ended as its rows have (seed's bug 9)`(refused: Set<Int64>, status: String) async throws {
        try await House.forBatches { (house) async throws in
            // Each row's amount is its number.
            let rows = (1...3).map { row -> JSON in ["phone": .string("25471101000\(row)"), "amount": .integer(row)] }
            _ = await house.batch("b", of: .array(rows))
            _ = try await house.gateway.batches.release("b", by: try await house.releaser())
            house.upstream.answer { request in
                let row = (try? JSON(parsing: request.body.reveal()))?["amount"]?.integerValue ?? 0
                let said: JSON =
                    refused.contains(row)
                    ? ["verdict": "rejected", "code": "4", "meaning": "Not allowed."]
                    : ["verdict": "accepted", "external_ids": ["fake_id": .string("F\(row)")]]
                return .answered(status: 200, body: said.bytes)
            }
            await house.sendBatches()
            try await house.payAll("b")
            await house.sendBatches()

            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["status"] == .string(status) && shown["ended_ms"] != nil, "\(shown.text)")
            let found = await house.ask("batches.items", ["id": "b", "status": "FAILED"]).data.arrayValue ?? []
            #expect(found.compactMap { $0["row"]?.integerValue } == refused.sorted())
            let paid = await house.ask("batches.items", ["id": "b", "status": "SUCCESS"]).data.arrayValue ?? []
            #expect(paid.count == 3 - refused.count)
        }
    }

    @Test func `that was cancelled before anything left is called so, with its rows`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let who = try await house.releaser()
            #expect(await house.ask("batches.show", ["id": "b"]).data["status"] == "PENDING")
            _ = try await house.gateway.batches.cancel("b", by: who, because: "No.")
            await house.sendBatches()

            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["status"] == "CANCELLED" && shown["ended_ms"] != nil, "\(shown.text)")
            for (status, count) in [("CANCELLED", 2), ("PENDING", 0), ("FAILED", 0)] {
                let found = await house.ask("batches.items", ["id": "b", "status": .string(status)])
                #expect(found.data.arrayValue?.count == count && found.beside("count") == .integer(Int64(count)))
            }
        }
    }

    @Test func `waits when M-Pesa throttles, and fails nothing`() async throws {
        try await House.forBatches { (house) async throws in
            try await running(house, 2)
            house.upstream.answer(with: ["verdict": "not_processed", "meaning": "Busy."], status: 500)
            await house.sendBatches()
            #expect(try await house.items("b").allSatisfy { $0.state == .released && $0.sentAt == nil })

            house.upstream.accept()
            await house.sendBatches(after: .seconds(20))
            let items = try await house.items("b")
            #expect(items.allSatisfy { $0.state == .accepted && $0.sendings == 1 })
        }
    }

    @Test func `is paused after three lost answers in a row`() async throws {
        try await House.forBatches(inFlightMax: 10) { (house) async throws in
            try await running(house, 8)
            house.upstream.answer { _ in .unknown("lost") }
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .paused && batch.decidedBy == "host" && batch.reason?.contains("lost") == true)
            await house.sendBatches()
            let sent = house.upstream.count("pay")
            #expect((3...8).contains(sent))
            let states = try await house.items("b").map(\.state)
            #expect(states.count { $0 == .unknown } == sent && states.count { $0 == .draft } == 8 - sent)
        }
    }

    @Test func `sends nothing more once it is paused, and goes on once it is resumed`() async throws {
        try await House.forBatches { (house) async throws in
            try await running(house, 2)
            let who = try await house.releaser("atieno")
            _ = try await house.gateway.batches.pause("b", by: who, because: "Wait.")
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            _ = try await house.gateway.batches.resume("b", by: who)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `has what has not left taken back, and the rest waited for`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await running(house, 3)
            await house.sendBatches()
            _ = try await house.gateway.batches.cancel(
                "b",
                by: try await house.releaser("atieno"),
                because: "Wrong month."
            )
            await house.sendBatches()
            #expect(try await house.items("b").map(\.state) == [.accepted, .withdrawn, .withdrawn])
            #expect(try await house.batch("b").endedAt == nil)

            try await house.payAll("b")
            await house.sendBatches()
            #expect(try await house.batch("b").endedAt != nil && house.upstream.count("pay") == 1)
        }
    }

    @Test func `goes on in the next process, and sends nothing twice`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await running(house, 4)
            await house.sendBatches()
            var settings = Assembly.Settings()
            settings.batchRunner.pace = nil
            settings.batchRunner.inFlightMax = 2
            let next = house.another(settings)
            try await next.settleAfterRestart()
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 2)

            try await house.payAll("b")
            house.clock.advance(.seconds(2))
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 4)
            #expect(Set(house.upstream.sent.compactMap { $0.body["id"]?.stringValue }).count == 4)
        }
    }

    @Test func `does not leave while its batch is stopped between being read and being sent`() async throws {
        try await House.forBatches { (house) async throws in
            try await running(house, 3)
            let who = try await house.releaser("atieno")
            let isPaused = Kept(false)
            house.upstream.whenPrepared {
                guard isPaused.value != true else { return }
                isPaused.value = true
                _ = try? await house.gateway.batches.pause("b", by: who, because: "Wait.")
            }
            await house.sendBatches()

            #expect(house.upstream.count("pay") < 3)
            let states = try await house.items("b").map(\.state)
            #expect(states.count { $0 == .draft } == 3 - house.upstream.count("pay"))
        }
    }
}
