import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

/// What a session alone may not do: whoever found one does not know the password.
struct `A session alone` {
    private static let factor = [
        "second_factor.begin", "second_factor.confirm", "second_factor.renew_recovery", "second_factor.remove",
    ]

    private func arguments(_ action: String, _ password: String, code: String = "000000") -> JSON {
        if action == "auth.change_password" {
            return ["current_password": .string(password), "new_password": "a good long sentence"]
        }
        return action == "second_factor.begin"
            ? ["password": .string(password)] : ["password": .string(password), "code": .string(code)]
    }

    /// Sets a factor up, and answers what was shown.
    private func setUp(_ bureau: Bureau, _ person: Person) async throws -> JSON {
        let name = person.user.username
        let begun = await bureau.ask("second_factor.begin", ["password": .string(name)], as: person.token).data
        let shown = try code(begun["secret"], at: bureau.clock)
        let confirmed = await bureau.ask(
            "second_factor.confirm",
            ["password": .string(name), "code": .string(shown)],
            as: person.token
        )
        #expect(confirmed.code == nil)
        return begun
    }

    @Test(arguments: factor)
    func `changes nothing of the second factor, and is told which field is missing or wrong`(
        action: String
    ) async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            _ = action == "second_factor.begin" ? .null : try await setUp(bureau, asha)
            let before = try await bureau.store.factor(of: asha.user.id, organization: bureau.shop.id)

            let without: JSON = action == "second_factor.begin" ? [:] : ["code": "000000"]
            for arguments in [without, arguments(action, "a guess")] {
                let reply = await bureau.ask(action, arguments, as: asha.token)
                guard case .failure(let error) = reply.result else { return #expect(Bool(false), "it was let in") }
                #expect(error.code == .invalidArgument)
                #expect(error.errors.contains { $0.message.contains("password") }, "\(error.errors)")
            }

            #expect(try await bureau.store.factor(of: asha.user.id, organization: bureau.shop.id) == before)
            let lines = try await bureau.lines(bureau.shop)
            #expect(lines.allSatisfy { !($0.detail ?? "").contains("a guess") })
        }
    }

    @Test func `of an administrator changes what proves who others are, and nothing of who it is itself`() async throws
    {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let changes: [(String, JSONObject)] = [
                ("users.update", ["password": "a good long sentence"]), ("users.update", ["email": "x@y.example"]),
                ("users.reset_password", [:]), ("users.remove_second_factor", [:]),
            ]
            for (action, more) in changes {
                for (person, code) in [(boss, GatewayError.Code.conflict), (asha, nil)] {
                    var arguments = more
                    arguments["id"] = .string(person.user.id.description)
                    #expect(await bureau.ask(action, .object(arguments), as: boss.token).code == code, "\(action)")
                }
            }
            let stored = try await bureau.store.user(boss.user.id, organization: bureau.shop.id)
            #expect(stored?.passwordHash == boss.user.passwordHash && stored?.email == boss.user.email)
        }
    }

    @Test(arguments: factor + ["auth.change_password"])
    func `guesses as seldom as at the log-in, and keeps its owner from nothing where they log in`(
        action: String
    ) async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let guess = arguments(action, "a guess")
            var codes: [GatewayError.Code?] = []
            for _ in 0..<11 { codes.append(await bureau.ask(action, guess, as: asha.token, from: "192.0.2.66").code) }
            #expect(codes == [GatewayError.Code?](repeating: .invalidArgument, count: 10) + [.rateLimited])
            codes = []
            for number in 0..<11 {
                codes.append(await bureau.ask(action, guess, as: asha.token, from: "198.51.100.\(number)").code)
            }
            #expect(codes.last == .rateLimited)

            let caller = LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.1")
            _ = try await bureau.logIns.logIn(
                username: "asha",
                password: Secret("asha"),
                organization: "shop",
                caller
            )
            let own = await bureau.ask("second_factor.begin", ["password": "asha"], as: asha.token)
            #expect(own.code == nil)
        }
    }

    @Test func `ends when its owner confirms a second factor elsewhere, and theirs goes on`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let otieno = try await bureau.person("otieno", .user, of: bureau.shop)
            bureau.clock.advance(.seconds(5))
            let found = try await bureau.logIn(asha.user)
            #expect(await bureau.ask("auth.verify", as: found.token).code == nil)

            _ = try await setUp(bureau, asha)

            #expect(await bureau.ask("auth.verify", as: found.token).code == .unauthenticated)
            #expect(await bureau.ask("auth.verify", as: asha.token).code == nil)
            #expect(await bureau.ask("auth.verify", as: otieno.token).code == nil)
        }
    }

    @Test func `does not make recovery codes; its owner does, and the old ones count no more`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let early = await bureau.ask(
                "second_factor.renew_recovery",
                arguments("second_factor.renew_recovery", "asha"),
                as: asha.token
            )
            #expect(early.code == .conflict)
            let begun = try await setUp(bureau, asha)
            bureau.clock.advance(.seconds(30))
            let shown = try code(begun["secret"], at: bureau.clock)
            let renew = arguments("second_factor.renew_recovery", "asha", code: shown)

            let renewed = await bureau.ask("second_factor.renew_recovery", renew, as: asha.token)

            #expect(renewed.data["recovery_codes"]?.arrayValue?.count == 10)
            let old = try #require(begun["recovery_codes"]?[0]?.stringValue)
            let new = try #require(renewed.data["recovery_codes"]?[0]?.stringValue)
            let remove = { (code: String) in
                await bureau.ask(
                    "second_factor.remove",
                    arguments("second_factor.remove", "asha", code: code),
                    as: asha.token
                )
                .code
            }
            #expect(await remove(old) == .invalidArgument)
            #expect(await remove(new) == nil)
        }
    }
}
