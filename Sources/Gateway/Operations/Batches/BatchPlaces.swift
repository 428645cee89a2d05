/// Says which batches wait for a place of their account, as the store has it.
struct BatchPlaces: Sendable {
    let batches: any BatchRepository
    let entropy: Entropy
    let settings: BatchRunner.Settings

    /// What a batch waits for; nil where it does not run yet, or its account's payments leave one after another.
    ///
    /// - Parameter sums: How many of its items stand in each state.
    func wait(of batch: Batch, _ sums: [RecordState: RollupSum]) async throws(GatewayError) -> BatchWait? {
        guard sums[.draft] != nil || sums[.released] != nil else { return nil }
        return try await wait(of: batch)
    }

    /// The same of a batch of which something has not left.
    func wait(of batch: Batch) async throws(GatewayError) -> BatchWait? {
        guard batch.state == .running, batch.notBefore.map({ entropy.wall() >= $0 }) ?? true else { return nil }
        let now = entropy.now()
        let found = try await batches.undecidedItems(
            of: batch.account,
            sentSince: now + (.zero - settings.placeKeptFor),
            limit: settings.inFlightMax
        )
        guard found.count >= settings.inFlightMax, let newest = found.first, let oldest = found.last,
            newest.sentAt <= now + (.zero - settings.isWaitAfter)
        else { return nil }
        return BatchWait(
            account: batch.accountName,
            taken: found.count,
            others: found.count { $0.batch != batch.id },
            next: oldest.sentAt + settings.placeKeptFor
        )
    }
}
