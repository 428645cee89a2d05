import Gateway

/// A store's batches, with the readings counted that a turn may save itself, and changes refused as if another came first.
final class WatchedBatches: BatchRepository {
    private let store: any BatchRepository
    /// How often items were asked for, or about.
    let readings = Kept(0)
    /// How many pauses more are refused.
    let refusals = Kept(0)
    /// What others do just before the next batch is let go, once.
    let meanwhile = Kept<@Sendable () async -> Void>(nil)
    /// What happens before it is asked whether anything is undecided, once.
    let undeciding: Kept<@Sendable () async -> Void>
    /// Whether no batch is found open any more.
    let isDeaf = Kept(false)
    /// Whether earlier payments to somebody cannot be asked for, nor what an account has undecided.
    let isLost = Kept(false)

    init(_ store: any BatchRepository, besides other: WatchedBatches? = nil) {
        self.store = store
        undeciding = other?.undeciding ?? Kept(nil)
    }

    func commit(_ new: NewBatch) async throws(GatewayError) -> BatchOutcome {
        await letOthersGo()
        return try await store.commit(new)
    }

    private func letOthersGo() async {
        guard let others = meanwhile.value else { return }
        meanwhile.value = nil
        await others()
    }

    func batch(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Batch? {
        try await store.batch(id, organization: organization)
    }

    func batches(
        of organization: OrganizationID,
        environment: Environment,
        before: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await store.batches(of: organization, environment: environment, before: before, limit: limit)
    }

    func batch(
        containing content: [UInt8],
        organization: OrganizationID,
        environment: Environment,
        since: Timestamp
    ) async throws(GatewayError) -> BatchID? {
        try await store.batch(
            containing: content,
            organization: organization,
            environment: environment,
            since: since
        )
    }

    func openBatches(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Batch] {
        if isDeaf.value == true { return [] }
        return try await store.openBatches(at: now, limit: limit)
    }

    func postpone(_ batches: [Batch], until moment: Timestamp) async throws(GatewayError) {
        try await store.postpone(batches, until: moment)
    }

    func openBatches(
        of organization: OrganizationID,
        in states: Set<BatchState>,
        after: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await store.openBatches(of: organization, in: states, after: after, limit: limit)
    }

    func apply(_ change: BatchChange) async throws(GatewayError) -> Bool {
        if change.batch.state == .running { await letOthersGo() }
        if change.batch.state == .paused, let left = refusals.value, left > 0 {
            refusals.value = left - 1
            return false
        }
        return try await store.apply(change)
    }

    func items(_ question: BatchItems) async throws(GatewayError) -> [Record] {
        readings.value = (readings.value ?? 0) + 1
        return try await store.items(question)
    }

    func undecidedItems(
        of account: AccountID,
        sentSince moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [UndecidedItem] {
        readings.value = (readings.value ?? 0) + 1
        try answer()
        return try await store.undecidedItems(of: account, sentSince: moment, limit: limit)
    }

    func hasUndecided(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Bool {
        readings.value = (readings.value ?? 0) + 1
        let others = undeciding.value
        undeciding.value = nil
        await others?()
        return try await store.hasUndecided(id, organization: organization)
    }

    func undecided(
        of id: BatchID,
        organization: OrganizationID,
        sentBy moment: Timestamp
    ) async throws(GatewayError) -> Int64 {
        try await store.undecided(of: id, organization: organization, sentBy: moment)
    }

    func sums(of id: BatchID, organization: OrganizationID) async throws(GatewayError) -> [RecordState: RollupSum] {
        readings.value = (readings.value ?? 0) + 1
        return try await store.sums(of: id, organization: organization)
    }

    func recent(_ question: RecentPayments) async throws(GatewayError) -> [RecentPayment] {
        try answer()
        return try await store.recent(question)
    }

    func retries(
        of id: BatchID,
        organization: OrganizationID,
        between ids: ClosedRange<String>?
    ) async throws(GatewayError) -> [BatchRetry] {
        try await store.retries(of: id, organization: organization, between: ids)
    }

    private func answer() throws(GatewayError) {
        if isLost.value == true { throw GatewayError(.unavailable, "The store is away.") }
    }
}
