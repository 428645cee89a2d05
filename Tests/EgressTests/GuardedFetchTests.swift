import Addresses
import Gateway
import Synchronization
import Testing

@testable import Egress

struct `What is fetched from where an organization says` {
    private func get(
        _ url: String,
        bytesMax: Int = 100,
        _ change: (inout GuardedSender.Settings) -> Void = { _ in }
    ) async throws -> GuardedSender.Fetched {
        var settings = GuardedSender.Settings()
        settings.reachable = ["127.0.0.1"].compactMap { ReachablePlace($0) }
        change(&settings)
        let sender = GuardedSender(settings: settings)
        defer { sender.shutdown() }
        return await sender.get(
            [("Accept", "application/json")],
            from: try GuardedAddress(url, in: .test),
            bytesMax: bytesMax
        )
    }

    @Test func `is read whole up to its bound, and not at all past it`() async throws {
        let server = try TalkingServer {
            TalkingServer.reply(200, String(repeating: "x", count: $0.path == "/a" ? 100 : 101))
        }
        defer { server.stop() }
        let place = "http://127.0.0.1:\(server.port)"
        #expect(try await get(place + "/a") == .whole(status: 200, body: [UInt8](repeating: 0x78, count: 100)))
        #expect(try await get(place + "/b") == .tooLong)
    }

    @Test func `is given up where it floods, hangs or is answered byte by byte`() async throws {
        let flood = String(repeating: "x", count: 4 << 20)
        let floods = try TalkingServer { _ in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n\(flood)"
        }
        let (silent, endless) = (
            try RawServer([.hang]), try RawServer([.answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")])
        )
        defer {
            floods.stop()
            silent.stop()
            endless.stop()
        }
        #expect(try await get("http://127.0.0.1:\(floods.port)/") == .tooLong)
        for port in [silent.port, endless.port] {
            let fetched = try await get("http://127.0.0.1:\(port)/") { $0.timeout = .milliseconds(300) }
            #expect(fetched == .failed(.late))
        }
    }

    @Test func `is fetched from nowhere else, and from nothing that is somebody's own`() async throws {
        let count = Mutex(0)
        let server = try TalkingServer { _ in
            count.withLock { $0 += 1 }
            return "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        }
        defer { server.stop() }
        let place = "http://127.0.0.1:\(server.port)/"
        #expect(try await get(place) == .whole(status: 302, body: []))
        #expect(try await get(place) { $0.reachable = [] } == .failed(.address))
        #expect(try await get(place) { $0.ownPorts = [server.port] } == .failed(.address))
        let rebound = try await get("https://login.example/keys") { $0.resolve = { _ in ["169.254.169.254"] } }
        #expect(rebound == .failed(.address))
        #expect(count.withLock { $0 } == 1)
    }
}
