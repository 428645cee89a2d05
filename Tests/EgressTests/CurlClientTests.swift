import Foundation
import Synchronization
import Testing

@testable import Egress

/// A server of one thread that does what a test tells it with each request, and counts them.
final class RawServer: @unchecked Sendable {
    enum Act { case answer(String), pieces(Int, every: TimeInterval), close, hang }

    let port: Int
    private let listener: Int32
    // Guarded by `lock`.
    private let lock = NSLock()
    private var acts: [Act]
    private var count = 0

    init(_ acts: [Act]) throws {
        self.acts = acts
        (listener, port) = try Loopback.listen()
        Thread { self.serve() }.start()
    }

    var requests: Int { lock.withLock { count } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            Thread { self.talk(connection) }.start()
        }
    }

    private func talk(_ connection: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while recv(connection, &buffer, buffer.count, 0) > 0 {
            let act = lock.withLock {
                count += 1
                return acts.count > 1 ? acts.removeFirst() : acts[0]
            }
            if case .pieces(let count, let pause) = act {
                let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n".utf8)
                _ = send(connection, head, head.count, Int32(MSG_NOSIGNAL))
                for _ in 0..<count {
                    Thread.sleep(forTimeInterval: pause)
                    _ = send(connection, "x", 1, Int32(MSG_NOSIGNAL))
                }
                break
            }
            guard case .answer(let text) = act else {
                if case .hang = act { sleep(3) }
                break
            }
            let bytes = Array(text.utf8)
            _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        close(connection)
    }

    static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
}

struct `The HTTP client` {
    @Test func `hands on what comes as it comes, and keeps what nobody takes`() async throws {
        let client = CurlClient()
        defer { client.shutdown() }
        let heard = Mutex(0)
        for (status, isKept) in [("200 OK", false), ("403 Forbidden", true)] {
            let body = String(repeating: "x", count: 300_000)
            let server = try RawServer([.answer("HTTP/1.1 \(status)\r\nContent-Length: 300000\r\n\r\n" + body)])
            defer { server.stop() }
            var request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/", answerBytesMax: 200_000)
            request.waitsForPieces = true
            request.onPiece = { piece, status in
                guard status == 200 else { return false }
                heard.withLock { $0 += piece.count }
                return true
            }

            let outcome = await client.send(request)

            // What is kept is bounded; what is taken is not.
            if isKept {
                #expect(outcome == .unknown("the answer is larger than 200000 bytes"))
            } else {
                #expect(outcome == .answered(status: 200, body: []))
            }
        }
        #expect(heard.withLock { $0 } == 300_000)
    }

    @Test func `waits anew with each piece of what lasts, where it is asked to`() async throws {
        let client = CurlClient()
        defer { client.shutdown() }
        for waits in [true, false] {
            let server = try RawServer([.pieces(30, every: 0.1)])
            defer { server.stop() }
            var request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/", timeout: .seconds(2))
            request.waitsForPieces = waits
            request.onPiece = { _, _ in true }

            let outcome = await client.send(request)

            #expect(outcome == (waits ? .answered(status: 200, body: []) : .unknown(CurlTransfer.tooSlow)))
        }
    }

    @Test func `calls what is cut off no answer, and reads nothing more for whoever cannot keep it`() async throws {
        let client = CurlClient()
        defer { client.shutdown() }
        let server = try RawServer([
            .answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nsome\r\n"), .close,
        ])
        defer { server.stop() }
        var request = HTTPRequest(method: "GET", url: "http://127.0.0.1:\(server.port)/", timeout: .seconds(2))
        request.waitsForPieces = true
        request.onPiece = { _, _ in true }
        guard case .unknown = await client.send(request) else {
            Issue.record("what was cut off was taken for an answer")
            return
        }

        request.onPiece = { _, _ in throw CancellationError() }
        let full = try RawServer([.answer(RawServer.ok)])
        defer { full.stop() }
        request.url = "http://127.0.0.1:\(full.port)/"
        guard case .unknown = await client.send(request) else {
            Issue.record("what could not be kept was taken for an answer")
            return
        }
    }

    func send(_ server: RawServer, _ client: CurlClient = CurlClient(), timeout: Duration = .seconds(10)) async
        -> HTTPOutcome
    {
        await client.send(
            HTTPRequest(
                method: "POST",
                url: "http://127.0.0.1:\(server.port)/x",
                body: Array("{}".utf8),
                timeout: timeout,
                answerBytesMax: 1000
            )
        )
    }

    @Test func `brings an answer back`() async throws {
        let server = try RawServer([.answer(RawServer.ok)])
        defer { server.stop() }

        #expect(await send(server) == .answered(status: 200, body: Array("ok".utf8)))
    }

    @Test func `never sends a request again when its connection is closed`() async throws {
        let server = try RawServer([.answer(RawServer.ok), .close])
        defer { server.stop() }
        let client = CurlClient()
        _ = await send(server, client)

        let outcome = await send(server, client)
        guard case .unknown = outcome else {
            Issue.record("expected unknown, got \(outcome)")
            return
        }
        #expect(server.requests == 2)
    }

    @Test func `knows that nothing was sent when nobody listens`() async throws {
        let server = try RawServer([.close])
        server.stop()
        let outcome = await CurlClient().send(HTTPRequest(method: "POST", url: "http://127.0.0.1:1/x"))
        guard case .notSent = outcome else {
            Issue.record("expected notSent, got \(outcome)")
            return
        }
    }

    static let losses: [(String, String)] = [
        ("half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        (
            "an answer that is too large",
            "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000)
        ),
        ("no HTTP at all", "SSH-2.0-x\r\n"),
    ]

    @Test(arguments: losses)
    func `calls unknown whatever is no whole answer`(name: String, answer: String) async throws {
        let server = try RawServer([.answer(answer), .close])
        defer { server.stop() }

        let outcome = await send(server, timeout: .milliseconds(700))
        guard case .unknown = outcome else {
            Issue.record("\(name): expected unknown, got \(outcome)")
            return
        }
    }

    @Test func `calls a silent server unknown`() async throws {
        let server = try RawServer([.hang])
        defer { server.stop() }

        guard case .unknown = await send(server, timeout: .milliseconds(200)) else {
            Issue.record("expected unknown")
            return
        }
    }

    @Test func `answers each of many that come at once`() async throws {
        let server = try RawServer([.answer(RawServer.ok)])
        defer { server.stop() }
        let client = CurlClient()

        let outcomes = await withTaskGroup(of: HTTPOutcome.self) { group in
            for _ in 0..<300 { group.addTask { await send(server, client) } }
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(outcomes.filter { $0 == .answered(status: 200, body: Array("ok".utf8)) }.count == 300)
        #expect(server.requests == 300)
    }

    @Test func `sends nothing for which it has no connection`() async throws {
        let server = try RawServer([.hang])
        defer { server.stop() }
        var settings = CurlClient.Settings()
        settings.connectionsMax = 3
        let client = CurlClient(settings: settings)

        let outcomes = await withTaskGroup(of: HTTPOutcome.self) { group in
            for _ in 0..<8 { group.addTask { await send(server, client, timeout: .milliseconds(500)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(outcomes.count { $0 == .notSent("too many requests are under way") } == 5)
        #expect(server.requests == 3)
    }

    @Test func `counts an answer's time from the request's first byte`() {
        let request = HTTPRequest(method: "POST", url: "http://127.0.0.1:1/x", timeout: .milliseconds(1))
        let transfer = CurlTransfer(request) { _ in }

        #expect(!transfer.hasWaitedEnough(at: .max))
        transfer.begun = 1
        #expect(transfer.hasWaitedEnough(at: .max))
    }

    @Test func `sends nothing once the time in which it may be sent has passed`() async throws {
        let server = try RawServer([.answer(RawServer.ok)])
        defer { server.stop() }

        let outcome = await CurlClient()
            .send(HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/x", leaveWithin: .zero))

        #expect(outcome == .notSent(CurlTransfer.tooLate))
        #expect(server.requests == 0)
    }

    @Test func `gives a silent server up in time while others go on answering`() async throws {
        let (silent, server) = (try RawServer([.hang]), try RawServer([.answer(RawServer.ok)]))
        defer {
            silent.stop()
            server.stop()
        }
        let client = CurlClient()

        async let late = send(silent, client, timeout: .milliseconds(200))
        for _ in 0..<100 {
            #expect(await send(server, client) == .answered(status: 200, body: Array("ok".utf8)))
        }
        guard case .unknown = await late else {
            Issue.record("expected unknown")
            return
        }
    }

    @Test func `speaks plain HTTP to this machine only`() async throws {
        let outcome = await CurlClient().send(HTTPRequest(method: "GET", url: "http://localhost.example/x"))

        guard case .notSent = outcome else {
            Issue.record("expected notSent, got \(outcome)")
            return
        }
    }
}
