import Foundation
import Testing

@testable import Egress

/// A server that answers each request by its number, and says more where a test wants it to.
private final class LooseServer: @unchecked Sendable {
    let port: Int
    private let listener: Int32
    private let greeting: [UInt8]?
    // Guarded by `lock`.
    private let lock = NSLock()
    private var connections: [Int32] = []
    private var count = 0
    private let talks = DispatchGroup()

    /// - Parameter greeting: Said to whoever connects, whose request is not read then.
    init(greeting: String? = nil) throws {
        self.greeting = greeting.map { Array($0.utf8) }
        (listener, port) = try Loopback.listen()
        Thread { self.serve() }.start()
    }

    var connectionCount: Int { lock.withLock { connections.count } }

    static func reply(_ status: Int, _ body: String) -> String {
        "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// Says something on every connection, which nobody has asked for, and no more where it is the last.
    func say(_ text: String, isLast: Bool) {
        for connection in lock.withLock({ connections }) {
            send(text, on: connection)
            if isLast { shutdown(connection, Int32(SHUT_WR)) }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        let connections = lock.withLock { self.connections }
        for connection in connections { shutdown(connection, Int32(SHUT_RDWR)) }
        // Not before nobody reads it any more: the next file has its number.
        talks.wait()
        for connection in connections { close(connection) }
    }

    private func send(_ text: String, on connection: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            lock.withLock { connections.append(connection) }
            talks.enter()
            Thread {
                self.talk(connection)
                self.talks.leave()
            }
            .start()
        }
    }

    private func talk(_ connection: Int32) {
        if let greeting {
            _ = Glibc.send(connection, greeting, greeting.count, Int32(MSG_NOSIGNAL))
            return
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while recv(connection, &buffer, buffer.count, 0) > 0 {
            let number = lock.withLock {
                count += 1
                return count
            }
            send(LooseServer.reply(200, "answer \(number)"), on: connection)
        }
    }
}

/// What a server says when it was not asked, or was asked something else, answers nothing.
struct `A request's answer` {
    private func send(_ server: LooseServer, _ client: CurlClient, bytes: Int = 2) async -> HTTPOutcome {
        await client.send(
            HTTPRequest(
                method: "POST",
                url: "http://127.0.0.1:\(server.port)/x",
                body: [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
            )
        )
    }

    @Test(arguments: [
        (LooseServer.reply(200, "answer 1"), false), (LooseServer.reply(400, "an error of an earlier request"), false),
        ("HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n<html>408</html>", true), ("HTTP/1.1 2", false),
        ("", true),
    ])
    func `is never what was left on another's connection`(stale: String, isLast: Bool) async throws {
        let server = try LooseServer()
        defer { server.stop() }
        let client = CurlClient()

        for number in 1...12 {
            #expect(await send(server, client) == .answered(status: 200, body: Array("answer \(number)".utf8)))
            server.say(stale, isLast: isLast)
        }

        #expect(server.connectionCount == 12)
    }

    @Test(arguments: [200, 400, 503])
    func `cannot begin before the request has arrived`(status: Int) async throws {
        let server = try LooseServer(greeting: LooseServer.reply(status, "too early"))
        defer { server.stop() }

        let outcome = await send(server, CurlClient(), bytes: 16 << 20)

        #expect(outcome == .unknown("an answer began before the whole request had arrived"))
    }

    @Test func `of a long request is its answer`() async throws {
        let server = try TalkingServer { TalkingServer.reply(200, "\($0.body.utf8.count)") }
        defer { server.stop() }

        let outcome = await CurlClient()
            .send(
                HTTPRequest(
                    method: "POST",
                    url: "http://127.0.0.1:\(server.port)/x",
                    body: [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
                )
            )

        #expect(outcome == .answered(status: 200, body: Array("300000".utf8)))
    }
}
