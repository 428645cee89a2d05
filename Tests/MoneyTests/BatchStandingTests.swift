import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `Batches of one organization` {
    @Test func `come in turn, and none waits for another that does nothing`() async throws {
        try await House.forBatches(change: { $0.batchesMax = 1 }) { (house) async throws in
            let far = house.clock.entropy.wall().milliseconds + 3_600_000
            for number in 1...3 {
                try await house.run("later-\(number)", 1, amount: Int64(number), ["not_before_ms": .integer(far)])
            }
            try await house.run("now", 1, amount: 9)

            for _ in 0..<6 { await house.sendBatches(after: .seconds(2)) }
            #expect(house.upstream.sent.compactMap { $0.body["amount"]?.integerValue } == [9])
        }
    }

    @Test func `share the places of their account`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("first", 3, amount: 1)
            try await house.run("second", 3, amount: 2)
            for _ in 0..<6 {
                await house.sendBatches()
                for id in ["first", "second"] { try await house.payAll(id) }
            }

            let amounts = house.upstream.sent.compactMap { $0.body["amount"]?.integerValue }
            #expect(
                amounts.count == 6 && Set(amounts.prefix(2)) == [1, 2] && Set(amounts.dropFirst(2).prefix(2)) == [1, 2]
            )
        }
    }

    @Test func `count what is undecided of a paused one, in the next process too`() async throws {
        try await House.forBatches(inFlightMax: 2) { (house) async throws in
            try await house.run("paused", 2, amount: 1)
            await house.sendBatches()
            let who = try await house.releaser()
            _ = try await house.gateway.batches.pause("paused", by: who, because: "A look.")
            try await house.run("next", 2, amount: 2)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)

            var settings = Assembly.Settings()
            settings.batchRunner.pace = nil
            settings.batchRunner.inFlightMax = 2
            let next = house.another(settings)
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 2)

            try await house.payAll("paused")
            house.clock.advance(.seconds(2))
            await next.batchRunner.sendDue()
            #expect(house.upstream.count("pay") == 4)
        }
    }

    @Test func `say what stops them, where one is shown and in the list`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 2)
            try await house.set { $0.stops = [.tool("fake_pay_many")] }
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            let shown = await house.ask("batches.show", ["id": "b"]).data
            let listed = await house.ask("batches.list", [:]).data[0] ?? .null
            for batch in [shown, listed] {
                #expect(batch["state"] == "running" && batch["next"]?.stringValue?.contains("stopped") == true)
                #expect(batch["reason"]?.stringValue?.contains("(tool:fake_pay_many)") == true, "\(batch.text)")
            }

            try await house.set { $0.stops = [] }
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
            #expect(await house.ask("batches.show", ["id": "b"]).data["reason"] == nil)
        }
    }

    @Test func `are taken back by a stop that withdraws, whatever of them has not left, and stay so`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            try await house.run("running", 2, amount: 1)
            await house.sendBatches()
            _ = await house.batch("draft", of: House.payments(2, amount: 2))
            try await house.run("paused", 2, amount: 3)
            let who = try await house.releaser()
            _ = try await house.gateway.batches.pause("paused", by: who, because: "A look.")
            _ = await house.batch("agents", of: House.payments(2, amount: 4), door: .mcp)

            let stop: JSON = ["what": .string("key:\(house.key.id)"), "withdraw": true]
            #expect(await desk.ask("payments.stop", stop, as: desk.manager.token).code == nil)
            let named: JSON = ["what": .string("key:\(house.key.id)")]
            #expect(await desk.ask("payments.resume", named, as: desk.administrator.token).code == nil)
            house.gateway.configuration.forget()
            for _ in 0..<3 { await house.sendBatches() }

            for id in ["draft", "paused", "agents"] {
                #expect(try await house.items(id).allSatisfy { $0.state == .withdrawn }, "\(id)")
                #expect(try await house.batch(id).state == .cancelled)
            }
            #expect(try await house.items("running").map(\.state) == [.accepted, .withdrawn])
            await #expect(throws: GatewayError.self) { try await house.gateway.batches.resume("paused", by: who) }
            #expect(house.upstream.count("pay") == 1)
        }
    }
}

struct `An item that may not leave` {
    @Test func `for its receiver's sake today waits alone, and leaves on another day`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.limits = [MoneyLimit(isPerReceiver: true, dayMax: 150)] }
            _ = await house.pay(phone: "254711010001", amount: 60, key: "k")
            try await house.run("b", 3)
            await house.sendBatches()

            #expect(try await house.items("b").map(\.state) == [.draft, .accepted, .accepted])
            #expect(try await house.batch("b").state == .running)
            let alone = try #require(try await house.items("b").first)
            let told = await house.ask("transactions.explain", ["id": .string(alone.id.description)]).data
            #expect(told["why"]?.stringValue?.contains("its batch b") == true, "\(told.text)")
            #expect(told["obstacles"]?.text.contains("limit of its receiver") == true, "\(told.text)")
            try await house.payAll("b")
            await house.sendBatches(after: .seconds(24 * 3_600 - 60))
            await house.sendBatches()
            #expect(try await house.items("b").map(\.state) == [.accepted, .succeeded, .succeeded])
        }
    }

    @Test func `today, because M-Pesa was too busy, counts on the day on which it leaves`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.limits = [MoneyLimit(directions: [.outgoing], dayMax: 100)] }
            let day = RollupPlace.day(of: house.clock.now)
            let end = Timestamp(milliseconds: (day + 1) * 86_400_000 - 3 * 3_600_000)
            house.clock.advance(end - house.clock.now + .seconds(-10))
            house.upstream.answer(with: ["verdict": "not_processed", "meaning": "Busy."], status: 500)
            try await house.run("b", 1)
            await house.sendBatches(after: .seconds(1))
            #expect(try await house.items("b").map(\.state) == [.released])
            #expect(try await house.items("b").first?.limited?.day == RollupPlace.day(of: house.clock.now))
            house.upstream.accept()
            await house.sendBatches(after: .seconds(60))

            let item = try #require(try await house.items("b").first)
            #expect(item.state == .accepted && item.limited?.day == day + 1)
            #expect(await house.pay(phone: "254711000009", amount: 1, key: "today").refused?.code == .limitExceeded)
            let places = [day, day + 1]
                .map { day in
                    LimitPlace(
                        organization: house.organization,
                        environment: house.key.environment,
                        scope: item.limited?.scopes.first ?? "",
                        day: day
                    )
                }
            #expect(try await house.store.moved(at: places[0]).amount == 0)
            #expect(try await house.store.moved(at: places[1]).amount == 100)
        }
    }

    @Test func `at any time, by a limit of the organization or its key, ends, and its siblings leave`() async throws {
        try await House.forBatches { (house) async throws in
            let payments: JSON = [
                ["phone": "254711000001", "amount": 100], ["phone": "254711000002", "amount": 900],
                ["phone": "254711000003", "amount": 400], ["phone": "254711000004", "amount": 50],
            ]
            _ = await house.batch("b", of: payments)
            _ = try await house.gateway.batches.release("b", by: try await house.releaser())
            _ = try await house.store.change(house.key.id, organization: house.organization) {
                $0.rules.amountMax = Shillings(800)
            }
            try await house.set { $0.limits = [MoneyLimit(callMax: 300), MoneyLimit(dayMax: 350)] }
            await house.sendBatches()
            await house.sendBatches()

            let items = try await house.items("b")
            #expect(items.map(\.state) == [.accepted, .withdrawn, .withdrawn, .accepted])
            #expect(items[1].meaning?.contains("800") == true && items[2].meaning?.contains("300") == true)
            try await house.payAll("b")
            await house.sendBatches()
            #expect(try await house.batch("b").state == .completed)
        }
    }

    @Test func `because the day's sum is used up pauses its batch`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.set { $0.limits = [MoneyLimit(dayMax: 250)] }
            try await house.run("b", 2)
            _ = await house.pay(phone: "254711000009", amount: 100, key: "single")
            for _ in 0..<3 {
                await house.sendBatches()
                try await house.payAll("b")
            }
            #expect(try await house.batch("b").state == .paused && house.upstream.count("pay") == 2)
            let who = try await house.releaser("another")
            let refused = try await house.refusal { try await house.gateway.batches.resume("b", by: who) }
            #expect(refused?.message.contains("of which 200 have left") == true, "\(String(describing: refused))")
        }
    }
}

struct `A batch that a day's limit lets leave in part` {
    @Test(arguments: [MoneyLimit(dayMax: 250), MoneyLimit(dayCount: 2)])
    func `is let go by nobody until a day that lets all of it leave`(limit: MoneyLimit) async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.limits = [limit] }
            _ = await house.pay(phone: "254711000009", amount: 100, key: "single")
            _ = await house.batch("b", of: House.payments(2))
            let who = try await house.releaser()

            let refused = try await house.refusal { try await house.gateway.batches.release("b", by: who) }
            #expect(refused?.code == .limitExceeded, "\(String(describing: refused))")
            #expect(refused?.message.contains("on another day") == true)
            let atOnce = await house.batch("c", of: House.payments(2, amount: 90), ["release": true])
            #expect(atOnce.refused?.code == .limitExceeded)
            await house.sendBatches()
            #expect(try await house.batch("b").state == .draft && house.upstream.count("pay") == 1)

            house.clock.advance(.seconds(86_400))
            _ = try await house.gateway.batches.release("b", by: who)
            await house.sendBatches()
            #expect(try await house.items("b").map(\.state) == [.accepted, .accepted])
        }
    }

    @Test func `is paused at its moment, and nothing of it has left`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.limits = [MoneyLimit(directions: [.outgoing], dayMax: 250)] }
            let moment = house.clock.entropy.wall() + .seconds(48 * 3_600)
            try await house.run("b", 2, ["not_before_ms": .integer(moment.milliseconds)])
            house.clock.advance(.seconds(48 * 3_600 - 120))
            _ = await house.pay(phone: "254711000009", amount: 100, key: "single")
            await house.sendBatches(after: .seconds(180))
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .paused && batch.reason?.contains("whole or not at all") == true)
            #expect(try await house.items("b").map(\.state) == [.draft, .draft] && house.upstream.count("pay") == 1)
        }
    }

    @Test func `and that is more than any day lets, is refused before its moment`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.set { $0.limits = [MoneyLimit(directions: [.outgoing], dayMax: 150)] }
            let moment = house.clock.entropy.wall() + .seconds(48 * 3_600)
            _ = await house.batch("b", of: House.payments(2), ["not_before_ms": .integer(moment.milliseconds)])
            let who = try await house.releaser()

            let refused = try await house.refusal { try await house.gateway.batches.release("b", by: who) }
            #expect(refused?.code == .limitExceeded && refused?.message.contains("smaller batches") == true)
        }
    }
}

struct `A batch that nobody let go in time` {
    @Test(arguments: [false, true])
    func `is neither released nor resumed, though nothing has withdrawn it yet`(isPaused: Bool) async throws {
        try await House.forBatches { (house) async throws in
            let who = try await house.releaser()
            _ = await house.batch("b", of: House.payments(1))
            if isPaused {
                _ = try await house.gateway.batches.release("b", by: who)
                _ = try await house.gateway.batches.pause("b", by: who, because: "Wait.")
            }
            house.clock.advance(Batches.Settings().waitsFor + .seconds(1))

            let refused = try await house.refusal {
                isPaused
                    ? try await house.gateway.batches.resume("b", by: who)
                    : try await house.gateway.batches.release("b", by: who)
            }
            #expect(refused?.code == .approvalExpired)
            await house.sendBatches()
            #expect(try await house.batch("b").state == .cancelled && house.upstream.count("pay") == 0)
        }
    }
}

struct `The end of a batch` {
    @Test func `waits for an item that is undecided after a day`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 2)
            await house.sendBatches()
            await house.sendBatches(after: .seconds(25 * 3_600))
            let batch = try await house.batch("b")
            #expect(batch.state == .running && batch.endedAt == nil)

            try await house.payAll("b")
            await house.sendBatches()
            let ended = try await house.batch("b")
            #expect(ended.state == .completed && ended.endedAt != nil && ended.withdrawal == nil)
        }
    }
}

struct `A row that is tried again` {
    private func failing(_ house: House) async throws {
        house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
        await house.sendBatches()
        await house.sendBatches(after: .seconds(61))
    }

    @Test func `is never paid where any earlier try of it was paid after all, or may have been`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            let who = try await house.releaser()
            for _ in 0..<2 {
                try await failing(house)
                _ = try await house.gateway.batches.resume("b", by: who)
            }
            #expect(try await house.items("b").map(\.state) == [.failed, .failed, .draft])
            let first = try #require(try await house.items("b").first)
            try await house.callback(first.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R1"])
            house.upstream.accept()
            for _ in 0..<3 { await house.sendBatches(after: .seconds(61)) }

            #expect(try await house.items("b").map(\.state) == [.succeeded, .failed, .withdrawn])
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `is not made where an earlier try is not known to have failed`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            let who = try await house.releaser()
            for _ in 0..<2 {
                try await failing(house)
                if try await house.items("b").count == 1 { _ = try await house.gateway.batches.resume("b", by: who) }
            }
            let first = try #require(try await house.items("b").first)
            try await house.callback(first.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R1"])

            _ = try await house.gateway.batches.resume("b", by: who)
            #expect(try await house.items("b").count == 2)
        }
    }

    /// News that names the later payment too, which is changed by it, and news that does not.
    @Test(arguments: [["receipt": "R1"], [:]] as [JSONObject])
    func `is not paid where the news of an earlier try comes while it is about to be sent`(news: JSONObject)
        async throws
    {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            try await failing(house)
            _ = try await house.gateway.batches.resume("b", by: try await house.releaser())
            let first = try #require(try await house.items("b").first)
            house.upstream.accept()
            house.upstream.whenPrepared {
                var paid = news
                (paid["verdict"], paid["amount"]) = ("succeeded", 100)
                try? await house.callback(first.id, says: .object(paid))
            }
            for _ in 0..<3 { await house.sendBatches(after: .seconds(61)) }

            #expect(try await house.items("b").map(\.state) == [news.isEmpty ? .failed : .succeeded, .withdrawn])
            #expect(house.upstream.count("pay") == 1)
        }
    }

    /// As many others are named as the news of a payment names at most, so that the later try is not changed by it.
    @Test func `is not paid where that news names other payments, and not it`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            try await failing(house)
            let first = try #require(try await house.items("b").first)
            house.upstream.accept()
            for number in 1...house.gateway.batchRunner.settlement.twinsMax {
                let reply = await house.pay(phone: "254711010001", amount: 100, key: "other-\(number)")
                let said: JSON = ["verdict": "succeeded", "amount": 100, "receipt": .string("S\(number)")]
                try await house.callback(try #require(reply.record, "\(reply.result)"), says: said)
                house.clock.advance(.seconds(61))
            }
            let sent = house.upstream.count("pay")
            let who = try await house.releaser()
            _ = try await house.gateway.batches.resume("b", by: who, confirming: [1])
            let version = try #require(try await house.items("b").last).version
            let seen = Kept<Int>(nil)
            house.upstream.whenPrepared {
                try? await house.callback(first.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R1"])
                if seen.value == nil { seen.value = try? await house.items("b").last?.version }
            }
            for _ in 0..<3 { await house.sendBatches(after: .seconds(6)) }

            #expect(seen.value == version)
            #expect(try await house.items("b").map(\.state) == [.succeeded, .withdrawn])
            #expect(house.upstream.count("pay") == sent)
        }
    }
}
