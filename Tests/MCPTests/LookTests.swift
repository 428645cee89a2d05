import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import MCP

/// Periods that pass when a test says so.
private final class Periods: Sendable {
    private let sleepers = Mutex<[AsyncStream<Void>.Continuation]>([])

    func entropy(_ clock: ManualEntropy) -> Entropy {
        let entropy = clock.entropy
        return Entropy(
            now: entropy.now,
            sleep: Sleep(cancellable: { [self] _ in try await sleep() }, whole: { _ in }),
            random: entropy.random
        )
    }

    private func sleep() async throws {
        let (stream, sleeper) = AsyncStream.makeStream(of: Void.self)
        sleepers.withLock { $0.append(sleeper) }
        for await _ in stream { return }
        throw CancellationError()
    }

    /// Lets one pass, once somebody sleeps.
    func pass() async {
        while true {
            if let sleeper = sleepers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
                sleeper.yield()
                return
            }
            await Task.yield()
        }
    }
}

/// Counts how often it is looked whether an answer is there.
private final class CountedOnce: OnceRepository {
    private let store = MemoryStore()
    private let count = Mutex(0)

    var looks: Int { count.withLock { $0 } }

    func take(_ claim: OnceClaim) async throws(GatewayError) -> OnceTaking { try await store.take(claim) }

    func keep(_ outcome: String, of claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        try await store.keep(outcome, of: claim, organization: organization)
    }

    func claim(
        _ id: Identifier,
        organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) -> OnceFound? {
        count.withLock { $0 += 1 }
        return try await store.claim(id, organization: organization, at: now)
    }

    func giveBack(_ claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        try await store.giveBack(claim, organization: organization)
    }

    /// Waits until there were so many looks.
    func reach(_ looks: Int) async {
        while self.looks < looks { await Task.yield() }
    }
}

struct `Whoever waits for a person` {
    @Test(.timeLimit(.minutes(15))) func `looks once a period, and at once when the answer comes in here`()
        async throws
    {
        let (once, periods, clock) = (CountedOnce(), Periods(), ManualEntropy())
        let entropy = periods.entropy(clock)
        var bounds = Conversations.Settings()
        bounds.lookEvery = .seconds(5)
        let conversations = Conversations(
            key: Secret([UInt8](repeating: 1, count: 32)),
            once: once,
            entropy: entropy,
            settings: bounds
        )
        let conversation = Conversation(
            id: entropy.identifier(),
            revision: .november2025,
            organization: OrganizationID(entropy.identifier()),
            bearer: "key",
            environment: .test,
            until: clock.now + .seconds(3600)
        )
        let asked = Mutex<JSON>(.null)
        let signs = Mutex(0)
        let schema: JSON = ["type": "object", "properties": [:]]
        let question = try #require(Question(["message": "Sure?", "schema": schema])?.parts.first)
        async let answer = conversations.ask(question, in: conversation) { bytes in
            guard !bytes.isEmpty else { return signs.withLock { $0 += 1 } }
            asked.withLock { $0 = (try? JSON(parsing: bytes)) ?? .null }
        }

        await once.reach(1)
        for period in 1...5 {
            await periods.pass()
            await once.reach(period + 1)
            // Whoever looks without being told to has its turn.
            for _ in 0..<200 { await Task.yield() }
        }
        #expect(once.looks == 6)
        #expect(signs.withLock { $0 } == 1, "after 15 s the stream shows that it is open")

        let reply = Message.Reply(id: asked.withLock { $0["id"] ?? .null }, result: ["action": "decline"])
        #expect(try await conversations.hear(reply, in: conversation))
        #expect(try await answer == ["action": "decline"])
        #expect(once.looks == 8, "one look by whoever hears, one by whoever waits")
    }
}
