import Testing

@testable import HTTPServer

struct `Large bodies` {
    @Test(.timeLimit(.minutes(15))) func `have room for so many at once, and give it back`() async throws {
        var limits = HTTPLimits()
        (limits.strangerBodyBytesMax, limits.heldBodyBytesMax) = (10, 1_500)
        let handler = ScriptedHandler { request in
            if case .whole(let body) = request.body { return Response(.ok, body: body) }
            return Response(.payloadTooLarge)
        }
        try await serving(handler, limits: limits) { port in
            func head(_ length: Int) -> String {
                "POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            let first = try await Peer.connect(to: port)
            first.send(head(1_000))
            // It has its room once it is told to go on.
            #expect(await first.received(to: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
            let second = try await Peer.connect(to: port)
            second.send(head(1_000))
            #expect(await second.received(to: "a moment.\n").statuses == ["503"])

            first.send(String(repeating: "x", count: 1_000))
            #expect(await first.received(bytes: 1_000).hasPrefix("HTTP/1.1 200"))
            var status = ""
            repeat {
                let next = try await Peer.connect(to: port)
                next.send(head(1_000))
                status = String(await next.received(bytes: 20).prefix(12))
                await next.close()
            } while status == "HTTP/1.1 503"
            #expect(status == "HTTP/1.1 100")
        }
    }

    @Test func `give their room back when nobody holds it any more`() {
        let bodies = HeldBodies(most: 10)
        var one = bodies.place(of: 6)

        #expect(one != nil && bodies.place(of: 5) == nil && bodies.place(of: .max) == nil)
        one = nil
        #expect(bodies.place(of: 10) != nil && bodies.place(of: 10) != nil)
    }
}
