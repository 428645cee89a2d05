import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

private let asking = [Revision.june2025, .november2025]

/// What a stream tells, as it comes; a sign of life is null.
private struct Heard: Sendable {
    let messages: AsyncStream<JSON>
    let task: Task<Void, Never>

    init(_ stream: Listening) {
        let (messages, continuation) = AsyncStream.makeStream(of: JSON.self)
        self.messages = messages
        task = Task {
            try? await stream.run { continuation.yield((try? JSON(parsing: $0)) ?? .null) }
            continuation.finish()
        }
    }
}

extension Office {
    fileprivate func begin(_ revision: Revision) async -> Said {
        let params: JSONObject = [
            "protocolVersion": .string(revision.rawValue), "capabilities": ["elicitation": [:]],
        ]
        return await ask("initialize", params, in: nil)
    }

    fileprivate func get(_ session: String?, version: Revision? = nil, by other: Credential? = nil) async
        -> MCPServer.Opening?
    {
        let headers =
            (session.map { [(Exchange.sessionHeader, $0)] } ?? [])
            + (version.map { [("MCP-Protocol-Version", $0.rawValue)] } ?? [])
        let call = CallID(clock.entropy.identifier())
        return await server.openStream(of: caller(other ?? .token(key.text), headers), call: call)
    }
}

struct `The stream of a session` {
    private func opened(_ opening: MCPServer.Opening?) throws -> Listening {
        guard case .opened(let stream) = opening else {
            throw GatewayError(.notFound, "no stream was opened")
        }
        return stream
    }

    @Test(arguments: asking)
    func `tells of lists that change, in its revision's words`(revision: Revision) async throws {
        try await Office.withNews { office in
            let begun = await office.begin(revision)
            let told = begun.result["capabilities"]
            #expect(told?["tools"]?["listChanged"] == true && told?["resources"]?["subscribe"] == false)
            let heard = Heard(try opened(await office.get(begun.session, version: revision)))
            var messages = heard.messages.makeAsyncIterator()
            #expect(await messages.next() == .null, "it is open")

            try office.registry.publish(FakePlugin.make(id: "other"))

            var methods: [String] = []
            for _ in 0..<3 {
                let next = try #require(await messages.next())
                #expect(next["params"] == nil && next["id"] == nil)
                methods.append(next["method"]?.stringValue ?? "")
            }
            #expect(methods == ["tools", "prompts", "resources"].map { "notifications/\($0)/list_changed" })
        }
    }

    @Test func `ends with its session, and with its key`() async throws {
        try await Office.withNews { office in
            for isEnded in [true, false] {
                let session = try #require(await office.begin(.november2025).session)
                let heard = Heard(try opened(await office.get(session)))
                var messages = heard.messages.makeAsyncIterator()
                _ = await messages.next()

                if isEnded {
                    let caller = office.caller(.token(office.key.text), [(Exchange.sessionHeader, session)])
                    let call = CallID(office.clock.entropy.identifier())
                    #expect(await office.server.endSession(of: caller, call: call)?.status == 204)
                } else {
                    try await office.revokeKey()
                }

                while let message = await messages.next() { #expect(message == .null) }
                await heard.task.value
            }
        }
    }

    @Test func `is promised to whoever opens one, and not by a bridge, which opens none`() async throws {
        try await Office.withNews { office in
            let params: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": [:]]]
            let body = Office.request("initialize", params).bytes

            let alone = await office.send(body)
            let bridged = await office.send(body, [(Exchange.endsWithConnectionHeader, "1")])

            #expect(alone.session != nil && bridged.session != nil)
            for list in ["tools", "prompts", "resources"] {
                #expect(alone.result["capabilities"]?[list]?["listChanged"] == true)
                #expect(bridged.result["capabilities"]?[list]?["listChanged"] == false)
            }
        }
    }

    @Test func `begins with what comes next, whatever its client says to have heard last`() async throws {
        try await Office.withNews { office in
            let session = try #require(await office.begin(.november2025).session)
            try office.registry.publish(FakePlugin.make(id: "other"))
            let headers = [(Exchange.sessionHeader, session), ("Last-Event-ID", "1")]
            let caller = office.caller(.token(office.key.text), headers)
            let opening = await office.server.openStream(of: caller, call: CallID(office.clock.entropy.identifier()))
            let heard = Heard(try opened(opening))
            var messages = heard.messages.makeAsyncIterator()
            #expect(await messages.next() == .null, "it is open")

            office.registry.withdraw("other")

            for list in ["tools", "prompts", "resources"] {
                #expect(await messages.next()?["method"]?.stringValue == "notifications/\(list)/list_changed")
            }
        }
    }

    @Test func `is there for sessions alone, each its client's own`() async throws {
        try await Office.withNews { office in
            let session = try #require(await office.begin(.june2025).session)
            #expect(await office.begin(.march2025).session == nil)
            let other = try await office.addKey(scopes: nil)

            for (text, key) in [("unknown", nil), (session, other)] as [(String, Credential?)] {
                guard case .refused(let answer) = await office.get(text, by: key) else {
                    Issue.record("\(text) was opened")
                    continue
                }
                #expect(answer.status == 404)
            }
            if await office.get(nil) != nil { Issue.record("there is none without a session") }
            if await office.get(session, version: .newest) != nil { Issue.record("the newest revision has none") }
        }
    }

    @Test func `takes one of its organization's places`() async throws {
        try await Office.withNews { office in
            let session = try #require(await office.begin(.june2025).session)
            let (one, two) = (try opened(await office.get(session)), try opened(await office.get(session)))

            guard case .refused(let answer) = await office.get(session) else {
                Issue.record("a third was opened")
                return
            }
            #expect(answer.status == 429)
            _ = (one, two)
        }
    }
}
