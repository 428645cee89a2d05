import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import HTTPServer

/// What a peer can make one connection do.
struct `A connection` {
    private static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    }

    @Test func `answers thousands of requests behind a waiting one in order`() async throws {
        let latch = Latch()
        let handler = ScriptedHandler { request in
            if request.path == "/wait" { await latch.wait() }
            return Response(.ok, body: Array("<\(request.path)>".utf8))
        }
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            let paths = ["/wait"] + (1...7000).map { "/\($0)" }

            peer.send(paths.map { Self.get($0) }.joined())
            latch.open()
            let answer = await peer.received(to: "</7000>")

            #expect(answer.matches(of: #/<(.*?)>/#).map { String($0.output.1) } == paths)
        }
    }

    @Test func `takes blanks around a field's value for no part of it`() async throws {
        let handler = ScriptedHandler { request in
            Response(.ok, body: Array("<\(request.headers.first(name: "X-API-Key") ?? "none")>".utf8))
        }
        try await serving(handler) { port in
            for value in ["key", "key ", "key\t", " \tkey \t ", "k e y  "] {
                let peer = try await Peer.connect(to: port)
                peer.send(Self.get("/", "X-API-Key:\(value)\r\nConnection: close \r\n"))
                let answer = await peer.received(to: ">")
                #expect(answer.contains(value.hasPrefix("k e y") ? "<k e y>" : "<key>"), "\(answer)")
            }
        }
    }

    @Test func `begins no more answers while its peer reads none`() async throws {
        let begun = Mutex(0)
        let body = [UInt8](repeating: 0x78, count: 1 << 20)
        let handler = ScriptedHandler { request in
            guard request.path == "/large" else { return Response(.ok, body: Array("pong".utf8)) }
            begun.withLock { $0 += 1 }
            return Response(.ok, body: body)
        }
        try await serving(handler) { port in
            let deaf = try await Peer.connect(to: port, reads: false)
            let other = try await Peer.connect(to: port)
            deaf.send(String(repeating: Self.get("/large"), count: 64))

            // Until many answers to somebody else have left the number where it was.
            var (last, same) = (-1, 0)
            while same < 50 {
                other.send(Self.get("/ping"))
                _ = await other.received(to: "pong")
                let now = begun.withLock { $0 }
                (last, same) = (now, now == last ? same + 1 : 0)
            }

            #expect(last < 40, "\(last) answers of a megabyte wait for somebody who does not read")
            try await deaf.read()
            let all = await deaf.received(bytes: 64 << 20)
            #expect(all.utf8.count > 64 << 20 && begun.withLock { $0 } == 64)
        }
    }

    @Test func `waits for a whole request no longer than its deadline`() async throws {
        var limits = HTTPLimits()
        limits.headerDeadline = .milliseconds(300)
        limits.requestDeadline = .milliseconds(600)
        let handler = ScriptedHandler()
        try await serving(handler, limits: limits) { port in
            for begun in [
                "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345",
                Self.get("/") + "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345",
            ] {
                let peer = try await Peer.connect(to: port)
                peer.send(begun)
                let answer = await peer.all()

                #expect(answer.statuses.last == "408", "\(begun): \(answer)")
                #expect(answer.contains("did not come whole within"))
            }
            #expect(handler.handled == 1)
        }
    }

    @Test func `keeps one that is between requests beyond the deadline of a request`() async throws {
        var limits = HTTPLimits()
        limits.headerDeadline = .seconds(2)
        limits.requestDeadline = .seconds(2)
        try await serving(ScriptedHandler(), limits: limits) { port in
            let peer = try await Peer.connect(to: port)
            let slow = try await Peer.connect(to: port)
            peer.send("GET /one HTTP/1.1\r\n")
            peer.send("Host: x\r\n\r\n")
            _ = await peer.received(to: "/one")
            slow.send("GET / HT")
            // The deadline of one that began later has passed, and this one is still served.
            _ = await slow.all()
            peer.send(Self.get("/two"))

            #expect(await peer.received(to: "/two").statuses == ["200"])
        }
    }

    @Test(.timeLimit(.minutes(15))) func `closes one that takes nothing of its answer`() async throws {
        var limits = HTTPLimits()
        // Long enough for the request to arrive on a busy machine: a connection that asks nothing is closed after it too.
        limits.idle = .seconds(3)
        let latch = Latch()
        let made = Mutex(0)
        let handler = ScriptedHandler { _ in
            var response = Response(.ok)
            response.stream = { write in
                defer { latch.open() }
                for _ in 0..<64 {
                    made.withLock { $0 += 1 }
                    try await write([UInt8](repeating: 0x78, count: 1 << 20))
                }
            }
            return response
        }
        try await serving(handler, limits: limits) { port in
            let deaf = try await Peer.connect(to: port, reads: false)
            deaf.send(Self.get("/"))

            await latch.wait()

            // The next piece is made once the one before has left: the kernel's buffers hold a few of them.
            #expect(made.withLock { $0 } < 40)
            try await deaf.read()
            #expect(await deaf.all().utf8.count < 64 << 20)
        }
    }

    @Test func `ends what could not be written whole as no whole answer ends`() async throws {
        let handler = ScriptedHandler { request in
            var response = Response(.ok)
            response.stream = { write in
                try await write(Array("some".utf8))
                if request.path == "/broken" { throw CancellationError() }
            }
            return response
        }
        try await serving(handler) { port in
            let whole = try await Peer.connect(to: port)
            whole.send(Self.get("/whole"))
            #expect(await whole.received(to: "0\r\n\r\n").hasSuffix("4\r\nsome\r\n0\r\n\r\n"))

            let broken = try await Peer.connect(to: port)
            broken.send(Self.get("/broken"))
            #expect(await broken.all().hasSuffix("4\r\nsome\r\n"))
        }
    }

    @Test(arguments: [false, true])
    func `reads a large body only for whom it is let in`(isChunked: Bool) async throws {
        let large = String(repeating: "x", count: 0x11000)
        let head = "POST /in HTTP/1.1\r\nHost: x\r\n"
        let begin = isChunked ? "Transfer-Encoding: chunked\r\n\r\n11000\r\n\(large)" : "Content-Length: 69633\r\n\r\n"
        let end = isChunked ? "\r\n0\r\n\r\n" : large + "x"
        let stranger = ScriptedHandler(refusal: Response(.unauthorized))
        try await serving(stranger) { port in
            let peer = try await Peer.connect(to: port)
            // It is told before the body is whole, because the body may never be.
            peer.send(head + begin)

            #expect(await peer.all().statuses == ["401"])
            #expect(stranger.handled == 0)
        }
        try await serving(ScriptedHandler()) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(head + begin + end)

            #expect(await peer.received(to: "/in").statuses == ["200"])
        }
    }

    @Test func `tells a client to go on only once its large body is let in`() async throws {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n"
        try await serving(ScriptedHandler(refusal: Response(.unauthorized))) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(head)
            #expect(await peer.all().statuses == ["401"])
        }
        try await serving(ScriptedHandler()) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(head)
            #expect(await peer.received(to: "\r\n\r\n").statuses == ["100"])
            peer.send(String(repeating: "x", count: 100_000))
            #expect(await peer.received(to: "/").statuses == ["200"])
        }
    }

    @Test(arguments: [
        "GET /1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
        "GET /1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, upgrade \r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nHello",
        "POST /1 HTTP/1.1\r\nHost: x\r\nUpgrade: a\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "GET /1 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n", "CONNECT /1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ])
    func `goes on in its own protocol when another is offered`(offer: String) async throws {
        try await serving(ScriptedHandler()) { port in
            let together = try await Peer.connect(to: port)
            together.send(offer + Self.get("/2") + offer + Self.get("/4"))
            #expect(await together.received(to: "/4").statuses == ["200", "200", "200", "200"])

            let apart = try await Peer.connect(to: port)
            apart.send(offer)
            _ = await apart.received(to: "/1")
            apart.send(Self.get("/2"))
            #expect(await apart.received(to: "/2").statuses == ["200"])
        }
    }

    @Test(arguments: ["upgrade\t", "upgrade x", "x upgrade", "close upgrade", "upgrade;q=1"])
    func `ends with a request whose offer cannot be read`(option: String) async throws {
        let handler = ScriptedHandler()
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(Self.get("/1", "Upgrade: h2c\r\nConnection: \(option)\r\n") + Self.get("/2"))

            #expect(await peer.all().statuses == ["200"])
            #expect(handler.handled == 1)
        }
    }

    @Test(arguments: [
        "", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: \r\n", "Host: a b\r\n", "Host: a, b\r\n",
        "Host: a@b\r\n", "Host: a/b\r\n", "Host: a\r\nX-API-Key: 1\r\nX-API-Key: 2\r\n",
        "Host: a\r\nAuthorization: Bearer 1\r\nAuthorization: Bearer 2\r\n",
        "Host: a\r\nAuthorization: Bearer 1\r\nX-API-Key: 2\r\n",
        "Host: a\r\nx-api-key: 1\r\nauthorization: Basic 1\r\n",
        "Host: a\r\nAuthorization: Bearer 1\r\nX-API-Key: 1\r\nX-API-Key: 1\r\n",
    ])
    func `refuses a header that says two things`(fields: String) async throws {
        let handler = ScriptedHandler()
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send("GET / HTTP/1.1\r\n\(fields)\r\n")
            let answer = await peer.all()

            #expect(answer.statuses == ["400"] && answer.contains("text/plain"), "\(answer)")
            #expect(handler.handled == 0)
        }
    }

    @Test(arguments: [
        "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /1 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        "GET /1 HTTP/1.1\r\nHost: a.example.\r\nAuthorization: bearer k\r\nX-API-Key: k\r\n\r\n",
        "GET /1 HTTP/1.1\r\nhost: A_b.example:1\r\nX-Other: 1\r\nX-Other: 2\r\n\r\n",
    ])
    func `takes a header that says one thing`(request: String) async throws {
        try await serving(ScriptedHandler()) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(request)
            #expect(await peer.received(to: "/1").statuses == ["200"])
        }
    }

    @Test(arguments: [
        "POST /1 HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ])
    func `refuses a body whose length others may have read otherwise, and answers nothing after it`(
        request: String
    ) async throws {
        let handler = ScriptedHandler()
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(request + Self.get("/2"))

            #expect(await peer.all().statuses == ["400"])
            #expect(handler.handled == 0)
        }
    }

    @Test func `tells no client of HTTP/1.0 to go on`() async throws {
        try await serving(ScriptedHandler()) { port in
            let peer = try await Peer.connect(to: port)
            peer.send("POST /1 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok")

            #expect(await peer.all().statuses == ["200"])
        }
    }

    @Test func `answers HEAD as GET, without the body`() async throws {
        let handler = ScriptedHandler {
            Response($0.method == .GET ? .ok : .notFound, body: Array("twelve bytes".utf8))
        }
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let answer = await peer.all()

            #expect(answer.statuses == ["200"] && answer.contains("Content-Length: 12"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `answers what came before something that is no request`() async throws {
        let latch = Latch()
        let handler = ScriptedHandler { request in
            await latch.wait()
            return Response(.ok)
        }
        try await serving(handler) { port in
            let peer = try await Peer.connect(to: port)
            peer.send(Self.get("/1") + Self.get("/2") + "NONSENSE\r\n\r\n")
            latch.open()

            #expect(await peer.all().statuses == ["200", "200", "400"])
        }
    }

    @Test func `takes the caller's address from a named proxy alone`() async throws {
        let handler = ScriptedHandler { Response(.ok, body: Array("<\($0.address ?? "")>".utf8)) }
        let request = Self.get("/", "X-Forwarded-For: 192.0.2.9, 198.51.100.7\r\nConnection: close\r\n")
        for (proxies, caller) in [(TrustedProxies.none, "127.0.0.1"), (TrustedProxies("127.0.0.1"), "198.51.100.7")] {
            try await serving(handler, proxies: try #require(proxies)) { port in
                let peer = try await Peer.connect(to: port)
                peer.send(request)
                #expect(await peer.all().hasSuffix("<\(caller)>"))
            }
        }
    }
}
