import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `The places of an account` {
    /// Longer than any of these tests lasts.
    private static let long: Duration = .seconds(100 * 86_400)

    @Test func `are given back ten minutes after a payment was sent, and it stays undecided in its own batch`()
        async throws
    {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await house.run("dead", 2, amount: 1)
            await house.sendBatches()
            try await house.run("next", 2, amount: 2)
            await house.sendBatches(after: .seconds(590))
            #expect(house.upstream.count("pay") == 2)

            await house.sendBatches(after: .seconds(20))
            #expect(house.upstream.count("pay") == 4)
            #expect(try await house.items("dead").allSatisfy { $0.state == .accepted })
            #expect(try await house.batch("dead").state == .running)
            #expect(try await house.batch("dead").endedAt == nil)
        }
    }

    @Test func `are taken by the same payments in the next process, by their own times`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await house.run("dead", 2, amount: 1)
            await house.sendBatches()
            try await house.run("next", 2, amount: 2)
            house.clock.advance(.seconds(590))
            var settings = Assembly.Settings()
            (settings.batchRunner.pace, settings.batchRunner.inFlightMax) = (nil, 2)
            let next = house.another(settings)
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 2)

            house.clock.advance(.seconds(20))
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 4)
        }
    }

    @Test func `are free once what a stopped batch has undecided waits for a person`() async throws {
        try await House.forBatches(inFlightMax: 1, change: { $0.placeKeptFor = Self.long }) { (house) async throws in
            try await house.run("stopped", 2, amount: 1)
            await house.sendBatches()
            let who = try await house.releaser()
            _ = try await house.gateway.batches.cancel("stopped", by: who, because: "The wrong list.")
            await house.sendBatches()
            house.clock.advance(.seconds(40 * 86_400))
            try await house.run("next", 1, amount: 2)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 1)

            await house.gateway.sweeper.sweep()
            #expect(try await house.items("stopped").map(\.state) == [.manual, .withdrawn])
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
            #expect(try await house.batch("stopped").endedAt == nil)
        }
    }

    @Test func `where they are taken, are what a batch says that it waits for, and its payments`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await house.run("dead", 2, amount: 1)
            await house.sendBatches()
            try await house.run("next", 2, amount: 2)
            await house.sendBatches()
            var shown = await house.ask("batches.show", ["id": "next"]).data
            #expect(shown["reason"] == nil, "\(shown.text)")

            await house.sendBatches(after: .seconds(60))
            shown = await house.ask("batches.show", ["id": "next"]).data
            let reason = shown["reason"]?.stringValue ?? ""
            #expect(reason.contains("All 2 places") && reason.contains("2 of them of other batches"), "\(shown.text)")
            #expect(reason.contains("GET /transactions?status=PENDING&account=main"), "\(shown.text)")
            #expect(shown["state"] == "running" && shown["next"]?.stringValue?.contains("waits for a place") == true)
            let item = try #require(try await house.items("next").first)
            let told = await house.ask("transactions.explain", ["id": .string("\(item.id)")]).data
            #expect(told["why"]?.stringValue?.contains("All 2 places") == true, "\(told.text)")
            #expect(told["waits_for"]?.stringValue?.contains("place of its account") == true, "\(told.text)")
            // One of which all has left waits for no place.
            #expect(await house.ask("batches.show", ["id": "dead"]).data["reason"] == nil)

            try await house.payAll("dead")
            await house.sendBatches()
            #expect(await house.ask("batches.show", ["id": "next"]).data["reason"] == nil)
        }
    }

    @Test func `where a batch found none in its time, have it paused for a person, and not withdrawn`() async throws {
        try await House.forBatches(inFlightMax: 1, change: { $0.placeKeptFor = Self.long }) { (house) async throws in
            try await house.run("dead", 1, amount: 1)
            await house.sendBatches()
            try await house.run("next", 2, amount: 2)
            await house.sendBatches()
            await house.sendBatches(after: .seconds(24 * 3_600))

            let batch = try await house.batch("next")
            #expect(batch.state == .paused && batch.decidedBy == "host")
            #expect(batch.reason?.contains("could not be sent in time: the places") == true)
            #expect(try await house.items("next").allSatisfy { $0.state == .draft })
            let events = try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 100).map(\.event)
            #expect(events.contains { $0.kind == .batchPaused && $0.subject == "next" })

            try await house.payAll("dead")
            _ = try await house.gateway.batches.resume("next", by: try await house.releaser("atieno"))
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `where they were free, have a batch withdrawn whose time is over`() async throws {
        try await House.forBatches { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed", "meaning": "Busy."], status: 500)
            try await house.run("b", 1)
            await house.sendBatches()
            await house.sendBatches(after: .seconds(24 * 3_600))
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .cancelled && batch.withdrawal == .unsent && batch.endedAt != nil)
            #expect(try await house.items("b").map(\.state) == [.withdrawn])
        }
    }

    @Test func `where none is free, keep no batch from its end of which all have left and ended`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await house.run("dead", 3, amount: 2)
            try await house.run("over", 1, amount: 1)
            await house.sendBatches()
            let paid = try #require(try await house.items("dead").first)
            try await house.callback(paid.id, says: ["verdict": "succeeded", "amount": 2, "receipt": "R1"])
            await house.sendBatches()
            #expect(try await house.items("over").map(\.state) == [.accepted])

            // The other one's turn comes first, and takes the place that is given back.
            try await house.payAll("over")
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 4)
            #expect(try await house.batch("over").endedAt != nil)
        }
    }
}

struct `A turn` {
    /// A process on the house's store whose batches are watched.
    private func watched(_ house: House, _ batches: WatchedBatches, inFlightMax: Int = 20) -> Assembly {
        var settings = Assembly.Settings()
        (settings.batchRunner.pace, settings.batchRunner.inFlightMax) = (nil, inFlightMax)
        return house.another(settings) { ports in
            ports.store = Assembly.Repositories(
                withoutPluginData: house.store,
                records: house.store,
                batches: batches
            )
        }
    }

    @Test func `reads nothing of batches of which all has left, or that were stopped, while nothing is heard`()
        async throws
    {
        try await House.forBatches { (house) async throws in
            let ids = ["running", "stopped", "another"]
            for (number, id) in ids.enumerated() { try await house.run(id, 2, amount: Int64(1 + number)) }
            await house.sendBatches()
            let who = try await house.releaser()
            _ = try await house.gateway.batches.cancel("stopped", by: who, because: "The wrong list.")
            let batches = WatchedBatches(house.store)
            let gateway = watched(house, batches)
            for _ in 0..<2 {
                house.clock.advance(.seconds(2))
                await gateway.batchRunner.sendDue()
            }
            batches.readings.value = 0
            for _ in 0..<5 {
                house.clock.advance(.seconds(2))
                await gateway.batchRunner.sendDue()
            }
            #expect(batches.readings.value == 0)

            // It ends all the same where nobody told this process.
            for id in ids { try await house.payAll(id) }
            house.clock.advance(.seconds(61))
            await gateway.batchRunner.sendDue()
            for id in ids { #expect(try await house.batch(id).endedAt != nil, "\(id)") }
        }
    }

    @Test func `asks once for all that an account has undecided, and of a batch that waits nothing more`() async throws
    {
        try await House.forBatches(inFlightMax: 3) { (house) async throws in
            try await house.run("dead", 3, amount: 1)
            await house.sendBatches()
            for number in 1...5 { try await house.run("waits-\(number)", 2, amount: Int64(1 + number)) }
            let batches = WatchedBatches(house.store)
            let gateway = watched(house, batches, inFlightMax: 3)
            for _ in 0..<2 {
                house.clock.advance(.seconds(2))
                await gateway.batchRunner.sendDue()
            }
            batches.readings.value = 0
            house.clock.advance(.seconds(2))
            await gateway.batchRunner.sendDue()
            #expect(batches.readings.value == 1)
            #expect(house.upstream.count("pay") == 3)
        }
    }

    /// Once, and as often as a change is made again at most.
    @Test(arguments: [1, 8])
    func `pauses a batch of which three answers were lost, though others changed it meanwhile`(times: Int) async throws
    {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 8)
            house.upstream.answer { _ in .unknown("lost") }
            let batches = WatchedBatches(house.store)
            batches.refusals.value = times
            let gateway = watched(house, batches, inFlightMax: 3)
            house.clock.advance(.seconds(6))
            for _ in 1...2 { await gateway.batchRunner.sendDue() }

            #expect(batches.refusals.value == 0)
            #expect(try await house.batch("b").state == .paused && house.upstream.count("pay") == 3)
        }
    }

    @Test func `ends no batch of which a payment comes back unsent just then`() async throws {
        try await House.forBatches { (house) async throws in
            let batches = WatchedBatches(house.store)
            let (sender, other) = (
                watched(house, batches), watched(house, WatchedBatches(house.store, besides: batches))
            )
            try await house.run("b", 1)
            let (began, begin) = AsyncStream.makeStream(of: Void.self)
            let (failing, fail) = AsyncStream.makeStream(of: Void.self)
            house.upstream.answer { _ in
                begin.finish()
                for await _ in failing {}
                return .notSent("no route")
            }
            house.clock.advance(.seconds(6))
            async let sent: Void = sender.batchRunner.sendDue()
            for await _ in began {}
            batches.isDeaf.value = true
            var stopped = try await house.batch("b")
            (stopped.version, stopped.state) = (stopped.version + 1, .cancelled)
            #expect(try await house.store.apply(BatchChange(batch: stopped)))
            batches.undeciding.value = {
                fail.finish()
                while (try? await house.items("b").first?.state) == .sending { await Task.yield() }
            }
            await other.batchRunner.sendDue()
            await sent

            house.clock.advance(.seconds(61))
            await other.batchRunner.sendDue()
            #expect(try await house.items("b").map(\.state) == [.withdrawn])
            #expect(try await house.batch("b").endedAt != nil)
        }
    }

    @Test func `keeps a batch waiting no longer than a minute for one that M-Pesa throttles`() async throws {
        try await House.forBatches(inFlightMax: 1, change: { $0.throttledMax = .seconds(3) }) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed", "meaning": "Busy."], status: 500)
            try await house.run("b", 2)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 1)

            house.upstream.accept()
            await house.sendBatches(after: .seconds(4))
            #expect(try await house.items("b").map(\.state) == [.released, .accepted])
        }
    }
}
