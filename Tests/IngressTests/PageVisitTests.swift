import Gateway
import GatewayTesting
import NIOHTTP1
import OrderedJSON
import Testing

@testable import HTTPServer
@testable import Ingress

struct `A visit to the host's pages` {
    @Test func `begins with a log-in that says nothing of a record, and is the same for every one`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let before = desk.asked.sum
        let pages = [
            await PageReader(desk).open(id), await PageReader(desk).open(RecordID(desk.clock.entropy.identifier())),
        ]

        for page in pages {
            #expect(page.status == 200 && page.text.contains("Log in") && page.text.contains("https://gw.example"))
            #expect(!page.text.contains("254711000001") && !page.text.contains("shillings"))
        }
        #expect(desk.asked.sum == before, "nothing is read for a stranger")
        #expect(await PageReader(desk).send(.GET, "/confirm/none").status == 404)
        #expect(await PageReader(desk).send(.GET, "/confirm").status == 404)
    }

    @Test func `is kept in a cookie that no script and no other site can use`() async throws {
        for (base, flags, name) in [
            ("https://gw.example", "; Path=/; HttpOnly; SameSite=Strict; Secure", "__Host-gateway-page="),
            ("http://127.0.0.1:8080", "; Path=/confirm; HttpOnly; SameSite=Strict", "gateway-page="),
            ("http://127.0.0.1:8080/gw", "; Path=/gw/confirm; HttpOnly; SameSite=Strict", "gateway-page="),
        ] {
            let desk = try await PageDesk(base: base)
            try await desk.addPerson("amina")
            let cookie = try #require(
                await PageReader(desk).open(RecordID(desk.clock.entropy.identifier())).header("set-cookie")
            )
            #expect(cookie.hasSuffix(flags) && cookie.hasPrefix(name), "\(cookie)")
        }
    }

    @Test func `is a stranger's no longer once one has logged in, and ends after a while or when one leaves`()
        async throws
    {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let form = await browser.open(id)
        let stranger = browser.kept
        let page = await browser.logIn("amina", to: id)
        let own = browser.kept
        #expect(stranger != nil && own != nil && stranger != own)

        browser.keep(stranger)
        #expect(await browser.open(id).text.contains("Log in"))
        browser.keep(own)
        #expect(await browser.press("confirm", on: form, of: id).status == 403, "another visit's form")
        #expect(await browser.press("leave", on: page, of: id).status == 303)
        #expect(browser.kept == nil)
        browser.keep(own)
        desk.clock.advance(.seconds(901))
        #expect(await browser.open(id).text.contains("Log in"))
        #expect(await browser.press("confirm", on: page, of: id).status == 403)
        #expect(await desk.sent == 0)
    }

    @Test func `takes its session with it when it ends, is left, or is another's`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let visits = PageVisits(key: desk.gateway.pageKey, entropy: desk.clock.entropy, isSecure: true)
        /// The session of the visit that the browser has.
        func session() async throws -> UserSession? {
            let head = HTTPRequestHead(
                version: .http1_1,
                method: .GET,
                uri: "/",
                headers: ["Cookie": try #require(browser.kept)]
            )
            let person = try #require(visits.read(Request(head, body: .whole([]), address: nil))?.person)
            return try await desk.store.session(
                try await desk.tokens.verify(person.token.reveal(), at: desk.clock.now).session,
                of: amina.id,
                organization: desk.organization
            )
        }
        let page = await browser.logIn("amina", to: id)
        let (begun, cookie) = (try #require(try await session()), browser.kept)
        #expect(begun.expiresAt == desk.clock.now + .seconds(900), "no longer than the visit")

        _ = await browser.press("log-in", on: page, of: id, ["username": "amina", "password": "right horse battery"])
        #expect(browser.kept != cookie)
        #expect(try await session() != nil)
        let second = await browser.open(id)
        let last = browser.kept
        browser.keep(cookie)
        #expect(try await session() == nil, "whoever logs in anew has left")
        browser.keep(last)
        #expect(await browser.press("leave", on: second, of: id).status == 303)
        browser.keep(last)
        #expect(try await session() == nil)
        #expect(await browser.open(id).text.contains("Log in"), "whoever has kept the cookie has nothing of it")
    }

    @Test func `is opened by no token, not even by one's own`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let token = try await desk.token(of: amina)
        let id = await desk.pay(as: token)
        let browser = PageReader(desk)

        for headers in [
            [("Authorization", "Bearer \(token.reveal())")], [("Cookie", "__Host-gateway-page=\(token.reveal())")],
        ] {
            let page = await browser.send(.GET, PageReader.path(id), headers: headers)
            #expect(page.text.contains("Log in") && !page.text.contains("shillings"))
            browser.keep(nil)
        }
    }

    @Test func `takes no form but its own, from the host's own page`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let token = try await desk.token(of: amina)
        let (id, other) = (await desk.pay(as: token), await desk.pay("254711000002", as: token))
        let browser = PageReader(desk)
        let page = await browser.logIn("amina", to: id)

        let nearly = "https://gw.example.evil.example"
        let cheats = [
            await browser.press("confirm", on: page, of: id, ["mark": ""]),
            await browser.press("confirm", on: page, of: id, ["mark": "00"]),
            await browser.press("confirm", on: page, of: other),
            await browser.press("confirm", on: page, of: id, headers: [("Sec-Fetch-Site", "cross-site")]),
            await browser.press("confirm", on: page, of: id, headers: [("Sec-Fetch-Site", "same-site")]),
            await browser.press("confirm", on: page, of: id, headers: [("Sec-Fetch-Site", "none")]),
            await browser.press("confirm", on: page, of: id, headers: [("Origin", "http://evil.example")]),
            await browser.press("confirm", on: page, of: id, headers: [("Origin", nearly)]),
            await browser.press("decline", on: page, of: id, ["mark": ""]),
            await browser.press("leave", on: page, of: id, ["mark": ""]),
            await PageReader(desk).press("confirm", on: page, of: id),
            await PageReader(desk)
                .press("log-in", on: page, of: id, ["username": "amina", "password": "right horse battery"]),
        ]

        for cheat in cheats { #expect(cheat.status == 403 && cheat.text.contains("Nothing was done"), "\(cheat.text)") }
        let json = await browser.send(.POST, PageReader.path(id), ["do": "confirm"], type: "application/json")
        #expect(json.status == 400)
        #expect(await browser.send(.DELETE, PageReader.path(id)).status == 405)
        #expect(await desk.sent == 0)
        #expect(try await desk.record(id)?.state == .draft)
    }

    @Test func `is not begun by a wrong password, or without the second factor that one has`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        try await desk.addPerson("zuri", hasSecondFactor: true)
        let id = await desk.pay(as: try await desk.token(of: amina))

        let (wrong, nobody) = (
            await PageReader(desk).logIn("amina", to: id, password: "wrong"),
            await PageReader(desk).logIn("nobody", to: id)
        )
        let factor = await PageReader(desk).logIn("zuri", to: id)

        for answer in [wrong, nobody, factor] {
            #expect(
                answer.status == 403 && answer.text.contains("role=\"alert\"")
                    && answer.header("www-authenticate") == nil
            )
            #expect(!answer.text.contains("shillings"))
        }
        #expect(factor.text.contains("second factor"))
        for _ in 0..<20 { _ = await PageReader(desk).logIn("amina", to: id, password: "wrong") }
        let many = await PageReader(desk).logIn("amina", to: id, password: "wrong")
        #expect(many.status == 429 && many.header("retry-after") != nil, "the limits of every log-in")
    }

    @Test func `is of pages that let nothing in, and are kept by nobody`() async throws {
        let desk = try await PageDesk()
        let amina = try await desk.addPerson("amina")
        let id = await desk.pay(as: try await desk.token(of: amina))
        let browser = PageReader(desk)
        let refused = desk.door.response(refusing: HTTPRefusal(.badRequest, "no"), path: "/confirm/x")
        let large = Request(
            .init(
                version: .http1_1,
                method: .POST,
                uri: PageReader.path(id),
                headers: [
                    "Content-Type": "application/x-www-form-urlencoded"
                ]
            ),
            body: .tooLarge(limit: 1),
            address: nil
        )

        for page in [
            await browser.open(id), await browser.logIn("amina", to: id), await browser.send(.GET, "/confirm/none"),
            Seen(refused), Seen(await desk.door.respond(to: large)),
        ] {
            let policy = try #require(page.header("content-security-policy"))
            for part in [
                "default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "'sha256-",
            ] {
                #expect(policy.contains(part))
            }
            #expect(!policy.contains("unsafe") && page.header("cache-control") == "no-store")
            #expect(
                page.header("x-content-type-options") == "nosniff" && page.header("referrer-policy") == "no-referrer"
            )
            #expect(page.header("content-type") == "text/html; charset=utf-8" && page.text.hasPrefix("<!doctype html>"))
            for foreign in ["<script", "http-equiv", " style=", "src=", "url("] {
                #expect(!page.text.contains(foreign))
            }
        }
        #expect(Seen(await desk.door.respond(to: large)).status == 413)
        let head = large.method
        #expect(
            head == .POST
                && desk.door.bodyBytesMax(
                    path: "/confirm/x",
                    head: .init(version: .http1_1, method: .POST, uri: "/confirm/x")
                ) == 8 << 10
        )
    }
}

struct `What the page says of a payment that has left` {
    private func words(_ state: String, _ more: JSONObject) -> (title: String, sentence: String) {
        var document: JSONObject = ["transaction": ["state": .string(state)], "approved_by": []]
        for (name, value) in more { document[name] = value }
        return ConfirmationViews.Found(document: .object(document)).words
    }

    @Test(arguments: ["released", "accepted", "succeeded", "failed"])
    func `is who let it leave`(state: String) {
        let confirmed = words(state, ["confirmation": ["by": "user:1"]])
        let approved = words(state, ["approved_by": ["user:2"]])
        let released = words(state, [:])

        #expect(confirmed.sentence.hasPrefix("It was confirmed"))
        #expect(approved.sentence.hasPrefix("It was approved") && approved.title != "Confirmed")
        #expect(released.sentence.hasPrefix("It was released") && released.title != "Confirmed")
    }
}
