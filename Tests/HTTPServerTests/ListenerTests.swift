import Addresses
import NIOCore
import NIOPosix
import Testing

@testable import HTTPServer

/// Who is let in at all, and by which name.
struct `A listener` {
    private static let request = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `lets go of whoever has sent no whole request for longest, for one connection too many`() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        limits.closingMax = 1
        try await serving(ScriptedHandler(), limits: limits) { port in
            let (first, second) = (try await Peer.connect(to: port), try await Peer.connect(to: port))
            for peer in [first, second, first] {
                peer.send(Self.request)
                _ = await peer.received(to: "/here")
            }

            let third = try await Peer.connect(to: port)
            third.send(Self.request)

            #expect(await third.received(to: "/here").statuses == ["200"])
            #expect(await second.all() == "")
            first.send(Self.request)
            #expect(await first.received(to: "/here").statuses == ["200"])
        }
    }

    @Test func `is reached however many send slowly, or nothing at all`() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 4
        try await serving(ScriptedHandler(), limits: limits) { port in
            var slow: [Peer] = []
            for number in 0..<64 {
                let peer = try await Peer.connect(to: port)
                let parts = [
                    "", "GET /", "GET / HTTP/1.1\r\nHost: x\r\n",
                    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
                ]
                peer.send(parts[number % parts.count])
                slow.append(peer)
            }
            for _ in 0..<8 {
                let peer = try await Peer.connect(to: port)
                peer.send(Self.request)
                #expect(await peer.received(to: "/here").statuses == ["200"])
            }
            for peer in slow.prefix(60) { _ = await peer.all() }
        }
    }

    @Test func `keeps what is being answered, and closes one too many`() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        let (latch, one, last) = (Latch(), Latch(), Latch())
        let handler = ScriptedHandler { request in
            (request.path == "/one" ? one : last).open()
            await latch.wait()
            return Response(.ok, body: Array(request.path.utf8))
        }
        try await serving(handler, limits: limits) { port in
            let busy = [try await Peer.connect(to: port), try await Peer.connect(to: port)]
            busy[0].send("GET /one HTTP/1.1\r\nHost: x\r\n\r\n")
            busy[1].send("GET /last HTTP/1.1\r\nHost: x\r\n\r\n")
            for begun in [one, last] { await begun.wait() }

            #expect(await (try Peer.connect(to: port)).all() == "")

            latch.open()
            #expect(await busy[0].received(to: "/one").statuses == ["200"])
            #expect(await busy[1].received(to: "/last").statuses == ["200"])
        }
    }

    @Test func `counts connections by address, but for this machine's and named proxies'`() async throws {
        let bench = try ConnectionBench(connectionsMax: 20, perAddress: 2)
        let strangers = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2:1", "192.0.2.2"]
        for address in strangers { #expect(try await bench.add(from: address), "\(address)") }
        for _ in 0..<5 { for address in ["127.0.0.1", "10.1.2.3"] { #expect(try await bench.add(from: address)) } }
        #expect(bench.open == Array(0..<15))

        #expect(try await bench.add(from: "192.0.2.1"))
        #expect(try await bench.add(from: "2001:db8:0:0:ffff::1"))

        try await bench.wait(toClose: 0, 2)
        #expect(bench.open == [1, 3, 4] + Array(5..<17))
        bench.answer(1)
        bench.answer(15)
        #expect(try await !bench.add(from: "192.0.2.1"))
        try await bench.end()
    }

    @Test func `keeps this machine's and named proxies' connections from strangers`() async throws {
        let bench = try ConnectionBench(connectionsMax: 4, perAddress: 9)
        for address in ["127.0.0.1", "10.0.0.1", "192.0.2.1", "192.0.2.2"] {
            #expect(try await bench.add(from: address))
        }

        for number in 3..<7 { #expect(try await bench.add(from: "192.0.2.\(number)")) }
        try await bench.wait(toClose: 2, 3, 4, 5)
        #expect(bench.open == [0, 1, 6, 7])
        for _ in 0..<3 { #expect(try await bench.add(from: "127.0.0.1")) }
        try await bench.wait(toClose: 6, 7, 0)
        #expect(bench.open == [1, 8, 9, 10])

        #expect(try await !bench.add(from: "192.0.2.9"))
        try await bench.end()
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
        let address = try #require(IPAddress(text))

        #expect(address.description == whole && address.network.description == counted)
        #expect(address.isLoopback == (text == "::1"))
    }

    @Test(arguments: [
        "", "x", "1.2.3", "1.2.3.4:5", "1.2.3.4 ", "localhost", "::1%lo", "[::1]", "01.2.3.4.5", "\0", "8.8.8.8\0",
        "8.8.8.8\0.example", "::1\0", "\u{0}1.2.3.4",
    ])
    func `takes nothing else for an address`(text: String) { #expect(IPAddress(text) == nil) }

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

        for text in inside { #expect(proxies.contains(try #require(IPAddress(text))), "\(text)") }
        for text in outside { #expect(!proxies.contains(try #require(IPAddress(text))), "\(text)") }
        let none = [
            "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "proxy", "10.0.0.0/8/8", "::/129", "10.0.0.0/-0", "10.0.0.0/+8",
            "::/-0", "10.0.0.0/", "10.0.0.0\0/8", "10.0.0.0/8\0",
        ]
        for text in none {
            #expect(TrustedProxies(text) == nil, "\(text)")
        }
    }
}
