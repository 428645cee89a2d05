import Testing

@testable import HTTPServer

struct `What peers have yet to read` {
    private static let request = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(.timeLimit(.minutes(5))) func `is bounded for all of them together, and given back`() async throws {
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
}
