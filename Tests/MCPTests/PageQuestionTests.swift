import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

private func accepted(_ said: Said, _ action: String = "accept", _ content: JSON? = nil) -> JSONObject {
    var answer: JSONObject = ["action": .string(action)]
    answer["content"] = content
    return ["requestState": said.result["requestState"] ?? .null, "inputResponses": ["question": .object(answer)]]
}

struct `A person who calls by MCP` {
    @Test func `is led to the host's page, and what their client says of it confirms nothing`() async throws {
        try await Guide.with { guide in
            let asked = await guide.pay()
            #expect(asked.asked["mode"] == "url" && asked.asked["requestedSchema"] == nil, "\(asked.json)")
            #expect(asked.asked["url"]?.stringValue?.hasPrefix("https://gw.example/confirm/") == true)
            #expect(asked.asked["url"]?.stringValue?.contains("254711") == false)
            #expect(asked.asked["message"]?.stringValue?.contains("100 shillings") == true)

            let mute = await guide.pay(["requestState": asked.result["requestState"] ?? .null, "inputResponses": [:]])
            #expect(mute.result["inputRequests"] == asked.result["inputRequests"], "\(mute.json)")
            let opened = await guide.pay(accepted(asked))
            let lied = await guide.pay(accepted(opened, "accept", ["confirm": true]))
            for again in [opened, lied] {
                #expect(again.result["resultType"] == "input_required" && again.led == asked.led, "\(again.json)")
            }
            #expect(await guide.sent == 0)

            #expect(await guide.decide("confirm", asked.led) == nil)
            for _ in 0..<2 {
                let done = await guide.pay(accepted(lied))
                #expect(done.result["resultType"] == "complete" && done.result["isError"] == false, "\(done.json)")
            }
            #expect(await guide.pay().result["resultType"] == "complete", "the same key finds the same record")
            #expect(await guide.sent == 1)
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `may give the call up that waits for the page: what waits there stays, and leaves once`() async throws {
        try await Guide.with(wait: .seconds(600)) { guide in
            let asked = await guide.pay()
            // No time passes in which it could end by itself.
            let waiting = Task { await guide.pay(accepted(asked)) }
            for _ in 0..<1_000 { await Task.yield() }

            waiting.cancel()
            _ = await waiting.value

            #expect(await guide.sent == 0)
            #expect(await guide.decide("confirm", asked.led) == nil)
            #expect(await guide.sent == 1)
            #expect(await guide.pay().result["isError"] == false)
            #expect(await guide.sent == 1)
        }
    }

    @Test func `is not confirmed for by the log-in whose token their client calls with`() async throws {
        try await Guide.with { guide in
            let asked = await guide.pay()

            #expect(await guide.decide("confirm", asked.led, as: guide.person) == .permissionDenied)
            #expect(await guide.sent == 0)
            #expect(await guide.decide("confirm", asked.led, as: guide.again) == nil)
            #expect(await guide.sent == 1)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `has their call go on once the page has been answered`() async throws {
        try await Guide.with(wait: .seconds(600)) { guide in
            let asked = await guide.pay()

            async let waiting = guide.pay(accepted(asked))
            #expect(await guide.decide("confirm", asked.led) == nil)

            let done = await waiting
            #expect(done.result["structuredContent"]?["transaction_id"]?.stringValue == asked.led, "\(done.json)")
            #expect(await guide.sent == 1)
        }
    }

    @Test(arguments: ["decline on the page", "decline", "cancel"])
    func `sends nothing that they do not want`(way: String) async throws {
        try await Guide.with { guide in
            let asked = await guide.pay()

            let isOnPage = way == "decline on the page"
            if isOnPage { #expect(await guide.decide("decline", asked.led) == nil) }
            let answered = await guide.pay(accepted(asked, isOnPage ? "accept" : way))

            let error = answered.result["structuredContent"]?["error"]?["code"]?.stringValue
            let state = answered.result["structuredContent"]?["state"]?.stringValue
            switch way {
            case "decline": #expect(state == "withdrawn", "\(answered.json)")
            case "cancel": #expect(state == "draft", "it waits: \(answered.json)")
            default: #expect(error == "withdrawn", "\(answered.json)")
            }
            #expect(await guide.sent == 0)
        }
    }

    @Test(arguments: ["cancel", "decline"])
    func `is told what was sent, whatever their client says once it is confirmed`(action: String) async throws {
        try await Guide.with { guide in
            let asked = await guide.pay()
            #expect(await guide.decide("confirm", asked.led) == nil)

            let answered = await guide.pay(accepted(asked, action))

            #expect(answered.result["structuredContent"]?["state"] == "released", "\(answered.json)")
            #expect(answered.result["isError"] == false)
            #expect(await guide.sent == 1)
        }
    }

    @Test func `is told what was sent where their form is closed once it is confirmed elsewhere`() async throws {
        try await Guide.with { guide in
            let asked = await guide.pay(meta: Guide.forms)
            let held = await guide.pay(accepted(asked, "cancel"), meta: Guide.forms)
            let id = try #require(held.result["structuredContent"]?["transaction_id"]?.stringValue, "\(held.json)")
            #expect(await guide.decide("confirm", id) == nil)

            let closed = await guide.pay(accepted(asked, "cancel"), meta: Guide.forms)
            let denied = await guide.pay(accepted(asked, "decline"), meta: Guide.forms)

            #expect(closed.result["structuredContent"]?["state"] == "released", "\(closed.json)")
            #expect(denied.result["structuredContent"]?["state"] != "released", "a no comes too late: \(denied.json)")
            #expect(await guide.sent == 1)
        }
    }

    @Test func `is asked in a form where their client has no pages, or the host's cannot be reached safely`()
        async throws
    {
        try await Guide.with { guide in
            let form = await guide.pay(meta: Guide.forms)
            #expect(form.asked["mode"] == "form", "\(form.json)")
        }
        try await Guide.with(leads: false) { guide in
            #expect(await guide.pay().asked["mode"] == "form")
        }
    }

    @Test(arguments: ["2025-11-25", "2025-06-18"])
    func `is told the page in an error, in a session, where their call has no stream`(version: String) async throws {
        try await Guide.with { guide in
            let office = guide.office
            let call = Office.request("tools/call", Guide.call).bytes
            let pay = { (elicitation: JSON, headers: [(String, String)]) async throws in
                let hello: JSONObject = [
                    "protocolVersion": .string(version), "capabilities": ["elicitation": elicitation],
                ]
                let begun = await office.ask("initialize", hello, in: nil, credential: guide.person)
                let session = (Exchange.sessionHeader, try #require(begun.session, "\(begun.json)"))
                return await office.send(call, headers + [session], credential: guide.person)
            }
            let header = [("MCP-Protocol-Version", version)]
            // What knows no pages has a session for its forms alone.
            let said = try await pay(version == "2025-11-25" ? ["url": [:]] : ["form": [:], "url": [:]], header)
            let form = try await pay([:], header)
            let alone = await office.send(call, header, credential: guide.person)

            for held in [form, alone] + (version == "2025-06-18" ? [said] : []) {
                let next = held.result["structuredContent"]?["next"]?.stringValue
                #expect(next?.contains("(https://gw.example/confirm/") == true, "\(held.json)")
            }
            guard version == "2025-11-25" else { return }
            let led = try #require(said.json["error"]?["data"]?["elicitations"]?.arrayValue?.first, "\(said.json)")
            #expect(said.code == -32042 && said.status == 200 && led["mode"] == "url" && led["elicitationId"] != nil)
            #expect(led["message"]?.stringValue?.contains("100 shillings") == true)
            let id = String((led["url"]?.stringValue ?? "").split(separator: "/").last ?? "")
            #expect(led["url"]?.stringValue == "https://gw.example/confirm/\(id)")

            let again = try await pay(["url": [:]], [])
            #expect(again.json["error"]?["data"]?["elicitations"]?[0] == led, "one errand: \(again.json)")
            #expect(await guide.sent == 0)
            #expect(await guide.decide("confirm", id) == nil)
            let done = try await pay(["url": [:]], header)
            #expect(done.result["structuredContent"]?["state"] == "released", "\(done.json)")
            #expect(await guide.sent == 1)
        }
    }

    @Test func `is asked in no form past what an agent's form may confirm, and led to no page that cannot do it`()
        async throws
    {
        try await Guide.with { guide in
            for meta in [Guide.forms, Guide.both] {
                let arguments: JSON = ["phone": "254711000001", "amount": 1_001, "idempotency_key": "more"]
                let held = await guide.pay(["arguments": arguments], meta: meta)

                let content = held.result["structuredContent"]
                #expect(held.result["requestState"] == nil && content?["state"] == "draft", "\(held.json)")
                let next = content?["next"]?.stringValue ?? ""
                #expect(next.contains("Others than whoever asked must approve it") && !next.contains("/confirm/"))
                let id = content?["transaction_id"]?.stringValue ?? ""
                #expect(await guide.decide("confirm", id) == .conflict, "\(next)")
            }
            #expect(await guide.sent == 0)
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: ["confirm", "decline", "late", "unheard", "taken away"])
    func `is led there on the stream of their call, in a session, and told when it is decided`(way: String) async throws
    {
        try await Guide.with { guide in
            let office = guide.office
            let hello: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": ["url": [:]]]]
            let begun = await office.ask("initialize", hello, in: nil, credential: guide.person)
            let session = try #require(begun.session, "\(begun.json)")
            let heard = Mutex<[JSON]>([])

            let hear = { @Sendable (message: JSON) in heard.withLock { $0.append(message) } }
            let said = await guide.pay(in: session, hearing: hear) { message in
                let url = message["params"]?["url"]?.stringValue ?? ""
                let reply: JSON = ["jsonrpc": "2.0", "id": message["id"] ?? .null, "result": ["action": "accept"]]
                if way == "unheard" {
                    // They went there by themselves, and their client has never said so.
                    _ = await guide.decide("confirm", String(url.split(separator: "/").last ?? ""))
                    return office.clock.advance(.seconds(601))
                }
                if way == "taken away" { await guide.takeToolsAway() }
                _ = await office.send(reply.bytes, [(Exchange.sessionHeader, session)], credential: guide.person)
                if way == "taken away" { return }
                if way == "late" { return office.clock.advance(.seconds(601)) }
                _ = await guide.decide(way, String(url.split(separator: "/").last ?? ""))
            }

            let messages = heard.withLock { $0 }
            let asked = try #require(messages.first { $0["method"] == "elicitation/create" })
            #expect(asked["params"]?["mode"] == "url" && asked["params"]?["requestedSchema"] == nil)
            let id = try #require(asked["params"]?["elicitationId"])
            let isTold = way == "confirm" || way == "decline"
            let ends = messages.filter { $0["method"] == "notifications/elicitation/complete" }
            #expect(ends.map { $0["params"]?["elicitationId"] } == (isTold ? [id] : []), "\(messages)")
            #expect(messages.count { $0["method"] == "elicitation/create" } == 1, "asked once")
            #expect(await guide.sent == (["confirm", "unheard"].contains(way) ? 1 : 0))
            guard way != "taken away" else { return }
            let error = said.result["structuredContent"]?["error"]?["code"]?.stringValue
            let state = said.result["structuredContent"]?["state"]?.stringValue
            #expect(
                way == "decline" ? error == "withdrawn" : state == (way == "late" ? "draft" : "released"),
                "\(said.json)"
            )
        }
    }
}

struct `A key that calls by MCP` {
    @Test func `is led to no page: a form where there is one, and else the way out`() async throws {
        try await Guide.with { guide in
            let key = Credential.token(guide.office.key.text)
            let form = await guide.pay(as: key)
            #expect(form.asked["mode"] == "form" && form.asked["url"] == nil, "\(form.json)")

            let held = await guide.pay(meta: Guide.pages, as: key)
            #expect(held.result["structuredContent"]?["state"] == "draft" && held.result["requestState"] == nil)
            let next = held.result["structuredContent"]?["next"]?.stringValue
            #expect(next?.contains("(https://gw.example/confirm/") == true, "\(held.json)")
        }
    }

    @Test func `has a session for pages from the revision on that knows them`() async throws {
        try await Guide.with { guide in
            for (version, isServed) in [("2025-06-18", false), ("2025-11-25", true)] {
                let hello: JSONObject = [
                    "protocolVersion": .string(version), "capabilities": ["elicitation": ["url": [:]]],
                ]
                let said = await guide.office.ask("initialize", hello, in: nil)
                #expect((said.session != nil) == isServed, "\(version)")
            }
        }
    }
}

struct `A text that a model's person is shown` {
    @Test func `hides the phones that its call does not name`() {
        let params: JSON = ["name": "x", "arguments": ["phone": "0711000001"]]
        let sight = PhoneSight(message: Message(id: 1, method: "tools/call", params: params))

        let shown = sight.shown("To: 254711000001\nFrom: 254722000002 \"x\"")

        #expect(shown == "To: 254711000001\nFrom: 2547•••••002 \"x\"")
    }
}
