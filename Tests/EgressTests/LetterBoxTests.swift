import Cryptography
import Foundation
import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Egress

struct `A letter` {
    private let text = "Karibu, Wanjirũ.\n.\nFrom here on: " + String(repeating: "x", count: 2_000) + "\n"

    private func box(_ url: String, user: String? = nil, password: String? = nil) throws -> LetterBox {
        var settings = LetterBox.Settings(url: url, sender: try #require(MailAddress("gateway@pay.example")))
        settings.user = user
        settings.password = password.map { Secret($0) }
        return try LetterBox(
            client: CurlClient(),
            entropy: ManualEntropy().entropy,
            logger: .quiet,
            settings: settings
        )
    }

    private func letter(_ subject: String = "Hello", to recipient: String = "w@shop.example") -> Letter {
        Letter(to: recipient, subject: subject, text: Secret(text))
    }

    @Test func `arrives as it was written, from whom and to whom it says`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        let subject = "An invitation to Duka la Wanjirũ — " + String(repeating: "ũ", count: 60)

        let state = try await box("smtp://127.0.0.1:\(server.port)").send(letter(subject))

        let parts = server.message.components(separatedBy: "\r\n\r\n")
        let header = try #require(parts.first).replacing("\r\n ", with: "").components(separatedBy: "\r\n")
        let words = try #require(header.first { $0.hasPrefix("Subject: ") }).dropFirst(9)
        let read = words.components(separatedBy: "=?utf-8?B?")
            .flatMap { Base64.decode($0.replacing("?=", with: "")) ?? [] }
        #expect(state == .sent)
        #expect(String(decoding: read, as: UTF8.self) == subject)
        #expect(Base64.decode((parts.last ?? "").replacing("\r\n", with: "")) == Array(text.utf8))
        #expect(server.message.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 100 })
        #expect(header.contains("From: gateway@pay.example") && header.contains("To: w@shop.example"))
        #expect(
            server.commands.filter { $0.hasPrefix("MAIL") || $0.hasPrefix("RCPT") } == [
                "MAIL FROM:<gateway@pay.example>", "RCPT TO:<w@shop.example>",
            ]
        )
    }

    @Test func `adds no line to a header, and no command, whatever stands in it`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        let box = try box("smtp://127.0.0.1:\(server.port)")

        #expect(await box.send(letter("Hi\r\nBcc: everybody@x.example\r\n\r\nBuy")) == .sent)
        let header = server.message.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n")
        #expect(header.allSatisfy { !$0.hasPrefix("Bcc") && !$0.contains("everybody") })
        let count = server.commands.count
        for wrong in [
            "w@shop.example>\r\nRCPT TO:<x@y.example", "w@shop.example\r\nBcc: x@y.example", "<w@shop.example>", "w",
            "@x",
            "a b@x.example", "w@", "w@x.example,y@x.example", "\"w\"@x.example", "w@ex_ample", "wĩ@shop.example",
        ] {
            guard case .failed = await box.send(letter(to: wrong)) else {
                Issue.record("\(wrong)")
                continue
            }
        }
        #expect(server.commands.count == count)
    }

    @Test func `says who it is where the server asks, and that it was refused where it was`() async throws {
        let server = try MailServer()
        let refuses = try MailServer(refusing: "RCPT")
        let unknown = try MailServer(refusing: "AH")
        let (listener, closed) = try Loopback.listen()
        close(listener)
        defer {
            for server in [server, refuses, unknown] { server.stop() }
        }

        let state = try await box("smtp://127.0.0.1:\(server.port)", user: "us", password: "word").send(letter())
        let refused = try await box("smtp://127.0.0.1:\(refuses.port)").send(letter())
        let stranger = try await box("smtp://127.0.0.1:\(unknown.port)", user: "us", password: "no").send(letter())
        let nobody = try await box("smtp://127.0.0.1:\(closed)").send(letter())

        #expect(state == .sent && server.commands.contains(Base64.encode(Array("\u{0}us\u{0}word".utf8))))
        guard case .failed(let reason) = refused, case .failed = stranger, case .failed = nobody else {
            Issue.record("\(refused) \(stranger) \(nobody)")
            return
        }
        #expect(reason.contains("550"))
        #expect(refuses.message.isEmpty && unknown.message.isEmpty)
    }

    @Test func `goes to no server without TLS but this machine's own`() async throws {
        let server = try MailServer()
        defer { server.stop() }

        let state = try await box("smtps://127.0.0.1:\(server.port)", user: "us", password: "word").send(letter())

        guard case .failed = state else {
            Issue.record("\(state)")
            return
        }
        #expect(!server.commands.contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") })
        let place = { (url: String) in LetterBox.Place(url, domain: "pay.example") }
        #expect(place("smtp://mail.example") == .server(url: "smtp://mail.example:587/pay.example", startsTLS: true))
        #expect(
            place("smtps://mail.example:8465")
                == .server(url: "smtps://mail.example:8465/pay.example", startsTLS: false)
        )
        #expect(place("https://hooks.example/x") == .web("https://hooks.example/x"))
        for wrong in [
            "http://hooks.example", "smtp://u:p@mail.example", "smtp://mail.example/x", "mail.example", "smtp://",
        ] {
            #expect(place(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `is not said to a server that should begin TLS and cannot`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        var request = HTTPRequest(
            method: "MAIL",
            url: "smtp://127.0.0.1:\(server.port)/x.example",
            body: Array("x".utf8)
        )
        request.envelope = MailEnvelope(
            sender: "a@x.example",
            recipient: "b@x.example",
            startsTLS: true,
            user: "us",
            password: Secret("word")
        )

        guard case .notSent = await CurlClient().send(request) else {
            Issue.record("expected nothing to be sent")
            return
        }
        #expect(server.commands.allSatisfy { $0.hasPrefix("EHLO") || $0.hasPrefix("QUIT") })
    }

    @Test func `is posted where an address of the web is named`() async throws {
        let bodies = Mutex<[String]>([])
        let server = try TalkingServer { request in
            bodies.withLock { $0.append(request.authorization + request.body) }
            return TalkingServer.reply(bodies.withLock { $0.count } == 1 ? 202 : 500, "")
        }
        defer { server.stop() }
        let box = try box("http://127.0.0.1:\(server.port)/mail", password: "secret-of-mail")

        #expect(await box.send(letter()) == .sent)
        #expect(await box.send(letter()) == .failed("the server answered 500"))
        let body = try #require(bodies.withLock { $0.first })
        #expect(body.hasPrefix("Bearer secret-of-mail"))
        let document = try JSON(parsing: String(body.dropFirst("Bearer secret-of-mail".count)))
        #expect(document["to"] == "w@shop.example" && document["text"]?.stringValue == text)
    }
}
