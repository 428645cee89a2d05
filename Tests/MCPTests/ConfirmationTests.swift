import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

/// An office whose agents may have payouts of up to 1,000 shillings confirmed by their client.
private struct Payer {
    static let elicits: JSONObject = [Message.capabilitiesKey: ["elicitation": [:]]]

    let office: Office

    static func with(
        conversations: Conversations.Settings = Conversations.Settings(),
        _ body: (Payer) async throws -> Void
    ) async throws {
        try await Office.with(conversations: conversations) { office in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, agentMax: 1_000)
            _ = try await office.store.change(office.organization) { $0.approvals.rules = [rule] }
            office.gateway.configuration.forget()
            try await body(Payer(office: office))
        }
    }

    static func call(_ amount: Int64 = 100, _ arguments: JSONObject = [:], _ more: JSONObject = [:]) -> JSONObject {
        var all: JSONObject = ["phone": "254711000001", "amount": .integer(amount), "idempotency_key": "k"]
        for (name, value) in arguments { all[name] = value }
        var params: JSONObject = ["name": "fake_pay", "arguments": .object(all)]
        for (name, value) in more { params[name] = value }
        return params
    }

    func pay(
        _ amount: Int64 = 100,
        _ arguments: JSONObject = [:],
        _ more: JSONObject = [:],
        meta: JSONObject = Payer.elicits,
        as credential: Credential? = nil
    ) async -> Said {
        let params = Payer.call(amount, arguments, more)
        return await office.ask("tools/call", params, meta: meta, credential: credential)
    }

    /// Pays in a session, whose client answers what it is asked.
    func ask(in session: String, _ answer: @escaping @Sendable (JSON) async -> Void) async -> Said {
        let call = Office.request("tools/call", Payer.call(), id: "call").bytes
        return await office.send(call, [(Exchange.sessionHeader, session)]) { bytes in
            guard let message = try? JSON(parsing: bytes), message["method"] == "elicitation/create" else { return }
            Task { await answer(message) }
        }
    }

    var sent: Int {
        get async {
            await office.gateway.releases.sendDue()
            return office.upstream.count("pay")
        }
    }
}

private func accepted(_ state: JSON, _ content: JSON = ["confirm": true]) -> JSONObject {
    ["requestState": state, "inputResponses": ["question": ["action": "accept", "content": content]]]
}

struct `A payment that its caller must confirm` {
    @Test func `is asked about in a form, and leaves once with the answer`() async throws {
        try await Payer.with { payer in
            let asked = await payer.pay()
            let state = try #require(asked.result["requestState"], "\(asked.json)")
            #expect(asked.result["resultType"] == "input_required")
            let params = asked.result["inputRequests"]?["question"]?["params"]
            #expect(params?["mode"] == "form" && params?["requestedSchema"]?["required"] == ["confirm"])
            let message = try #require(params?["message"]?.stringValue)
            #expect(message.contains("100 shillings") && message.contains("254711000001"), "\(message)")
            #expect(await payer.sent == 0)

            for _ in 0..<2 {
                let done = await payer.pay(100, [:], accepted(state))
                #expect(done.result["resultType"] == "complete" && done.result["isError"] == false, "\(done.json)")
                #expect(await payer.sent == 1)
            }
        }
    }

    @Test func `is confirmed by no argument, for no other payment and by nobody else`() async throws {
        try await Payer.with { payer in
            let state = try #require(await payer.pay().result["requestState"])
            let other = try await payer.office.addKey(scopes: nil)

            let cheats = [
                await payer.pay(999, [:], accepted(state)), await payer.pay(100, [:], accepted(state), as: other),
                await payer.pay(100, ["idempotency_key": "l"], accepted(state)),
                await payer.pay(100, [:], accepted("AAAA")), await payer.pay(100, [:], accepted(state, [:])),
            ]

            for said in cheats { #expect(said.code == -32602, "\(said.json)") }
            let argued = await payer.pay(100, ["confirm": true, "idempotency_key": "m"])
            #expect(argued.result["isError"] != false && argued.result["requestState"] == nil || argued.code != nil)
            let tools = await payer.office.ask("tools/list").names("tools")
            #expect(!tools.contains { $0.contains("confirm") || $0.contains("approve") })
            #expect(await payer.sent == 0)
        }
    }

    @Test func `is asked about again, as the same draft, where nothing is answered`() async throws {
        try await Payer.with { payer in
            let asked = await payer.pay()
            let first = try #require(asked.result["requestState"], "\(asked.json)")
            let yes: JSON = ["action": "accept", "content": ["confirm": true]]
            var state = first
            for nothing: JSON in [[:], .null, ["zz": yes], ["confirm": yes, "zz": ["action": "decline"]]] {
                let again = await payer.pay(100, [:], ["requestState": state, "inputResponses": nothing])
                #expect(again.result["resultType"] == "input_required", "\(again.json)")
                #expect(again.result["inputRequests"] == asked.result["inputRequests"])
                state = try #require(again.result["requestState"])
            }
            #expect(await payer.sent == 0)
            let list = await payer.office.ask("tools/call", ["name": "transactions_list", "arguments": [:]])
            #expect(list.result["structuredContent"]?["data"]?.arrayValue?.count == 1, "\(list.json)")
            #expect(await payer.pay(999, [:], ["requestState": state]).code == -32602, "for no other payment")
            #expect(await payer.pay(100, [:], ["requestState": "AAAA"]).code == -32602)

            #expect(await payer.pay(100, [:], accepted(state)).result["isError"] == false)
            #expect(await payer.sent == 1)
            for old in [first, state] {
                let shown = await payer.pay(100, [:], ["requestState": old, "inputResponses": [:]])
                #expect(shown.result["resultType"] == "complete", "what became of it is shown: \(shown.json)")
            }
            #expect(await payer.sent == 1)
        }
    }

    @Test func `is held, with the way out, where the client asks nobody or others must approve it`() async throws {
        try await Payer.with { payer in
            let alone = await payer.pay(meta: [:])
            let more = await payer.pay(1_001, ["idempotency_key": "more"])

            for said in [alone, more] {
                #expect(said.result["structuredContent"]?["state"] == "draft", "\(said.json)")
                #expect(said.result["isError"] == false && said.result["requestState"] == nil)
            }
            let next = alone.result["structuredContent"]?["next"]?.stringValue
            #expect(next?.contains("/confirm") == true, "\(next ?? "")")
            #expect(await payer.sent == 0)
        }
    }

    @Test func `is asked about before it becomes a task`() async throws {
        try await Payer.with { payer in
            let extensions: JSONObject = [TaskView.extensionName: [:]]
            let both: JSON = ["elicitation": [:], "extensions": .object(extensions)]
            let meta: JSONObject = [Message.capabilitiesKey: both]
            let state = try #require(await payer.pay(meta: meta).result["requestState"])

            let done = await payer.pay(100, [:], accepted(state), meta: meta)

            #expect(done.result["resultType"] == "task", "\(done.json)")
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: ["accept", "decline", "late", "elsewhere"])
    func `is asked about on the stream of its call, in a session`(answer: String) async throws {
        var bounds = Conversations.Settings()
        bounds.lookEvery = .milliseconds(1)
        try await Payer.with(conversations: bounds) { payer in
            let office = payer.office
            let hello: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": [:]]]
            let session = try #require(await office.ask("initialize", hello, in: nil).session)
            let other = try #require(await office.ask("initialize", hello, in: nil).session)
            let heard = Mutex<[Int]>([])

            let said = await payer.ask(in: session) { question in
                if answer == "late" { return office.clock.advance(.seconds(601)) }
                let isNo = answer == "decline"
                let content: JSON = isNo ? [:] : ["confirm": true]
                let result: JSON = ["action": isNo ? "decline" : "accept", "content": content]
                let reply: JSON = ["jsonrpc": "2.0", "id": question["id"] ?? .null, "result": result]
                let from = answer == "elsewhere" ? other : session
                let status = await office.send(reply.bytes, [(Exchange.sessionHeader, from)]).status
                heard.withLock { $0.append(status) }
                if answer == "elsewhere" { office.clock.advance(.seconds(601)) }
            }

            let states = ["accept": "released", "decline": "withdrawn"]
            let state = said.result["structuredContent"]?["state"]?.stringValue
            #expect(state == states[answer] ?? "draft", "\(said.json)")
            #expect(await payer.sent == (answer == "accept" ? 1 : 0))
            if answer == "elsewhere" { #expect(heard.withLock { $0 } == [400], "nobody's question") }
        }
    }
}
