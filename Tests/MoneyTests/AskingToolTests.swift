import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// What says `requires.approval` in its catalogue: organizations' rules ask for more, and never for less.
struct `A tool that has others agree to what it moves` {
    private static let asks: JSONObject = ["requires": ["approval": ["amount": "/amount"]]]

    private static func with(
        _ rules: [ApprovalRule] = [],
        _ body: (House, ApprovalDesk) async throws -> Void
    ) async throws {
        try await House.with(plugin: FakePlugin.make(payouts: asks)) { (house) async throws in
            try await body(house, ApprovalDesk(in: house, rules: rules))
        }
    }

    @Test func `waits for another person where no rule says anything, and leaves with them`() async throws {
        try await Self.with { (house, desk) async throws in
            let reply = await desk.pay(as: desk.manager.token)
            #expect(await desk.pay("254711000002", tool: "fake_collect").state == .accepted)

            let draft = try await house.record(reply)
            #expect(draft.state == .draft && house.upstream.count("pay") == 0)
            #expect(draft.hold?.asked == Hold.Asked(role: .manager, count: 1, isOfTool: true))
            #expect(draft.hold?.reason.contains("the tool has others agree to what it moves") == true)
            #expect(await desk.decide("approve", reply, as: desk.manager) == .permissionDenied)
            #expect(await desk.decide("approve", reply, as: desk.other) == nil)
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(reply).state == .accepted)
        }
    }

    static let milder = [
        ApprovalRule(outcome: .allow), ApprovalRule(outcome: .confirm, role: .user, agentMax: 1_000),
        ApprovalRule(outcome: .approve, role: .user),
    ]

    @Test(arguments: milder, [Door.rest, .mcp])
    func `waits for a manager whatever milder rules say`(rule: ApprovalRule, door: Door) async throws {
        try await Self.with([rule]) { (house, desk) async throws in
            let draft = try await house.record(await desk.pay(door: door))

            #expect(draft.state == .draft && draft.hold?.asked?.role == .manager)
            #expect(draft.hold?.asked?.isConfirmation == false)
            #expect(!draft.isVoid(by: [rule]), "it waits on by the same rules")
        }
    }

    @Test func `waits as stricter rules say`() async throws {
        let rule = ApprovalRule(outcome: .approve, role: .orgAdmin, count: 2)
        try await Self.with([rule]) { (house, desk) async throws in
            let asked = try await house.record(await desk.pay()).hold?.asked

            #expect(asked == Hold.Asked(role: .orgAdmin, count: 2))
        }
        try await Self.with([ApprovalRule(outcome: .refuse)]) { (_, desk) async throws in
            #expect(await desk.pay().code == .permissionDenied)
        }
    }

    @Test func `is not let go by a mandate`() async throws {
        try await Self.with { (house, desk) async throws in
            let key = try await house.addKey(rules: KeyRules(isAgent: true))
            var mandate = Mandate(key: key.id)
            mandate.terms = Mandate.Terms(
                purpose: "floats",
                tools: ["fake_pay"],
                callMax: 1_000,
                dayMax: 1_000,
                until: house.clock.now + .seconds(86_400)
            )
            _ = try await house.store.change(house.organization) { [mandate] in $0.approvals.mandates = [mandate] }
            desk.forget()

            #expect(await desk.pay(as: key.text).state == .draft)
        }
    }

    @Test func `keeps what waits by its word when rules change, until they ask for more`() async throws {
        try await Self.with { (house, desk) async throws in
            let draft = try await house.record(await desk.pay())

            #expect(!draft.isVoid(by: []) && !draft.isVoid(by: [ApprovalRule(outcome: .allow)]))
            #expect(draft.isVoid(by: [ApprovalRule(outcome: .approve, count: 2)]))
            #expect(draft.isVoid(by: [ApprovalRule(outcome: .refuse)]))
        }
    }

    @Test func `has a batch released by another than who made it`() async throws {
        try await Self.with([ApprovalRule(outcome: .allow)]) { (house, desk) async throws in
            _ = await desk.make("b", of: House.payments(2), as: desk.manager.token)
            #expect(try await house.batch("b").releaser == .another)
            let maker = house.person(desk.manager.user, hasSecondFactor: true)
            let other = house.person(desk.other.user, hasSecondFactor: true)
            let batches = desk.gateway.batches

            await #expect(throws: GatewayError.self) { try await batches.release("b", by: maker) }
            #expect(try await batches.release("b", by: other).state == .running)
        }
    }

    @Test func `takes back what waits for its caller's word alone, once a version of it asks`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let reply = await desk.pay(as: desk.manager.token)
            #expect(try await house.record(reply).hold?.asked?.isConfirmation == true)

            try house.registry.publish(FakePlugin.make(generation: 2, digest: "d2", payouts: Self.asks))

            #expect(await desk.decide("confirm", reply, as: desk.manager) != nil)
            await desk.gateway.releases.sendDue()
            let ended = try await house.record(reply)
            #expect(ended.state == .withdrawn && ended.hold?.withdrawal == .obsolete && house.upstream.sent.isEmpty)
        }
    }
}
