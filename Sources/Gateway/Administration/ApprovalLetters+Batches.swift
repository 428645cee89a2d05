// A batch that waits for a person is one letter to each who may let it leave, whatever it holds, and one more before its end.
extension ApprovalLetters {
    func tellOfBatch(_ event: FeedEvent) async throws(GatewayError) {
        guard let batch = try await batch(of: event) else { return }
        try await tellMakerOfStrike(event, in: batch)
        guard batch.isWaiting else { return }
        let isPaused = batch.state == .paused
        let isLast = event.kind == .batchDue
        // What has gone on, or was paused anew, has a letter of its own.
        guard isLast || (event.kind == .batchPaused) == isPaused else { return }
        let (first, subject) =
            isLast
            ? ("A batch waits still, and its time is nearly over.", "A batch still waits for you")
            : isPaused
                ? ("A batch is paused, and nothing more of it is sent.", "A batch is paused")
                : ("A batch waits for you.", "A batch waits for you")
        let text = """
            \(first)

            \(Self.words(for: batch))
            Why: \((isPaused ? batch.reason : batch.heldBecause) ?? "A person must release it.")
            Until: \(batch.until)

            Look at it and decide: GET \(base)/batches/\(batch.id), then POST \(base)/batches/\(batch.id)/\
            \(isPaused ? "resume" : "release") or /cancel.

            """
        for user in try await people(of: batch, isLast: isLast) { await send(to: user, subject, text) }
    }

    /// Whoever made a batch is told that others let it leave, or stopped it.
    func tellMakerOfBatch(_ event: FeedEvent) async throws(GatewayError) {
        guard let batch = try await batch(of: event) else { return }
        let isReleased = event.kind == .batchReleased
        let isStopped = batch.state == .cancelled || batch.state == .broken
        guard isReleased || isStopped, let who = isReleased ? batch.releasedBy : batch.decidedBy,
            let owner = try await directory.ids(behind: batch.madeBy, of: batch.organization).first,
            who != batch.madeBy, who != "user:\(owner)",
            let user = try await directory.user(owner, organization: batch.organization), user.isActive
        else { return }
        let text = """
            \(isReleased ? "It was released by \(who)." : "It was stopped by \(who): \(batch.reason ?? "") What had not left was not sent.")

            \(Self.words(for: batch))

            """
        await send(to: user, isReleased ? "A batch was released" : "A batch was stopped", text)
    }

    /// Whoever made a batch is told that others struck rows of it, and why.
    private func tellMakerOfStrike(_ event: FeedEvent, in batch: Batch) async throws(GatewayError) {
        guard let strike = batch.strikes.first(where: { $0.at == event.at }),
            let owner = try await directory.ids(behind: batch.madeBy, of: batch.organization).first,
            strike.by != "user:\(owner)",
            let user = try await directory.user(owner, organization: batch.organization), user.isActive
        else { return }
        let text = """
            Rows of it were struck by \(strike.by): \(strike.reason) Of \(strike.rows) payments, \(strike.amount) KES in all, \
            nothing is sent. Which they are: GET \(base)/batches/\(batch.id)/items?status=CANCELLED.

            \(Self.words(for: batch))

            """
        await send(to: user, "Rows of a batch were struck", text)
    }

    private func batch(of event: FeedEvent) async throws(GatewayError) -> Batch? {
        guard let id = BatchID(event.subject) else { return nil }
        return try await batches.batch(id, organization: event.organization)
    }

    private static func words(for batch: Batch) -> String {
        let struck = batch.strikes.last.map {
            "\nRows were struck by \($0.by), the last: \($0.reason) Whoever had agreed is asked anew."
        }
        return """
            \(batch.tool), \(batch.items) payments, \(batch.total) KES in all, \(batch.environment.rawValue), batch \
            \(batch.id).\(struck ?? "")
            """
    }

    /// Who may let it leave.
    private func people(of batch: Batch, isLast: Bool) async throws(GatewayError) -> [User] {
        let own = try await directory.ids(behind: batch.madeBy, of: batch.organization)
        let role = batch.asked?.role ?? .manager
        let needsAnother = batch.releaser == .another
        let call = Approvers.Call(
            organization: batch.organization,
            madeBy: batch.madeBy,
            since: batch.createdAt,
            away: []
        )
        let called = try await called(batch.asked?.people, call, isLast: isLast)
        return try await users(of: batch.organization) { user in
            user.role >= role && called?.contains(user.id) ?? true
                && !(needsAnother && (own.contains(user.id) || !user.hasSecondFactor))
        }
    }
}
