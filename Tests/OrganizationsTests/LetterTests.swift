import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Synchronization
import Testing

/// Takes letters, or does not.
final class FakeMailer: Mailer {
    private let letters = Mutex<[Letter]>([])
    private let state: LetterState
    /// Each letter as it comes.
    let arrivals: AsyncStream<Letter>
    private let arrival: AsyncStream<Letter>.Continuation

    init(_ state: LetterState = .sent) {
        self.state = state
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    var sent: [Letter] { letters.withLock { $0 } }

    func send(_ letter: Letter) async -> LetterState {
        letters.withLock { $0.append(letter) }
        arrival.yield(letter)
        return state
    }
}

struct `A letter with a link` {
    private let invitation: JSON = ["username": "asha", "email": "asha@shop.example"]

    private func letters(_ mailer: FakeMailer, page: String? = nil) -> Letters {
        Letters(mailer: mailer, settings: Letters.Settings(base: "https://pay.example", page: page))
    }

    @Test func `goes to whom it is for, is good once, and is shown to the administrator as well`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let mailer = FakeMailer()
            let actions = bureau.actions(mailing: letters(mailer, page: "https://console.example/password#{token}"))

            let reply = await bureau.ask("users.invite", invitation, as: admin.token, in: actions)
            let token = try #require(reply.data["token"]?.stringValue)
            let letter = try #require(mailer.sent.first)
            try await bureau.desk.reset(
                token: Secret(token),
                password: Secret("a few good words of mine"),
                LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.1")
            )

            #expect(reply.data["mail"] == ["state": "sent"])
            #expect(letter.recipient == "asha@shop.example" && letter.subject == "An invitation to Shop")
            #expect(letter.text.reveal().contains("https://console.example/password#" + token))
            let line = try await bureau.audit(bureau.shop).first { $0.action == "LINK_MAILED" }
            #expect(line?.outcome == .success && line?.subject == "user:\(admin.user.id)")
            #expect(try await bureau.lines(bureau.shop).allSatisfy { !($0.detail ?? "").contains(token) })
        }
    }

    @Test func `that no server takes is told of, and the link is good all the same`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let seller = try await bureau.person("seller", .user, of: bureau.shop)
            let actions = bureau.actions(mailing: letters(FakeMailer(.failed("nobody is there"))))

            let failed = await bureau.ask("users.reset_password", ["id": seller.id], as: admin.token, in: actions)
            let off = await bureau.ask("users.reset_password", ["id": seller.id], as: admin.token)

            #expect(failed.data["mail"] == ["state": "failed", "reason": "nobody is there"])
            #expect(failed.data["token"] != nil && off.data["token"] != nil)
            #expect(off.data["mail"] == ["state": "off"])
            let line = try await bureau.audit(bureau.shop).first { $0.action == "LINK_MAILED" }
            #expect(line?.outcome == .failed && line?.detail?.contains("nobody is there") == true)
        }
    }

    @Test func `says what to do with it where there is no page`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let mailer = FakeMailer()

            let reply = await bureau.ask(
                "users.invite",
                invitation,
                as: admin.token,
                key: "k1",
                in: bureau.actions(mailing: letters(mailer))
            )
            let again = await bureau.ask(
                "users.invite",
                invitation,
                as: admin.token,
                key: "k1",
                in: bureau.actions(mailing: letters(mailer))
            )

            let text = try #require(mailer.sent.first?.text.reveal())
            #expect(text.contains("POST https://pay.example/auth/reset-password"))
            #expect(text.contains(try #require(reply.data["token"]?.stringValue)))
            // A repeat of the same call sends nothing, and shows no token.
            #expect(mailer.sent.count == 1 && again.data["token"] == nil && again.data["mail"] == ["state": "sent"])
        }
    }

    @Test func `goes to one address a few times an hour, and its link is shown all the same`() async throws {
        try await Bureau.with { (bureau) async throws in
            let mailer = FakeMailer()
            let actions = bureau.actions(mailing: letters(mailer))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let asked: JSON = ["id": .string(asha.user.id.description)]
            var states: [JSON] = []
            for _ in 0..<6 {
                let made = await bureau.ask("users.reset_password", asked, as: admin.token, in: actions).data
                #expect(made["token"]?.stringValue?.isEmpty == false)
                states.append(made["mail"]?["state"] ?? .null)
            }
            #expect(states == ["sent", "sent", "sent", "sent", "sent", "failed"] && mailer.sent.count == 5)
            bureau.clock.advance(.seconds(3600))
            let later = await bureau.ask("users.reset_password", asked, as: admin.token, in: actions).data
            #expect(later["mail"]?["state"] == "sent")
        }
    }
}
