import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

struct `Asking about what is open` {
    @Test func `goes on until M-Pesa has answered, and daily while a person looks`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            house.upstream.answer { _ in .unknown("M-Pesa is away") }
            house.clock.advance(.seconds(2 * 86_400))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(record).state == .accepted)

            house.upstream.answer(with: ["verdict": "pending", "code": "4999"])
            for _ in 0..<4 {
                house.clock.advance(.seconds(3601))
                await house.gateway.sweeper.sweep()
            }
            #expect(try await house.record(record).state == .manual)
            let asked = house.upstream.count("collect_query")

            house.clock.advance(.seconds(86_400))
            house.upstream.answer(
                with: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )
            await house.gateway.sweeper.sweep()

            #expect(house.upstream.count("collect_query") == asked + 1)
            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `is not over because something before M-Pesa answered`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            house.upstream.answer(with: ["verdict": "unknown", "code": "http_503"], status: 503)
            for _ in 0..<30 {
                house.clock.advance(.seconds(3601))
                await house.gateway.sweeper.sweep()
            }

            let found = try await house.record(record)
            #expect(found.state == .accepted && found.answers == 0)
        }
    }

    @Test func `by a caller works for what waits for a person too`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            house.upstream.answer(with: ["verdict": "pending"])
            for _ in 0..<30 {
                house.clock.advance(.seconds(3601))
                await house.gateway.sweeper.sweep()
            }
            #expect(try await house.record(record).state == .manual)
            house.upstream.answer(with: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            house.clock.advance(.seconds(60))

            let reply = await house.call("fake_collect_status", ["id": .string(record.description)])

            #expect(reply.shown["status"] == "SUCCESS")
        }
    }

    @Test func `for a balance waits for its callback though the reply was lost`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            let reply = await house.call("fake_ask")
            #expect(reply.shown["status"] == "PENDING")

            try await house.callback(
                try #require(reply.record),
                says: ["verdict": "succeeded", "data": ["balance": "7"], "code": "0"]
            )

            let record = try await house.record(reply)
            #expect(record.state == .succeeded && record.data == ["balance": "7"])
        }
    }

    @Test func `for a balance that M-Pesa refuses is a failure, in M-Pesa's words`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(
                with: [
                    "verdict": "rejected", "code": "21", "meaning": "The operator may not ask.",
                    "whose_move": "organization",
                ]
            )

            let reply = await house.call("fake_ask")

            guard case .failure(let error) = reply.result else {
                Issue.record("\(reply)")
                return
            }
            #expect(error.code == .upstreamRejected && error.message == "The operator may not ask. (21)")
            #expect(try await house.record(reply).state == .rejected)
        }
    }

    @Test(arguments: ["failed", "cancelled", "expired"])
    func `for a balance that M-Pesa says has failed is a failure too`(_ verdict: String) async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: ["verdict": .string(verdict), "code": "1", "meaning": "It did not work."])

            let reply = await house.call("fake_ask")

            #expect(reply.refused?.code == .upstreamRejected)
            #expect(try await house.record(reply).state == .rejected)
        }
    }

    @Test func `for a balance that never is answered ends, and takes what comes later`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            let reply = await house.call("fake_ask")
            house.clock.advance(.seconds(601))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(reply).state == .noAnswer)

            try await house.callback(try #require(reply.record), says: ["verdict": "succeeded", "data": ["a": 1]])

            #expect(try await house.record(reply).state == .succeeded)
        }
    }

    @Test func `goes on after a visit for which something was missing`() async throws {
        let isMissing = Mutex(true)
        let plugin = try FakePlugin.make { functions in
            LoadedPlugin.OperationFunctions(
                prepare: functions.prepare,
                interpret: functions.interpret,
                query: { kind, input throws(LoadedPlugin.Failure) in
                    guard !isMissing.withLock({ $0 }) else { return JSON.object(["none": true]).bytes }
                    return try await functions.query(kind, input)
                },
                render: functions.render
            )
        }
        try await House.with(plugin: plugin) { (house) async throws in
            let (payout, push) = (await house.pay(), await house.collect())
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            for reply in [payout, push] { #expect(try await !house.record(reply).isUnaskable) }
            isMissing.withLock { $0 = false }
            house.clock.advance(.seconds(120))
            await house.gateway.sweeper.sweep()

            #expect(house.upstream.count("pay_query") == 1 && house.upstream.count("collect_query") == 1)
        }
    }

    @Test func `calls no person because its questions were refused`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.pay().record)
            house.upstream.answer(with: ["verdict": "accepted"])
            for _ in 0..<30 {
                house.clock.advance(.seconds(3601))
                await house.gateway.sweeper.sweep()
                let question = try await house.newest("pay_query")
                try await house.callback(question.id, says: ["verdict": "unknown", "code": "2001"])
            }

            let found = try await house.record(record)
            #expect(found.state == .accepted && found.answers == 0 && found.nextActionAt != nil)
        }
    }
}

struct `Sending once more` {
    @Test func `what M-Pesa did not look at happens within its own time, or ends`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let (first, second) = (await house.collect(), await house.collect(phone: "254711000002"))
            house.upstream.accept()
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(first).state == .accepted)
            #expect(house.upstream.count("collect") == 4)
            #expect(try await house.record(second).state == .accepted)

            house.upstream.answer(with: ["verdict": "not_processed"])
            let third = await house.collect(phone: "254711000003")
            house.clock.advance(.seconds(3600))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(third).state == .rejected)
        }
    }

    @Test func `what M-Pesa has shown that it has does not happen`() async throws {
        try await House.with { (house) async throws in
            _ = try await house.store.change(house.organization) { $0.resendsNotFound = true }
            let record = try #require(await house.pay().record)
            for (seconds, said): (Int, JSON) in [
                (30, ["verdict": "failed", "code": "1"]), (1_900, ["verdict": "not_found", "code": "nf"]),
            ] {
                house.clock.advance(.seconds(seconds))
                await house.gateway.sweeper.sweep()
                try await house.callback(try await house.newest("pay_query").id, says: said)
                await house.gateway.sweeper.sweep()
            }

            #expect(house.upstream.count("pay") == 1)
            #expect(try await house.record(record).state == .reconciling)
        }
    }

    @Test(arguments: [true, false])
    func `what M-Pesa does not know happens only where the organization wants it`(isOn: Bool) async throws {
        try await House.with { (house) async throws in
            _ = try await house.store.change(house.organization) { $0.resendsNotFound = isOn }
            house.upstream.answer { _ in .unknown("cut") }
            let record = try #require(await house.pay().record)
            for minutes in [10, 31] {
                house.clock.advance(.seconds(minutes * 60))
                house.upstream.answer(with: ["verdict": "accepted"])
                await house.gateway.sweeper.sweep()
                let question = try await house.newest("pay_query")
                try await house.callback(question.id, says: ["verdict": "not_found", "code": "nf"])
                await house.gateway.sweeper.sweep()
                #expect(house.upstream.count("pay") == (isOn && minutes == 31 ? 2 : 1))
            }
            let bodies = house.upstream.sent.filter { $0.kind == "pay" }.map { $0.body["id"] }
            #expect(bodies.allSatisfy { $0?.stringValue == record.description })
        }
    }
}
