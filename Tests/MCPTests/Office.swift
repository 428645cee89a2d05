import Cryptography
import Foundation
import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Synchronization

@testable import MCP

/// A server with everything behind it but plugins and M-Pesa, which are fakes; it is spoken to in messages.
final class Office: Sendable {
    let server: MCPServer
    let gateway: Assembly
    let registry = ToolRegistry()
    let desk = DeskPlugin()
    let upstream: FakeUpstream
    let tokens = CountedTokens()
    let trouble = StoreTrouble()
    let issuer = FakeIssuer()
    let store: Store
    let organization: OrganizationID
    let key: APIKeyText
    let clock = ManualEntropy()

    /// Whoever listens hears of what changes in a test's time.
    static var bounds: Assembly.Settings {
        var bounds = Assembly.Settings()
        bounds.news.period = .milliseconds(5)
        (bounds.news.listenersMax, bounds.news.ofOrganizationMax) = (3, 2)
        bounds.news.behindMax = 100_000
        return bounds
    }

    private init(
        store: Store,
        folder: String,
        settings: MCPServer.Settings,
        conversations: Conversations.Settings,
        bounds: Assembly.Settings
    ) async throws {
        self.store = store
        upstream = FakeUpstream.accepting()
        let entropy = clock.entropy
        try registry.publish(FakePlugin.make())
        try registry.publish(desk.loaded())
        var ports = Assembly.Ports(
            store: Assembly.Repositories(store.along(trouble.way)),
            journal: AnswerFolder(path: folder + "/answers"),
            upstream: upstream,
            registry: registry,
            tokens: tokens,
            passwords: NoSessions(),
            entropy: entropy,
            logger: .quiet
        )
        ports.issued = IssuedTokenPorts(
            resource: ProtectedResource(base: "https://gw.example"),
            documents: issuer,
            keys: issuer
        )
        gateway = Assembly(
            ports,
            keys: Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32))),
            settings: bounds
        )
        server = MCPServer(
            pipeline: gateway.pipeline,
            registry: registry,
            actions: ActionRegistry(gateway.actions),
            news: gateway.news,
            conversations: Conversations(
                key: gateway.conversationKey,
                once: store,
                entropy: entropy,
                settings: conversations
            ),
            version: "1",
            settings: settings,
            newCall: { CallID(entropy.identifier()) },
            logger: .quiet
        )
        organization = OrganizationID(entropy.identifier())
        key = APIKeyText(
            environment: .test,
            organization: organization,
            id: APIKeyID(entropy.identifier()),
            secret: [UInt8](repeating: 3, count: 20)
        )
        try await settle()
    }

    /// Opens an office, runs a test in it, and takes it away.
    static func with(
        _ settings: MCPServer.Settings = MCPServer.Settings(),
        conversations: Conversations.Settings = Conversations.Settings(),
        bounds: Assembly.Settings = Office.bounds,
        _ body: (Office) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/mcp-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(.sqlite(path: folder + "/gateway.db"), settings: StoreSettings())
        defer { store.shutdown() }
        try await body(
            try await Office(
                store: store,
                folder: folder,
                settings: settings,
                conversations: conversations,
                bounds: bounds
            )
        )
    }

    /// What the organization may do: everything, or so many reads.
    func save(reads: Int? = nil) async throws {
        let limits = reads.map { ["read": RateLimit(units: $0, per: .seconds(60))] } ?? [:]
        try await store.save(Plan(name: "all", tools: ["**"], organizationLimits: limits, principalLimits: [:]))
    }

    private func settle() async throws {
        try await save()
        try await store.save(Organization(id: organization, slug: "shop", name: "Shop", plan: "all"))
        try await store.save(
            Profile(environment: .test, shortCode: "174379", shortCodeType: "paybill", organizationName: "Shop"),
            organization: organization
        )
        try await save(key, scopes: nil)
    }

    /// Makes a key that has these scopes alone; of another organization where one is named.
    func addKey(scopes: Set<String>?, of owner: OrganizationID? = nil) async throws -> Credential {
        let key = APIKeyText(
            environment: .test,
            organization: owner ?? organization,
            id: APIKeyID(clock.entropy.identifier()),
            secret: [UInt8](repeating: 4, count: 20)
        )
        try await save(key, scopes: scopes)
        return .token(key.text)
    }

    /// A person's token that is remembered for no time at all, so that each look at it is counted.
    func addPerson() async throws -> Credential { try await addPersonTwice().first }

    /// Two tokens of one person, of a log-in each.
    func addPersonTwice() async throws -> (first: Credential, second: Credential) {
        let user = User(
            id: UserID(clock.entropy.identifier()),
            organization: organization,
            username: "amina",
            email: "amina@x.example",
            passwordHash: "-",
            role: .manager
        )
        try await store.save(user)
        return (try await logIn(user), try await logIn(user))
    }

    private func logIn(_ user: User) async throws -> Credential {
        let session = UserSession(
            id: clock.entropy.identifier(),
            user: user.id,
            organization: organization,
            generation: 1,
            expiresAt: clock.now + .seconds(86_400)
        )
        try await store.begin(session, at: clock.now, sessionsMax: 10)
        let claims = AccessClaims(
            user: user.id,
            organization: organization,
            sessionEpoch: user.sessionEpoch,
            session: session.id,
            generation: 1,
            issuedAt: clock.now,
            expiresAt: clock.now
        )
        return .token(try await tokens.sign(claims))
    }

    /// Another organization on the same plan.
    func addOrganization(_ slug: String) async throws -> OrganizationID {
        let id = OrganizationID(clock.entropy.identifier())
        try await store.save(Organization(id: id, slug: slug, name: slug, plan: "all"))
        return id
    }

    func save(_ key: APIKeyText, scopes: Set<String>?) async throws {
        try await store.save(
            APIKey(
                id: key.id,
                organization: key.organization,
                name: "k",
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: key.environment,
                role: .manager,
                scopes: scopes
            )
        )
    }

    // MARK: Messages

    /// Sends bytes; `told` hears what is told of the call before its answer.
    func send(
        _ body: [UInt8],
        _ headers: [(String, String)] = [],
        credential: Credential? = nil,
        told: (@Sendable ([UInt8]) -> Void)? = nil
    ) async -> Said {
        let caller = caller(credential ?? .token(key.text), headers)
        switch await server.read(body, from: caller, call: CallID(clock.entropy.identifier())) {
        case .answered(let answer): return Said(answer)
        case .request(let exchange): return Said(await server.answer(exchange, telling: told))
        }
    }

    /// Reads a body that holds a request in order.
    func read(_ body: [UInt8], _ headers: [(String, String)]) async -> Exchange? {
        let caller = caller(.token(key.text), headers)
        guard
            case .request(let exchange) = await server.read(
                body,
                from: caller,
                call: CallID(clock.entropy.identifier())
            )
        else { return nil }
        return exchange
    }

    func caller(_ credential: Credential, _ headers: [(String, String)]) -> Caller {
        Caller(
            credential: credential,
            environment: nil,
            address: "192.0.2.1",
            headers: Fields(all: headers),
            idempotencyKey: .success(nil)
        )
    }

    /// A request of the newest revision, with the header that it needs; members of `_meta` and headers can be changed.
    func ask(
        _ method: String,
        _ params: JSONObject = [:],
        meta: JSONObject = [:],
        headers changed: [String: String?] = [:],
        credential: Credential? = nil
    ) async -> Said {
        var members: JSONObject = [
            Message.versionKey: .string(Revision.newest.rawValue), Message.capabilitiesKey: [:],
        ]
        for (name, value) in meta { members[name] = value.isNull ? nil : value }
        var params = params
        params["_meta"] = .object(members)
        var fields = ["MCP-Protocol-Version": Revision.newest.rawValue, "Mcp-Method": method]
        if let member = Message.namedBy[method] { fields["Mcp-Name"] = params[member]?.stringValue }
        for (name, value) in changed { fields[name] = value }
        return await send(
            Office.request(method, params).bytes,
            fields.map { ($0.key, $0.value) },
            credential: credential
        )
    }

    /// Asks to listen; the answer where that is refused.
    func listen(
        _ notifications: JSON,
        id: JSON = 1,
        capabilities: JSON = [:],
        credential: Credential? = nil
    ) async -> Result<Listening, Refused> {
        let meta: JSON = [
            Message.versionKey: .string(Revision.newest.rawValue), Message.capabilitiesKey: capabilities,
        ]
        let params: JSONObject = ["notifications": notifications, "_meta": meta]
        let headers = [("MCP-Protocol-Version", Revision.newest.rawValue), ("Mcp-Method", "subscriptions/listen")]
        let body = Office.request("subscriptions/listen", params, id: id).bytes
        let caller = caller(credential ?? .token(key.text), headers)
        switch await server.read(body, from: caller, call: CallID(clock.entropy.identifier())) {
        case .answered(let answer): return .failure(Refused(said: Said(answer)))
        case .request(let exchange):
            switch await server.open(exchange) {
            case .refused(let answer): return .failure(Refused(said: Said(answer)))
            case .opened(let subscription): return .success(subscription)
            }
        }
    }

    struct Refused: Error {
        let said: Said
    }

    /// Revokes the office's key, which is felt once a second has passed.
    func revokeKey() async throws {
        let now = clock.now
        _ = try await store.change(key.id, organization: organization) { $0.revokedAt = now }
        clock.advance(.seconds(2))
    }

    /// Leaves the office's key these scopes alone, which is felt once a second has passed.
    func narrowKey(to scopes: Set<String>) async throws {
        _ = try await store.change(key.id, organization: organization) { $0.scopes = scopes }
        clock.advance(.seconds(2))
    }

    /// Ends a payment, as a callback of M-Pesa's does.
    func end(_ id: String) async throws {
        guard let id = RecordID(id),
            var record = try await store.record(id, organization: organization, environment: .test)
        else { throw GatewayError(.notFound, "no such record") }
        record.state = .failed
        record.version += 1
        record.endedAt = clock.now
        let event = FeedEvent(
            organization: organization,
            id: clock.entropy.identifier(),
            kind: .failed,
            subject: id.description,
            version: record.version,
            at: clock.now,
            payload: ["made_by": .string(record.madeBy), "account": .string(record.accountName.description)]
        )
        _ = try await store.apply([RecordChange(record: record, events: [], told: [event])])
    }

    /// A request of an older revision.
    func ask(
        _ method: String,
        _ params: JSONObject = [:],
        in revision: Revision?,
        credential: Credential? = nil,
        told: (@Sendable ([UInt8]) -> Void)? = nil
    ) async -> Said {
        let headers = revision.map { [("MCP-Protocol-Version", $0.rawValue)] } ?? []
        return await send(Office.request(method, params).bytes, headers, credential: credential, told: told)
    }

    static func request(_ method: String, _ params: JSONObject = [:], id: JSON = 1) -> JSON {
        ["jsonrpc": "2.0", "id": id, "method": .string(method), "params": .object(params)]
    }
}

/// A header as a test writes it.
struct Fields: HeaderSource {
    let all: [(String, String)]

    func values(of name: String) -> [String] {
        all.filter { $0.0.lowercased() == name.lowercased() }.map(\.1)
    }
}

/// An answer, read.
struct Said {
    let status: Int
    let json: JSON
    let cause: GatewayError?
    let session: String?

    init(_ answer: Answer) {
        status = answer.status
        json = (try? JSON(parsing: answer.body)) ?? .null
        cause = answer.cause
        session = answer.session
    }

    var result: JSON { json["result"] ?? .null }
    var code: Int64? { json["error"]?["code"]?.integerValue }
    /// Names of what a list holds.
    func names(_ list: String) -> [String] { (result[list]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue } }
}

/// Tokens that are known by heart; how often one was looked at is counted.
final class CountedTokens: AccessTokens {
    private let state = Mutex<(looks: Int, good: [AccessClaims])>((0, []))

    var looks: Int { state.withLock { $0.looks } }

    func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> {
        state.withLock { state in
            state.good.append(claims)
            return Secret("good \(state.good.count - 1)")
        }
    }

    func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        let good = state.withLock { state in
            state.looks += 1
            return token.split(separator: " ").last.flatMap { Int($0) }
                .flatMap { state.good.indices.contains($0) ? state.good[$0] : nil }
        }
        guard let good, token.hasPrefix("good ") else { throw GatewayError(.unauthenticated, "no tokens here") }
        return good
    }
}
