import Addresses
import Foundation
import Gateway
import GatewayTesting
import Synchronization
import Testing

@testable import Egress

struct `A callback that is sent to ourselves` {
    private func prober(_ reachable: [String] = ["127.0.0.0/8"]) -> CallbackProber {
        var settings = CallbackProber.Settings()
        settings.reachable = reachable.compactMap { AddressBlock($0) }
        settings.timeout = .seconds(30)
        return CallbackProber(client: CurlClient(), entropy: ManualEntropy().entropy, settings: settings)
    }

    @Test func `says who answered, and from which address`() async throws {
        let server = try TalkingServer {
            TalkingServer.reply($0.body == "{}" && $0.path == "/cb/a/b" ? 200 : 500, "{}")
        }
        defer { server.stop() }

        let journey = await prober().send(to: "http://127.0.0.1:\(server.port)/cb/a/b")

        #expect(journey.end == .answered && journey.status == 200)
        #expect(journey.addresses == ["127.0.0.1"])
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `connects to no address that is not public, by whatever name`(host: String) async throws {
        let count = Mutex(0)
        let server = try TalkingServer { _ in
            count.withLock { $0 += 1 }
            return TalkingServer.reply(200, "{}")
        }
        defer { server.stop() }

        let journey = await prober(["10.0.0.0/8"]).send(to: "http://\(host):\(server.port)/cb/a/b")

        #expect(journey.end == .address && journey.status == nil)
        // Nor is it told which one that would have been.
        #expect(journey.addresses.isEmpty)
        #expect(count.withLock { $0 } == 0)
    }

    @Test func `follows nobody elsewhere, and tells where it was sent`() async throws {
        let count = Mutex(0)
        let server = try TalkingServer { _ in
            count.withLock { $0 += 1 }
            return "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        }
        defer { server.stop() }

        let journey = await prober().send(to: "http://127.0.0.1:\(server.port)/cb/a/b")

        #expect(journey.end == .answered && journey.status == 302)
        #expect(count.withLock { $0 } == 1)
    }

    @Test func `tells a name, a connection, a certificate and an answer that are missing apart`() async throws {
        let (listener, closed) = try Loopback.listen()
        close(listener)
        let talks = try RawServer([.answer("no TLS here\r\n\r\n")])
        let hangsUp = try RawServer([.close])
        let tooLong = try RawServer([.answer("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + long)])
        defer {
            for server in [talks, hangsUp, tooLong] { server.stop() }
        }

        #expect(await prober().send(to: "https://no-such-name.invalid/cb/a/b").end == .name)
        #expect(await prober().send(to: "http://127.0.0.1:\(closed)/cb/a/b").end == .connection)
        #expect(await prober().send(to: "https://127.0.0.1:\(talks.port)/cb/a/b").end == .trust)
        #expect(await prober().send(to: "http://127.0.0.1:\(hangsUp.port)/cb/a/b").end == .answer)
        #expect(await prober().send(to: "http://127.0.0.1:\(tooLong.port)/cb/a/b").end == .answer)
    }

    private let long = String(repeating: "x", count: 100_000)
}
