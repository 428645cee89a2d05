import Cryptography
import Foundation
import Gateway
import GatewayTesting
import OrderedJSON
import Store

/// The whole Gateway on a store of its own: SQLite in a temporary folder, a fake M-Pesa and plugin, a clock set by hand.
///
/// What runs by itself in a host (the sweeper, the inbox) runs here when a test says so.
final class House: Sendable {
    let clock: ManualEntropy
    let upstream: FakeUpstream
    let registry = ToolRegistry()
    let store: Store
    let journal: AnswerFolder
    let gateway: Assembly
    var pipeline: Pipeline { gateway.pipeline }
    /// What the host itself may be asked.
    let actions: ActionRegistry
    let tokens = PlainTokens()
    let passwords = PlainPasswords()
    /// What must wait for a person: nothing, until a test says so.
    let doorkeeper = Doorkeeper()
    var addresses: CallbackAddresses { gateway.addresses }
    let organization: OrganizationID
    /// The database's file.
    let database: String
    let key: APIKeyText

    static let keys = Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32)))
    static let accepted: JSON = ["verdict": "accepted", "external_ids": ["fake_id": "F1"]]

    private init(
        store: Store,
        folder: String,
        plugin: LoadedPlugin,
        environment: Environment,
        clock: ManualEntropy,
        bounds: Assembly.Settings,
        failpoints: Failpoints
    ) async throws {
        self.store = store
        database = folder + "/gateway.db"
        self.clock = clock
        upstream = FakeUpstream.accepting()
        let entropy = clock.entropy
        try registry.publish(plugin)
        journal = AnswerFolder(path: folder + "/answers")
        var ports = Assembly.Ports(
            store: Assembly.Repositories(store),
            journal: journal,
            upstream: upstream,
            registry: registry,
            tokens: tokens,
            passwords: passwords,
            entropy: entropy,
            logger: .quiet
        )
        ports.failpoints = failpoints
        ports.approval = RequireApproval { [doorkeeper] asked throws(GatewayError) in doorkeeper.order(for: asked) }
        gateway = Assembly(ports, keys: House.keys, settings: bounds)
        actions = ActionRegistry(gateway.actions)
        organization = OrganizationID(entropy.identifier())
        key = APIKeyText(
            environment: environment,
            organization: organization,
            id: APIKeyID(entropy.identifier()),
            secret: [UInt8](repeating: 3, count: 20)
        )
        try await settle(in: environment)
    }

    /// Makes a house, runs a test in it, and takes it away.
    static func with(
        plugin: LoadedPlugin? = nil,
        environment: Environment = .test,
        bounds: Assembly.Settings = Assembly.Settings(),
        failpoints: (ManualEntropy) -> Failpoints = { _ in .none },
        settings: StoreSettings = StoreSettings(),
        _ body: (House) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/money-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try await Store.open(.sqlite(path: folder + "/gateway.db"), settings: settings)
        defer { store.shutdown() }
        let clock = ManualEntropy()
        let house = try await House(
            store: store,
            folder: folder,
            plugin: plugin ?? FakePlugin.make(),
            environment: environment,
            clock: clock,
            bounds: bounds,
            failpoints: failpoints(clock)
        )
        try await body(house)
    }

    private func settle(in environment: Environment) async throws {
        try await store.save(
            Plan(name: "all", tools: ["**"], organizationLimits: [:], principalLimits: [:])
        )
        try await store.save(Organization(id: organization, slug: "shop", name: "Shop", plan: "all"))
        try await store.save(
            Profile(
                environment: environment,
                shortCode: "174379",
                shortCodeType: "paybill",
                organizationName: "Shop"
            ),
            organization: organization
        )
        try await store.save(
            APIKey(
                id: key.id,
                organization: organization,
                name: "k",
                prefix: key.prefix,
                hash: SHA256.digest(Array(key.text.reveal().utf8)).bytes,
                environment: environment,
                role: .manager,
                scopes: nil
            )
        )
    }

    /// Gateway once more on the same store, as another process makes it, but for what `change` changes.
    func another(
        _ settings: Assembly.Settings = Assembly.Settings(),
        _ change: (inout Assembly.Ports) -> Void = { _ in }
    ) -> Assembly {
        var ports = gateway.ports
        ports.failpoints = .none
        change(&ports)
        return Assembly(ports, keys: House.keys, settings: settings)
    }

    // MARK: Calls

    /// Calls a tool, as a door would.
    func call(
        _ tool: String,
        _ arguments: JSON = [:],
        key idempotency: String? = nil,
        door: Door = .rest,
        wait: Duration? = nil
    ) async -> ToolReply {
        await pipeline.serve(
            ToolCall(
                id: CallID(clock.entropy.identifier()),
                door: door,
                credential: .token(key.text),
                tool: tool,
                arguments: arguments,
                idempotencyKey: idempotency,
                wait: wait
            )
        )
    }

    /// Collects 100 from a customer.
    func collect(phone: String = "254711000001", amount: Int64 = 100, key: String? = nil) async -> ToolReply {
        await call("fake_collect", ["phone": .string(phone), "amount": .integer(amount)], key: key)
    }

    /// Pays 100 out to a customer.
    func pay(phone: String = "254711000001", amount: Int64 = 100, key: String? = nil) async -> ToolReply {
        await call("fake_pay", ["phone": .string(phone), "amount": .integer(amount)], key: key)
    }

    /// The record behind a reply, as it stands now.
    func record(_ reply: ToolReply) async throws -> Record {
        guard let id = reply.record else { throw Missing(what: "a record behind \(reply.result)") }
        return try await record(id)
    }

    /// A record, as it stands now.
    func record(_ id: RecordID) async throws -> Record {
        let found = try await store.record(id, organization: organization, environment: key.environment)
        guard let found else { throw Missing(what: "the record \(id)") }
        return found
    }

    /// What a callback of a record says; it is worked on before this returns.
    func callback(_ record: RecordID, says document: JSON, name: String = "result") async throws {
        try await callback(record, bytes: document.bytes, name: name)
    }

    /// Bytes that arrive at a record's address; they are worked on before this returns.
    func callback(_ record: RecordID, bytes: [UInt8], name: String = "result") async throws {
        try await gateway.inbox.receive(place(of: record, name), body: bytes, address: nil)
        for waiting in try await store.unsettled(before: clock.now, limit: 10) { await gateway.inbox.work(on: waiting) }
    }

    /// Where a record's callbacks arrive.
    func place(of record: RecordID, _ name: String = "result") -> CallbackAddresses.Target {
        CallbackAddresses.Target(
            organization: organization,
            environment: key.environment,
            record: record,
            name: name
        )
    }

    /// The newest request that was sent of a kind, and the record it is about.
    func newest(_ kind: String) async throws -> Record {
        guard let sent = upstream.sent.last(where: { $0.kind == kind }),
            let token = sent.body["url"]?.stringValue?.split(separator: "/").suffix(2), token.count == 2,
            let target = addresses.target(organization: token[token.startIndex], token: token[token.startIndex + 1])
        else { throw Missing(what: "a request \(kind)") }
        return try await record(target.record)
    }
}

/// What a test looked for and did not find.
struct Missing: Error {
    let what: String
}

extension ToolReply {
    /// The error's code; nil for a success.
    var code: GatewayError.Code? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    /// The record as the tool's output shows it.
    var shown: JSON {
        guard case .success(let output) = result else { return .null }
        return (try? JSON(parsing: output))?["record"] ?? .null
    }
}
