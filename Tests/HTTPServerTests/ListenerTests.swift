import NIOCore
import NIOPosix
import Testing

@testable import HTTPServer

/// Who is let in at all, and by which name.
struct `A listener` {
    @Test func `closes one connection too many and takes the next when there is room`() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        limits.closingMax = 1
        let request = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n"
        try await serving(ScriptedHandler(), limits: limits) { port in
            let kept = [try await Peer.connect(to: port), try await Peer.connect(to: port)]
            for peer in kept {
                peer.send(request)
                _ = await peer.received(to: "/here")
            }
            for _ in 0..<20 { #expect(await (try Peer.connect(to: port)).all() == "") }

            await kept[0].close()
            var answer = ""
            while answer.isEmpty {
                let next = try await Peer.connect(to: port)
                next.send(request)
                answer = await next.received(to: "/here")
            }

            #expect(answer.statuses == ["200"])
            kept[1].send(request)
            #expect(await kept[1].received(to: "/here").statuses == ["200"])
        }
    }

    @Test func `counts connections by address, but for this machine's and named proxies'`() async throws {
        var limits = HTTPLimits()
        (limits.connectionsMax, limits.connectionsPerAddressMax) = (20, 2)
        let proxies = try #require(TrustedProxies("10.0.0.0/8"))
        let connections = Connections(limits: limits, proxies: proxies, logger: nil)
        var channels: [any Channel] = []
        func isKept(from address: String) async throws -> Bool {
            let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: 0).get()
            channels.append(channel)
            return connections.add(channel, from: address) {}
        }

        for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2:1", "192.0.2.2"] {
            #expect(try await isKept(from: address), "\(address)")
        }
        for _ in 0..<5 { for address in ["127.0.0.1", "10.1.2.3"] { #expect(try await isKept(from: address)) } }
        for address in ["192.0.2.1", "2001:db8:0:0:ffff::1"] { #expect(try await !isKept(from: address), "\(address)") }

        channels[0].close(promise: nil)
        // Heard in the order in which they asked: the count's own look at it comes first.
        try await channels[0].closeFuture.get()
        #expect(try await isKept(from: "192.0.2.1"))
        #expect(try await !isKept(from: "192.0.2.1"))
        for channel in channels { try? await channel.close().get() }
    }

    @Test(arguments: [
        (limit: 256, connections: 112, address: 28, management: 16), (1024, 448, 112, 64), (4096, 3520, 880, 64),
        (20_000, 10_000, 2500, 64), (Int.max, 10_000, 2500, 64), (8, 3, 1, 1), (1, 1, 1, 1),
    ])
    func `has no more connections than the process has files for`(
        limit: Int,
        connections: Int,
        address: Int,
        management: Int
    ) {
        let files = OpenFiles(limit: limit, OpenFiles.Wishes())

        #expect(files.connections == connections && files.connectionsPerAddress == address)
        #expect(files.management == management)
        #expect(limit < 8 || files.connections + files.management + files.reserved <= limit)
        #expect(files.isShort(of: OpenFiles.Wishes()) == (connections < 10_000))
    }

    @Test func `keeps the reserve that is wished, whatever else is`() {
        var wishes = OpenFiles.Wishes()
        (wishes.connections, wishes.connectionsPerAddress, wishes.reserved) = (5000, 6000, 700)

        let files = OpenFiles(limit: 1024, wishes)

        #expect(files.reserved == 700 && files.connections == 260 && files.connectionsPerAddress == 260)
        #expect(files.isShort(of: wishes))
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("::1", "::1", "::"),
    ])
    func `counts addresses of version 4 and networks of version 6`(text: String, whole: String, counted: String) throws
    {
        let address = try #require(PeerAddress(text))

        #expect(address.description == whole && address.network.description == counted)
        #expect(address.isLoopback == (text == "::1"))
    }

    @Test(arguments: ["", "x", "1.2.3", "1.2.3.4:5", "1.2.3.4 ", "localhost", "::1%lo", "[::1]", "01.2.3.4.5"])
    func `takes nothing else for an address`(text: String) { #expect(PeerAddress(text) == nil) }

    @Test(arguments: [
        (["198.51.100.7"], "198.51.100.7"), (["192.0.2.9, 198.51.100.7"], "198.51.100.7"),
        (["192.0.2.9", "198.51.100.7,10.1.2.3"], "198.51.100.7"), (["198.51.100.7:443"], "198.51.100.7"),
        (["\"[2001:db8::1]:443\""], "2001:db8::1"), (["2001:db8::1"], "2001:db8::1"), ([], "10.0.0.1"),
        (["10.9.9.9"], "10.9.9.9"), (["198.51.100.7, unknown"], "10.0.0.1"), ([""], "10.0.0.1"),
        (["198.51.100.7, x, 10.3.3.3"], "10.3.3.3"),
    ])
    func `reads who called from the proxies' field, from its right`(fields: [String], caller: String) throws {
        let proxies = try #require(TrustedProxies("127.0.0.1, 10.0.0.0/8,2001:db8:ffff::/48"))

        #expect(proxies.client(behind: "10.0.0.1", forwardedFor: fields) == caller)
    }

    @Test func `trusts the proxies that are named, and their blocks`() throws {
        let proxies = try #require(TrustedProxies("127.0.0.1, 10.0.0.0/8,2001:db8:ffff::/48"))
        let inside = ["127.0.0.1", "10.255.0.1", "::ffff:10.0.0.1", "2001:db8:ffff:1::1"]
        let outside = ["127.0.0.2", "11.0.0.1", "2001:db8:fffe::1", "::1"]

        for text in inside { #expect(proxies.contains(try #require(PeerAddress(text))), "\(text)") }
        for text in outside { #expect(!proxies.contains(try #require(PeerAddress(text))), "\(text)") }
        for text in ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "proxy", "10.0.0.0/8/8", "::/129"] {
            #expect(TrustedProxies(text) == nil, "\(text)")
        }
    }
}
