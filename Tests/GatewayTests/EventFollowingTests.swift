import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Gateway

struct `What is kept of the feed for whoever follows it` {
    @Test func `is told at the next waking where the store was away at first, though nothing is new`() async throws {
        let (clock, store) = (ManualEntropy(), MemoryStore())
        let id = OrganizationID(clock.entropy.identifier())
        for name in ["small", "large"] {
            try await store.save(Plan(name: name, tools: [], organizationLimits: [:], principalLimits: [:]))
        }
        try await store.save(Organization(id: id, slug: "shop", name: "Shop", plan: "small"))
        _ = try await store.change(id, at: clock.entropy.now()) { $0.plan = "large" }
        let (wakings, woken) = AsyncStream.makeStream(of: Int64.self)
        let following = EventFollowing(
            feed: store,
            places: FeedPlaces(key: Secret([UInt8](repeating: 1, count: 32))),
            entropy: clock.entropy,
            settings: FeedNews.Settings(),
            use: use(of: id, clock.entropy),
            kinds: nil,
            wakings: wakings,
            place: 0
        )
        // Woken by the clock alone, once, and then the gateway stops.
        woken.yield(0)
        woken.finish()
        let told = Mutex<[LiveEvents.Part]>([])

        try await following.run { parts in told.withLock { $0 += parts } }

        let kinds = told.withLock { $0 }
            .compactMap { part -> String? in
                if case .event(let event, _) = part { event["type"]?.stringValue } else { nil }
            }
        #expect(kinds == ["plan.changed"])
    }

    /// Whose standing cannot be looked up the first time.
    private func use(of organization: OrganizationID, _ entropy: Entropy) -> Action.Use {
        let principal = Principal(
            organization: organization,
            subject: .apiKey(APIKeyID(entropy.identifier())),
            name: "k",
            role: .manager,
            scopes: nil,
            environment: .test
        )
        let plan = Plan(name: "large", tools: [], organizationLimits: [:], principalLimits: [:])
        let asked = Atomic(0)
        return Action.Use(
            principal: principal,
            membership: DirectoryCache.Membership(
                organization: Organization(id: organization, slug: "shop", name: "Shop", plan: "large"),
                plan: plan
            ),
            arguments: [:],
            file: nil,
            call: CallID(entropy.identifier()),
            address: nil,
            standing: { () async throws(GatewayError) in
                guard asked.add(1, ordering: .relaxed).newValue > 1 else {
                    throw GatewayError(.unavailable, "The store is away.")
                }
                return principal
            }
        )
    }
}
