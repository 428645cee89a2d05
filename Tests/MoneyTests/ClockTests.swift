import Gateway
import GatewayTesting
import Testing

struct `A wall clock that is set back an hour` {
    @Test func `does not make a limit last longer`() async throws {
        try await House.with { (house) async throws in
            try await house.limit(units: 2, per: .seconds(60))
            for number in 1...2 { #expect(await house.collect(phone: "25471100000\(number)").code == nil) }
            #expect(await house.collect(phone: "254711000003").code == .rateLimited)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(31))

            #expect(await house.collect(phone: "254711000003").code == nil)
        }
    }

    @Test func `does not make what is remembered last longer`() async throws {
        try await House.with { (house) async throws in
            #expect(await house.collect(phone: "254711000001").code == nil)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(3))
            try await house.store.save(
                Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:])
            )

            #expect(await house.collect(phone: "254711000002").code == .notFound)
        }
    }

    @Test func `does not put off what is to be asked`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(19))
            await house.money.sweeper.sweep()
            #expect(house.upstream.count("collect_query") == 0)
            house.clock.advance(.seconds(2))
            await house.money.sweeper.sweep()

            #expect(house.upstream.count("collect_query") == 1)
            #expect(try await house.record(record).queries == 1)
        }
    }

    @Test func `does not lock somebody out who failed to log in`() async throws {
        try await House.with { (house) async throws in
            let accounts = try await house.accounts()
            for _ in 0..<10 { #expect(await accounts.logsIn("wrong") == false) }
            #expect(await accounts.logsIn("right") == false)

            house.clock.setWallClock(by: .seconds(-3600))

            #expect(await accounts.logsIn("right"))
        }
    }
}

extension House {
    /// Lets the organization call so often, and no more.
    fileprivate func limit(units: Int, per period: Duration) async throws {
        try await store.save(
            Plan(
                name: "all",
                tools: ["**"],
                organizationLimits: ["money": RateLimit(units: units, per: period)],
                principalLimits: [:]
            )
        )
    }

    /// Accounts with one user, whose password is `right`.
    fileprivate func accounts() async throws -> Accounts {
        let user = User(
            id: UserID(clock.entropy.identifier()),
            organization: organization,
            username: "asha",
            email: "asha@shop.example",
            passwordHash: "right",
            role: .user
        )
        try await store.save(user)
        return Accounts(
            directory: store,
            audit: store,
            tokens: AnyToken(),
            passwords: PlainPasswords(),
            authenticate: Authenticate(directory: store, tokens: AnyToken(), entropy: clock.entropy),
            entropy: clock.entropy
        )
    }
}

extension Accounts {
    fileprivate func logsIn(_ password: String) async -> Bool {
        let call = CallID(Identifier(high: 1, low: 1))
        do {
            _ = try await logIn(
                username: "asha",
                password: Secret(password),
                organization: nil,
                call: call,
                address: nil
            )
            return true
        } catch { return false }
    }
}

/// A password is its own hash.
private struct PlainPasswords: Passwords {
    func hash(_ password: Secret<String>) async throws(GatewayError) -> String { password.reveal() }

    func verify(_ password: Secret<String>, against stored: String) async throws(GatewayError) -> Bool {
        password.reveal() == stored
    }
}

/// Signs anything.
private struct AnyToken: AccessTokens {
    func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> { Secret("token") }

    func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        throw GatewayError(.unauthenticated, "no tokens here")
    }
}
