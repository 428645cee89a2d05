import OrderedJSON
import Synchronization
import Testing

@testable import MCP

/// A gateway as a bridge sees it: it answers what a test says, and remembers what it was sent.
private final class Wire: Sendable {
    typealias Reply = @Sendable (StdioBridge.Post, @escaping @Sendable ([UInt8]) -> Void) async -> StdioBridge.Outcome

    private let state = Mutex((posts: [StdioBridge.Post](), written: [JSON]()))

    var posts: [StdioBridge.Post] { state.withLock { $0.posts } }
    var written: [JSON] { state.withLock { $0.written } }

    static func make(
        settings: StdioBridge.Settings = StdioBridge.Settings(),
        _ reply: @escaping Reply
    ) -> (Wire, StdioBridge) {
        let wire = Wire()
        let bridge = StdioBridge(settings: settings) { post, hear in
            wire.state.withLock { $0.posts.append(post) }
            return await reply(post, hear)
        } write: { bytes in
            wire.state.withLock { $0.written.append((try? JSON(parsing: bytes)) ?? .string("no JSON")) }
        }
        return (wire, bridge)
    }

    /// Answers with a message, by HTTP status 200.
    static func says(_ message: JSON) -> Reply {
        { _, hear in
            hear(message.bytes)
            return .answered(200)
        }
    }
}

extension StdioBridge {
    fileprivate func take(_ message: JSON) { take(.whole(message.bytes)) }
    /// Takes a message, and waits for what comes of it.
    fileprivate func ask(_ message: JSON) async {
        take(message)
        await end(within: .seconds(60))
    }
}

extension StdioBridge.Post {
    fileprivate subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
}

private func result(_ id: JSON, _ result: JSON = [:]) -> JSON { ["jsonrpc": "2.0", "id": id, "result": result] }

struct `A bridge` {
    private static let meta: JSON = [Message.versionKey: "2026-07-28", Message.capabilitiesKey: [:]]

    @Test func `writes the header that a request of the newest revision wants`() async throws {
        let (wire, bridge) = Wire.make(Wire.says(result(1)))

        await bridge.ask(Office.request("tools/call", ["name": "é", "_meta": Self.meta]))
        await bridge.ask(Office.request("resources/read", ["uri": "a:b", "_meta": Self.meta]))

        #expect(wire.posts[0]["MCP-Protocol-Version"] == "2026-07-28" && wire.posts[0]["Mcp-Method"] == "tools/call")
        #expect(wire.posts[0]["Mcp-Name"] == "=?base64?w6k=?=" && wire.posts[1]["Mcp-Name"] == "a:b")
        #expect(wire.posts[0]["Accept"] == "application/json, text/event-stream")
        #expect(wire.posts[0]["Gateway-Ends-With-Connection"] == "1")
        #expect(wire.written == [result(1), result(1)])
    }

    @Test func `names the session that began, and passes on what a person answers in it`() async throws {
        let (wire, bridge) = Wire.make { post, hear in
            let json = (try? JSON(parsing: post.body)) ?? .null
            guard json["method"] != nil else { return .answered(202) }
            let session: JSON = ["protocolVersion": "2025-06-18", "_meta": [Marks.sessionKey: "s1"]]
            hear(result(json["id"] ?? .null, session).bytes)
            return .answered(200)
        }
        let reply = result("q", ["action": "decline"])

        bridge.take(Office.request("initialize", ["protocolVersion": "2025-06-18"], id: "i"))
        bridge.take(reply)
        await bridge.ask(Office.request("tools/list", id: 2))
        await bridge.ask(Office.request("tools/list", ["_meta": Self.meta], id: 3))

        let sessions = wire.posts.map { post in
            let json = (try? JSON(parsing: post.body)) ?? .null
            return "\(json["id"]?.text ?? "") \(post[Exchange.sessionHeader] ?? "-")"
        }
        #expect(sessions.sorted() == ["\"i\" -", "\"q\" s1", "2 s1", "3 -"])
        #expect(wire.written.count == 3, "to an answer nothing is answered")
    }

    @Test(arguments: [true, false])
    func `begins its session anew once that is over, once for all requests`(isTaken: Bool) async throws {
        let begun = Mutex(0)
        let (wire, bridge) = Wire.make { post, hear in
            let json = (try? JSON(parsing: post.body)) ?? .null
            let id = json["id"] ?? .null
            if json["method"] == "initialize" {
                let number = begun.withLock { count in
                    count += 1
                    return count
                }
                let session: JSON = [Marks.sessionKey: .string("s\(number)")]
                hear(result(id, ["protocolVersion": "2025-06-18", "_meta": session]).bytes)
                return .answered(200)
            }
            if isTaken, post[Exchange.sessionHeader] == "s2" {
                hear(result(id).bytes)
                return .answered(200)
            }
            let refused: JSON = ["jsonrpc": "2.0", "error": ["code": -32600, "message": "There is no such session."]]
            hear(refused.bytes)
            return .answered(404)
        }
        await bridge.ask(Office.request("initialize", ["protocolVersion": "2025-06-18"], id: "i"))

        let ids: [JSON] = isTaken ? [2, 3, 4, 5] : [2]
        for id in ids { bridge.take(Office.request("tools/list", id: id)) }
        await bridge.end(within: .seconds(60))

        #expect(begun.withLock { $0 } == 2)
        let said = wire.written.dropFirst()
        #expect(said.count == ids.count && ids.allSatisfy { id in said.contains { $0["id"] == id } })
        #expect(said.allSatisfy { ($0["result"] != nil) == isTaken }, "who is refused again is told so")
        #expect(wire.posts.last?[Exchange.sessionHeader] == "s2")
    }

    @Test func `goes on in the revision that the handshake ended with`() async throws {
        let (wire, bridge) = Wire.make { post, hear in
            let json = (try? JSON(parsing: post.body)) ?? .null
            hear(result(json["id"] ?? .null, ["protocolVersion": "2025-06-18"]).bytes)
            return .answered(200)
        }

        bridge.take(Office.request("initialize", ["protocolVersion": "2025-06-18"], id: "i"))
        await bridge.ask(Office.request("tools/list", id: 2))
        await bridge.ask(["jsonrpc": "2.0", "method": "notifications/initialized"])
        await bridge.ask(Office.request("tools/list", ["_meta": Self.meta], id: 3))

        #expect(wire.posts.map { $0["MCP-Protocol-Version"] } == [nil, "2025-06-18", "2026-07-28"])
        #expect(wire.written.compactMap { $0["id"] } == ["i", 2, 3])
    }

    @Test func `tells what is told of a call before it tells its answer`() async throws {
        let told: JSON = ["jsonrpc": "2.0", "method": "notifications/progress", "params": [:]]
        let stream = "event: message\ndata: \(told.text)\n\n: ping\n\nevent: message\ndata: \(result(1).text)\n\n"
        let (wire, bridge) = Wire.make { _, hear in
            for byte in stream.utf8 { hear([byte]) }
            return .answered(200)
        }

        await bridge.ask(Office.request("tools/call", ["name": "x"]))

        #expect(wire.written == [told, result(1)])
    }

    @Test func `learns from the list which arguments stand in headers, and calls once more`() async throws {
        let schema: JSON = [
            "type": "object",
            "properties": [
                "region": ["type": "string", "x-mcp-header": "Region"],
                "branch": ["type": "integer", "x-mcp-header": "Branch"],
                "urgent": ["type": "boolean", "x-mcp-header": "Urgent"],
            ],
        ]
        let (wire, bridge) = Wire.make { post, hear in
            let isCall = post["Mcp-Method"] == "tools/call"
            let tools: JSON = ["tools": [["name": "t", "inputSchema": schema]]]
            let refused: JSON = ["jsonrpc": "2.0", "id": 1, "error": ["code": -32020, "message": "no"]]
            hear((isCall ? post["Mcp-Param-Region"] == nil ? refused : result(1) : result(0, tools)).bytes)
            return .answered(200)
        }
        let call = Office.request(
            "tools/call",
            ["name": "t", "arguments": ["region": "Nairobi", "branch": 7], "_meta": Self.meta]
        )

        await bridge.ask(call)
        await bridge.ask(call)

        #expect(wire.posts.map { $0["Mcp-Method"] } == ["tools/call", "tools/list", "tools/call", "tools/call"])
        #expect(wire.posts[3]["Mcp-Param-Region"] == "Nairobi" && wire.posts[3]["Mcp-Param-Branch"] == "7")
        #expect(wire.posts[3]["Mcp-Param-Urgent"] == nil && wire.written == [result(1), result(1)])
    }

    @Test func `passes on as much as comes, and of no message more than its bound`() async throws {
        var settings = StdioBridge.Settings()
        settings.answerBytesMax = 200
        let told: JSON = ["jsonrpc": "2.0", "method": "notifications/message", "params": [:]]
        let long = result(1, ["text": .string(String(repeating: "x", count: 200))])
        let stream = String(repeating: "data: \(told.text)\n\n", count: 20)
        for (body, count, isAnswered) in [
            (stream + "data: \(result(1).text)\n\n", 20, true), (stream + "data: \(long.text)\n\n", 20, false),
            (long.text, 0, false),
        ] {
            let (wire, bridge) = Wire.make(settings: settings) { _, hear in
                for byte in body.utf8 { hear([byte]) }
                return .answered(200)
            }
            await bridge.ask(Office.request("tools/call", ["name": "x"]))

            #expect(wire.written.count == count + 1 && wire.written.dropLast().allSatisfy { $0 == told })
            let words = wire.written.last?["error"]?["message"]?.stringValue ?? ""
            #expect((wire.written.last == result(1)) == isAnswered, "\(wire.written)")
            #expect(words.contains("longer than 200 bytes") == !isAnswered, "\(words)")
        }
    }

    @Test func `tells whoever listened to listen anew, and whoever called to ask with the same key`() async throws {
        let (wire, bridge) = Wire.make { _, _ in .unknown("reset") }

        bridge.take(Office.request("subscriptions/listen", ["_meta": Self.meta], id: "l"))
        while wire.written.isEmpty { await Task.yield() }
        await bridge.ask(Office.request("tools/call", ["name": "x", "_meta": Self.meta]))

        let words = wire.written.map { $0["error"]?["message"]?.stringValue ?? "" }
        #expect(words.count == 2 && words[0].contains("listen anew") && !words[0].contains("idempotency_key"))
        #expect(words.last?.contains("idempotency_key") == true)
    }

    @Test func `answers every request, whatever became of the gateway`() async throws {
        let refusal: JSON = ["jsonrpc": "2.0", "error": ["code": -32600, "message": "No key."]]
        let cases: [(StdioBridge.Outcome, [UInt8], String)] = [
            (.notSent("refused"), [], "nothing was sent"), (.unknown("reset"), [], "idempotency_key"),
            (.answered(502), Array("<html>".utf8), "HTTP 502"), (.answered(202), [], "HTTP 202"),
            (.answered(401), refusal.bytes, "No key."),
        ]
        for (outcome, body, words) in cases {
            let (wire, bridge) = Wire.make { _, hear in
                hear(body)
                return outcome
            }
            await bridge.ask(Office.request("tools/call", ["name": "x"], id: "q"))

            #expect(wire.written.count == 1 && wire.written[0]["id"] == "q", "\(outcome)")
            #expect(wire.written[0]["error"]?["message"]?.stringValue?.contains(words) == true, "\(wire.written)")
        }
    }

    @Test func `gives a request up that is cancelled, and answers it no more`() async throws {
        let (beginnings, begun) = AsyncStream.makeStream(of: Void.self)
        let (wire, bridge) = Wire.make { _, hear in
            begun.yield()
            let never = AsyncStream<Void> { _ in }
            for await _ in never {}
            hear(result(1).bytes)
            return Task.isCancelled ? .unknown("given up") : .answered(200)
        }
        bridge.take(Office.request("tools/call", ["name": "x"]))
        for await _ in beginnings { break }

        bridge.take(["jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": 1]])
        await bridge.end(within: .seconds(60))

        #expect(wire.posts.count == 1 && wire.written.isEmpty)
    }

    @Test func `ends with its input whoever listens, and waits for whoever called`() async throws {
        let (beginnings, begun) = AsyncStream.makeStream(of: Void.self)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let (wire, bridge) = Wire.make { post, hear in
            begun.yield()
            // Whoever listens does so until the task is cancelled, and only then the call is answered.
            guard post["Mcp-Method"] != "subscriptions/listen" else {
                let never = AsyncStream<Void> { _ in }
                for await _ in never {}
                end.finish()
                return .unknown("given up")
            }
            for await _ in ends {}
            hear(result("c").bytes)
            return .answered(200)
        }
        bridge.take(Office.request("subscriptions/listen", ["_meta": Self.meta], id: "l"))
        bridge.take(Office.request("tools/call", ["name": "x", "_meta": Self.meta], id: "c"))
        var count = 0
        for await _ in beginnings {
            count += 1
            if count == 2 { break }
        }

        await bridge.end(within: .seconds(60))

        #expect(Set(wire.written.map { $0["id"] }) == ["l", "c"], "\(wire.written)")
        let ended = try #require(wire.written.first { $0["id"] == "l" })
        #expect(ended["result"]?["resultType"] == "complete")
        #expect(ended["result"]?["_meta"]?[Listening.key] == "l")
    }

    @Test func `takes requests side by side, so many and no more, each id once`() async throws {
        var settings = StdioBridge.Settings()
        settings.requestsMax = 2
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let gate = AsyncStream.makeStream(of: Void.self)
        let (wire, bridge) = Wire.make(settings: settings) { post, hear in
            arrived.yield()
            let isFirst = (try? JSON(parsing: post.body))?["id"] == 1
            if isFirst { for await _ in gate.stream {} }
            hear(result(isFirst ? 1 : 2).bytes)
            return .answered(200)
        }
        bridge.take(Office.request("ping", id: 1))
        for await _ in arrivals { break }
        bridge.take(Office.request("ping", id: 1))
        #expect(wire.written.map { $0["error"]?["code"] } == [-32600])

        bridge.take(Office.request("ping", id: 2))
        for await _ in arrivals { break }
        gate.continuation.finish()
        await bridge.end(within: .seconds(60))

        #expect(Set(wire.written.dropFirst()) == [result(1), result(2)])
    }

    @Test func `refuses what is no message itself, and passes a batch on whole`() async throws {
        let (wire, bridge) = Wire.make(Wire.says([result(1), result(2)]))

        for line in ["{", "7", "{\"jsonrpc\":\"2.0\"}"] { bridge.take(.whole(Array(line.utf8))) }
        bridge.take(.tooLong)
        #expect(wire.written.map { $0["error"]?["code"] } == [-32700, -32600, -32600, -32600] && wire.posts.isEmpty)

        await bridge.ask([Office.request("ping", id: 1), Office.request("ping", id: 2)])
        #expect(wire.written.last == [result(1), result(2)])
    }

    @Test func `looks first whether a gateway is there, and takes the key`() async throws {
        let denied: JSON = ["jsonrpc": "2.0", "error": ["code": -32600, "message": "No key."]]

        #expect(await Wire.make(Wire.says(result(0))).1.check() == nil)
        #expect(await Wire.make(Wire.says(denied)).1.check() == "No key.")
        #expect(await Wire.make { _, _ in .notSent("refused") }.1.check()?.contains("refused") == true)
        #expect(await Wire.make { _, _ in .answered(404) }.1.check()?.contains("404") == true)
    }
}

struct `Lines` {
    @Test func `are cut from pieces of any size`() {
        for size in 1...9 {
            var splitter = LineSplitter(bytesMax: 5)
            let bytes = Array("one\r\n\ntwo\nmuch too long\nfour\nend".utf8)
            var lines: [LineSplitter.Line] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                lines += splitter.take(bytes[start..<min(start + size, bytes.count)])
            }
            lines += splitter.end()

            let texts = ["one", "two", nil, "four", "end"]
                .map { text in
                    text.map { LineSplitter.Line.whole(Array($0.utf8)) } ?? .tooLong
                }
            #expect(lines == texts, "\(size)")
        }
    }
}
