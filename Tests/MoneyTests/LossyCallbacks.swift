import Gateway
import Synchronization

/// A store's inbox that cannot take what a test names, as one that is away, or may only be read.
final class LossyCallbacks: CallbackRepository {
    private let store: any CallbackRepository
    private let isLost = Mutex<@Sendable (ReceivedCallback) -> Bool>({ _ in false })

    init(_ store: any CallbackRepository) { self.store = store }

    /// From now on it cannot take what `isLost` says.
    func lose(_ isLost: @escaping @Sendable (ReceivedCallback) -> Bool) { self.isLost.withLock { $0 = isLost } }

    func receive(_ callback: ReceivedCallback) async throws(GatewayError) {
        let isLost = isLost.withLock { $0 }
        guard !isLost(callback) else { throw GatewayError(.unavailable, "The store is away.") }
        try await store.receive(callback)
    }

    func countAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) -> Int {
        try await store.countAttempt(id, organization: organization)
    }

    func forgiveAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await store.forgiveAttempt(id, organization: organization)
    }

    func end(
        _ id: CallbackID,
        organization: OrganizationID,
        as end: CallbackEnd,
        at: Timestamp
    ) async throws(GatewayError) { try await store.end(id, organization: organization, as: end, at: at) }

    func quarantine(
        _ id: CallbackID,
        organization: OrganizationID,
        digest: String,
        at: Timestamp
    ) async throws(GatewayError) {
        try await store.quarantine(id, organization: organization, digest: digest, at: at)
    }

    func quarantined(
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [(callback: ReceivedCallback, digest: String)] {
        try await store.quarantined(after: place, limit: limit)
    }

    func reopen(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await store.reopen(id, organization: organization)
    }

    func unsettled(
        before: Timestamp,
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [ReceivedCallback] {
        try await store.unsettled(before: before, after: place, limit: limit)
    }
}

extension Assembly.Repositories {
    /// The same, but for where callbacks are kept.
    init(of all: Assembly.Repositories, callbacks: any CallbackRepository) {
        self.init(
            records: all.records,
            callbacks: callbacks,
            claims: all.claims,
            directory: all.directory,
            plans: all.plans,
            quotas: all.quotas,
            uses: all.uses,
            audit: all.audit,
            once: all.once,
            data: all.data,
            feed: all.feed,
            batches: all.batches
        )
    }
}
