// A batch that waits for a person is one letter to each who may let it leave, whatever it holds.
extension ApprovalLetters {
    func tellOfBatch(_ event: FeedEvent) async throws(GatewayError) {
        guard let id = BatchID(event.subject),
            let batch = try await batches.batch(id, organization: event.organization), batch.isWaiting
        else { return }
        let isPaused = event.kind == .batchPaused
        // What has gone on, or was paused anew, has a letter of its own.
        guard isPaused == (batch.state == .paused) else { return }
        let text = """
            \(isPaused ? "A batch is paused, and nothing more of it is sent." : "A batch waits for you.")

            \(batch.tool), \(batch.items) payments, \(batch.total) KES in all, \(batch.environment.rawValue), batch \(batch.id).
            Why: \((isPaused ? batch.reason : batch.heldBecause) ?? "A person must release it.")
            Until: \(batch.until)

            Look at it and decide: GET \(base)/batches/\(id), then POST \(base)/batches/\(id)/\(isPaused ? "resume" : "release") or \
            /cancel.

            """
        for user in try await people(of: batch) {
            await send(to: user, isPaused ? "A batch is paused" : "A batch waits for you", text)
        }
    }

    /// Who may let it leave.
    private func people(of batch: Batch) async throws(GatewayError) -> [User] {
        let own = try await directory.ids(behind: batch.madeBy, of: batch.organization)
        let role = batch.asked?.role ?? .manager
        let needsAnother = batch.releaser == .another
        return try await users(of: batch.organization) { user in
            user.role >= role && !(needsAnother && (own.contains(user.id) || !user.hasSecondFactor))
        }
    }
}
