import NIOHTTP1
import Testing

@testable import HTTPServer

/// By which names a listener may be spoken to, and from which pages.
struct `A name` {
    @Test(arguments: [
        "localhost", "LOCALHOST:8081", "127.0.0.1:8081", "127.9.9.9", "[::1]:8081", "[::1]", "gate.localhost",
        "localhost.",
        "10.0.0.5:8081", "ops.example", "OPS.example:80",
    ])
    func `answers to its own names`(host: String) {
        #expect(OwnNames(listening: "10.0.0.5", more: ["ops.example"]).contains(host))
    }

    @Test(arguments: [
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.6", "ops.example.evil", "",
        "localhost:80@evil.example", "localhost:x", "localhost:", "localhost:99999", "[::2]", "[localhost]", "[::1",
        "evil.example:localhost", "localhost/", "evillocalhost", "127.0.0.1\u{0}", "2130706433", "0x7f.1",
    ])
    func `answers to no other name`(host: String) {
        #expect(!OwnNames(listening: "10.0.0.5", more: ["ops.example"]).contains(host))
    }

    @Test func `answers to every address where it listens on all, and to no name but its own`() {
        for everywhere in ["0.0.0.0", "::"] {
            let names = OwnNames(listening: everywhere)

            #expect(names.contains("10.0.0.6:8081") && names.contains("[2001:db8::1]") && names.contains("localhost"))
            #expect(!names.contains("evil.example"))
        }
    }

    @Test(arguments: [
        ("http://localhost", true), ("http://localhost:3000", true), ("http://127.0.0.1:1", true),
        ("http://[::1]:3000", true), ("https://localhost", true), ("http://localhost:80@evil.example", false),
        ("http://localhost.evil.example", false), ("http://localhost:80.evil.example", false), ("null", false),
        ("http://evil.example", false), ("http://localhost/", false), ("http://localhost#x", false),
        ("http://localhost:80\\@evil.example", false), ("ftp://localhost", false), ("http://", false),
        ("http://localhost http://evil.example", false), ("localhost", false), ("http://user@localhost", false),
    ])
    func `reads an origin whole`(text: String, isLocal: Bool) {
        #expect((Origin(text)?.isLocal ?? false) == isLocal)
        #expect(OwnNames(listening: "127.0.0.1").contains(origin: text) == isLocal)
    }

    @Test func `compares origins, not texts`() {
        #expect(Origin("https://pay.example") == Origin(of: "HTTPS://Pay.example:443/gateway?x"))
        #expect(Origin("https://pay.example") != Origin(of: "http://pay.example"))
        #expect(Origin("https://pay.example:8443") != Origin(of: "https://pay.example"))
        #expect(Origin("https://pay.example.evil") != Origin(of: "https://pay.example"))
    }
}

struct `The path of a request` {
    @Test(
        arguments: [
            ("/a/b?c=d", "/a/b", "c=d"), ("http://host/a/b?c=d", "/a/b", "c=d"), ("HTTPS://host:1/a", "/a", ""),
            ("http://host", "", ""), ("http://host?c", "", "c"), ("/http://host/a", "/http://host/a", ""),
            ("ftp://host/a", "ftp://host/a", ""), ("*", "*", ""),
        ]
    )
    func `stands behind the server's name, where that is said`(target: String, path: String, query: String) {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target)

        let request = Request(head, body: .whole([]), address: nil)

        #expect(request.path == path && request.query == query)
    }
}
