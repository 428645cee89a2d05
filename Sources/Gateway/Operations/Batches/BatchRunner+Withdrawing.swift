// What has not left of a batch that was stopped.
extension BatchRunner {
    /// Withdraws a slice of a stopped batch, of so many that this turn may withdraw yet; answers whether there is more to do.
    ///
    /// Whoever had no room left goes before the others in the next turn.
    func withdraw(_ batch: Batch, atMost left: inout Int) async throws(GatewayError) -> Bool {
        guard left > 0 else { return true }
        let key = BatchLines.Key(batch)
        let wakes = lines.wakes(of: key)
        let question = BatchItems(unsentOf: batch, limit: min(settings.sliceMax, left))
        let slice = try await batches.items(question)
        guard !slice.isEmpty else {
            try await finish(batch, sinceWake: wakes)
            return false
        }
        left -= slice.count
        lines.noteTurn(key)
        let (why, who) = (batch.withdrawal ?? .cancelled, batch.decidedBy ?? "host")
        let reason = batch.reason ?? "Its batch was stopped."
        await withTaskGroup(of: Void.self) { group in
            for item in slice {
                group.addTask {
                    // Whatever is left is seen again in the next slice.
                    _ = try? await self.settlement.settle(item) { _ in .withdrawn(why, by: who, because: reason) }
                }
            }
        }
        // What cannot be written now is not tried again at once.
        let rest = try await batches.items(question)
        return rest.first?.id != slice.first?.id
    }
}
