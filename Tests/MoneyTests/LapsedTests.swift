import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// What is held of somebody who may not pay any more: nobody lets it go here, and nothing is about to leave.
struct `A draft whose maker may not pay any more` {
    /// Hears of what was changed, as the watch does beside the calls, and looks.
    private func look(in house: House) async throws {
        try await house.gateway.configuration.look()
        await house.gateway.lapsed.withdraw()
    }

    private func revokeKey(of house: House) async throws {
        _ = try await house.store.change(house.key.id, organization: house.organization) {
            $0.revokedAt = house.clock.now
        }
    }

    @Test func `is withdrawn once the key is revoked, and its payment never leaves`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(phone: "254711000001", key: "a") }
            let released = try await house.held { await house.pay(phone: "254711000002", key: "b") }
            try await look(in: house)
            #expect(try await house.record(draft.id).state == .draft)
            try await house.release(released)

            try await revokeKey(of: house)
            try await look(in: house)

            let ended = try await house.record(draft.id)
            #expect(ended.state == .withdrawn && ended.hold?.withdrawal == .obsolete)
            #expect(ended.meaning == "Whoever asked for it may do nothing any more.")
            await house.gateway.releases.sendDue()
            #expect(try await house.record(released.id).state == .withdrawn && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is withdrawn once the tool is out of the plan, whoever is on it`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            try await look(in: house)

            try await house.store.save(
                Plan(name: "all", tools: ["other_*"], organizationLimits: [:], principalLimits: [:])
            )
            try await look(in: house)

            #expect(try await house.record(draft.id).state == .withdrawn)
        }
    }

    @Test func `is withdrawn within a minute once the key has ended by its date, which changes nothing`() async throws {
        try await House.with { (house) async throws in
            let end = house.clock.now + .seconds(30)
            _ = try await house.store.change(house.key.id, organization: house.organization) { $0.expiresAt = end }
            try await look(in: house)
            let draft = try await house.held { await house.pay(key: "a") }
            house.clock.advance(.seconds(29))
            await house.gateway.lapsed.withdraw()
            #expect(try await house.record(draft.id).state == .draft)

            house.clock.advance(.seconds(31))
            await house.gateway.lapsed.withdraw()

            let ended = try await house.record(draft.id)
            #expect(ended.state == .withdrawn && ended.hold?.withdrawal == .obsolete)
        }
    }

    @Test func `is found by whoever begins after the change`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            try await revokeKey(of: house)

            await house.gateway.lapsed.withdraw()

            #expect(try await house.record(draft.id).state == .withdrawn)
        }
    }

    @Test func `waits while the organization is suspended or its payments are stopped`() async throws {
        try await House.with { (house) async throws in
            let draft = try await house.held { await house.pay(key: "a") }
            try await look(in: house)

            try await house.suspend(true)
            try await look(in: house)
            #expect(try await house.record(draft.id).state == .draft)

            try await revokeKey(of: house)
            try await house.suspend(false)
            try await look(in: house)
            #expect(try await house.record(draft.id).state == .withdrawn)
        }
    }

    @Test func `is withdrawn with the others of its batch, which is stopped`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("a", of: House.payments(3))
            // Of other payments: what repeats is asked about.
            let others = JSON.array(Array(House.payments(5).arrayValue?.suffix(2) ?? []))
            _ = await house.batch("b", of: others)
            _ = try await house.gateway.batches.release("b", by: try await house.releaser("releaser of b"))
            try await look(in: house)
            #expect(try await house.batch("a").state == .draft)
            #expect(try await house.batch("b").state == .running)

            try await revokeKey(of: house)
            try await look(in: house)

            for id in ["a", "b"] {
                let batch = try await house.batch(id)
                #expect(batch.state == .cancelled && batch.withdrawal == .obsolete && batch.decidedBy == "host")
            }
            await house.sendBatches()
            #expect(try await house.items("a").allSatisfy { $0.state == .withdrawn })
            #expect(try await house.items("b").allSatisfy { $0.state == .withdrawn } && house.upstream.sent.isEmpty)
        }
    }
}
