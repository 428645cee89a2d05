import GatewayTesting
import OrderedJSON
import Store
import Synchronization
import Testing

@testable import Gateway

struct `A store that goes away while M-Pesa answers` {
    @Test func `loses no answer, and tells the caller that it was sent`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        try await House.with(settings: settings) { (house) async throws in
            // Somebody else holds the database from before the answer until after the call.
            let lock = try DatabaseHolder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .answered(status: 200, body: House.accepted.bytes)
            }

            let reply = await house.collect(key: "k")

            #expect(reply.code == .unavailable)
            #expect(reply.record != nil && reply.record == reply.failure?.record)
            #expect(reply.failure?.message.contains("This was sent to M-Pesa") ?? false)
            #expect(await house.journal.entries().count == 1)
            lock.release()
            house.clock.advance(.seconds(100))
            await house.gateway.sweeper.sweep()
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            let again = await house.collect(key: "k")
            #expect(again.record == reply.record)
            let record = try await house.record(again)
            #expect(record.externalIDs == ["fake_id": "F1"])
            #expect(!record.state.isEnded)
            #expect(await house.journal.entries().isEmpty)
            #expect(house.upstream.count("collect") == 1)
        }
    }

    @Test func `does not forget that nothing was sent`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        try await House.with(settings: settings) { (house) async throws in
            let lock = try DatabaseHolder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .notSent("Never sent: there is no way to M-Pesa.")
            }

            let reply = await house.pay(key: "k")

            #expect(reply.code == .upstreamUnavailable)
            #expect(try await house.record(reply).state == .sending)
            lock.release()
            house.clock.advance(.seconds(100))
            await house.gateway.sweeper.sweep()

            let record = try await house.record(reply)
            #expect(record.state == .rejected)
            #expect(record.sentAt == nil)
            #expect(record.meaning == "Never sent: there is no way to M-Pesa.")
            house.upstream.accept()
            let again = await house.pay(key: "k")
            #expect(again.code == nil && !again.isReplayed)
        }
    }

    @Test func `does not forget it in the next process either`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        try await House.with(settings: settings) { (house) async throws in
            let lock = try DatabaseHolder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .notSent("Never sent: there is no way to M-Pesa.")
            }
            let reply = await house.pay(key: "k")
            #expect(await house.journal.entries().map(\.isUnsent) == [true])
            lock.release()

            let next = house.another()
            try await next.sweeper.settleAfterRestart()
            #expect(try await house.record(reply).state == .unknown)
            house.clock.advance(.seconds(10))
            await next.inbox.takeUpUnsettled()

            let record = try await house.record(reply)
            #expect(record.state == .rejected && record.sentAt == nil)
            #expect(await house.journal.entries().isEmpty)
        }
    }

    @Test func `keeps nobody waiting, nor any place, for what becomes of a commit that failed`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        try await House.with(settings: settings) { (house) async throws in
            let lock = try DatabaseHolder(house.database)
            lock.hold()
            let reply = await house.pay(key: "k")
            #expect(reply.code == .unavailable && house.upstream.count("pay") == 0)
            // The caller has an answer, and nothing more was asked of the store for it.
            let keeper = house.gateway.keeper
            #expect(await house.journal.entries().isEmpty)

            await keeper.withdrawPending()
            #expect(await house.journal.entries().map(\.isUnsent) == [true])
            await keeper.withdrawPending()
            #expect(await house.journal.entries().count == 1)

            lock.release()
            house.clock.advance(Withdrawals.commitMax + .seconds(1))
            await keeper.withdrawPending()
            #expect(await house.journal.entries().isEmpty)
            #expect(await house.pay(key: "k").code == nil)
        }
    }

    @Test func `does not forget that a second sending never left`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin, settings: settings) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let record = try #require(await house.collect().record)
            let lock = try DatabaseHolder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .notSent("Never sent: there is no way to M-Pesa.")
            }
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()
            #expect(await house.journal.entries().map(\.sending) == [2])
            lock.release()

            let next = house.another()
            try await next.sweeper.settleAfterRestart()
            house.clock.advance(.seconds(10))
            await next.inbox.takeUpUnsettled()

            let found = try await house.record(record)
            #expect(found.state == .rejected && found.releasedAt != nil)
        }
    }

    @Test func `loses no answer to a question`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(2)
        try await House.with(settings: settings) { (house) async throws in
            let record = try #require(await house.collect().record)
            let lock = try DatabaseHolder(house.database)
            house.upstream.answer { _ in
                lock.hold()
                return .answered(
                    status: 200,
                    body: JSON.object(["verdict": "succeeded", "receipt": "R1", "amount": 100]).bytes
                )
            }
            house.clock.advance(.seconds(21))
            _ = await house.gateway.asker.askSafely(try await house.record(record))
            #expect(await house.journal.entries().count == 1)
            lock.release()
            house.upstream.answer { _ in .unknown("M-Pesa is away") }

            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `loses no callback, which is kept as it came`() async throws {
        var settings = StoreSettings()
        settings.waitMax = .seconds(1)
        try await House.with(settings: settings) { (house) async throws in
            let record = try #require(await house.collect().record)
            let said: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]
            let came = house.clock.now
            let lock = try DatabaseHolder(house.database)
            lock.hold()
            try await house.gateway.inbox.receive(house.place(of: record), body: said.bytes, address: "203.0.113.9")

            let kept = try #require(await house.journal.entries().first)
            #expect(kept.body == said.bytes && kept.name == "result" && kept.receivedAt == came)
            #expect(kept.address == "203.0.113.9" && kept.record == record)
            house.clock.advance(.seconds(100))
            lock.release()
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
            #expect(await house.journal.entries().isEmpty)
        }
    }

    @Test func `keeps few callbacks of one record, so that others' have room`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let other = try #require(await house.collect(phone: "254711000002").record)
            let callbacks = LossyCallbacks(house.store)
            let gateway = house.another { ports in
                ports.store = Assembly.Repositories(of: ports.store, callbacks: callbacks)
            }
            let pending: JSON = ["verdict": "pending"]
            callbacks.lose { _ in true }
            for _ in 0..<4 {
                try await gateway.inbox.receive(house.place(of: record), body: pending.bytes, address: nil)
            }
            let error = await #expect(throws: GatewayError.self) {
                try await gateway.inbox.receive(house.place(of: record), body: pending.bytes, address: nil)
            }
            #expect(error?.code == .unavailable)
            try await gateway.inbox.receive(house.place(of: other), body: pending.bytes, address: nil)
            #expect(await house.journal.entries().count == 5)

            callbacks.lose { _ in false }
            await gateway.inbox.takeUpUnsettled()

            #expect(await house.journal.entries().isEmpty)
            callbacks.lose { _ in true }
            try await gateway.inbox.receive(house.place(of: record), body: pending.bytes, address: nil)
        }
    }

    @Test func `keeps no callback waiting behind one that it never takes`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let other = try #require(await house.collect(phone: "254711000002").record)
            let callbacks = LossyCallbacks(house.store)
            let gateway = house.another { ports in
                ports.store = Assembly.Repositories(of: ports.store, callbacks: callbacks)
            }
            let said: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]
            callbacks.lose { _ in true }
            for id in [record, other] {
                try await gateway.inbox.receive(house.place(of: id), body: said.bytes, address: nil)
                house.clock.advance(.seconds(1))
            }
            callbacks.lose { $0.record == record }
            for _ in 0..<2 {
                house.clock.advance(.seconds(10))
                await gateway.inbox.takeUpUnsettled()
            }

            #expect(try await house.record(other).state == .succeeded)
            #expect(await house.journal.entries().map(\.record) == [record])
        }
    }

    @Test func `shows what was sent as it was last known to who waits for its end`() async throws {
        let path = Mutex("")
        let failpoints = Failpoints { point in
            guard point == .afterReplyCommit else { return }
            // Nothing of a record can be read from now on.
            do { try DatabaseHolder(path.withLock { $0 }).execute("ALTER TABLE records RENAME TO gone") } catch {
                Issue.record(error)
            }
        }
        try await House.with(failpoints: { _ in failpoints }) { (house) async throws in
            path.withLock { $0 = house.database }

            let arguments: JSON = ["phone": "254711000001", "amount": 100]
            let reply = await house.call("fake_collect", arguments, wait: .milliseconds(50))

            #expect(reply.code == nil)
            #expect(reply.record != nil)
            #expect(reply.shown["status"] == "PENDING")
            await #expect(throws: GatewayError.self) { try await house.record(reply) }
        }
    }
}

extension ToolReply {
    fileprivate var failure: GatewayError? {
        if case .failure(let error) = result { error } else { nil }
    }
}
