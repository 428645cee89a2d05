import NIOCore
import NIOPosix
import Testing

@testable import HTTPServer

struct `What peers have yet to read` {
    private static let request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(.timeLimit(.minutes(15))) func `is bounded for all of them together, and given back`() async throws {
        var limits = HTTPLimits()
        // More than any socket takes at once.
        let body = [UInt8](repeating: 0x78, count: 24 << 20)
        limits.owedBytesMax = body.count + 1
        let handler = ScriptedHandler { $0.path == "/large" ? Response(.ok, body: body) : Response(.ok) }
        try await serving(handler, limits: limits) { port in
            let deaf = try await Peer.connect(to: port, reads: false)
            deaf.send(Self.request)
            deaf.readOnce()
            #expect(await deaf.received(bytes: 1).hasPrefix("HTTP/1.1 200"))

            let second = try await Peer.connect(to: port)
            second.send(Self.request)
            #expect(await second.received(to: "a moment.\n").statuses == ["503"])
            second.send("GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await second.received(to: "\r\n\r\n").statuses == ["200"])

            await deaf.close()
            var status = ""
            repeat {
                let next = try await Peer.connect(to: port)
                next.send(Self.request)
                status = String(await next.received(bytes: 40).prefix(12))
                await next.close()
            } while status == "HTTP/1.1 503"
            #expect(status == "HTTP/1.1 200")
        }
    }

    @Test func `is a share of it for each address, so that one leaves room to the others`() throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let owed = OwedBytes(most: 8_000_000)
        let (one, other) = ("192.0.2.1", "192.0.2.2")
        var kept: [EventLoopPromise<Void>] = []
        func ask(_ peer: String?, _ count: Int) -> UInt {
            var response = Response(.ok, body: [UInt8](repeating: 0x78, count: count))
            let handler = ScriptedHandler { _ in Response(.ok) }
            if let promise = owed.count(&response, to: peer, HTTPLimits(), handler, on: loop) { kept.append(promise) }
            return response.status.code
        }
        #expect(
            [ask(one, 600_000), ask(one, 600_000), ask(other, 600_000), ask(nil, 600_000)] == [200, 503, 200, 200]
        )
        // A single one that is larger than a share comes through.
        #expect(ask("192.0.2.3", 3_000_000) == 200)
        for promise in kept { promise.succeed() }
        #expect(throws: Never.self) { try loop.submit {}.wait() }
        #expect(ask(one, 900_000) == 200)
        for promise in kept { promise.succeed() }
    }
}
