import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import MCP

/// What is told on a stream, as it comes; a sign of life is null.
private struct Heard: Sendable {
    let messages: AsyncStream<JSON>
    let task: Task<Void, Never>

    init(_ pair: StreamPair) {
        let (messages, continuation) = AsyncStream.makeStream(of: JSON.self)
        self.messages = messages
        pair.server.know(pair)
        task = Task {
            try? await pair.run { continuation.yield((try? JSON(parsing: $0)) ?? .null) }
            continuation.finish()
        }
    }
}

/// A client that reads nothing until it is let.
private struct Stuck: Sendable {
    private let reached = AsyncStream.makeStream(of: Void.self)
    private let go = AsyncStream.makeStream(of: Void.self)
    let task: Task<Void, Never>

    init(_ pair: StreamPair) {
        pair.server.know(pair)
        let (begun, goes) = (self.reached.continuation, self.go.stream)
        task = Task {
            try? await pair.run { message in
                guard !message.isEmpty else { return }
                begun.yield()
                for await _ in goes { return }
            }
        }
    }

    /// Waits until it has begun on a message.
    func begins() async { for await _ in reached.stream { return } }
    func read() { go.continuation.finish() }
}

extension Office {
    fileprivate func pair(by other: Credential? = nil) async -> MCPServer.PairOpening {
        await server.openPair(of: caller(other ?? .token(key.text), []), call: CallID(clock.entropy.identifier()))
    }

    fileprivate func hand(_ message: JSON, to name: String, by other: Credential? = nil) async -> Said {
        let caller = caller(other ?? .token(key.text), [])
        return Said(
            await server.hand(message.bytes, to: name, from: caller, call: CallID(clock.entropy.identifier()))
        )
    }
}

struct `A stream with an address beside it` {
    private func with(bytes: Int = 8 << 20, _ body: (Office) async throws -> Void) async throws {
        var settings = MCPServer.Settings()
        settings.pairCallsMax = 2
        settings.pairBytesMax = bytes
        try await Office.with(settings) { office in
            let news = office.gateway.news
            try await news.begin()
            let running = Task { await news.run() }
            defer { running.cancel() }
            try await body(office)
        }
    }

    private func opened(_ opening: MCPServer.PairOpening) throws -> StreamPair {
        guard case .opened(let pair) = opening else { throw GatewayError(.notFound, "no stream was opened") }
        return pair
    }

    @Test func `whose client went before it began is kept by nobody`() async throws {
        try await with { office in
            let pair = try opened(await office.pair())

            #expect(await office.hand(Office.request("tools/list"), to: pair.name).status == 404)
            #expect(office.server.pairs.withLock { $0.isEmpty })
        }
    }

    @Test(arguments: [Revision.november2024, .november2025])
    func `is told what its messages are answered, in the revision that it began with`(
        revision: Revision
    ) async throws {
        try await with { office in
            let pair = try opened(await office.pair())
            let heard = Heard(pair)
            var messages = heard.messages.makeAsyncIterator()
            #expect(await messages.next() == .null)
            let hello: JSONObject = [
                "protocolVersion": .string(revision.rawValue), "capabilities": ["elicitation": [:]],
            ]

            #expect(await office.hand(Office.request("initialize", hello), to: pair.name).status == 202)
            let first = try #require(await messages.next())
            #expect(first["result"]?["protocolVersion"]?.stringValue == revision.rawValue, "\(first)")
            #expect(first["result"]?["_meta"] == nil, "it has no session besides")
            let begun: JSON = ["jsonrpc": "2.0", "method": "notifications/initialized"]
            #expect(await office.hand(begun, to: pair.name).status == 202)
            #expect(await office.hand(Office.request("tools/list", id: "l"), to: pair.name).status == 202)

            let list = try #require(await messages.next())
            #expect(list["id"] == "l")
            #expect((list["result"]?["tools"]?[0]?["title"] != nil) == revision.hasStructure)
        }
    }

    @Test func `pays once, and is another's to nobody`() async throws {
        try await with { office in
            let pair = try opened(await office.pair())
            let heard = Heard(pair)
            var messages = heard.messages.makeAsyncIterator()
            _ = await messages.next()
            let other = try await office.addKey(scopes: nil)
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "idempotency_key": "k"]
            let pay = Office.request("tools/call", ["name": "fake_collect", "arguments": arguments])

            #expect(await office.hand(pay, to: pair.name, by: other).status == 404)
            #expect(await office.hand(pay, to: pair.name, by: .token(Secret("nobody"))).status == 401)
            for name in ["", "unknown"] { #expect(await office.hand(pay, to: name).status == 404) }
            #expect(office.upstream.count("collect") == 0)
            for _ in 0..<2 {
                #expect(await office.hand(pay, to: pair.name).status == 202)
                #expect(await messages.next()?["result"]?["isError"] == false)
            }

            #expect(office.upstream.count("collect") == 1)
            #expect(await office.hand(["jsonrpc": "1.0"], to: pair.name).status == 400)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `gives a call up that its client cancels there, and no other`() async throws {
        try await with { office in
            let pair = try opened(await office.pair())
            let heard = Heard(pair)
            var messages = heard.messages.makeAsyncIterator()
            _ = await messages.next()
            let call = Office.request("tools/call", ["name": "desk_wait", "arguments": [:]], id: 7)
            #expect(await office.hand(call, to: pair.name).status == 202)
            for await _ in office.desk.waits.stream { break }
            func cancel(_ id: JSON) -> JSON {
                ["jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": id]]
            }

            #expect(await office.hand(cancel(8), to: pair.name).status == 202)
            #expect(await office.send(cancel(7).bytes).status == 202)
            #expect(office.desk.givenUp == 0)
            #expect(await office.hand(cancel(7), to: pair.name).status == 202)

            #expect(await messages.next() == .null, "nothing is answered")
            #expect(office.desk.givenUp == 1)
            heard.task.cancel()
        }
    }

    @Test func `has so many calls under way, which are given up with it`() async throws {
        try await with { office in
            let pair = try opened(await office.pair())
            let heard = Heard(pair)
            var messages = heard.messages.makeAsyncIterator()
            _ = await messages.next()
            let wait = Office.request("tools/call", ["name": "desk_wait", "arguments": [:]])
            var waits = office.desk.waits.stream.makeAsyncIterator()

            for _ in 0..<2 {
                #expect(await office.hand(wait, to: pair.name).status == 202)
                await waits.next()
            }
            #expect(await office.hand(wait, to: pair.name).status == 429)
            heard.task.cancel()
            await heard.task.value

            #expect(office.desk.givenUp == 2 && office.gateway.news.count == 0)
            #expect(await office.hand(wait, to: pair.name).status == 404)
        }
    }

    @Test func `counts what its client has not read as under way`() async throws {
        try await with { office in
            let pair = try opened(await office.pair())
            let stuck = Stuck(pair)
            let ping = Office.request("ping")

            #expect(await office.hand(ping, to: pair.name).status == 202)
            await stuck.begins()
            #expect(await office.hand(ping, to: pair.name).status == 202)
            #expect(await office.hand(ping, to: pair.name).status == 429)
            stuck.read()
            stuck.task.cancel()
            await stuck.task.value
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is lost to whom reads too slowly for the bytes that wait`() async throws {
        try await with(bytes: 3_000) { office in
            let pair = try opened(await office.pair())
            let stuck = Stuck(pair)
            let big = [UInt8](repeating: UInt8(ascii: "1"), count: 2_000)

            pair.send(big)
            await stuck.begins()
            pair.send(big)
            stuck.read()
            await stuck.task.value

            #expect(await office.hand(Office.request("ping"), to: pair.name).status == 404)
        }
    }

    @Test func `ends with its key, and takes one of its organization's places`() async throws {
        try await with { office in
            let (one, two) = (try opened(await office.pair()), try opened(await office.pair()))
            guard case .refused(let answer) = await office.pair() else {
                Issue.record("a third was opened")
                return
            }
            #expect(answer.status == 429)
            let heard = [Heard(one), Heard(two)]

            try await office.revokeKey()

            for heard in heard { await heard.task.value }
            #expect(await office.hand(Office.request("ping"), to: one.name).status == 401)
        }
    }
}
