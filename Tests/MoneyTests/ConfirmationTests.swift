import Cryptography
import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

extension ToolReply {
    fileprivate var question: Question? { if case .question(let question, _) = ending { question } else { nil } }
    fileprivate var sealed: String { if case .question(_, let state) = ending { state } else { "" } }
    fileprivate var error: GatewayError? { if case .failure(let error) = result { error } else { nil } }
    fileprivate var said: JSON {
        if case .success(let output) = result { (try? JSON(parsing: output)) ?? .null } else { .null }
    }
}

/// A house whose agents may have small payouts confirmed by their client.
private struct Agent {
    static let rule = ApprovalRule(
        directions: [.outgoing],
        outcome: .confirm,
        within: .seconds(3_600),
        agentMax: 1_000
    )

    let house: House
    let desk: ApprovalDesk

    static func with(_ rules: [ApprovalRule] = [rule], _ body: (Agent) async throws -> Void) async throws {
        try await House.with { (house) async throws in
            try await body(Agent(house: house, desk: try await ApprovalDesk(in: house, rules: rules)))
        }
    }

    func ask(amount: Int64 = 100, key: String = "k") async -> ToolReply {
        await desk.pay(amount: amount, door: .mcp, key: key)
    }

    /// Answers a form, for the same call unless something else is said.
    func answer(
        _ asked: ToolReply,
        _ action: String = "accept",
        _ content: JSON = ["confirm": true],
        phone: String = "254711000001",
        amount: Int64 = 100,
        more: JSONObject = [:],
        as credential: Secret<String>? = nil,
        key: String = "k"
    ) async -> ToolReply {
        var arguments: JSONObject = ["phone": .string(phone), "amount": .integer(amount)]
        for (name, value) in more { arguments[name] = value }
        return await desk.gateway.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: .mcp,
                credential: .token(credential ?? house.key.text),
                tool: "fake_pay",
                arguments: .object(arguments),
                idempotencyKey: key,
                answer: QuestionReply(action: action, content: content, state: asked.sealed)
            )
        )
    }

    var sent: Int {
        get async {
            await desk.gateway.releases.sendDue()
            return house.upstream.count("pay")
        }
    }
}

struct `A confirmation` {
    @Test func `lets what its caller asked for leave, and holds who, when, and what was shown`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            let shown = try #require(asked.question?.message, "\(asked)")
            #expect(asked.state == .draft && asked.said["state"] == "draft")
            for words in ["100 shillings", "254711000001", "no real money"] { #expect(shown.contains(words)) }
            #expect(await agent.sent == 0, "asking sends nothing")

            let done = await agent.answer(asked)

            #expect(done.state == .released && done.record == asked.record && !done.isReplayed)
            let record = try await agent.house.record(asked)
            let confirmation = try #require(record.hold?.confirmation)
            #expect(confirmation.by == record.madeBy && confirmation.at == agent.house.clock.now)
            #expect(confirmation.way == .form && confirmation.shown == shown)
            let digested: JSON = [
                "arguments": ["phone": "254711000001", "amount": 100], "shown": .string(shown), "tool": "fake_pay",
                "transaction_id": .string(record.id.description),
            ]
            #expect(confirmation.digest == SHA256.digest(digested.canonicalBytes).hexadecimal)
            #expect(record.hold?.approvers == [], "it is no approval")
            #expect(await agent.sent == 1)
            #expect(try await agent.house.record(asked).state == .accepted)
            let seen = await agent.desk.ask(
                "approvals.show",
                ["id": .string(record.id.description)],
                as: agent.desk.manager.token
            )
            #expect(seen.data["confirmation"]?["shown"]?.stringValue == shown && seen.data["approved_by"] == [])
        }
    }

    @Test func `is of nothing but what was shown, by nobody but who was asked`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            let other = try await agent.house.addKey()

            let cheats = [
                await agent.answer(asked, amount: 999), await agent.answer(asked, phone: "254711000009"),
                await agent.answer(asked, key: "other"), await agent.answer(asked, as: other.text),
                await agent.answer(asked, as: agent.desk.manager.token),
                await agent.answer(asked, more: ["confirm": true]), await agent.answer(asked, "accept", [:]),
                await agent.answer(asked, "accept", ["confirm": "yes"]),
                await agent.answer(ToolReply(.success([]))),
            ]

            for cheat in cheats { #expect(cheat.code == .invalidArgument, "\(cheat.result)") }
            #expect(await agent.sent == 0)
            #expect(try await agent.house.record(asked).state == .draft)
            #expect(await agent.answer(asked).state == .released)
        }
    }

    @Test func `counts once: the same again shows what came of it, another is refused`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            let replies = await withTaskGroup(of: ToolReply.self) { group in
                for _ in 0..<16 { group.addTask { await agent.answer(asked) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(replies.allSatisfy { $0.record == asked.record || $0.code == .idempotencyInProgress })
            #expect(await agent.sent == 1)

            let again = await agent.answer(asked)
            let declined = await agent.answer(asked, "decline", [:])

            #expect(again.isReplayed && again.record == asked.record)
            #expect(declined.error?.isAboutCall == true)
            #expect(await agent.sent == 1)
        }
    }

    @Test(arguments: ["decline", "accept"])
    func `that is denied ends the payment, for good`(action: String) async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()

            let denied = await agent.answer(asked, action, action == "accept" ? ["confirm": false] : [:])

            let code = GatewayError.Code.approvalDeclined
            #expect(denied.state == .withdrawn && denied.said["status"] == "CANCELLED")
            #expect(await agent.answer(asked).code == code)
            #expect(await agent.ask().code == code)
            #expect(await agent.sent == 0)
        }
    }

    @Test func `is asked for again while the payment waits, and too late after its end`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            agent.house.clock.advance(.seconds(631))
            #expect(await agent.answer(asked).code == .invalidArgument)

            let again = await agent.ask()
            #expect(again.record == asked.record && again.question == asked.question && again.isReplayed)
            agent.house.clock.advance(.seconds(3_600 - 631 - 60))
            let last = await agent.ask()
            agent.house.clock.advance(.seconds(61))

            #expect(await agent.answer(last).code == .approvalExpired)
            #expect(await agent.sent == 0)
        }
    }

    @Test func `suffices for an agent up to what the organization says, and for nothing where it says nothing`()
        async throws
    {
        try await Agent.with { agent in
            #expect(await agent.ask(amount: 1_000, key: "a").question != nil)
            let more = await agent.ask(amount: 1_001, key: "b")

            #expect(more.state == .draft && more.question == nil)
            let record = try await agent.house.record(more)
            #expect(record.hold?.asked == Hold.Asked(role: .manager, count: 1))
            await #expect(throws: GatewayError.self, "what others must approve") {
                try await agent.desk.gateway.drafts.confirm(record, by: record.madeBy, .form, shown: "")
            }
            #expect(try await agent.house.record(more).state == .draft)
        }
        try await Agent.with([ApprovalRule(directions: [.outgoing], outcome: .confirm)]) { agent in
            #expect(await agent.ask(amount: 1).question == nil)
        }
    }

    @Test func `is void where the rules are others by now, or payments are stopped`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            let organization = agent.house.organization
            _ = try await agent.house.store.change(organization) { $0.approvals.stops = [.agents] }
            agent.desk.forget()
            #expect(await agent.answer(asked).code == .permissionDenied)
            #expect(try await agent.house.record(asked).state == .draft)

            _ = try await agent.house.store.change(organization) {
                $0.approvals.stops = []
                $0.approvals.rules = []
            }
            agent.desk.forget()
            #expect(await agent.answer(asked).code == .withdrawn)
            #expect(await agent.sent == 0)
        }
    }

    @Test func `is given by their own session too, by whoever asked or owns the key that did, and by nobody else`()
        async throws
    {
        try await Agent.with { agent in
            let desk = agent.desk
            let key = try await agent.house.addKey(ownedBy: desk.manager.user.id)
            let held = await desk.pay("254711000001", as: key.text)
            let own = await desk.pay("254711000002", as: desk.other.token)

            #expect(held.state == .draft && held.question == nil, "REST has no conversation")
            #expect(held.said["next"]?.stringValue?.contains("/confirm") == true)
            #expect(await desk.decide("confirm", held, as: desk.other) == .permissionDenied)
            #expect(await desk.decide("confirm", held, as: (desk.manager.user, key.text)) == .permissionDenied)
            #expect(await desk.decide("confirm", held, as: desk.manager) == nil)
            #expect(await desk.decide("confirm", own, as: desk.other) == nil)

            #expect(await agent.sent == 2)
            let confirmation = try await agent.house.record(held).hold?.confirmation
            #expect(confirmation?.way == .session && confirmation?.by == "user:\(desk.manager.user.id)")
            #expect(await desk.decide("confirm", held, as: desk.manager) == .conflict)
        }
    }

    @Test(arguments: [false, true])
    func `is taken back for good when whoever gave it has left before the money does`(hasBeenTried: Bool) async throws {
        let plugin = try FakePlugin.make(pay: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: [Agent.rule])
            func change(isActive: Bool) async throws {
                _ = try await house.store.change(desk.manager.user.id, organization: house.organization) {
                    $0.isActive = isActive
                }
                desk.forget()
            }
            func go() async {
                await desk.gateway.releases.sendDue()
                house.clock.advance(.seconds(61))
                await desk.gateway.sweeper.sweep()
            }
            let key = try await house.addKey(ownedBy: desk.manager.user.id)
            let held = await desk.pay(as: key.text)
            #expect(await desk.decide("confirm", held, as: desk.manager) == nil)
            if hasBeenTried {
                house.upstream.answer(with: ["verdict": "not_processed"])
                await desk.gateway.releases.sendDue()
                #expect(try await house.record(held).state == .created, "it waits to be sent again")
            }

            try await change(isActive: false)
            await go()
            try await change(isActive: true)
            for _ in 1...3 { await go() }

            let record = try await house.record(held)
            #expect(record.state == (hasBeenTried ? .rejected : .withdrawn))
            #expect(record.meaning?.hasSuffix("Whoever confirmed it may do nothing any more.") == true)
            #expect(record.hold?.confirmation?.by == "user:\(desk.manager.user.id)", "that they gave it stays")
            #expect(house.upstream.count("pay") == (hasBeenTried ? 1 : 0))
        }
    }

    @Test func `suffices alone, whoever had approved it before and has left since`() async throws {
        let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, count: 2)
        try await Agent.with([rule]) { agent in
            let (house, desk) = (agent.house, agent.desk)
            let key = try await house.addKey(ownedBy: desk.manager.user.id)
            let held = await desk.pay(as: key.text)
            #expect(await desk.decide("approve", held, as: desk.other) == nil)
            #expect(await desk.decide("confirm", held, as: desk.manager) == nil)

            _ = try await house.store.change(desk.other.user.id, organization: house.organization) {
                $0.isActive = false
            }
            desk.forget()

            #expect(await agent.sent == 1)
            #expect(try await house.record(held).hold?.approvers == ["user:\(desk.other.user.id)"])
        }
    }

    @Test func `may be left to another person, who approves it`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()

            #expect(await agent.desk.decide("approve", asked, as: agent.desk.manager) == nil)

            let record = try await agent.house.record(asked)
            #expect(record.hold?.approvers.count == 1 && record.hold?.confirmation == nil)
            #expect(await agent.sent == 1)
            #expect(await agent.answer(asked).isReplayed)
        }
    }

    @Test func `is of the words that go to M-Pesa too, on one line whatever is in them`() {
        let words = Samples.released("for Asha\nTo: 254700000000").wordsToConfirm
        #expect(words.contains("\nDescription: for Asha\\u{A}To: 254700000000\n"))
    }

    @Test func `asks for more than nothing, and for less than an approval`() {
        let confirm = [ApprovalRule(outcome: .confirm)]
        let raised = [ApprovalRule(outcome: .confirm, agentMax: 500)]
        let (allow, approve) = ([ApprovalRule(outcome: .allow)], [ApprovalRule(outcome: .approve)])

        #expect(approve.areAtLeast(confirm) && confirm.areAtLeast(allow) && confirm.areAtLeast(raised))
        #expect(!confirm.areAtLeast(approve) && !allow.areAtLeast(confirm) && !raised.areAtLeast(confirm))
        #expect(confirm.areAtLeast([]) && !raised.areAtLeast([]), "agents pay nothing out alone")
        #expect(ApprovalRule(raised[0].json) == raised[0])
    }

    @Test func `waits as before where the form is closed and nobody has chosen`() async throws {
        try await Agent.with { agent in
            let asked = await agent.ask()
            let closed = await agent.answer(asked, "cancel", [:])
            #expect(closed.said["state"] == "draft", "\(closed)")
            #expect(await agent.sent == 0)
            #expect(await agent.answer(asked).error == nil)
            #expect(await agent.sent == 1)
        }
    }

    @Test func `is no agent's to give for what was asked by REST, whatever its amount`() async throws {
        let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, within: .seconds(3_600))
        try await Agent.with([rule]) { agent in
            let held = await agent.desk.pay(amount: 100_000, door: .rest, key: "k")
            #expect(held.said["state"] == "draft", "\(held)")
            let again = await agent.ask(amount: 100_000)
            #expect(again.question == nil && again.said["state"] == "draft", "\(again)")
            #expect(await agent.sent == 0)
        }
    }
}
