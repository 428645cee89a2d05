import Cryptography
import Gateway
import GatewayTesting
import Logging
import OrderedJSON
import Synchronization
import Testing

@testable import Webhooks

let ours = OrganizationID(Identifier(high: 1, low: 1))
let theirs = OrganizationID(Identifier(high: 1, low: 2))

/// Receivers on the internet, which answer as a test says.
final class FakeReceivers: WebhookSender {
    /// A request as it came.
    struct Request: Sendable, Equatable {
        let url: String
        let body: [UInt8]
        let id: String
        let seconds: String
        let signatures: String
    }

    private struct State {
        var requests: [Request] = []
        var answers: @Sendable (Request, _ number: Int) -> WebhookOutcome = { _, _ in FakeReceivers.taken }
        var hang: @Sendable (Request) -> Gate? = { _ in nil }
        var hanging = 0
        var underWay = 0
        var most = 0
    }

    static let taken = WebhookOutcome.answered(status: 200, beginning: Array("ok".utf8), retryAfter: nil)

    static func refused(_ status: Int) -> WebhookOutcome {
        .answered(status: status, beginning: [], retryAfter: nil)
    }

    private let state = Mutex(State())

    /// What came, in its order.
    var requests: [Request] { state.withLock { $0.requests } }

    /// What came to an address.
    func ids(at url: String) -> [String] { requests.filter { $0.url == url }.map(\.id) }

    /// How many requests were under way together at most.
    var most: Int { state.withLock { $0.most } }

    /// How many wait for a gate.
    var hanging: Int { state.withLock { $0.hanging } }

    /// Says which requests wait for a gate.
    func hang(_ hang: @escaping @Sendable (Request) -> Gate?) { state.withLock { $0.hang = hang } }

    func answer(_ answers: @escaping @Sendable (Request, _ number: Int) -> WebhookOutcome) {
        state.withLock { $0.answers = answers }
    }

    func post(
        _ body: [UInt8],
        _ headers: [(String, String)],
        to url: String,
        in environment: Environment
    ) async -> WebhookOutcome {
        let header = { (name: String) in headers.first { $0.0 == name }?.1 ?? "" }
        let request = Request(
            url: url,
            body: body,
            id: header("webhook-id"),
            seconds: header("webhook-timestamp"),
            signatures: header("webhook-signature")
        )
        let outcome = state.withLock { state in
            state.requests.append(request)
            state.underWay += 1
            state.most = max(state.most, state.underWay)
            return state.answers(request, state.requests.count)
        }
        if let gate = state.withLock({ $0.hang(request) }) {
            state.withLock { $0.hanging += 1 }
            await gate.wait()
        }
        await Task.yield()
        state.withLock { $0.underWay -= 1 }
        return outcome
    }
}

/// Something that is waited for until it is opened.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Secrets that are not sealed.
struct OpenSafe: WebhookSafe {
    func seal(
        _ secret: Secret<[UInt8]>,
        form: WebhookSecret.Form,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> (sealed: [UInt8], keyVersion: Int) { (secret.reveal(), 1) }

    func open(
        _ secret: WebhookSecret,
        of endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> Secret<[UInt8]> { Secret(secret.sealed) }
}

/// A store in memory, a clock, receivers and who sends to them.
struct WebhookHouse {
    let disk: MemoryDisk
    let store: MemoryStore
    let time: ManualEntropy
    let receivers: FakeReceivers
    let runner: WebhookRunner
    let settings: WebhookSettings

    init(
        disk: MemoryDisk = MemoryDisk(),
        way: MemoryStore.Way = MemoryStore.Way(),
        time: ManualEntropy = ManualEntropy(),
        receivers: FakeReceivers = FakeReceivers(),
        settings: WebhookSettings = WebhookSettings()
    ) {
        self.disk = disk
        self.time = time
        self.receivers = receivers
        self.settings = settings
        store = MemoryStore(disk: disk, way: way)
        runner = WebhookRunner(
            webhooks: store,
            feed: store,
            records: store,
            directory: store,
            safe: OpenSafe(),
            sender: receivers,
            entropy: time.entropy,
            logger: .quiet,
            settings: settings
        )
    }

    /// The next process, on the same disk.
    func again(_ way: MemoryStore.Way = MemoryStore.Way()) -> WebhookHouse {
        WebhookHouse(disk: disk, way: way, time: time, receivers: receivers, settings: settings)
    }

    /// Adds an endpoint, from here on.
    @discardableResult
    func addEndpoint(
        _ url: String = "https://example.com/hooks",
        of organization: OrganizationID = ours,
        _ change: (inout WebhookEndpoint) -> Void = { _ in }
    ) async throws -> WebhookEndpoint {
        var endpoint = WebhookEndpoint(
            id: time.entropy.identifier(),
            organization: organization,
            environment: .test,
            madeBy: "user:1",
            madeAt: time.now,
            url: url,
            secrets: [
                WebhookSecret(form: .symmetric, sealed: [UInt8](repeating: 7, count: 32), keyVersion: 1)
            ]
        )
        change(&endpoint)
        try await store.add(endpoint, endpointsMax: 100)
        return endpoint
    }

    /// Has so many things become true, which are keys that are revoked; the ids of their events.
    @discardableResult
    func tell(
        _ count: Int = 1,
        of organization: OrganizationID = ours,
        in environment: Environment = .test
    ) async throws -> [String] {
        let before = try await store.feedEnd(lane: FeedReader.lane)
        for _ in 0..<count {
            let key = APIKey(
                id: APIKeyID(time.entropy.identifier()),
                organization: organization,
                name: "till",
                prefix: "p\(time.entropy.random())",
                hash: time.entropy.identifier().bytes,
                environment: environment,
                role: .user,
                scopes: nil
            )
            try await store.save(key)
            let now = time.now
            _ = try await store.change(key.id, organization: organization) { $0.revokedAt = now }
        }
        return try await store.feed(lane: FeedReader.lane, after: before, limit: 100_000).map(\.event.id.description)
    }

    /// What there is to do is done, and time passes, again and again.
    func pass(_ steps: Int, each duration: Duration) async throws {
        for _ in 0..<steps {
            time.advance(duration)
            try await runner.runOnce()
        }
    }

    /// An endpoint as the store has it.
    func standing(_ endpoint: WebhookEndpoint) async throws -> ServedWebhook {
        try #require(
            try await store.webhook(endpoint.id, organization: endpoint.organization, environment: .test)
        )
    }

    func deliveries(_ endpoint: WebhookEndpoint) async throws -> [WebhookDelivery] {
        try await store.deliveries(
            to: endpoint.id,
            organization: endpoint.organization,
            state: nil,
            before: nil,
            limit: 100_000
        )
    }

    /// Asks for something once more.
    func wish(_ wish: WebhookReplay.Wish, of endpoint: WebhookEndpoint) async throws {
        let replay = WebhookReplay(
            id: time.entropy.identifier(),
            organization: endpoint.organization,
            endpoint: endpoint.id,
            wish: wish,
            madeBy: "user:1",
            madeAt: time.now
        )
        try await store.begin(replay, openMax: 10)
    }

    /// Every event of the feed of a kind.
    func told(_ kind: FeedEvent.Kind) async throws -> [FeedEvent] {
        try await store.feed(lane: FeedReader.lane, after: 0, limit: 100_000).map(\.event).filter { $0.kind == kind }
    }
}
