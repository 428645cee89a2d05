import GatewayTesting
import JSONSchema
import OrderedJSON
import Testing

@testable import Gateway

struct `A refund that is held` {
    /// A payment of 100 that has come in, and a refund of all of it of which nobody knows what became.
    private func lost(in house: House) async throws -> (paid: RecordID, lost: RecordID) {
        let paid = try #require(await house.collect(key: "p").record)
        try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
        let lost = try #require(await refund(paid, 60, key: "lost", in: house).record)
        house.clock.advance(.seconds(40 * 86_400))
        await house.gateway.sweeper.sweep()
        #expect(try await house.record(lost).state == .manual)
        return (paid, lost)
    }

    private func refund(
        _ original: RecordID,
        _ amount: Int64,
        unmoved: RecordID? = nil,
        key: String,
        in house: House
    ) async -> ToolReply {
        var arguments: JSONObject = ["original": .string("\(original)"), "amount": .integer(amount)]
        arguments["unmoved"] = unmoved.map { .array([.string("\($0)")]) }
        return await house.call("fake_refund", .object(arguments), key: key)
    }

    @Test func `does not leave once its original has been changed since it was looked at`() async throws {
        try await House.with { (house) async throws in
            let (paid, lost) = try await lost(in: house)
            let draft = try await house.held { await refund(paid, 100, unmoved: lost, key: "k", in: house) }
            try await house.release(draft)
            // The earlier one succeeds after all, between the last look and the commit.
            let isSaid = Kept(false)
            house.upstream.whenPrepared {
                if isSaid.value == true { return }
                isSaid.value = true
                let said: JSON = ["verdict": "succeeded", "receipt": "U1", "amount": 60, "code": "0"]
                try? await house.callback(lost, says: said)
            }
            await house.gateway.releases.sendDue()

            #expect(isSaid.value == true)
            #expect(try await house.record(draft.id).state == .released && house.upstream.count("refund") == 1)
            await house.gateway.releases.sendDue()
            #expect(try await house.record(draft.id).state == .withdrawn && house.upstream.count("refund") == 1)
            #expect(try await house.record(paid).reversedAmount == 60)
        }
    }

    @Test func `leaves under its original's version, and stands in it once`() async throws {
        try await House.with { (house) async throws in
            let (paid, lost) = try await lost(in: house)
            let draft = try await house.held { await refund(paid, 100, unmoved: lost, key: "k", in: house) }
            let version = try await house.record(paid).version
            try await house.release(draft)
            await house.gateway.releases.sendDue()

            let original = try await house.record(paid)
            #expect(try await house.record(draft.id).state == .accepted && original.version == version + 1)
            #expect(original.reversals.map(\.id) == [lost, draft.id])
        }
    }
}

struct `The call of what was held` {
    /// How many calls that pay out were counted as successes and as failures.
    private func counted(in house: House) async throws -> [Int64] {
        try await house.store.append([], usage: [])
        let question = UsageQuestion(
            organization: house.organization,
            environment: .test,
            from: house.clock.now + .seconds(-40 * 86_400),
            until: house.clock.now + .seconds(86_400),
            period: .month,
            parts: [.tool]
        )
        let found = try await house.store.usage(question).filter { $0.tool == "fake_pay" }
        return [found.reduce(0) { $0 + $1.succeeded }, found.reduce(0) { $0 + $1.failed }]
    }

    @Test func `is counted once, when it has left at last`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .notSent("There was no connection.") }
            let draft = try await house.held { await house.pay(key: "k") }
            try await house.release(draft)
            await house.gateway.releases.sendDue()
            #expect(try await house.record(draft.id).hold?.unsent == 1)
            #expect(try await counted(in: house) == [0, 0])

            house.upstream.accept()
            house.clock.advance(.seconds(10))
            await house.gateway.releases.sendDue()
            #expect(try await house.record(draft.id).state == .accepted)
            #expect(try await counted(in: house) == [1, 0])
        }
    }

    @Test(arguments: [true, false])
    func `is a failure once it was withdrawn`(wasReleased: Bool) async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .notSent("There was no connection.") }
            let draft = try await house.held { await house.pay(key: "k") }
            if wasReleased {
                try await house.release(draft)
                await house.gateway.releases.sendDue()
            }
            try await house.withdraw(draft)

            #expect(try await counted(in: house) == [0, 1])
        }
    }

    @Test func `is counted once where it was taken for sent, and had not left`() throws {
        var record = Samples.released()
        record.hold?.unsent = 0
        let machine = RecordMachine(rules: RecordMachine.Rules())
        let sending = RecordMachine.ReleasedSending(
            request: record.request,
            begunAt: record.createdAt,
            before: record.createdAt + .seconds(60)
        )
        let sent = try #require(machine.step(record, .sendingReleased(sending), at: record.createdAt))
        let lost = try #require(machine.step(sent.record, .restarted, at: record.createdAt + .seconds(1)))
        let known = try #require(
            machine.step(lost.record, .notSent("It never left."), at: record.createdAt + .seconds(2))
        )

        #expect(sent.record.hold?.countedAt == nil && lost.record.hold?.countedAt == record.createdAt + .seconds(1))
        #expect(known.record.state == .released && known.record.hold?.countedAt == nil)
    }
}

/// Records as a test wants them, of no house.
enum Samples {
    static func released(_ description: String? = nil) -> Record {
        var record = Record(
            id: RecordID(Identifier(high: 1, low: 1)),
            organization: OrganizationID(Identifier(high: 2, low: 2)),
            environment: .test,
            recordClass: .transaction,
            plugin: "fake",
            operation: "pay",
            tool: "fake_pay",
            direction: .outgoing,
            madeBy: "key:1",
            intent: Intent(amount: Shillings(100), party: "254711000001", description: description),
            about: nil,
            createdAt: Timestamp(milliseconds: 1_700_000_000_000),
            query: nil,
            sendBefore: Timestamp(milliseconds: 1_700_000_060_000),
            request: RequestTemplate(body: [:]),
            state: .released
        )
        record.hold = Hold(arguments: [:], reason: "A rule.", until: record.createdAt + .seconds(900))
        return record
    }
}

struct `What was held and a payment that succeeds late` {
    /// A payment that failed, while another of the same customer and amount was held.
    private func failed(in house: House) async throws -> (held: Record, failed: RecordID) {
        let held = try await house.held { await house.collect(key: "held") }
        house.clock.advance(.seconds(1))
        let failed = try #require(await house.collect(key: "first").record)
        try await house.callback(failed, says: ["verdict": "failed", "code": "1"])
        house.clock.advance(.seconds(61))
        return (held, failed)
    }

    private func succeed(_ record: RecordID, in house: House) async throws {
        try await house.callback(record, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
    }

    @Test(arguments: [true, false])
    func `name each other, sent or not`(isSent: Bool) async throws {
        try await House.with { (house) async throws in
            let (held, failed) = try await failed(in: house)
            if isSent {
                try await house.release(held)
                await house.gateway.releases.sendDue()
                #expect(try await house.record(held.id).state == .accepted)
            }
            try await succeed(failed, in: house)

            #expect(try await house.record(held.id).disputes == [Dispute(.possibleDouble, other: failed)])
            #expect(try await house.record(failed).disputes == [Dispute(.possibleDouble, other: held.id)])
            let again = await house.collect(key: "held")
            #expect(again.sentence.contains("\(failed)"))
        }
    }

    @Test func `do not, once it was withdrawn`() async throws {
        try await House.with { (house) async throws in
            let (held, failed) = try await failed(in: house)
            try await house.withdraw(held)
            try await succeed(failed, in: house)

            #expect(try await house.record(failed).disputes.isEmpty)
        }
    }
}

struct `The answer about what was held` {
    private func shown(_ reply: ToolReply, in house: House) throws -> JSON {
        guard case .success(let output) = reply.result, let tool = reply.tool else { throw Missing(what: "an output") }
        let shown = try JSON(parsing: output)
        let entry = try #require(
            house.registry.snapshot.entry(tool.name, organization: house.organization, call: CallID(house.key.id.raw))
        )
        let published = try JSONSchema(compiling: entry.schemas.output)
        #expect(published.accepts(shown), "\(shown.text) is not of the schema that is published")
        return shown
    }

    @Test func `is of its tool's published schema, and in the host's words, wherever it stands`() async throws {
        try await House.with { (house) async throws in
            house.doorkeeper.holdAll(until: house.clock.now + .seconds(3_600))
            let reply = await house.pay(key: "k")
            let draft = try await house.record(reply)
            #expect(try shown(reply, in: house)["pay_again"] == "no")
            let look = { () async -> ToolReply in
                house.clock.advance(.seconds(2))
                return await house.call("fake_pay_status", ["id": .string("\(draft.id)")])
            }
            #expect(try shown(await look(), in: house)["state"] == "draft")
            try await house.release(draft)
            #expect(try shown(await look(), in: house)["state"] == "released")

            try await house.withdraw(draft)
            let withdrawn = try shown(await look(), in: house)
            #expect(withdrawn["status"] == "CANCELLED" && withdrawn["state"] == "withdrawn")
            #expect(withdrawn["approval"]?["withdrawn"] == "declined" && withdrawn["pay_again"] == "no")
            #expect(withdrawn["approval"]?["decided_by"] == "user:1" && withdrawn["ended_at_ms"] != nil)
            #expect(withdrawn["approval"]?["withdrawn_because"] == "No.")
        }
    }

    @Test func `of a payment that came in says that it is not charged again`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.collect(key: "k") }
            try await house.withdraw(draft)
            house.clock.advance(.seconds(2))

            let reply = await house.call("fake_collect_status", ["id": .string("\(draft.id)")])

            #expect(try shown(reply, in: house)["charge_again"] == "no")
        }
    }
}

struct `An account that is set up otherwise while a payment of it is held` {
    private func set(up till: String, in house: House) async throws {
        var profile = Profile(
            environment: .test,
            shortCode: "174379",
            shortCodeType: "till",
            organizationName: "Shop"
        )
        profile.tillNumber = till
        try await house.store.save(profile, organization: house.organization)
        house.gateway.configuration.forget()
    }

    @Test(arguments: [true, false])
    func `withdraws it where its till is another`(isReleased: Bool) async throws {
        try await House.with { (house) async throws in
            try await set(up: "5001", in: house)
            let draft = try await house.held { await house.collect(key: "k") }
            if isReleased { try await house.release(draft) }
            try await set(up: "5002", in: house)

            if isReleased {
                await house.gateway.releases.sendDue()
            } else {
                #expect(await house.refusal(of: draft)?.code == .withdrawn)
            }

            let record = try await house.record(draft.id)
            #expect(record.hold?.withdrawal == .obsolete && record.meaning?.contains("till") == true)
            #expect(house.upstream.sent.isEmpty)
        }
    }
}

struct `What is taken out of the sums` {
    private func sums(in house: House) async throws -> [RollupSum] {
        try await house.gateway.rollups.catchUp()
        let today = RollupPlace.day(of: house.clock.now)
        let days = today - 10...today + 10
        let found = try await house.store.rollups(organization: house.organization, environment: .test, days: days)
        return found.filter { $0.value != RollupSum() }.map(\.value)
    }

    private func failed(in house: House) async throws -> RecordID {
        let id = try #require(await house.collect(key: "k").record)
        try await house.callback(id, says: ["verdict": "failed", "code": "1"])
        return id
    }

    private func succeedLate(_ id: RecordID, in house: House) async throws {
        try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
    }

    @Test func `is what was counted there, also after a clock that was set back`() async throws {
        try await House.with { (house) async throws in
            let id = try await failed(in: house)
            try await house.store.bringForward(by: .seconds(3 * 86_400), after: house.clock.now + .seconds(-1))
            try await succeedLate(id, in: house)

            #expect(try await sums(in: house) == [RollupSum(transactions: 1, amount: 100)])
        }
    }

    @Test func `is nothing of what ended before the feed told of it`() async throws {
        try await House.with { (house) async throws in
            let id = try await failed(in: house)
            var record = try await house.record(id)
            record.version += 1
            record.countedAt = nil
            _ = try await house.store.apply([RecordChange(record: record, events: [], newIDs: [:])])
            try await house.gateway.rollups.catchUp()
            let before = try await sums(in: house).count
            try await succeedLate(id, in: house)

            let after = try await sums(in: house)
            #expect(before == 1 && after.count == 2 && after.allSatisfy { $0.transactions == 1 })
        }
    }
}

struct `What was held, as plugins are told of it` {
    private func told(_ record: Record, in house: House) async throws -> [JSON?] {
        let id: JSON = ["id": .string("\(record.id)")]
        let found = try await house.service("transaction.find", id)
        let listed = try await house.service("transaction.list", [:])["transactions"]?[0]
        let page = try await house.service("x-transaction.page", [:])["transactions"]?[0]
        return [found["state"], listed?["state"], page?["state"]]
    }

    @Test func `is created until it leaves, and cancelled where it never will, its steps too`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "k") }
            #expect(try await told(draft, in: house) == ["created", "created", "created"])
            try await house.release(draft)
            #expect(try await told(draft, in: house) == ["created", "created", "created"])
            try await house.withdraw(draft)
            #expect(try await told(draft, in: house) == ["cancelled", "cancelled", "cancelled"])

            let events = try await house.store.events(of: draft.id, organization: house.organization, limit: 10)
            let steps = try events.map { event in
                var writer = JSONWriter(capacity: 160)
                PluginDocuments.write(event, to: &writer, forPlugin: true)
                return try JSON(parsing: writer.bytes)
            }
            #expect(steps.map { $0["to"] } == ["created", "created", "cancelled"])
            #expect(steps.dropFirst().map { $0["from"] } == ["created", "created"])
        }
    }
}
