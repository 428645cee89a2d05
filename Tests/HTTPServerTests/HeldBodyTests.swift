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

    @Test(.timeLimit(.minutes(15))) func `of one caller leave room for another's`() async throws {
        var limits = HTTPLimits()
        (limits.strangerBodyBytesMax, limits.heldBodyBytesMax) = (10, 3_000)
        limits.heldBodyBytesPerOwnerMax = 1_500
        let handler = ScriptedHandler(ownerHeader: "X-Owner")
        try await serving(handler, limits: limits) { port in
            var peers: [Peer] = []
            func ask(_ owner: String) async throws -> String {
                let peer = try await Peer.connect(to: port)
                peers.append(peer)
                peer.send(
                    "POST /body HTTP/1.1\r\nHost: x\r\nX-Owner: \(owner)\r\n"
                        + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
                )
                return String(await peer.received(bytes: 12).prefix(12))
            }
            let (first, second, other) = (try await ask("one"), try await ask("one"), try await ask("other"))
            #expect(first == "HTTP/1.1 100" && second == "HTTP/1.1 503" && other == "HTTP/1.1 100")
            for peer in peers { await peer.close() }
        }
    }

    @Test func `give their room back when nobody holds it any more`() {
        let bodies = HeldBodies(most: 10, ofOne: 10)
        var one = bodies.place(of: 6, for: nil)

        #expect(one != nil && bodies.place(of: 5, for: "b") == nil && bodies.place(of: .max, for: "b") == nil)
        one = nil
        #expect(bodies.place(of: 10, for: "b") != nil && bodies.place(of: 10, for: nil) != nil)
    }

    @Test func `are one owner's up to a part of the room`() {
        let bodies = HeldBodies(most: 10, ofOne: 6)
        var one = bodies.place(of: 6, for: "a")

        #expect(one != nil && bodies.place(of: 1, for: "a") == nil)
        #expect(bodies.place(of: 4, for: "b") != nil && bodies.place(of: 7, for: "b") == nil)
        one = nil
        #expect(bodies.place(of: 6, for: "a") != nil)
    }
}
