import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

struct `A second factor` {
    private func logIn(
        _ bureau: Bureau,
        _ code: String?,
        from address: String = "192.0.2.1"
    ) async -> GatewayError.Code? {
        await refusal(bureau, code, from: address)?.code
    }

    private func refusal(
        _ bureau: Bureau,
        _ code: String?,
        password: String = "asha",
        from address: String = "192.0.2.1"
    ) async -> GatewayError? {
        do throws(GatewayError) {
            _ = try await bureau.logIns.logIn(
                username: "asha",
                password: Secret(password),
                organization: "shop",
                code: code,
                LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: address)
            )
            return nil
        } catch { return error }
    }

    private func confirm(_ bureau: Bureau, _ code: String, _ person: Person) async -> GatewayError.Code? {
        let arguments: JSON = ["password": .string(person.user.username), "code": .string(code)]
        return await bureau.ask("second_factor.confirm", arguments, as: person.token).code
    }

    @Test func `is asked at every log-in once it is confirmed, and each of its codes counts once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let begun = await bureau.ask("second_factor.begin", ["password": "asha"], as: asha.token)
            let secret = begun.data["secret"]
            #expect(begun.data["recovery_codes"]?.arrayValue?.count == 10)
            #expect(await logIn(bureau, nil) == nil)
            let first = try code(secret, at: bureau.clock)
            #expect(await confirm(bureau, "000000", asha) == .invalidArgument)
            #expect(await confirm(bureau, first, asha) == nil)

            #expect(await logIn(bureau, nil) == .unauthenticated)
            #expect(await logIn(bureau, first) == .unauthenticated)
            bureau.clock.advance(.seconds(30))
            let second = try code(secret, at: bureau.clock)
            #expect(await logIn(bureau, second) == nil)
            #expect(await logIn(bureau, second) == .unauthenticated)
            let recovery = try #require(begun.data["recovery_codes"]?[0]?.stringValue)
            #expect(await logIn(bureau, recovery) == nil)
            #expect(await logIn(bureau, recovery) == .unauthenticated)
            #expect(await bureau.ask("second_factor.begin", ["password": "asha"], as: asha.token).code == .conflict)
            let kept = try await bureau.store.factor(of: asha.user.id, organization: bureau.shop.id)
            #expect(kept?.recovery.count == 9)
        }
    }

    @Test func `says of a code that it was used to nobody but who has the password`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let begun = await bureau.ask("second_factor.begin", ["password": "asha"], as: asha.token)
            let first = try code(begun.data["secret"], at: bureau.clock)
            #expect(await confirm(bureau, first, asha) == nil)

            let used = await refusal(bureau, first)
            #expect(used?.code == .unauthenticated && used?.message.contains("was used already") == true)
            #expect(await refusal(bureau, "000000")?.message.contains("used") == false)
            let stranger = await refusal(bureau, first, password: "another")
            #expect(stranger?.message == (await refusal(bureau, "000000", password: "another"))?.message)
            let arguments: JSON = ["password": "asha", "code": .string(first)]
            let removed = await bureau.ask("second_factor.remove", arguments, as: asha.token)
            #expect(removed.error?.message.contains("used already") == true, "\(removed)")
        }
    }

    @Test func `is guessed so often, from however many addresses, and its owner still comes in`() async throws {
        try await Bureau.with { (bureau) async throws in
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let begun = await bureau.ask("second_factor.begin", ["password": "asha"], as: asha.token)
            #expect(await logIn(bureau, nil) == nil)
            let first = try code(begun.data["secret"], at: bureau.clock)
            #expect(await confirm(bureau, first, asha) == nil)

            var codes: [GatewayError.Code?] = []
            for number in 0..<21 { codes.append(await logIn(bureau, "x\(number)", from: "198.51.100.\(number)")) }

            #expect(codes.dropLast().allSatisfy { $0 == .unauthenticated } && codes.last == .rateLimited)
            bureau.clock.advance(.seconds(30))
            let second = try code(begun.data["secret"], at: bureau.clock)
            #expect(await logIn(bureau, second, from: "198.51.100.99") == .rateLimited)
            #expect(await logIn(bureau, second) == nil)
            let recovery = try #require(begun.data["recovery_codes"]?[0]?.stringValue)
            #expect(await logIn(bureau, recovery, from: "198.51.100.99") == nil)
        }
    }

    @Test func `that the organization asks for is set up before anything else`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            let policy: JSON = ["second_factor": "administrators"]
            #expect(await bureau.ask("organization.update", policy, as: admin.token).code == nil)

            #expect(await bureau.ask("users.list", as: admin.token).code == .permissionDenied)
            #expect(await bureau.collect(5, as: admin.token).code == .permissionDenied)
            #expect(await bureau.collect(5, as: asha.token).code == nil)
            #expect(await bureau.collect(6, as: key.text).code == nil)
            #expect(await bureau.ask("auth.verify", as: admin.token).code == nil)
            // Commands read what there is to call before they call anything.
            let look = ActionCall(
                id: CallID(bureau.clock.entropy.identifier()),
                door: .rest,
                credential: .token(admin.token),
                environment: nil,
                address: "192.0.2.1"
            )
            let mayLook = try await bureau.pipeline.perform(.listTools, look) { _, _ throws(GatewayError) in true }
            #expect(mayLook)
            let begun = await bureau.ask("second_factor.begin", ["password": "admin"], as: admin.token)
            let shown = try code(begun.data["secret"], at: bureau.clock)
            #expect(await confirm(bureau, shown, admin) == nil)
            #expect(await bureau.ask("users.list", as: admin.token).code == nil)
        }
    }

    @Test func `is taken away by a code, or by an administrator for whoever has lost it`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            for _ in 0..<2 {
                let person = try await bureau.logIn(asha.user)
                let begun = await bureau.ask("second_factor.begin", ["password": "asha"], as: person.token)
                let shown = try code(begun.data["secret"], at: bureau.clock)
                #expect(await confirm(bureau, shown, person) == nil)
                #expect(await logIn(bureau, nil) == .unauthenticated)
                let removed = await bureau.ask("users.remove_second_factor", ["id": asha.id], as: admin.token)
                #expect(removed.code == nil)
                #expect(await bureau.ask("auth.verify", as: person.token).code == .unauthenticated)
                #expect(await logIn(bureau, nil) == nil)
            }
        }
    }

    @Test(arguments: [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")])
    func `shows the codes of RFC 6238`(seconds: Int64, code: String) {
        let secret = Array("12345678901234567890".utf8)

        #expect(OneTimeCodes.code(secret: secret, step: OneTimeCodes.step(at: seconds)) == code)
        #expect(OneTimeCodes.text(of: secret) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    }
}

struct `A link` {
    private func caller(_ bureau: Bureau) -> LogIns.Caller {
        LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.9")
    }

    private func reset(_ bureau: Bureau, _ token: JSON?, _ password: String) async -> GatewayError.Code? {
        do throws(GatewayError) {
            try await bureau.desk.reset(
                token: Secret(token?.stringValue ?? ""),
                password: Secret(password),
                caller(bureau)
            )
            return nil
        } catch { return error.code }
    }

    @Test func `lets whoever was invited set a password, once`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let invited = await bureau.ask(
                "users.invite",
                ["username": "otieno", "email": "otieno@x.example", "role": "manager"],
                as: admin.token
            )
            let token = invited.data["token"]
            let lines = try await bureau.lines(bureau.shop)
            #expect(lines.allSatisfy { !($0.detail ?? "").contains(token?.stringValue ?? "otl") })

            #expect(await reset(bureau, token, "short") == .invalidArgument)
            #expect(await reset(bureau, token, "a good long sentence") == nil)
            #expect(await reset(bureau, token, "another long sentence") == .unauthenticated)
            let user = try await bureau.store.user(named: "otieno", organization: bureau.shop.id)
            #expect(user?.passwordHash == "hash of a good long sentence" && user?.role == .manager)
            #expect(try await bureau.audit(bureau.shop).contains { $0.action == "PASSWORD_RESET" })
        }
    }

    @Test func `of a reset ends sessions, grows old, and gives way to a newer one`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            let make = { () async in
                await bureau.ask("users.reset_password", ["id": asha.id], as: admin.token).data["token"]
            }
            let (old, new) = (await make(), await make())
            #expect(await reset(bureau, old, "a good long sentence") == .unauthenticated)
            #expect(await reset(bureau, new, "a good long sentence") == nil)
            #expect(await bureau.ask("auth.verify", as: asha.token).code == .unauthenticated)
            let late = await make()
            bureau.clock.advance(.seconds(24 * 3600))
            #expect(await reset(bureau, late, "a good long sentence") == .unauthenticated)
            #expect(await reset(bureau, "otl_x_y_z", "a good long sentence") == .unauthenticated)
        }
    }

    @Test(.timeLimit(.minutes(15))) func `is asked for without telling whether there is an account`() async throws {
        try await Bureau.with { (bureau) async throws in
            _ = try await bureau.person("asha", .user, of: bureau.shop)
            let working = Task { await bureau.desk.run() }
            defer { working.cancel() }
            for name in ["nobody", "asha"] {
                try await bureau.desk.forgot(username: name, organization: "shop", caller(bureau))
            }
            var lines: [AuditRecord] = []
            while lines.isEmpty {
                await Task.yield()
                lines = try await bureau.lines(bureau.shop).filter { $0.action == "PASSWORD_RESET_REQUESTED" }
            }
            #expect(lines.count == 1)
        }
    }
}

struct `A password` {
    @Test(arguments: [
        "password1234", "P@ssw0rd2026!", "123456789012", "qwertyuiop12", "aaaaaaaaaaaa", "Safaricom2026",
        "abcabcabcabc",
        "letmein!!!!!!", "lipanampesa123", "asha@shop123", "duka-la-asha", "short",
    ])
    func `that everybody tries first, or that is a name, is refused`(text: String) {
        let found = PasswordRules.expectation(for: Secret(text), names: ["asha", "asha@shop.example", "duka-la-asha"])

        #expect(found != nil)
    }

    @Test(arguments: [
        "a good long sentence", "mti mkavu wa mwembe", "Xk2#pq9Lw!zR", "0123 elephants dance", "пароль для магазина",
    ])
    func `that is long and one's own is taken`(text: String) {
        #expect(PasswordRules.expectation(for: Secret(text), names: ["asha", "shop"]) == nil)
    }
}

struct `A session of a person` {
    @Test func `is listed and ended alone, by its owner or by an administrator`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let asha = try await bureau.person("asha", .user, of: bureau.shop)
            bureau.clock.advance(.seconds(5))
            let second = try await bureau.logIn(asha.user)
            bureau.clock.advance(.seconds(5))
            let third = try await bureau.logIn(asha.user)
            let own = await bureau.ask("auth.sessions", as: asha.token).data.arrayValue ?? []
            #expect(own.count == 3)

            let ended = await bureau.ask("auth.end_session", ["session_id": own[1]["id"] ?? ""], as: asha.token)
            #expect(ended.code == nil)
            #expect(await bureau.ask("auth.verify", as: second.token).code == .unauthenticated)
            #expect(await bureau.ask("auth.verify", as: asha.token).code == nil)
            let left = await bureau.ask("users.sessions", ["id": asha.id], as: admin.token).data.arrayValue ?? []
            #expect(left.map { $0["id"] } == [own[0]["id"], own[2]["id"]])
            let end: JSON = ["id": asha.id, "session_id": own[2]["id"] ?? ""]
            #expect(await bureau.ask("users.end_session", end, as: admin.token).code == nil)
            #expect(await bureau.ask("auth.verify", as: third.token).code == .unauthenticated)
            #expect(await bureau.ask("users.end_session", end, as: admin.token).code == .notFound)
        }
    }
}

struct `Credentials that are tried` {
    @Test func `say what M-Pesa said of each product, and of what it said nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            var arguments: JSONObject = [
                "org_id": .string(bureau.shop.id.description), "environment": "test", "consumer_key": "good",
                "consumer_secret": "x", "lipa_na_mpesa_passkey": "k", "initiator_password": "p",
                "business_short_code": "174379",
            ]
            let good = await bureau.ask("credentials.update", .object(arguments), as: admin.token).data
            arguments["lipa_na_mpesa_passkey"] = "wrong"
            let wrong = await bureau.ask("credentials.update", .object(arguments), as: admin.token).data
            arguments["business_short_code"] = "100000"
            let away = await bureau.ask("credentials.update", .object(arguments), as: admin.token)
            arguments["verify"] = false
            let unasked = await bureau.ask("credentials.update", .object(arguments), as: admin.token).data

            #expect(good["products"]?[0]?["state"] == "enabled")
            #expect(good["not_proved"] == ["initiator_password", "lipa_na_mpesa_passkey"])
            #expect(wrong["products"]?[0]?["field"] == "lipa_na_mpesa_passkey")
            #expect(wrong["not_proved"] == ["initiator_password"])
            // They are saved all the same: M-Pesa took key and secret.
            #expect(away.code == nil && away.data["products"]?[0]?["state"] == "unknown")
            #expect(unasked["products"] == nil && unasked["proved"] == false)
        }
    }

    @Test func `with M-Pesa too often are not tried any more, and are still saved unverified`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            var arguments: JSONObject = [
                "org_id": .string(bureau.shop.id.description), "environment": "test", "consumer_key": "bad",
                "consumer_secret": "x",
            ]
            var codes: [GatewayError.Code?] = []
            for _ in 0..<11 {
                codes.append(await bureau.ask("credentials.update", .object(arguments), as: admin.token).code)
            }
            #expect(codes == [GatewayError.Code?](repeating: .upstreamRejected, count: 10) + [.rateLimited])
            arguments["verify"] = false
            #expect(await bureau.ask("credentials.update", .object(arguments), as: admin.token).code == nil)
        }
    }
}
