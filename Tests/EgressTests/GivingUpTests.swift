import Foundation
import Synchronization
import Testing

@testable import Egress

/// Requests that move no money of their own: their answers are heard as they come, and may be given up.
struct `A request that may be given up` {
    private static func request(_ port: Int) -> HTTPRequest {
        HTTPRequest(method: "POST", url: "http://127.0.0.1:\(port)/x", body: Array("{}".utf8), timeout: .seconds(60))
    }

    @Test(.timeLimit(.minutes(15))) func `has its connection closed with its caller's task`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let held = DispatchSemaphore(value: 0)
        let server = try TalkingServer { request in
            if request.path == "/x" {
                arrived.yield()
                held.wait()
            }
            return TalkingServer.reply(200, "ok")
        }
        defer { server.stop() }
        let client = CurlClient()
        let asking = Task { await client.sendUntilCancelled(Self.request(server.port)) }
        for await _ in arrivals { break }

        asking.cancel()
        let outcome = await asking.value
        held.signal()

        #expect(outcome == .unknown("given up"))
        let other = HTTPRequest(method: "POST", url: "http://127.0.0.1:\(server.port)/other")
        #expect(await client.sendUntilCancelled(other) == .answered(status: 200, body: Array("ok".utf8)))
    }

    @Test func `is not sent for a task that is cancelled already`() async throws {
        let asked = Mutex(false)
        let server = try TalkingServer { _ in
            asked.withLock { $0 = true }
            return TalkingServer.reply(200, "ok")
        }
        defer { server.stop() }
        let client = CurlClient()
        let (starts, start) = AsyncStream.makeStream(of: Void.self)
        let asking = Task {
            for await _ in starts {}
            return await client.sendUntilCancelled(Self.request(server.port))
        }

        asking.cancel()
        start.finish()

        #expect(await asking.value == .notSent("given up") && !asked.withLock { $0 })
    }

    @Test func `has its answer heard as it comes, within its bound`() async throws {
        let server = try TalkingServer { _ in TalkingServer.reply(200, String(repeating: "x", count: 3000)) }
        defer { server.stop() }
        let heard = Mutex<[UInt8]>([])
        var request = Self.request(server.port)
        request.onPiece = { piece, _ in
            heard.withLock { $0 += piece }
            return true
        }
        let client = CurlClient()

        #expect(await client.sendUntilCancelled(request) == .answered(status: 200, body: []))
        #expect(heard.withLock { $0 } == [UInt8](repeating: UInt8(ascii: "x"), count: 3000))

        request.answerBytesMax = 2999
        #expect(await client.sendUntilCancelled(request) == .unknown("the answer is larger than 2999 bytes"))
    }
}
