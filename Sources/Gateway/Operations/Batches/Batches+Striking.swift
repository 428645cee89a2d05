// Rows that a checker takes out of a batch before it leaves: the rest is what people are asked about, from the start.
extension Batches {
    /// Takes rows out of a batch that waits for a decision.
    ///
    /// They end as withdrawn, in the commit that makes the rest of it what people agree to; nobody has agreed to that yet.
    /// - Throws: `permissionDenied` to whoever may not let it leave; `conflict` where it does not wait, or a row is none of those
    ///   that have not left; `invalidArgument` where nothing would be left.
    package func strike(
        _ id: String,
        rows: Set<Int>,
        by principal: Principal,
        because reason: String
    ) async throws(GatewayError) -> Batch {
        let now = entropy.now()
        let why = "Struck from its batch by \(principal.subjectText): \(reason)"
        var items: [Record] = []
        return try await change(id, for: principal) { _ throws(GatewayError) in
            try await runner.settlement.striking(items, by: principal.subjectText, because: why, at: now)
        } _: { batch throws(GatewayError) in
            guard !batch.hasExpired else { throw Batches.tooLate }
            guard batch.isWaiting else {
                throw GatewayError(.conflict, "Rows are struck while a batch waits: it is \(batch.state.rawValue).")
            }
            guard now < batch.until else { throw Batches.tooLate }
            _ = try await checkMayRelease(batch, by: principal)
            try await checkMayUse(batch.tool, principal)
            items = try await unsent(rows, of: batch)
            try check(items, of: batch)
            var batch = batch
            batch.strikes.append(
                Batch.Strike(
                    by: principal.subjectText,
                    at: now,
                    reason: reason,
                    rows: items.count,
                    amount: items.reduce(0) { $0 + ($1.intent.amount?.amount ?? 0) }
                )
            )
            batch.approvers = []
            return ([], batch.state == .draft ? .batchRequested : .batchPaused, batch, nil)
        }
    }

    /// The items of these rows, each of which has not left.
    private func unsent(_ rows: Set<Int>, of batch: Batch) async throws(GatewayError) -> [Record] {
        let waiting = try await batches.items(BatchItems(unsentOf: batch, limit: settings.itemsMax))
        let found = waiting.filter { $0.batch.map { rows.contains($0.row) } ?? false }
        let others = rows.subtracting(found.compactMap(\.batch?.row)).sorted()
        guard others.isEmpty else {
            let named = others.prefix(20).map { "\($0)" }.joined(separator: ", ")
            throw GatewayError(
                .conflict,
                "Nothing was struck: of the rows \(named) none waits in this batch. They have left, were struck, or are not there."
            )
        }
        return found
    }

    private func check(_ struck: [Record], of batch: Batch) throws(GatewayError) {
        guard batch.strikes.count < settings.strikesMax else {
            throw GatewayError(
                .conflict,
                "Rows of this batch were struck \(settings.strikesMax) times: cancel it, and make another."
            )
        }
        guard !struck.isEmpty else { throw GatewayError.wrong("rows", "expected at least one of the batch's rows.") }
        guard batch.items > struck.count else {
            throw GatewayError.wrong("rows", "at least one payment must be left; otherwise cancel the batch.")
        }
    }
}
