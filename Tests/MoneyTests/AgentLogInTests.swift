import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// A log-in whose token somebody has given a program: it may come to any door with it.
struct `A log-in that a program has called with by MCP` {
    private func use(_ token: Secret<String>, at desk: ApprovalDesk, by door: Door = .mcp) async {
        let said = await desk.house.ask("transactions.list", as: token, door: door, of: desk.gateway)
        #expect(said.code == nil, "\(said)")
    }

    @Test func `is an agent's by REST too, and no other log-in of the same person is`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let (user, agents) = desk.manager
            let own = try await house.logIn(user)
            await use(agents, at: desk, by: .rest)
            #expect(await desk.pay("254711000001", as: agents).state == .accepted, "nobody knows it yet")

            await use(agents, at: desk)

            let held = await desk.pay("254711000002", as: agents)
            #expect(held.state == .draft, "\(held)")
            #expect(try await house.record(held).isByAgent)
            #expect(await desk.pay("254711000003", as: own).state == .accepted)
            _ = await desk.ask("payments.stop", ["what": "agents"], as: own)
            #expect(await desk.pay("254711000004", as: agents).code == .permissionDenied)
            #expect(await desk.pay("254711000005", as: own).state == .accepted)
            let lines = try await house.audit()
            #expect(lines.contains { $0.record == held.record && $0.caller == .agent && $0.door == "rest" })
        }
    }

    @Test func `confirms nothing, not even what it asked for before`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, agentMax: 1_000)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let (user, agents) = desk.manager
            let own = (user, try await house.logIn(user))
            let asked = await desk.pay("254711000001", as: agents)
            let id: JSON = ["id": .string(asked.record?.description ?? "")]
            #expect(await desk.ask("approvals.show", id, as: agents).data["to_confirm"] != nil)
            await use(agents, at: desk)
            let after = await desk.pay("254711000002", as: agents)

            for held in [asked, after] {
                #expect(held.state == .draft)
                #expect(await desk.decide("confirm", held, as: desk.manager) == .permissionDenied)
            }
            let shown = await desk.ask("approvals.show", id, as: agents)
            #expect(shown.data["is_own"] == true && shown.data["to_confirm"] == nil, "\(shown)")
            #expect(await desk.decide("confirm", asked, as: own) == nil)
            #expect(await desk.decide("decline", after, as: desk.manager) == nil, "whoever wants less may always")
        }
    }

    @Test func `decides nothing that needs a person, and stops what it likes`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .approve)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let (user, agents) = desk.administrator
            let held = await desk.pay()
            await use(agents, at: desk)

            let asked: [(String, JSON)] = [
                ("approvals.approve", ["id": .string(held.record?.description ?? "")]),
                ("approvals.set_rules", ["rules": []]), ("approvals.agree", [:]),
                ("payments.resume", ["what": "agents"]),
                (
                    "transactions.resolve",
                    [
                        "id": .string(held.record?.description ?? ""), "outcome": "failed",
                        "evidence": "I say so myself.",
                    ]
                ),
            ]
            for (name, arguments) in asked {
                let said = await desk.ask(name, arguments, as: agents)
                #expect(said.code == .permissionDenied, "\(name): \(said)")
            }
            #expect(await desk.ask("payments.stop", ["what": "agents"], as: agents).code == nil)
            let own = try await house.logIn(user)
            #expect(await desk.decide("approve", held, as: (user, own)) == nil)
        }
    }

    @Test func `is known as that to every process, and is written once`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let (_, agents) = desk.manager
            #expect(await desk.pay("254711000001", as: agents).state == .accepted)
            #expect(await house.ask("transactions.list", as: agents, door: .mcp).code == nil)
            let version = try await house.store.configurationVersion()

            try await desk.gateway.configuration.look()
            #expect(await desk.pay("254711000002", as: agents).state == .draft)
            for _ in 1...3 { await use(agents, at: desk) }
            #expect(try await house.store.configurationVersion() == version)
        }
    }

    @Test func `that has ended meanwhile is refused as every other`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let (user, agents) = desk.manager
            await use(agents, at: desk, by: .rest)
            // Not heard of yet: what was remembered of it is believed.
            let id = try await desk.gateway.authenticate
                .principal(for: .token(agents), environment: nil, at: .rest).session
            #expect(
                try await house.store.endSession(try #require(id), of: user.id, organization: house.organization)
            )

            let said = await house.ask("transactions.list", as: agents, door: .mcp, of: desk.gateway)

            #expect(said.code == .unauthenticated)
        }
    }

    @Test func `is one of those that the one rule of agents names`() {
        func kind(_ rules: KeyRules? = nil, logIn: Principal.LogIn? = nil, isIssued: Bool = false, at door: Door)
            -> CallerKind
        {
            let id = Identifier(high: 1, low: 1)
            return Principal(
                organization: OrganizationID(id),
                subject: logIn == nil ? .apiKey(APIKeyID(id)) : .user(UserID(id)),
                name: "x",
                role: .manager,
                scopes: nil,
                environment: .test,
                rules: rules,
                logIn: logIn,
                issued: isIssued ? IssuedBearer(issuer: "https://login.example", subject: "x") : nil
            )
            .kind(at: door)
        }
        let id = Identifier(high: 2, low: 2)
        #expect(kind(logIn: .init(id: id, isAgents: false), at: .rest) == .person)
        #expect(kind(logIn: .init(id: id, isAgents: true), at: .rest) == .agent)
        #expect(kind(at: .rest) == .machine && kind(at: .mcp) == .agent)
        #expect(kind(isIssued: true, at: .rest) == .agent, "it is issued for the door of MCP")
        #expect(kind(KeyRules(isAgent: false), isIssued: true, at: .rest) == .machine)
        #expect(
            kind(KeyRules(isAgent: true), at: .rest) == .agent && kind(KeyRules(isAgent: false), at: .mcp) == .machine
        )
    }
}

struct `What an agent gives back` {
    @Test func `waits for a person where no rule says otherwise`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let original = try #require(await house.collect().record)
            try await house.callback(original, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            let call = ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: .mcp,
                credential: .token(house.key.text),
                tool: "fake_undo",
                arguments: ["original": .string(original.description), "amount": 50, "idempotency_key": "back"]
            )

            #expect(await desk.gateway.pipeline.serve(call).state == .draft && house.upstream.count("undo") == 0)
        }
    }
}
