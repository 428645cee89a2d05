import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

struct `A call that is held` {
    @Test func `sends nothing, says so at once, and is sent once somebody releases it`() async throws {
        try await House.with { (house) async throws in
            house.doorkeeper.holdAll(until: house.clock.now + .seconds(60))
            let reply = await house.call(
                "fake_pay",
                ["phone": "254711000001", "amount": 100],
                key: "k",
                wait: .seconds(30)
            )

            guard case .success(let output) = reply.result else { throw Missing(what: "an answer") }
            let shown = try JSON(parsing: output)
            #expect(shown["status"] == "PENDING" && shown["state"] == "draft" && shown["approval"]?["until_ms"] != nil)
            #expect(reply.state == .draft && reply.sentence.contains("nothing was sent"))
            await house.gateway.releases.sendDue()
            #expect(house.upstream.sent.isEmpty)

            try await house.release(try await house.record(reply))
            #expect(try await house.record(reply).state == .released && house.upstream.sent.isEmpty)
            await house.gateway.releases.sendDue()

            let record = try await house.record(reply)
            #expect(record.state == .accepted && record.hold?.decidedBy == "user:1" && record.attempts == 1)
            #expect(house.upstream.count("pay") == 1)
            let events = try await house.store.events(of: record.id, organization: house.organization, limit: 10)
            #expect(events.map(\.to) == [.draft, .released, .sending, .accepted])
        }
    }

    @Test(arguments: [(Hold.Withdrawal.declined, "approval_declined"), (.cancelled, "withdrawn")], ["k", nil])
    func `keeps its key when it is withdrawn`(end: (why: Hold.Withdrawal, code: String), key: String?) async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.collect(key: key) }
            try await house.withdraw(draft, as: end.why)

            let again = await house.collect(key: key)

            guard case .failure(let error) = again.result else { throw Missing(what: "a refusal") }
            #expect(error.code.rawValue == end.code && error.retryAfter == nil && error.chargeAgain == "no")
            #expect(error.record == draft.id && house.upstream.sent.isEmpty)
            #expect(try await house.record(draft.id).state.status == "CANCELLED")
            #expect(await house.refusal(of: draft)?.code.rawValue == end.code)
        }
    }

    @Test func `is withdrawn by itself when nobody releases it in time`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "k") }
            house.clock.advance(.seconds(3_601))
            #expect(await house.refusal(of: draft)?.code == .approvalExpired)
            await house.gateway.releases.sendDue()

            #expect(await house.pay(key: "k").code == .approvalExpired)
            #expect(house.upstream.sent.isEmpty)
        }
    }

    @Test func `is left as it is by a restart, released or not`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(phone: "254711000001", key: "a") }
            let released = try await house.held { await house.pay(phone: "254711000002", key: "b") }
            try await house.release(released)

            let next = house.another()
            try await next.settleAfterRestart()

            #expect(try await house.record(draft.id).state == .draft)
            #expect(try await house.record(released.id).state == .released)
            await next.releases.sendDue()
            #expect(try await house.record(released.id).state == .accepted)
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `waits again when no byte of it left, and is withdrawn after its time`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .notSent("There was no connection.") }
            let draft = try await house.held { await house.pay(key: "k") }
            try await house.release(draft)
            await house.gateway.releases.sendDue()
            let unsent = try await house.record(draft.id)
            #expect(unsent.state == .released && unsent.sentAt == nil && unsent.hold?.unsent == 1)

            house.clock.advance(.seconds(10))
            await house.gateway.releases.sendDue()
            #expect(try await house.record(draft.id).hold?.unsent == 2)
            house.clock.advance(.seconds(900))
            await house.gateway.releases.sendDue()

            #expect(try await house.record(draft.id).state == .withdrawn)
            #expect(await house.pay(key: "k").code == .withdrawn)
        }
    }

    @Test func `is sent later when it could not leave at first`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .notSent("There was no connection.") }
            let draft = try await house.held { await house.pay(key: "k") }
            try await house.release(draft)
            await house.gateway.releases.sendDue()
            house.upstream.accept()
            house.clock.advance(.seconds(10))

            await house.gateway.releases.sendDue()

            let record = try await house.record(draft.id)
            #expect(record.state == .accepted && record.attempts == 2 && record.sendings == 1)
        }
    }

    @Test func `is counted once, and given back when it is withdrawn`() async throws {
        try await House.with { (house) async throws in
            try await house.store.save(
                Plan(
                    name: "all",
                    tools: ["**"],
                    organizationLimits: [:],
                    principalLimits: [:],
                    ceilings: Ceilings(quotas: [Ceilings.Counted.money: 1])
                )
            )
            let draft = try await house.held { await house.pay(key: "a") }
            #expect(await house.pay(phone: "254711000002", key: "b").code == .rateLimited)

            try await house.withdraw(draft)

            #expect(await house.pay(phone: "254711000002", key: "b").code == nil)
        }
    }
}

struct `What is looked at again before a held call leaves` {
    /// A plugin whose plan follows what a test sets.
    private static func changing(_ amount: Kept<Int64>) throws -> LoadedPlugin {
        try FakePlugin.make { functions in
            LoadedPlugin.OperationFunctions(
                prepare: { tool, input throws(LoadedPlugin.Failure) in
                    let bytes = try await functions.prepare(tool, input)
                    guard var answer = try? JSON(parsing: bytes), let now = (try? JSON(parsing: input))?["now_ms"]
                    else {
                        return bytes
                    }
                    if let other = amount.value {
                        _ = answer.set(.integer(other), at: JSONPointer(tokens: ["plan", "intent", "amount"]))
                    }
                    _ = answer.set(now, at: JSONPointer(tokens: ["plan", "request", "body", "now"]))
                    return answer.bytes
                },
                interpret: functions.interpret,
                query: functions.query,
                render: functions.render
            )
        }
    }

    @Test func `is its request, which is made anew`() async throws {
        try await House.with(plugin: Self.changing(Kept(nil))) { (house) async throws in
            let draft = try await house.held { await house.pay(key: "k") }
            house.clock.advance(.seconds(600))
            try await house.release(draft)
            house.clock.advance(.seconds(300))
            await house.gateway.releases.sendDue()

            let sentAt = draft.createdAt + .seconds(900)
            let record = try await house.record(draft.id)
            #expect(house.upstream.sent.last?.body["now"] == .integer(sentAt.milliseconds))
            #expect(record.request.body["now"] == .integer(sentAt.milliseconds))
            #expect(record.sentAt == sentAt && record.sendBefore > sentAt && record.begunAt == sentAt)
        }
    }

    @Test func `is whether it is the same payment`() async throws {
        let amount = Kept<Int64>(nil)
        try await House.with(plugin: Self.changing(amount)) { (house) async throws in
            let first = try await house.held { await house.pay(phone: "254711000001", key: "a") }
            let second = try await house.held { await house.pay(phone: "254711000002", key: "b") }
            try await house.release(second)
            amount.value = 101

            #expect(await house.refusal(of: first)?.code == .withdrawn)
            await house.gateway.releases.sendDue()

            for draft in [first, second] {
                let record = try await house.record(draft.id)
                #expect(record.state == .withdrawn && record.meaning?.contains("amount") == true)
            }
            #expect(house.upstream.sent.isEmpty)
        }
    }

    @Test func `is who asked for it: a key that is revoked withdraws it`() async throws {
        try await House.with { (house) async throws in
            let first = try await house.held { await house.pay(phone: "254711000001", key: "a") }
            let second = try await house.held { await house.pay(phone: "254711000002", key: "b") }
            try await house.release(second)
            _ = try await house.store.change(house.key.id, organization: house.organization) {
                $0.revokedAt = house.clock.now
            }

            #expect(await house.refusal(of: first)?.code == .withdrawn)
            await house.gateway.releases.sendDue()

            #expect(try await house.record(second.id).state == .withdrawn && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is the organization: a suspended one's waits`() async throws {
        try await House.with { (house) async throws in
            let first = try await house.held { await house.pay(phone: "254711000001", key: "a") }
            let second = try await house.held { await house.pay(phone: "254711000002", key: "b") }
            try await house.release(second)
            try await house.suspend(true)

            #expect(await house.refusal(of: first)?.code == .organizationSuspended)
            await house.gateway.releases.sendDue()
            #expect(try await house.record(first.id).state == .draft)
            #expect(try await house.record(second.id).state == .released && house.upstream.sent.isEmpty)

            try await house.suspend(false)
            house.clock.advance(.seconds(10))
            await house.gateway.releases.sendDue()
            #expect(try await house.record(second.id).state == .accepted)
        }
    }

    @Test func `is the plan: a tool that is not in it any more withdraws it`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            try await house.store.save(
                Plan(name: "all", tools: ["other_*"], organizationLimits: [:], principalLimits: [:])
            )
            house.gateway.configuration.forget()

            #expect(await house.refusal(of: draft)?.code == .withdrawn)
            #expect(house.upstream.sent.isEmpty)
        }
    }
}

struct `The guards of what is held` {
    @Test func `count from the draft on for money out`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            #expect(await house.pay(key: "b").code == .conflict)

            try await house.withdraw(draft)

            #expect(await house.pay(key: "c").code == nil)
        }
    }

    @Test func `count from the release on for money in, and a conflict leaves the draft and says when`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.collect(key: "a") }
            let other = await house.collect(key: "b")
            #expect(other.code == nil)

            let refusal = try #require(await house.refusal(of: draft))
            #expect(refusal.code == .conflict && refusal.record == other.record && refusal.retryAfter != nil)
            #expect(try await house.record(draft.id).state == .draft)

            let paid: JSON = ["verdict": "failed", "code": "1"]
            try await house.callback(try #require(other.record), says: paid)
            house.clock.advance(.seconds(61))
            try await house.release(draft)
            #expect(await house.collect(key: "c").code == .conflict)
        }
    }

    @Test func `count for their window from the sending on`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            house.clock.advance(.seconds(300))
            try await house.release(draft)
            await house.gateway.releases.sendDue()
            try await house.callback(draft.id, says: ["verdict": "failed", "code": "2006"])

            house.clock.advance(.seconds(50))
            #expect(await house.pay(key: "b").code == .conflict)
            house.clock.advance(.seconds(11))
            #expect(await house.pay(key: "c").code == nil)
        }
    }
}

/// One value behind a reference, for a closure and a test.
final class Kept<Value: Sendable>: Sendable {
    private let state: Mutex<Value?>

    init(_ value: Value?) { state = Mutex(value) }

    var value: Value? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
