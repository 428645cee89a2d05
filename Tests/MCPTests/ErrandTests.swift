import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

/// A session of a client that leads people to pages, whose own stream is open.
private struct Led: Sendable {
    let guide: Guide
    let session: String
    let messages: AsyncStream<JSON>
    let task: Task<Void, Never>

    init(_ guide: Guide) async throws {
        let hello: JSONObject = ["protocolVersion": "2025-11-25", "capabilities": ["elicitation": ["url": [:]]]]
        let begun = await guide.office.ask("initialize", hello, in: nil, credential: guide.person)
        let session = try #require(begun.session, "\(begun.json)")
        let opening = await guide.office.server.openStream(
            of: guide.office.caller(guide.person, [(Exchange.sessionHeader, session)]),
            call: CallID(guide.office.clock.entropy.identifier())
        )
        guard case .opened(let stream) = opening else { throw GatewayError(.notFound, "no stream was opened") }
        let (messages, continuation) = AsyncStream.makeStream(of: JSON.self)
        (self.guide, self.session, self.messages) = (guide, session, messages)
        task = Task {
            try? await stream.run { bytes in
                // A sign of life is nothing.
                if let message = try? JSON(parsing: bytes) { continuation.yield(message) }
            }
            continuation.finish()
        }
    }

    /// Pays by a call without a stream: what the error leads to.
    func pay() async throws -> JSON {
        let body = Office.request("tools/call", Guide.call).bytes
        let said = await guide.office.send(body, [(Exchange.sessionHeader, session)], credential: guide.person)
        #expect(said.code == -32042, "\(said.json)")
        return try #require(said.json["error"]?["data"]?["elicitations"]?[0]?["elicitationId"], "\(said.json)")
    }
}

struct `A session whose client is led to a page by an error` {
    @Test(.timeLimit(.minutes(15)), arguments: ["confirm", "decline"])
    func `is told on its own stream that it is decided, once, and no other is`(word: String) async throws {
        try await Guide.with { guide in
            try await guide.office.withNews {
                let (led, other) = (try await Led(guide), try await Led(guide))
                var (messages, others) = (led.messages.makeAsyncIterator(), other.messages.makeAsyncIterator())
                let id = try await led.pay()
                #expect(try await led.pay() == id, "one errand, however often it is asked about")

                #expect(await guide.decide(word, id.stringValue ?? "") == nil)

                let told = try #require(await messages.next())
                #expect(told["method"] == "notifications/elicitation/complete" && told["id"] == nil, "\(told)")
                #expect(told["params"] == ["elicitationId": id])
                // What comes next is something else, for both.
                try guide.office.registry.publish(FakePlugin.make(id: "other"))
                for next in [await messages.next(), await others.next()] {
                    #expect(next?["method"] == "notifications/tools/list_changed", "\(next ?? .null)")
                }
                #expect(await guide.sent == (word == "confirm" ? 1 : 0))
            }
        }
    }
}
