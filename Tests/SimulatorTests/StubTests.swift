import OrderedJSON
import Synchronization
import Testing

@testable import Simulator

/// Hears what is posted to it.
private final class Ear: Sendable {
    private let posts = AsyncStream.makeStream(of: SimulatorRequest.self)

    func listen() async throws -> Int {
        let channel = try await SimulatorServer.listen(host: "127.0.0.1", port: 0) { request in
            self.posts.continuation.yield(request)
            return .answer(status: 200, body: [])
        }
        return channel.localAddress?.port ?? 0
    }

    func next() async -> SimulatorRequest? {
        for await post in posts.stream { return post }
        return nil
    }
}

@Suite struct `A capability that somebody has recorded` {
    private func stub(_ callbacks: [(pointer: JSONPointer, body: JSON)] = []) -> Stub.Finder {
        { method, path in
            guard method == "POST", path == "/qr" || path == "/mpesa/stkpushquery/v1/query" else { return nil }
            return Stub(status: 201, reply: ["QRCode": "iVBORw0KG"], callbacks: callbacks)
        }
    }

    @Test func `is answered as it was recorded, with a good token alone`() async throws {
        let desk = try await Desk()
        #expect(await desk.ask("POST", "/qr").status == 404)
        desk.simulator.answerUnknown(by: stub())

        for _ in 0..<2 {
            let answer = await desk.ask("POST", "/qr")
            #expect(answer.status == 201 && answer.body["QRCode"] == "iVBORw0KG")
        }
        #expect(await desk.ask("GET", "/qr").status == 404)
        let stranger = SimulatorRequest(method: "POST", path: "/qr", query: [:], authorization: "Bearer x", body: [])
        guard case .answer(let status, _) = await desk.simulator.handle(stranger) else {
            Issue.record("no answer")
            return
        }
        #expect(status == 404)
    }

    @Test func `stands behind what the simulator knows, and behind replies that were set`() async throws {
        let desk = try await Desk()
        desk.simulator.answerUnknown(by: stub())

        #expect(await desk.ask("POST", "/mpesa/stkpushquery/v1/query").status == 400)
        let away: JSON = ["path": "/qr", "replies": [["status": 503, "body": "away"]]]
        _ = await desk.ask("POST", "/simulator/replies", away)
        #expect(await desk.ask("POST", "/qr").status == 503)
        _ = await desk.ask("POST", "/simulator/replies", ["path": "/qr", "replies": []])
        #expect(await desk.ask("POST", "/qr").status == 201)
    }

    @Test func `is called back where the request says`() async throws {
        let ear = Ear()
        let port = try await ear.listen()
        let desk = try await Desk { $0.promptDelay = .milliseconds(1) }
        let pointers = try ["/Result/URL", "/Nowhere"].map { try JSONPointer(parsing: $0) }
        desk.simulator.answerUnknown(by: stub(pointers.map { ($0, ["ResultCode": 0]) }))

        let address = JSON.string("http://127.0.0.1:\(port)/cb/one")
        #expect(await desk.ask("POST", "/qr", ["Result": ["URL": address]]).status == 201)

        let post = try #require(await ear.next())
        #expect(post.path == "/cb/one" && (try? JSON(parsing: post.body)) == ["ResultCode": 0])
    }
}
