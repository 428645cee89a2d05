import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Whatever refuses a key's call of a tool is found in the key's explanation, by the name of its rule.
struct `A refused call of a key` {
    /// Something that refuses a call, as it is set up, called and explained.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let rule: String
        var plan: Plan?
        var tools: JSONObject = [:]
        var key: JSONObject = [:]
        var tool = "fake_collect"
        var arguments: JSONObject = ["phone": "254711000001", "amount": 100]
        var door = Door.rest
        var environment: Environment?
        var address = "192.0.2.1"
        /// What is asked beside key, tool and amount.
        var asked: JSONObject = [:]
        var setUp: @Sendable (Bureau, Person, JSON) async throws -> Void = { _, _, _ in }

        var testDescription: String { rule }
    }

    private static func changing(
        _ change: @escaping @Sendable (inout Organization) -> Void
    ) -> @Sendable (Bureau, Person, JSON) async throws -> Void {
        { bureau, _, _ in
            _ = try await bureau.store.change(bureau.shop.id) { change(&$0) }
            bureau.gateway.directory.forget()
        }
    }

    private static func limited(_ limits: MoneyLimit...) -> @Sendable (Bureau, Person, JSON) async throws -> Void {
        changing { $0.approvals.limits = limits }
    }

    private static var onePerMinute: Plan {
        var plan = Bureau.tradePlan()
        plan.organizationLimits = ["money": RateLimit(units: 1, per: .seconds(60))]
        return plan
    }

    private static func accounts(_ more: [(action: String, arguments: JSON)])
        -> @Sendable (Bureau, Person, JSON)
        async throws -> Void
    {
        { bureau, admin, _ in
            let till: JSON = [
                "account": "till", "environment": "test", "business_short_code": "600111",
                "short_code_type": more.isEmpty ? "payout" : "paybill",
            ]
            #expect(await bureau.ask("accounts.create", till, as: admin.token).code == nil)
            for (action, arguments) in more {
                #expect(await bureau.ask(action, arguments, as: admin.token).code == nil)
            }
        }
    }

    private static let till: JSONObject = ["phone": "254711000001", "amount": 100, "account": "till"]

    static let refusals: [Refusal] = [
        Refusal(rule: "key") { bureau, admin, key in
            #expect(await bureau.ask("keys.revoke", ["id": key], as: admin.token).code == nil)
        },
        Refusal(rule: "environment", environment: .live, asked: ["environment": "live"]),
        Refusal(rule: "subscription", setUp: changing { $0.subscription = .suspended }),
        Refusal(
            rule: "plan",
            plan: Plan(name: "trade", tools: ["fake_pay"], organizationLimits: [:], principalLimits: [:])
        ),
        Refusal(rule: "switch", setUp: changing { $0.disabledTools = ["fake_collect"] }),
        Refusal(rule: "tools", key: ["tools": ["fake_pay"]]),
        Refusal(rule: "role", tools: ["requires": ["role": "org_admin"]]),
        Refusal(rule: "scopes", tools: ["requires": ["scopes": ["mpesa:stk"]]], key: ["scopes": ["mpesa:read"]]),
        Refusal(rule: "amount", key: ["amount_max": 99]),
        Refusal(
            rule: "amount",
            plan: Bureau.tradePlan(Ceilings(amounts: [.incoming: Shillings(99)].compactMapValues { $0 }))
        ),
        Refusal(rule: "address", key: ["sources": ["198.51.100.0/24"]], asked: ["address": "192.0.2.1"]),
        Refusal(rule: "rate", plan: onePerMinute) { bureau, admin, _ in
            #expect(await bureau.collect(1, as: admin.token).code == nil)
        },
        Refusal(rule: "quota", plan: Bureau.tradePlan(Ceilings(quotas: ["money": 1]))) { bureau, admin, _ in
            #expect(await bureau.collect(1, as: admin.token).code == nil)
        },
        Refusal(rule: "concurrency", tools: ["rate": ["concurrency_max": 1]]) { bureau, _, _ in
            let call = CallID(bureau.clock.entropy.identifier())
            let entry = bureau.registry.snapshot.entry("fake_collect", organization: bureau.shop.id, call: call)
            let tool = try #require(entry).tool
            _ = try bureau.pipeline.concurrency.enter(tool, organization: bureau.shop.id, Ceilings())
        },
        Refusal(rule: "concurrency", plan: Bureau.tradePlan(Ceilings(callsMax: 1))) { bureau, _, _ in
            let call = CallID(bureau.clock.entropy.identifier())
            let entry = bureau.registry.snapshot.entry("fake_pay", organization: bureau.shop.id, call: call)
            let tool = try #require(entry).tool
            _ = try bureau.pipeline.concurrency.enter(tool, organization: bureau.shop.id, Ceilings(callsMax: 1))
        },
        Refusal(rule: "stop", setUp: changing { $0.approvals.stops = [.all] }),
        Refusal(rule: "stop", setUp: changing { $0.approvals.stops = [.tool("fake_collect")] }),
        Refusal(rule: "stop", door: .mcp, asked: ["door": "mcp"], setUp: changing { $0.approvals.stops = [.agents] }),
        Refusal(rule: "stop") { bureau, admin, key in
            let id = try #require(key.stringValue.flatMap { APIKeyID($0) })
            try await changing { $0.approvals.stops = [.key(id)] }(bureau, admin, key)
        },
        Refusal(
            rule: "approval",
            setUp: changing { $0.approvals.rules = [ApprovalRule(amountMin: 100, outcome: .refuse)] }
        ),
        Refusal(rule: "limits", setUp: limited(MoneyLimit(callMax: 99))),
        Refusal(
            rule: "limits",
            asked: ["receiver": "254711000001"],
            setUp: limited(MoneyLimit(receivers: ["254711000002"]))
        ),
        Refusal(rule: "limits") { bureau, admin, key in
            let hour = Int((bureau.clock.now.milliseconds / 3_600_000 + 3) % 24)
            try await limited(MoneyLimit(hours: hour == 23 ? 0..<23 : hour + 1..<24))(bureau, admin, key)
        },
        Refusal(rule: "limits") { bureau, admin, key in
            try await limited(MoneyLimit(dayMax: 150))(bureau, admin, key)
            #expect(await bureau.collect(51, as: admin.token).code == nil)
        },
        Refusal(rule: "limits") { bureau, admin, key in
            try await limited(MoneyLimit(directions: [.incoming], dayCount: 1))(bureau, admin, key)
            #expect(await bureau.collect(1, as: admin.token).code == nil)
        },
        Refusal(
            rule: "account",
            arguments: ["phone": "254711000001", "amount": 100, "account": "made-up"],
            asked: ["account": "made-up"],
            setUp: accounts([("accounts.list", [:])])
        ),
        Refusal(rule: "account", arguments: till, asked: ["account": "till"], setUp: accounts([])),
        Refusal(
            rule: "account",
            arguments: till,
            asked: ["account": "till"],
            setUp: accounts([("accounts.retire", ["account": "till", "environment": "test"])])
        ),
    ]

    /// The names of the rules that do not pass, and whether the whole is allowed.
    private func explain(_ key: JSON, _ refusal: Refusal, in bureau: Bureau, as admin: Person) async -> [String] {
        var arguments: JSONObject = ["id": key, "tool": .string(refusal.tool)]
        arguments["amount"] = refusal.arguments["amount"]
        for (name, value) in refusal.asked { arguments[name] = value }
        let told = await bureau.ask("keys.explain", .object(arguments), as: admin.token)
        let failing = (told.data["rules"]?.arrayValue ?? []).filter { $0["passes"] == false }
        #expect(told.code == nil && told.data["is_allowed"] == .bool(failing.isEmpty), "\(told)")
        return failing.compactMap { $0["rule"]?.stringValue }
    }

    @Test(arguments: refusals)
    func `is explained by the rule that refuses it`(refusal: Refusal) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(refusal.plan)
            try bureau.registry.publish(FakePlugin.make(generation: 2, tools: refusal.tools))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for name in ["consumer_key", "consumer_secret"] {
                _ = try await bureau.safe.put(
                    [name: Secret("k")],
                    organization: bureau.shop.id,
                    environment: .test,
                    account: .main
                )
            }
            let key = try await bureau.makeKey(refusal.key, by: admin)
            try await refusal.setUp(bureau, admin, key.id)

            let refused = await bureau.pipeline.serve(
                ToolCall(
                    id: CallID(bureau.clock.entropy.identifier()),
                    door: refusal.door,
                    credential: .token(key.text),
                    tool: refusal.tool,
                    arguments: .object(refusal.arguments),
                    environment: refusal.environment,
                    address: refusal.address
                )
            )

            #expect(refused.code != nil)
            let found = await explain(key.id, refusal, in: bureau, as: admin)
            #expect(found.contains(refusal.rule), "\(refusal.rule): \(found), \(refused.error?.message ?? "")")
            #expect(bureau.upstream.sent.count { $0.body["amount"] == 100 } == 0)
        }
    }

    @Test func `is no other: what nothing refuses is allowed, and nothing of it is counted`() async throws {
        try await Bureau.with { (bureau) async throws in
            var plan = Bureau.tradePlan(Ceilings(quotas: ["money": 1]))
            plan.organizationLimits = ["money": RateLimit(units: 1, per: .seconds(60))]
            try await bureau.openShop(plan)
            try bureau.registry.publish(FakePlugin.make(generation: 2, tools: ["rate": ["concurrency_max": 1]]))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let secrets = ["consumer_key": Secret("k"), "consumer_secret": Secret("s")]
            _ = try await bureau.safe.put(secrets, organization: bureau.shop.id, environment: .test, account: .main)
            let key = try await bureau.makeKey(by: admin)
            try await Self.limited(MoneyLimit(callMax: 100, dayMax: 100, dayCount: 1))(bureau, admin, key.id)

            for _ in 0..<3 { #expect(await explain(key.id, Refusal(rule: ""), in: bureau, as: admin) == []) }

            #expect(await bureau.collect(100, as: key.text).code == nil)
            #expect(await explain(key.id, Refusal(rule: ""), in: bureau, as: admin) == ["rate", "quota", "limits"])
        }
    }

    @Test func `by its plugin alone is not foreseen, and the explanation says so`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let secrets = ["consumer_key": Secret("k"), "consumer_secret": Secret("s")]
            _ = try await bureau.safe.put(secrets, organization: bureau.shop.id, environment: .test, account: .main)
            let key = try await bureau.makeKey(by: admin)
            // The plugin lets one payment of a customer and an amount be open.
            let payment: JSON = ["phone": "254711000001", "amount": 100]
            var codes: [GatewayError.Code?] = []
            for once in ["1", "2"] {
                codes.append(await bureau.call("fake_collect", payment, as: key.text, once: once).code)
            }

            let told = await bureau.ask("keys.explain", ["id": key.id, "tool": "fake_collect"], as: admin.token)

            #expect(codes == [nil, .conflict] && told.data["is_allowed"] == true, "\(codes) \(told)")
            let rule = (told.data["rules"]?.arrayValue ?? []).first { $0["rule"] == "plugin" }
            #expect(rule?["passes"] == true && rule?["why"]?.stringValue?.contains("may still refuse") == true)
        }
    }

    @Test func `is told which of M-Pesa's secrets its tool needs and has not`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let secret: JSON = ["transform": "stk_password", "pointer": "/Password", "inputs": [:]]
            let operator_: JSON = ["transform": "security_credential", "pointer": "/Credential", "inputs": [:]]
            try bureau.registry.publish(
                FakePlugin.make(generation: 2, collect: ["secrets": [secret]], pay: ["secrets": [operator_]])
            )
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            let why = { (tool: String) async -> String in
                let told = await bureau.ask("keys.explain", ["id": key.id, "tool": .string(tool)], as: admin.token)
                let rule = (told.data["rules"]?.arrayValue ?? []).first { $0["rule"] == "credentials" }
                return rule?["why"]?.stringValue ?? ""
            }

            #expect(await why("fake_collect").hasPrefix("consumer_key, consumer_secret, lipa_na_mpesa_passkey is not"))
            #expect(await why("fake_pay").contains("initiator_name, initiator_password is not"))
        }
    }
}
