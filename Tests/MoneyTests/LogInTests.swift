import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

/// A password is its own hash, after as many spaces as it costs; what happens while one is checked is the test's.
final class PlainPasswords: Passwords {
    private let state = Mutex((checked: [String?](), meanwhile: (@Sendable () async -> Void)?.none))
    private let cost = Atomic(0)

    /// The hashes that passwords were held against.
    var checked: [String?] { state.withLock { $0.checked } }

    func meanwhile(_ work: @escaping @Sendable () async -> Void) { state.withLock { $0.meanwhile = work } }

    /// What those cost that are made from now on.
    func cost(_ cost: Int) { self.cost.store(cost, ordering: .relaxed) }

    func isOutdated(_ stored: String) -> Bool {
        stored.prefix { $0 == " " }.count != cost.load(ordering: .relaxed)
    }

    func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String {
        let work = state.withLock { $0.meanwhile }
        await work?()
        return String(repeating: " ", count: cost.load(ordering: .relaxed)) + password.reveal()
    }

    func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool {
        let work = state.withLock { state in
            state.checked.append(stored)
            return state.meanwhile
        }
        await work?()
        return password.reveal() == stored.map { String($0.drop { $0 == " " }) }
    }
}

/// A token is a number; what it says is kept here.
final class PlainTokens: AccessTokens {
    private let claims = Mutex<[AccessClaims]>([])

    func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> {
        self.claims.withLock { all in
            all.append(claims)
            return Secret("token \(all.count - 1)")
        }
    }

    func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        let found = claims.withLock { all in
            token.split(separator: " ").last.flatMap { Int($0) }.flatMap { all.indices.contains($0) ? all[$0] : nil }
        }
        guard let found, now < found.expiresAt else { throw GatewayError(.unauthenticated, "No such token.") }
        return found
    }
}

/// A house with a user `asha`, whose password is `right`.
final class People: Sendable {
    let house: House
    let passwords = PlainPasswords()
    var authenticate: Authenticate { gateway.authenticate }
    var logIns: LogIns { gateway.logIns }
    let gateway: Assembly
    let asha: User

    init(
        _ house: House,
        throttle: AttemptLimit.Settings = .init(),
        sessions: LogIns.Settings = .init()
    ) async throws {
        self.house = house
        let entropy = house.clock.entropy
        var bounds = Assembly.Settings()
        bounds.throttle = throttle
        bounds.logIns = sessions
        let passwords = passwords
        gateway = house.another(bounds) { ports in
            ports.tokens = PlainTokens()
            ports.passwords = passwords
        }
        asha = User(
            id: UserID(entropy.identifier()),
            organization: house.organization,
            username: "asha",
            email: "asha@shop.example",
            passwordHash: "right",
            role: .user
        )
        try await house.store.save(asha)
    }

    /// The same people after a restart of the host.
    init(restarting people: People) async throws {
        (house, asha) = (people.house, people.asha)
        let passwords = passwords
        gateway = house.another { ports in
            ports.tokens = PlainTokens()
            ports.passwords = passwords
        }
        try await gateway.settleAfterRestart()
    }

    func caller(_ address: String) -> LogIns.Caller {
        LogIns.Caller(call: CallID(house.clock.entropy.identifier()), address: address)
    }

    /// The token, or why there is none.
    func logIn(
        _ password: String,
        as name: String = "asha",
        of organization: String? = nil,
        from address: String = "192.0.2.1"
    ) async -> Result<Secret<String>, GatewayError> {
        do throws(GatewayError) {
            let session = try await logIns.logIn(
                username: name,
                password: Secret(password),
                organization: organization,
                caller(address)
            )
            return .success(session.token)
        } catch { return .failure(error) }
    }

    func code(
        _ password: String,
        as name: String = "asha",
        of organization: String? = nil,
        from address: String = "192.0.2.1"
    ) async -> GatewayError.Code? {
        if case .failure(let error) = await logIn(password, as: name, of: organization, from: address) {
            error.code
        } else {
            nil
        }
    }

    func refresh(_ token: Secret<String>) async -> Result<Secret<String>, GatewayError> {
        do throws(GatewayError) { return .success(try await logIns.refresh(token, caller("192.0.2.1")).token) } catch {
            return .failure(error)
        }
    }

    func isGood(_ token: Secret<String>) async -> Bool {
        (try? await authenticate.principal(for: .token(token), environment: nil, at: .rest)) != nil
    }

    func user() async throws -> User? { try await house.store.user(asha.id, organization: house.organization) }
}

extension Result where Failure == GatewayError {
    var code: GatewayError.Code? { if case .failure(let error) = self { error.code } else { nil } }
}

struct `A log-in` {
    @Test func `that fails keeps a log-out that came between`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            people.passwords.meanwhile {
                try? await house.store.endSessions(of: people.asha.id, organization: house.organization)
            }

            #expect(await people.code("wrong") == .unauthenticated)

            #expect(try await people.user()?.sessionEpoch == 1)
        }
    }

    @Test func `that raced with a log-out, or with the end of its user, is of what stands now`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            people.passwords.meanwhile {
                try? await house.store.endSessions(of: people.asha.id, organization: house.organization)
            }
            let token = try await people.logIn("right").get()
            #expect(await people.isGood(token))
            #expect(try await people.user()?.sessionEpoch == 1)

            people.passwords.meanwhile {
                _ = try? await house.store.change(people.asha.id, organization: house.organization) {
                    $0.passwordHash = "changed"
                }
            }
            #expect(await people.code("right") == .unauthenticated)
            // What another host changes is known within a second.
            house.clock.advance(.seconds(1))
            #expect(await !people.isGood(token))
        }
    }

    @Test func `is good for a day, or for as long as the operators say`() async throws {
        try await House.with { (house) async throws in
            var sessions = LogIns.Settings()
            sessions.tokenLife = .seconds(600)
            let people = try await People(house, sessions: sessions)
            let short = try await people.logIn("right").get()
            house.clock.advance(.seconds(599))
            #expect(await people.isGood(short))
            house.clock.advance(.seconds(1))
            #expect(await !people.isGood(short))

            let usual = try await People(restarting: people)
            let day = try await usual.logIn("right").get()
            house.clock.advance(.seconds(86_399))
            #expect(await usual.isGood(day))
            house.clock.advance(.seconds(1))
            #expect(await !usual.isGood(day))
        }
    }

    @Test func `holds a password against somebody's hash, whoever it names`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            for (name, organization) in [("asha", nil), ("nobody", nil), ("asha", "nowhere"), ("", nil)] {
                #expect(await people.code("wrong", as: name, of: organization) == .unauthenticated)
            }

            #expect(people.passwords.checked == ["right", nil, nil, nil])
        }
    }

    @Test func `is kept from nobody by somebody else's guesses`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            var codes: [GatewayError.Code?] = []
            for _ in 0..<12 { codes.append(await people.code("wrong", from: "198.51.100.7")) }
            #expect(codes == .init(repeating: .unauthenticated, count: 10) + [.rateLimited, .rateLimited])

            #expect(await people.code("right", from: "192.0.2.1") == nil)
            house.clock.setWallClock(by: .seconds(-3600))
            guard case .failure(let refusal) = await people.logIn("right", from: "198.51.100.7") else {
                Issue.record("a spent limit let a guess through")
                return
            }
            house.clock.advance(refusal.retryAfter ?? .zero)
            #expect(await people.code("right", from: "198.51.100.7") == nil)
        }
    }

    @Test func `counts an address's failures together, but for who is known there`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            #expect(await people.code("right") == nil)
            var codes: [GatewayError.Code?] = []
            for number in 0..<31 { codes.append(await people.code("x", as: "stranger\(number)")) }

            #expect(codes.last == .rateLimited && codes.dropLast().allSatisfy { $0 == .unauthenticated })
            #expect(await people.code("right") == nil)
            #expect(await people.code("x", as: "stranger", from: "192.0.2.2") == .unauthenticated)
        }
    }

    @Test func `is let in after a restart, while strangers fill the address where it was known`() async throws {
        try await House.with { (house) async throws in
            let before = try await People(house)
            #expect(await before.code("right") == nil)
            house.clock.advance(.seconds(86_400))
            let people = try await People(restarting: before)
            for number in 0..<31 { _ = await people.code("x", as: "stranger\(number)") }

            #expect(await people.code("x", as: "stranger") == .rateLimited)
            #expect(await people.code("right") == nil)
            house.clock.advance(.seconds(30 * 86_400))
            let late = try await People(restarting: people)
            for number in 0..<31 { _ = await late.code("x", as: "stranger\(number)") }
            #expect(await late.code("right") == .rateLimited)
        }
    }

    @Test func `at once many times is counted as many times`() async throws {
        try await House.with { (house) async throws in
            var settings = AttemptLimit.Settings()
            settings.ofName = RateLimit(units: 60, per: .seconds(60))
            settings.ofAddress = RateLimit(units: 60, per: .seconds(60))
            let people = try await People(house, throttle: settings)
            let refused = await withTaskGroup(of: GatewayError.Code?.self) { group in
                for _ in 0..<70 { group.addTask { await people.code("wrong") } }
                return await group.reduce(into: 0) { $0 += $1 == .rateLimited ? 1 : 0 }
            }

            #expect(refused == 10)
        }
    }

    @Test func `of a name that is not plain is refused before anything is asked`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            for name in ["asha\u{0}evil", "asha\u{202E}", "as\u{200B}ha", "asha\n"] {
                #expect(await people.code("right", as: name) == .invalidArgument)
            }

            #expect(people.passwords.checked.isEmpty)
        }
    }

    @Test func `names its organization where somebody had the name before`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let other = OrganizationID(house.clock.entropy.identifier())
            try await house.store.save(Organization(id: other, slug: "other", name: "Other", plan: "all"))
            let later = User(
                id: UserID(house.clock.entropy.identifier()),
                organization: other,
                username: "asha",
                email: "asha@other.example",
                passwordHash: "second",
                role: .user
            )
            house.clock.advance(.seconds(1))

            #expect(try await house.store.save(later))
            #expect(await people.code("right") == nil)
            #expect(await people.code("second") == .unauthenticated)
            #expect(await people.code("second", of: "other") == nil)
            #expect(await people.code("right", of: "shop") == nil)
            _ = try await house.store.change(house.organization) { $0.isActive = false }
            #expect(await people.code("second") == nil)
        }
    }
}

struct `A refresh` {
    @Test func `looks at the session before the age`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let token = try await people.logIn("right").get()
            #expect(await people.refresh(token).code == .conflict)

            try await house.store.endSessions(of: people.asha.id, organization: house.organization)

            #expect(await people.refresh(token).code == .unauthenticated)
        }
    }

    @Test func `voids the token that it replaces, and no other session`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let token = try await people.logIn("right").get()
            let elsewhere = try await people.logIn("right").get()
            house.clock.advance(.seconds(23 * 3600))
            #expect(await people.isGood(token))

            let next = try await people.refresh(token).get()

            #expect(await people.isGood(next))
            #expect(await people.isGood(elsewhere))
            #expect(await !people.isGood(token))
            #expect(await people.refresh(token).code == .unauthenticated)
        }
    }

    @Test func `of one token is done once, however many try`() async throws {
        try await House.with { (house) async throws in
            let people = try await People(house)
            let token = try await people.logIn("right").get()
            house.clock.advance(.seconds(23 * 3600))
            let done = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { await people.refresh(token).code == nil } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }

            #expect(done == 1)
        }
    }
}
