import Cryptography
import Foundation
import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Synchronization
import Testing
import Webhooks

@testable import Store

/// Administration on a store of its own: a host organization with a super administrator, a shop with people of each role.
final class Bureau: Sendable {
    let clock = ManualEntropy()
    let store: Store
    let tokens = NumberedTokens()
    let safe = PlainSafe()
    let passwords = PlainHashes()
    let upstream = FakeUpstream(answering: [:])
    let registry = ToolRegistry()
    let issuer = FakeIssuer()
    let signer: AuditSigner
    let auditKey: String
    let gateway: Assembly
    let administration: Administration
    let desk: Reception
    var logIns: LogIns { gateway.logIns }
    var failures: SampleFailures { gateway.failures }
    var uses: KeyUses { gateway.uses }
    var quotas: Quotas { gateway.quotas }
    var pipeline: Pipeline { gateway.pipeline }
    let actions: ActionRegistry
    let host: Organization
    let shop: Organization

    /// A clock that stands still lets thousands of refusals come at once, and none of them may wait.
    private static var bounds: Assembly.Settings {
        var bounds = Assembly.Settings()
        bounds.refusals.burst = 1_000_000
        return bounds
    }

    private init(_ store: Store, folder: String) async throws {
        self.store = store
        let entropy = clock.entropy
        var ports = Assembly.Ports(
            store: Assembly.Repositories(store),
            journal: AnswerFolder(path: folder + "/answers"),
            upstream: upstream,
            registry: registry,
            tokens: tokens,
            passwords: passwords,
            entropy: entropy,
            logger: .quiet
        )
        ports.people = store
        ports.issued = IssuedTokenPorts(
            resource: ProtectedResource(base: "https://gw.example"),
            documents: issuer,
            keys: issuer
        )
        gateway = Assembly(
            ports,
            keys: Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32))),
            settings: Bureau.bounds
        )
        guard let key = SigningKey() else { throw GatewayError.fault("no key") }
        signer = AuditSigner(key) { AuditFile.statement($0, organization: $1, at: $2) }
        auditKey = String(decoding: key.publicPEM, as: UTF8.self)
        administration = Administration(
            Administration.Parts(
                gateway,
                credentials: safe,
                usage: store,
                people: store,
                reading: store,
                owned: store,
                signer: signer
            )
        )
        desk = Reception(administration, failures: gateway.failures)
        let webhooks = WebhookActions(webhooks: store, safe: safe, feed: store, records: store, entropy: entropy) {
            (text, environment) throws(GatewayError) in
            guard text.hasPrefix("https://") || environment == .test && text.hasPrefix("http://") else {
                throw GatewayError(.invalidArgument, "Expected an address.")
            }
            return text
        }
        actions = ActionRegistry(gateway.actions + administration.actions + webhooks.all)
        host = try await HostOrganization.find(in: store, entropy)
        try await store.save(HostOrganization.standardPlan)
        shop = Organization(
            id: OrganizationID(entropy.identifier()),
            slug: "shop",
            name: "Shop",
            subscription: .active,
            plan: "standard"
        )
        try await store.save(shop)
    }

    /// Opens a bureau, runs a test in it, and takes it away.
    static func with(_ body: (Bureau) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/bureau-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(.sqlite(path: folder + "/gateway.db"), settings: StoreSettings())
        defer { store.shutdown() }
        try await body(try await Bureau(store, folder: folder))
    }

    /// The same on both engines, with the statements that each caller costs.
    static func onEachStore(_ body: (Bureau, StatementCounts) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/bureau-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try #require(
            ProcessInfo.processInfo.environment["GATEWAY_TEST_POSTGRES"],
            "These tests need a PostgreSQL: run them by make test, or under Scripts/with-test-postgres."
        )
        let name = "b_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        var settings = StoreSettings()
        settings.waitMax = .seconds(120)
        settings.connectMax = .seconds(60)
        let administer = { [settings] command in
            _ = try PostgresConnection.open(server + " dbname=postgres", settings: settings).command(command)
        }
        try administer("CREATE DATABASE \(name)")
        for url in [DatabaseURL.sqlite(path: folder + "/b.db"), .postgres(Secret(server + " dbname=" + name))] {
            let statements = StatementCounts()
            settings.statements = statements
            let store = try await Store.open(url, settings: settings)
            try await body(try await Bureau(store, folder: folder), statements)
            store.shutdown()
        }
        try administer("DROP DATABASE \(name) WITH (FORCE)")
    }

    /// Somebody who is logged in.
    func person(
        _ name: String,
        _ role: Role,
        of organization: Organization,
        hasSecondFactor: Bool = false
    ) async throws -> Person {
        let user = User(
            id: UserID(clock.entropy.identifier()),
            organization: organization.id,
            username: name,
            email: name + "@x.example",
            passwordHash: "hash of " + name,
            role: role,
            hasSecondFactor: hasSecondFactor
        )
        try await store.save(user)
        return try await logIn(user)
    }

    /// The same person with a new session.
    func logIn(_ user: User) async throws -> Person {
        let now = try requireUser(await store.user(user.id, organization: user.organization))
        let session = UserSession(
            id: clock.entropy.identifier(),
            user: now.id,
            organization: now.organization,
            generation: 1,
            expiresAt: clock.now + .seconds(86_400)
        )
        try await store.begin(session, at: clock.now, sessionsMax: 10)
        let token = try await tokens.sign(
            AccessClaims(
                user: now.id,
                organization: now.organization,
                sessionEpoch: now.sessionEpoch,
                session: session.id,
                generation: 1,
                issuedAt: clock.now,
                expiresAt: session.expiresAt
            )
        )
        return Person(user: now, token: token)
    }

    /// A key with just these scopes.
    func key(_ role: Role, _ scopes: Set<String>, of organization: Organization) async throws -> Secret<String> {
        let text = APIKeyText(
            environment: .test,
            organization: organization.id,
            id: APIKeyID(clock.entropy.identifier()),
            secret: SecureRandom.bytes(20)
        )
        try await store.save(
            APIKey(
                id: text.id,
                organization: organization.id,
                name: "k",
                prefix: text.prefix,
                hash: SHA256.digest(Array(text.text.reveal().utf8)).bytes,
                environment: .test,
                role: role,
                scopes: scopes
            )
        )
        return text.text
    }

    /// Asks for something.
    func ask(
        _ name: String,
        _ arguments: JSON = [:],
        as credential: Secret<String>,
        key: String? = nil,
        by door: Door = .rest,
        from address: String = "192.0.2.1",
        in others: ActionRegistry? = nil
    ) async -> ActionReply {
        // Lines of one moment have no order.
        clock.advance(.milliseconds(1))
        guard let action = (others ?? actions).action(name) else {
            return ActionReply(result: .failure(GatewayError(.notFound, "There is no action \(name).")))
        }
        return await pipeline.serve(
            action,
            ActionCall(
                id: CallID(clock.entropy.identifier()),
                door: door,
                credential: .token(credential),
                environment: nil,
                address: address,
                arguments: .success(arguments),
                idempotencyKey: key
            )
        )
    }

    /// An administration that sends callbacks to itself, or letters to people.
    func administration(
        probing prober: (any CallbackProbing)? = nil,
        mailing letters: Letters? = nil
    ) -> Administration {
        Administration(
            Administration.Parts(
                gateway,
                credentials: safe,
                usage: store,
                people: store,
                reading: store,
                owned: store,
                prober: prober,
                letters: letters
            )
        )
    }

    /// The actions of one.
    func actions(probing prober: (any CallbackProbing)? = nil, mailing letters: Letters? = nil) -> ActionRegistry {
        ActionRegistry(administration(probing: prober, mailing: letters).actions)
    }

    /// The ends in an organization's audit chain, newest first; what was begun has a line before.
    func audit(_ organization: Organization) async throws -> [AuditRecord] {
        try await lines(organization).filter { $0.outcome != .begun }
    }

    /// Every line of it.
    func lines(_ organization: Organization) async throws -> [AuditRecord] {
        try await store.append([], usage: [])
        return try await store.records(organization: organization.id, before: nil, limit: 100)
    }
}

/// Somebody and their token.
struct Person: Sendable {
    let user: User
    let token: Secret<String>
    var id: JSON { .string(user.id.description) }
}

private func requireUser(_ user: User?) throws -> User {
    guard let user else { throw GatewayError(.notFound, "no such user") }
    return user
}

/// A password's hash is a sentence about it; what happens while one is made is the test's.
final class PlainHashes: Passwords {
    private let work = Mutex<(@Sendable () async -> Void)?>(nil)

    func meanwhile(_ work: @escaping @Sendable () async -> Void) { self.work.withLock { $0 = work } }

    func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String {
        await work.withLock { $0 }?()
        return "hash of " + password.reveal()
    }

    func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool { "hash of " + password.reveal() == stored }

    func isOutdated(_ stored: String) -> Bool { false }
}

/// A token is a number; what it says is kept here.
final class NumberedTokens: AccessTokens {
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
        guard let found else { throw GatewayError(.unauthenticated, "No such token.") }
        return found
    }
}

/// Secrets in a dictionary, and an M-Pesa that knows one consumer key.
final class PlainSafe: CredentialSafe {
    private let all = Mutex<[String: [String: String]]>([:])

    /// What an organization's secrets are.
    func secrets(
        of organization: OrganizationID,
        _ environment: Environment = .test,
        account: AccountName = .main
    ) -> [String: String] {
        all.withLock { $0["\(organization)/\(environment.rawValue)/\(account)"] ?? [:] }
    }

    func put(
        _ fields: [String: Secret<String>],
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String] {
        all.withLock { all in
            let place = "\(organization)/\(environment.rawValue)/\(account)"
            for (name, secret) in fields { all[place, default: [:]][name] = secret.reveal() }
            return (all[place] ?? [:]).keys.sorted()
        }
    }

    func fields(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String] {
        secrets(of: organization, environment, account: account).keys.sorted()
    }

    func rotateKey(of organization: OrganizationID) async throws(GatewayError) -> Int {
        all.withLock { all in all.keys.count { $0.hasPrefix("\(organization)/") } }
    }

    func askProducts(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName,
        shortCode: String
    ) async throws(GatewayError) -> [ProductFinding] {
        guard shortCode != "100000" else { throw GatewayError(.upstreamUnavailable, "M-Pesa is away.") }
        let isWrong = secrets(of: organization, environment, account: account)["lipa_na_mpesa_passkey"] == "wrong"
        return [
            ProductFinding(
                product: "stk_push",
                state: isWrong ? .refused : .enabled,
                field: isWrong ? "lipa_na_mpesa_passkey" : nil,
                message: "So M-Pesa says of \(shortCode)."
            )
        ]
    }

    func prove(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        environment: Environment
    ) async throws(GatewayError) {
        guard consumerKey.reveal() == "good" else { throw GatewayError(.upstreamRejected, "M-Pesa gave no token.") }
    }
}
