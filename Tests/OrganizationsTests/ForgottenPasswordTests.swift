import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(15))) struct `A password that somebody has forgotten` {
    /// A desk that mails, and runs for as long as a test asks it.
    private func atDesk(
        _ bureau: Bureau,
        _ test: (Reception, FakeMailer, Person) async throws -> Void
    ) async throws {
        let asha = try await bureau.person("asha", .user, of: bureau.shop)
        let mailer = FakeMailer()
        let settings = Letters.Settings(base: "https://pay.example", page: "https://console.example/#{token}")
        let letters = Letters(mailer: mailer, settings: settings)
        let desk = Reception(bureau.administration(mailing: letters), failures: bureau.failures)
        let working = Task { await desk.run() }
        defer { working.cancel() }
        try await test(desk, mailer, asha)
    }

    private func forgot(_ name: String, _ bureau: Bureau, _ desk: Reception, from address: String = "192.0.2.1") async
        -> GatewayError.Code?
    {
        let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: address)
        do throws(GatewayError) {
            try await desk.forgot(username: name, organization: "shop", caller)
            return nil
        } catch { return error.code }
    }

    private func token(_ letter: Letter?) throws -> Secret<String> {
        let text = try #require(letter?.text.reveal())
        let rest = try #require(text.split(separator: "#").last)
        return Secret(String(rest.prefix { !$0.isWhitespace }))
    }

    @Test func `is set anew by a letter to the account's own address, for an hour`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await atDesk(bureau) { desk, mailer, asha in
                var letters = mailer.arrivals.makeAsyncIterator()
                #expect(await forgot("asha", bureau, desk) == nil)
                let letter = await letters.next()
                #expect(letter?.recipient == "asha@x.example")
                let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: nil)
                try await desk.reset(token: token(letter), password: Secret("a few good words of mine"), caller)
                #expect(
                    try await bureau.store.user(asha.user.id, organization: bureau.shop.id)?.passwordHash
                        == "hash of a few good words of mine"
                )

                #expect(await forgot("asha", bureau, desk) == nil)
                let late = try token(await letters.next())
                bureau.clock.advance(.seconds(3600))
                let refused = await #expect(throws: GatewayError.self) {
                    try await desk.reset(token: late, password: Secret("some other good words"), caller)
                }
                #expect(refused?.code == .unauthenticated)
            }
        }
    }

    @Test func `costs whoever asks the same, whatever name there is`() async throws {
        try await Bureau.onEachStore { (bureau, statements) async throws in
            // Nobody works off what is asked for: what is counted is what whoever asks waits for.
            _ = try await bureau.person("asha", .user, of: bureau.shop)
            _ = statements.take()
            for name in ["asha", "nobody"] {
                #expect(await forgot(name, bureau, bureau.desk) == nil)
                #expect(statements.take().isEmpty, "\(name)")
            }
        }
    }

    @Test func `is written about a few times an hour to one address, and for one who asks`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await atDesk(bureau) { desk, mailer, _ in
                for name in (1...12).map({ "p\($0)" }) { _ = try await bureau.person(name, .user, of: bureau.shop) }
                var letters = mailer.arrivals.makeAsyncIterator()
                // Many strangers, one mailbox; the last wish, of another person, is behind them all.
                for number in 1...5 {
                    _ = await forgot("asha", bureau, desk, from: "198.51.100.\(number)")
                }
                _ = await forgot("p1", bureau, desk, from: "203.0.113.1")
                var seen: [String] = []
                while seen.last != "p1@x.example" { seen.append(try #require(await letters.next()).recipient) }
                #expect(seen.count { $0 == "asha@x.example" } <= 3)

                // One stranger, many mailboxes.
                for number in 2...12 { _ = await forgot("p\(number)", bureau, desk, from: "203.0.113.2") }
                _ = await forgot("p1", bureau, desk, from: "203.0.113.3")
                seen = []
                while seen.last != "p1@x.example" { seen.append(try #require(await letters.next()).recipient) }
                #expect(seen.count <= 11)
            }
        }
    }

    @Test func `voids no link that an administrator made`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await atDesk(bureau) { desk, mailer, asha in
                let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
                let made = await bureau.ask("users.reset_password", ["id": asha.id], as: admin.token)
                let handed = Secret(try #require(made.data["token"]?.stringValue))
                var letters = mailer.arrivals.makeAsyncIterator()
                #expect(await forgot("asha", bureau, desk) == nil)
                let mailed = try token(await letters.next())

                let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: nil)
                try await desk.reset(token: handed, password: Secret("a few good words of mine"), caller)

                // The new password ends every other link.
                await #expect(throws: GatewayError.self) {
                    try await desk.reset(token: mailed, password: Secret("some other good words"), caller)
                }
            }
        }
    }

    @Test func `of whoever runs the gateway is not set by a letter`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await atDesk(bureau) { desk, mailer, _ in
                _ = try await bureau.person("boss", .superAdmin, of: bureau.host)
                let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.9")
                try await desk.forgot(username: "boss", organization: "host", caller)
                #expect(await forgot("asha", bureau, desk) == nil)
                var letters = mailer.arrivals.makeAsyncIterator()
                #expect(await letters.next()?.recipient == "asha@x.example")
                #expect(mailer.sent.count == 1)
            }
        }
    }
}

struct `A log-in that fails` {
    @Test func `costs the store the same, whether there is such a user`() async throws {
        try await Bureau.onEachStore { (bureau, statements) async throws in
            _ = try await bureau.person("asha", .user, of: bureau.shop)
            var costs: [[String: Int]] = []
            for name in ["asha", "nobody"] {
                _ = statements.take()
                let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.1")
                let error = await #expect(throws: GatewayError.self) {
                    try await bureau.logIns.logIn(
                        username: name,
                        password: Secret("wrong"),
                        organization: "shop",
                        caller
                    )
                }
                #expect(error?.code == .unauthenticated)
                costs.append(statements.take())
            }
            #expect(costs[0] == costs[1] && !costs[0].isEmpty)
        }
    }
}
