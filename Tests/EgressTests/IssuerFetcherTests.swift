import Addresses
import Gateway
import Testing

@testable import Egress

struct `What an issuer publishes` {
    @Test func `counts for an issuer only where it was answered with 200, and in live by TLS`() async throws {
        let server = try TalkingServer { TalkingServer.reply($0.path == "/keys" ? 200 : 404, "{}") }
        defer { server.stop() }
        var settings = GuardedSender.Settings()
        settings.reachable = ["127.0.0.1"].compactMap { ReachablePlace($0) }
        let fetcher = IssuerFetcher(settings: settings)
        defer { fetcher.shutdown() }
        let place = "http://127.0.0.1:\(server.port)"
        #expect(await fetcher.document(at: place + "/keys", in: .test) == Array("{}".utf8))
        #expect(await fetcher.document(at: place + "/other", in: .test) == nil)
        #expect(await fetcher.document(at: place + "/keys", in: .live) == nil)
        #expect(await fetcher.document(at: "file:///etc/passwd", in: .test) == nil)
    }
}
