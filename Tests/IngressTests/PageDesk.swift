import Cryptography
import Gateway
import GatewayTesting
import NIOHTTP1
import OrderedJSON
import Synchronization

@testable import HTTPServer
@testable import Ingress

/// A gateway with its pages, where payouts wait until whoever asked has confirmed them, and people who log in.
final class PageDesk: Sendable {
    /// What a plugin says that a payment is for: others' text.
    static let reference = "<script>alert('x')</script>&\""

    let clock = ManualEntropy()
    let store: MemoryStore
    /// How often the store was asked.
    let asked = Asked()
    let tokens = KnownTokens()
    let upstream = FakeUpstream.accepting()
    let gateway: Assembly
    let door: GatewayResponder
    let organization: OrganizationID

    init(base: String = "https://gw.example") async throws {
        let (registry, asked) = (ToolRegistry(), asked)
        store = MemoryStore(way: MemoryStore.Way(before: { _ throws(GatewayError) in asked.count() }))
        try registry.publish(
            FakePlugin.make { functions in
                LoadedPlugin.OperationFunctions(
                    prepare: { tool, input throws(LoadedPlugin.Failure) in
                        PageDesk.naming(try await functions.prepare(tool, input))
                    },
                    interpret: functions.interpret,
                    query: functions.query,
                    render: functions.render
                )
            }
        )
        let ports = Assembly.Ports(
            store: Assembly.Repositories(withoutPluginData: store),
            journal: MemoryJournal(),
            upstream: upstream,
            registry: registry,
            tokens: tokens,
            passwords: SpokenPasswords(),
            entropy: clock.entropy,
            logger: .quiet
        )
        gateway = Assembly(
            ports,
            keys: Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32))),
            settings: Assembly.Settings(publicURL: base)
        )
        door = GatewayResponder(
            GatewayResponder.Parts(
                mode: .hybrid,
                version: "1",
                publicURL: base,
                gateway: gateway,
                actions: ActionRegistry(gateway.actions)
            )
        )
        organization = OrganizationID(clock.entropy.identifier())
        try await settle()
    }

    private static func naming(_ plan: [UInt8]) -> [UInt8] {
        guard var all = try? JSON(parsing: plan).objectValue, var inner = all["plan"]?.objectValue,
            var intent = inner["intent"]?.objectValue
        else { return plan }
        intent["reference"] = .string(reference)
        inner["intent"] = .object(intent)
        all["plan"] = .object(inner)
        return JSON.object(all).bytes
    }

    private func settle() async throws {
        try await store.save(Plan(name: "all", tools: ["**"], organizationLimits: [:], principalLimits: [:]))
        try await store.save(Organization(id: organization, slug: "shop", name: "Shop & <b>Sons</b>", plan: "all"))
        try await store.save(
            Profile(environment: .test, shortCode: "174379", shortCodeType: "paybill", organizationName: "Shop"),
            organization: organization
        )
        let rule = ApprovalRule(directions: [.outgoing], outcome: .confirm, within: .seconds(3_600))
        _ = try await store.change(organization) { $0.approvals.rules = [rule] }
        gateway.configuration.forget()
    }

    /// Somebody whose password is `right horse battery`.
    @discardableResult
    func addPerson(_ name: String, role: Role = .manager, hasSecondFactor: Bool = false) async throws -> User {
        let user = User(
            id: UserID(clock.entropy.identifier()),
            organization: organization,
            username: name,
            email: name + "@x.example",
            passwordHash: "right horse battery",
            role: role,
            hasSecondFactor: hasSecondFactor
        )
        try await store.save(user)
        return user
    }

    func addKey(_ name: String, ownedBy user: User?) async throws -> Secret<String> {
        let key = APIKeyText(
            environment: .test,
            organization: organization,
            id: APIKeyID(clock.entropy.identifier()),
            secret: [UInt8](repeating: 4, count: 20)
        )
        try await store.save(
            APIKey(
                id: key.id,
                organization: organization,
                owner: user?.id,
                name: name,
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: .test,
                role: .manager,
                scopes: nil
            )
        )
        return key.text
    }

    /// A token of somebody's own, as REST gives it.
    func token(of user: User) async throws -> Secret<String> {
        let caller = LogIns.Caller(call: CallID(clock.entropy.identifier()), address: nil)
        return try await gateway.logIns
            .logIn(
                username: user.username,
                password: Secret("right horse battery"),
                organization: "shop",
                caller
            )
            .token
    }

    /// A payment that waits to be confirmed.
    func pay(_ phone: String = "254711000001", as token: Secret<String>) async -> RecordID? {
        await gateway.pipeline
            .serve(
                ToolCall(
                    id: CallID(clock.entropy.identifier()),
                    door: .rest,
                    credential: .token(token),
                    tool: "fake_pay",
                    arguments: ["phone": .string(phone), "amount": 100],
                    idempotencyKey: phone
                )
            )
            .record
    }

    func record(_ id: RecordID?) async throws -> Record? {
        guard let id else { return nil }
        return try await store.record(id, organization: organization, environment: .test)
    }

    var sent: Int {
        get async {
            await gateway.releases.sendDue()
            return upstream.count("pay")
        }
    }
}

/// Counts.
final class Asked: Sendable {
    private let times = Mutex(0)
    var sum: Int { times.withLock { $0 } }

    func count() { times.withLock { $0 += 1 } }
}

/// What a browser does of it: it keeps the cookie, and sends forms.
final class PageReader: Sendable {
    let desk: PageDesk
    private let cookie = Mutex<String?>(nil)

    init(_ desk: PageDesk) { self.desk = desk }

    /// The cookie as it was last set.
    var kept: String? { cookie.withLock { $0 } }

    func keep(_ text: String?) { cookie.withLock { $0 = text } }

    func send(
        _ method: HTTPMethod,
        _ path: String,
        _ fields: [String: String] = [:],
        type: String = "application/x-www-form-urlencoded",
        headers more: [(String, String)] = []
    ) async -> Seen {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        if let kept { head.headers.add(name: "Cookie", value: "other=1; " + kept) }
        for (name, value) in more { head.headers.add(name: name, value: value) }
        if method == .POST { head.headers.add(name: "Content-Type", value: type) }
        let body = fields.map { PageReader.encoded($0.key) + "=" + PageReader.encoded($0.value) }.joined(separator: "&")
        let request = Request(head, body: .whole(Array(body.utf8)), address: "192.0.2.1")
        let seen = Seen(await desk.door.respond(to: request))
        if let set = seen.header("set-cookie") {
            let value = String(set.prefix { $0 != ";" })
            keep(set.contains("Max-Age=0") ? nil : value)
        }
        return seen
    }

    /// Opens the page of a record.
    func open(_ id: RecordID?) async -> Seen { await send(.GET, PageReader.path(id)) }

    /// Presses a button of the page that is seen.
    func press(
        _ button: String,
        on seen: Seen,
        of id: RecordID?,
        _ fields: [String: String] = [:],
        headers: [(String, String)] = []
    ) async -> Seen {
        var all = ["do": button, "mark": seen.field("mark") ?? ""]
        all["sha256"] = seen.field("sha256")
        for (name, value) in fields { all[name] = value }
        return await send(.POST, PageReader.path(id), all, headers: headers)
    }

    /// Logs in on the page of a record, and sees it.
    func logIn(_ name: String, to id: RecordID?, password: String = "right horse battery") async -> Seen {
        let form = await open(id)
        let who = ["username": name, "organization": "shop", "password": password]
        let answer = await press("log-in", on: form, of: id, who)
        return answer.status == 303 ? await open(id) : answer
    }

    static func path(_ id: RecordID?) -> String { "/confirm/\(id.map(\.description) ?? "none")" }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { "%" + Hexadecimal.encode([$0]) }.joined()
    }
}

/// A page as it came.
struct Seen {
    let status: UInt
    let text: String
    private let fields: String

    init(_ response: Response) {
        status = response.status.code
        text = String(decoding: response.body, as: UTF8.self)
        fields = String(decoding: response.fields.bytes, as: UTF8.self)
    }

    func header(_ name: String) -> String? {
        fields.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }
            .map { $0.dropFirst(name.count + 1).drop { $0 == " " } }.map(String.init)
    }

    /// The value of a hidden field.
    func field(_ name: String) -> String? {
        guard let start = text.firstRange(of: "name=\"\(name)\" value=\"") else { return nil }
        return String(text[start.upperBound...].prefix { $0 != "\"" })
    }
}

/// Tokens that are known by heart.
final class KnownTokens: AccessTokens {
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

/// A hash is the password itself.
struct SpokenPasswords: Passwords {
    func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String { password.reveal() }

    func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool { password.reveal() == stored }

    func isOutdated(_ stored: String) -> Bool { false }
}
