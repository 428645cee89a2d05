import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// Payouts that wait for whoever asked, for an hour.
private func withDesk(
    at base: String = "https://gw.example",
    _ body: (House, ApprovalDesk) async throws -> Void
) async throws {
    try await House.with { (house) async throws in
        let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, within: .seconds(4_000), agentMax: 1_000)
        try await body(house, try await ApprovalDesk(in: house, rules: [rule], base: base))
    }
}

extension ApprovalDesk {
    fileprivate func letters() async throws -> [Letter] {
        try await gateway.approvalLetters?.catchUp()
        return mail.take()
    }

    fileprivate func pass(_ time: Duration) async {
        house.clock.advance(time)
        await gateway.releases.sendDue()
    }
}

struct `Letters about what waits to be confirmed` {
    @Test func `go to whoever asked, with the way to the page, and once more before the end`() async throws {
        try await withDesk { house, desk in
            let reply = await desk.pay(as: desk.manager.token)
            let id = try #require(reply.record)

            let first = try await desk.letters()
            await desk.pass(.seconds(2_999))
            let between = try await desk.letters()
            await desk.pass(.seconds(2))
            let last = try await desk.letters()
            await desk.pass(.seconds(500))

            #expect(first.map(\.recipient) == ["manager@x.example"], "and to none of those who may approve it")
            #expect(first.first?.subject == "A payment waits for you to confirm it")
            let text = first.first?.text.reveal() ?? ""
            #expect(text.contains("/confirm/\(id)") && text.contains("100 KES") && !text.contains("254711000001"))
            #expect(between.isEmpty && last.map(\.recipient) == ["manager@x.example"])
            #expect(last.first?.subject == "A payment still waits for you to confirm it")
            #expect(try await desk.letters().isEmpty)
            let kinds = try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event.kind)
            #expect(kinds == [.approvalRequested, .approvalDue])
        }
    }

    @Test func `lead to no page on which a password would go over the network as it is typed`() async throws {
        for (base, isLed) in [("http://gw.example", false), ("http://127.0.0.1:8080", true)] {
            try await withDesk(at: base) { _, desk in
                let id = try #require(await desk.pay(as: desk.manager.token).record)

                let text = try await desk.letters().first?.text.reveal() ?? ""

                #expect(text.contains("\(base)/confirm/\(id)") == isLed, "\(text)")
                #expect(text.contains("POST \(base)/approvals/\(id)/confirm") != isLed, "\(text)")
            }
        }
    }

    @Test func `go to the owner of the key that asked, and to nobody where the conversation asks`() async throws {
        try await withDesk { house, desk in
            let key = try await house.addKey(ownedBy: desk.other.user.id)
            _ = await desk.pay("254711000002", as: key.text)
            let byKey = try await desk.letters()
            _ = await desk.pay("254711000003", as: desk.manager.token, door: .mcp)
            let inConversation = try await desk.letters()
            await desk.pass(.seconds(3_001))
            let left = try await desk.letters()

            #expect(byKey.map(\.recipient) == ["other@x.example"])
            #expect(byKey.first?.text.reveal().contains("a key of yours") == true)
            #expect(inConversation.isEmpty)
            #expect(Set(left.map(\.recipient)) == ["other@x.example", "manager@x.example"], "who has left it is told")
        }
    }

    @Test func `are not sent of what has been confirmed`() async throws {
        try await withDesk { _, desk in
            let reply = await desk.pay(as: desk.manager.token)
            #expect(await desk.decide("confirm", reply, as: desk.manager) == nil)

            let letters = try await desk.letters()

            #expect(letters.allSatisfy { !$0.subject.contains("waits") }, "\(letters.map(\.subject))")
        }
    }
}

struct `The way to a confirmation` {
    @Test(arguments: ["https://gw.example/pay", "http://127.0.0.1:8080", "http://gw.example", ""])
    func `is the page's whole address where a password is safe there, and REST alone where not`(base: String)
        async throws
    {
        try await withDesk(at: base) { _, desk in
            let isLed = base.hasPrefix("https:") || base.contains("127.0.0.1")
            let held = await desk.pay(as: desk.manager.token)
            let id = try #require(held.record)
            let about: JSON = ["id": .string(id.description)]
            let explained = await desk.ask("transactions.explain", about, as: desk.manager.token).data

            guard case .success(let output) = held.result else {
                Issue.record("\(held)")
                return
            }
            let next = try JSON(parsing: output)["next"]?.stringValue ?? ""
            let can = explained["can"]?.arrayValue?.first?.stringValue ?? ""
            for words in [next, can] {
                #expect(words.contains("(\(base)/confirm/\(id))") == isLed, "\(words)")
                #expect(words.contains("page") == isLed, "\(words)")
                #expect(words.contains("POST \(base)/approvals/\(id)/confirm"), "\(words)")
            }
        }
    }

    @Test(arguments: [("https://gw.example", true), ("http://gw.example", false)])
    func `is another than the log-in that a program asked with`(base: String, isLed: Bool) async throws {
        try await withDesk(at: base) { _, desk in
            let held = await desk.pay(as: desk.manager.token, door: .mcp)
            let id = try #require(held.record)
            let about: JSON = ["id": .string(id.description)]

            let same = await desk.ask("approvals.confirm", about, as: desk.manager.token)

            #expect(same.code == .permissionDenied)
            guard case .failure(let error) = same.result else { return }
            #expect(error.message.contains("\(base)/confirm/\(id)") == isLed, "\(error.message)")
            #expect(error.message.contains("page") == isLed, "\(error.message)")
        }
    }
}

struct `What was shown before a confirmation` {
    @Test func `is what the page shows, to whom it concerns alone, and nothing else is confirmed`() async throws {
        try await withDesk { house, desk in
            let reply = await desk.pay(as: desk.manager.token)
            let id = JSON.string(try #require(reply.record).description)
            let own = await desk.ask("approvals.show", ["id": id], as: desk.manager.token).data
            let others = await desk.ask("approvals.show", ["id": id], as: desk.administrator.token).data

            let shown = try #require(own["to_confirm"]?["shown"]?.stringValue)
            for words in ["100 shillings", "254711000001", "no real money", "Asked for by: manager", "rule 1"] {
                #expect(shown.contains(words), "\(shown)")
            }
            #expect(own["is_own"] == true && others["is_own"] == nil && others["to_confirm"] == nil)

            let digest = own["to_confirm"]?["sha256"] ?? .null
            let wrong = await desk.ask("approvals.confirm", ["id": id, "sha256": "0"], as: desk.manager.token)
            #expect(wrong.code == .staleVersion)
            #expect(
                await desk.ask("approvals.confirm", ["id": id, "sha256": digest], as: desk.manager.token).code == nil
            )

            let confirmation = try #require(try await house.record(reply).hold?.confirmation)
            #expect(confirmation.shown == shown && JSON.string(confirmation.digest) == digest)
            let after = await desk.ask("approvals.show", ["id": id], as: desk.manager.token).data
            #expect(after["is_own"] == true && after["to_confirm"] == nil)
        }
    }

    @Test func `is kept as its caller was shown it, what was hidden hidden`() async throws {
        try await withDesk { house, desk in
            let call = { (answer: QuestionReply?) in
                ToolCall(
                    id: CallID(house.clock.entropy.identifier()),
                    door: .mcp,
                    credential: .token(house.key.text),
                    tool: "fake_pay",
                    arguments: ["phone": "254711000001", "amount": 100],
                    idempotencyKey: "k",
                    answer: answer,
                    sight: { text, _ in text.replacing("254711000001", with: "2547•••••001") }
                )
            }
            let asked = await desk.gateway.pipeline.serve(call(nil))
            guard case .question(let question, let state) = asked.ending else {
                Issue.record("nobody was asked: \(asked)")
                return
            }
            let yes = QuestionReply(action: "accept", content: ["confirm": true], state: state)
            _ = await desk.gateway.pipeline.serve(call(yes))

            let confirmation = try #require(try await house.record(asked).hold?.confirmation)
            #expect(confirmation.shown == question.message && confirmation.shown.contains("2547•••••001"))
            #expect(!confirmation.shown.contains("254711000001"))
        }
    }
}
