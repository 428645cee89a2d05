import Addresses
import Foundation
import Gateway
import Synchronization
import Testing

@testable import Egress

struct `What is sent to where an organization says` {
    private static let addresses = [
        "127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "10.0.0.1", "10.255.255.255",
        "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "::ffff:10.0.0.1", "::7f00:1",
        "100::1",
    ]

    private func sender(_ change: (inout GuardedSender.Settings) -> Void = { _ in }) -> GuardedSender {
        var settings = GuardedSender.Settings()
        settings.reachable = ["127.0.0.1"].compactMap { ReachablePlace($0) }
        change(&settings)
        return GuardedSender(settings: settings)
    }

    private func post(
        _ path: String,
        by sender: GuardedSender,
        headers: [(String, String)] = []
    ) async throws -> GuardedSender.Outcome {
        defer { sender.shutdown() }
        return await sender.post(Array("{}".utf8), headers, to: try GuardedAddress(path, in: .test))
    }

    @Test func `arrives as it is, with its headers, and what is answered is told`() async throws {
        let server = try TalkingServer {
            TalkingServer.reply($0.body == "{}" && $0.authorization == "x" ? 202 : 400, "taken")
        }
        defer { server.stop() }

        let outcome = try await post(
            "http://127.0.0.1:\(server.port)/hooks?a=b",
            by: sender(),
            headers: [("Authorization", "x")]
        )

        #expect(outcome == .answered(status: 202, beginning: Array("taken".utf8)))
    }

    // MARK: Addresses

    @Test(arguments: addresses)
    func `is connected to no address that is somebody's own`(address: String) async throws {
        let asked = Mutex(0)
        let sender = sender {
            $0.reachable = []
            $0.resolve = { _ in
                asked.withLock { $0 += 1 }
                return [address]
            }
        }
        // The name leads there, and is not looked at before: what is refused is the connection.
        let outcome = try await post("https://hooks.example/x", by: sender)

        #expect(outcome == .failed(.address))
        #expect(asked.withLock { $0 } == 1)
    }

    @Test func `is not sent to an address by itself either`() async throws {
        for place in [
            "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data", "http://localhost/",
        ] {
            #expect(try await post(place, by: sender { $0.reachable = [] }) == .failed(.address), "\(place)")
        }
    }

    @Test func `goes to nothing that a name leads to later than it was allowed`() async throws {
        let (allowed, other) = (try TalkingServer { _ in TalkingServer.reply(200, "") }, try Elsewhere())
        defer {
            allowed.stop()
            other.stop()
        }
        let looks = Mutex(0)
        let sender = sender {
            $0.reachable = ["127.0.0.1"].compactMap { ReachablePlace($0) }
            $0.resolve = { _ in
                looks.withLock { looks in
                    looks += 1
                    return looks == 1 ? ["127.0.0.1"] : ["127.0.0.2"]
                }
            }
        }
        defer { sender.shutdown() }
        let body = Array("{}".utf8)
        let first = try GuardedAddress("http://rebound.example:\(allowed.port)/", in: .test)
        let second = try GuardedAddress("http://rebound.example:\(other.port)/", in: .test)

        #expect(await sender.post(body, [], to: first) == .answered(status: 200, beginning: []))
        #expect(await sender.post(body, [], to: second) == .failed(.address))
        #expect(other.count == 0)
    }

    @Test func `goes to the allowed one of a name's addresses alone`() async throws {
        let server = try TalkingServer { _ in TalkingServer.reply(200, "") }
        defer { server.stop() }
        let sender = sender { $0.resolve = { _ in ["127.0.0.2", "10.0.0.1", "127.0.0.1"] } }

        let outcome = try await post("http://both.example:\(server.port)/", by: sender)

        #expect(outcome == .answered(status: 200, beginning: []))
    }

    @Test func `goes to what is private only at the ports that the operator names`() async throws {
        let server = try TalkingServer { _ in TalkingServer.reply(200, "") }
        defer { server.stop() }
        let place = "http://127.0.0.1:\(server.port)/"
        func answer(_ reachable: String) async throws -> GuardedSender.Outcome {
            try await post(place, by: sender { $0.reachable = [reachable].compactMap { ReachablePlace($0) } })
        }
        #expect(try await answer("127.0.0.0/8:\(server.port)") == .answered(status: 200, beginning: []))
        #expect(try await answer("127.0.0.1:\(server.port == 1 ? 2 : 1)") == .failed(.address))
        #expect(try await answer("10.0.0.0/8") == .failed(.address))
    }

    @Test func `never goes to what this process itself listens on`() async throws {
        let server = try TalkingServer { _ in TalkingServer.reply(200, "") }
        defer { server.stop() }
        let sender = sender {
            $0.ownPorts = [server.port]
            $0.resolve = { _ in ["127.0.0.1"] }
        }
        #expect(try await post("http://mine.example:\(server.port)/", by: sender) == .failed(.address))
        // Another machine's port of that number is no listener of ours.
        var settings = GuardedSender.Settings()
        settings.ownPorts = [443]
        #expect(GuardedSender.admits("8.8.8.8", port: 443, settings))
        #expect(!GuardedSender.admits("8.8.8.8", port: 0, settings) && !GuardedSender.admits("x", port: 1, settings))
    }

    // MARK: Answers

    @Test func `follows nobody elsewhere`() async throws {
        let count = Mutex(0)
        let server = try TalkingServer { _ in
            count.withLock { $0 += 1 }
            return "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        }
        defer { server.stop() }

        let outcome = try await post("http://127.0.0.1:\(server.port)/", by: sender())

        #expect(outcome == .answered(status: 307, beginning: []) && count.withLock { $0 } == 1)
    }

    @Test func `is answered by the beginning of a flood`() async throws {
        let flood = String(repeating: "x", count: 4 << 20)
        let server = try TalkingServer { _ in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n\(flood)"
        }
        defer { server.stop() }

        let outcome = try await post("http://127.0.0.1:\(server.port)/", by: sender { $0.keptBytesMax = 5 })

        #expect(outcome == .answered(status: 200, beginning: Array("xxxxx".utf8)))
    }

    @Test func `opens nothing that is compressed`() async throws {
        let server = try TalkingServer { _ in
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone"
        }
        defer { server.stop() }

        let outcome = try await post("http://127.0.0.1:\(server.port)/", by: sender())

        #expect(outcome == .answered(status: 200, beginning: Array("none".utf8)))
    }

    @Test func `waits so long and no longer for who hangs, or answers byte by byte`() async throws {
        let (silent, endless) = (
            try RawServer([.hang]), try RawServer([.answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")])
        )
        defer {
            silent.stop()
            endless.stop()
        }
        for port in [silent.port, endless.port] {
            let sender = sender { $0.timeout = .milliseconds(300) }
            #expect(try await post("http://127.0.0.1:\(port)/", by: sender) == .failed(.late))
        }
    }

    @Test func `says apart who hangs up, who is not there and who is not trusted`() async throws {
        let (listener, closed) = try Loopback.listen()
        close(listener)
        let (hangsUp, talks) = (try RawServer([.close]), try RawServer([.answer("no TLS here\r\n\r\n")]))
        defer {
            hangsUp.stop()
            talks.stop()
        }
        #expect(try await post("http://127.0.0.1:\(hangsUp.port)/", by: sender()) == .failed(.broken))
        #expect(try await post("http://127.0.0.1:\(closed)/", by: sender()) == .failed(.connection))
        #expect(try await post("https://127.0.0.1:\(talks.port)/", by: sender()) == .failed(.trust))
        // A name that leads nowhere is answered as one that leads where nothing may be sent.
        #expect(try await post("https://no-such-name.invalid/", by: sender()) == .failed(.address))
    }

    @Test func `is refused where too much is under way`() async throws {
        let sender = sender { $0.sendingMax = 0 }
        #expect(try await post("http://127.0.0.1:1/", by: sender) == .failed(.busy))
    }

    @Test func `tells of a failure in words that name nothing`() {
        for fault in GuardedSender.Fault.allCases {
            #expect(!fault.sentence.contains { $0.isNumber || $0 == ":" || $0 == "/" })
        }
    }
}

/// A listener beside loopback's first address, which counts who comes.
private final class Elsewhere: Sendable {
    let port: Int
    private let listener: Int32
    private let connections = Mutex(0)

    var count: Int { connections.withLock { $0 } }

    init() throws {
        (listener, port) = try Loopback.listen(everywhere: true)
        Thread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                connections.withLock { $0 += 1 }
                close(connection)
            }
        }
        .start()
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}

struct `An address that an organization says` {
    @Test(arguments: [
        "", "example.com", "//example.com/", "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/",
        "https://", "https:///x", "https://user@example.com/", "https://user:secret@example.com/",
        "https://example.com@127.0.0.1/", "https://example.com\\@127.0.0.1/", "https://example.com:0/",
        "https://example.com:65536/", "https://example.com:80:80/", "https://example.com:/", "https://2130706433/",
        "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./", "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/", "https://exämple.com/", "https://ⓛocalhost/", "https://127。0。0。1/",
        "https://example.com/#x", "https://example.com?x", "https://example.com/a b", "https://example.com/\r\nX: y",
        "https://example.com/\u{0}", "https://exam ple.com/", "https://example.com/é", "https://-x.example/",
        "https://" + String(repeating: "a", count: 64) + ".example/",
        "https://example.com/" + String(repeating: "x", count: 2_048),
    ])
    func `is refused where it could be read in two ways`(text: String) {
        for environment in Environment.allCases {
            #expect(throws: GatewayError.self) { try GuardedAddress(text, in: environment) }
        }
    }

    @Test func `is https in live`() throws {
        #expect(throws: GatewayError.self) { try GuardedAddress("http://example.com/", in: .live) }
        #expect(try GuardedAddress("http://example.com/", in: .test).isSecure == false)
        #expect(
            try GuardedAddress("HTTPS://Example.com:8443/a/%20b?c=d&e", in: .live).url
                == "https://example.com:8443/a/%20b?c=d&e"
        )
        #expect(try GuardedAddress("https://xn--exmple-cua.com", in: .live).url == "https://xn--exmple-cua.com")
    }

    @Test func `is refused at once where it names no name and may not be connected to`() throws {
        var settings = GuardedSender.Settings()
        settings.reachable = [try #require(ReachablePlace("10.1.0.0/16:8443"))]
        settings.ownPorts = [8080]
        let refused = { (url: String) in
            do throws(GatewayError) {
                try GuardedAddress(url, in: .test).checkIsReached(by: settings)
                return false
            } catch { return error.code == .invalidArgument }
        }

        for url in ["http://10.0.0.5/hooks", "https://192.168.1.1", "http://[fd00::1]:80/", "http://[::1]/"] {
            #expect(refused(url), "\(url)")
        }
        #expect(refused("https://10.1.2.3/") && !refused("https://10.1.2.3:8443/"))
        for url in ["https://8.8.8.8/", "https://[2606:4700::1111]/x", "http://localhost/", "https://example.com/"] {
            #expect(!refused(url), "\(url)")
        }
    }

    @Test func `is shown without what may be a secret`() throws {
        let masked = { try GuardedAddress($0, in: .live).masked }
        #expect(try masked("https://example.com:8443/T000/B000/secret?token=x") == "https://example.com:8443/…")
        #expect(try masked("https://example.com/") == "https://example.com")
    }

    @Test func `is an operator's with a port or without`() {
        let takes = { (text: String, address: String, port: Int) in
            guard let place = ReachablePlace(text), let address = IPAddress(address) else { return false }
            return place.contains(address, port: port)
        }
        #expect(takes("127.0.0.0/8", "127.0.0.1", 9) && takes("127.0.0.1:9", "127.0.0.1", 9))
        #expect(!takes("127.0.0.1:9", "127.0.0.1", 8) && !takes("127.0.0.1:9", "127.0.0.2", 9))
        #expect(takes("[fd00::/8]:9", "fd00::1", 9) && takes("fd00::1", "fd00::1", 1))
        #expect(!takes("[fd00::/8]:9", "fe80::1", 9))
        for text in [
            "", "x", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+9", "[127.0.0.1]:9", "fd00::/8:9",
            "x:9",
        ] {
            #expect(ReachablePlace(text) == nil, "\(text)")
        }
    }
}
