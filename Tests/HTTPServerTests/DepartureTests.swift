import Testing

@testable import HTTPServer

/// What becomes of an answer nobody waits for any more.
struct `A peer that goes` {
    private static let request = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"

    /// A handler whose answer is under way until it is cancelled, or until `latch` opens; both are told.
    private static func handler(
        endsWithPeer: Bool,
        _ begun: AsyncStream<Void>.Continuation,
        _ ended: AsyncStream<Bool>.Continuation,
        until latch: Latch
    ) -> ScriptedHandler {
        ScriptedHandler(endsWithPeer: endsWithPeer) { request in
            guard request.path == "/wait" else { return Response(.ok, body: Array(request.path.utf8)) }
            begun.yield()
            await withTaskCancellationHandler {
                await latch.wait()
            } onCancel: {
                latch.open()
            }
            ended.yield(Task.isCancelled)
            return Response(.ok)
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [true, false])
    func `takes its answer with it where that is wanted, and nowhere else`(endsWithPeer: Bool) async throws {
        let (beginnings, begun) = AsyncStream.makeStream(of: Void.self)
        let (endings, ended) = AsyncStream.makeStream(of: Bool.self)
        let latch = Latch()
        let handler = Self.handler(endsWithPeer: endsWithPeer, begun, ended, until: latch)
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(Self.request)
            for await _ in beginnings { break }
            await peer.close()
            if !endsWithPeer {
                // Answers that somebody else is given after it show that the listener goes on, and nothing was cancelled.
                let other = try await Peer.connect(to: port)
                other.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = await other.received(to: "/other")
                latch.open()
            }
            var wasCancelled: Bool?
            for await ending in endings {
                wasCancelled = ending
                break
            }

            #expect(wasCancelled == endsWithPeer)
        }
    }

    @Test func `ends nothing of a request that is answered`() async throws {
        let handler = ScriptedHandler(endsWithPeer: true)
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            for path in ["/one", "/two", "/three"] {
                peer.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await peer.received(to: path).statuses == ["200"])
            }
            #expect(handler.handled == 3)
        }
    }
}
