// What failed for a reason that has passed is tried again, as a payment of its own.
extension Batches {
    /// The items that failed for a reason that has passed, each made once more; no more than what was released.
    func retries(of batch: Batch) async throws(GatewayError) -> [Record] {
        var question = BatchItems(of: batch.id, organization: batch.organization, limit: 2 * settings.itemsMax)
        question.states = [.failed, .rejected]
        let failed = try await batches.items(question)
        guard let first = failed.first else { return [] }
        let (plugin, index) = try operations.plugins.kind(of: first)
        let codes = plugin.operations[index].pauseCodes
        question.states = nil
        question.after = batch.itemsMade
        let earlier = try await batches.items(question)
        let tried = Set(earlier.compactMap { $0.batch?.retryOf })
        let certain = Dictionary(failed.filter(\.hasFailedForCertain).map { ($0.id, $0) }) { first, _ in first }
        let again = failed.filter { record in
            record.code.map { codes.contains($0) } ?? false && !tried.contains(record.id)
                && Batches.isCertain(record, among: certain)
        }
        var left = batch.total
        let sums = try await batches.sums(of: batch.id, organization: batch.organization)
        for (state, sum) in sums where !RecentPayment.unpaid.contains(state) || state == .reversed {
            left -= sum.amount
        }
        var made: [Record] = []
        for record in again {
            let amount = record.intent.amount?.amount ?? 0
            guard amount <= left else { break }
            left -= amount
            made.append(retry(of: record, sequence: batch.itemsMade + earlier.count + made.count + 1))
        }
        return made
    }

    /// Whether a try of a row and all tries before it have failed for certain.
    private static func isCertain(_ record: Record, among certain: [RecordID: Record]) -> Bool {
        var next: RecordID? = record.id
        while let id = next {
            guard let found = certain[id] else { return false }
            // What another batch tried before is looked at as this one leaves.
            next = found.batch.flatMap { $0.isTriedAgain ? $0.retryOf : nil }
        }
        return true
    }

    private func retry(of failed: Record, sequence: Int) -> Record {
        let now = entropy.now()
        var record = Record(
            id: RecordID(entropy.identifier()),
            organization: failed.organization,
            environment: failed.environment,
            recordClass: failed.recordClass,
            plugin: failed.plugin,
            operation: failed.operation,
            tool: failed.tool,
            direction: failed.direction,
            madeBy: failed.madeBy,
            intent: failed.intent,
            about: nil,
            createdAt: now,
            query: failed.query,
            sendBefore: now,
            account: failed.account,
            accountName: failed.accountName,
            request: failed.request,
            state: .draft
        )
        record.isByAgent = failed.isByAgent
        record.hold = failed.hold.map { Hold(arguments: $0.arguments, reason: $0.reason, until: $0.until) }
        record.hold?.beside = failed.hold?.beside
        record.nextActionAt = record.hold?.until
        record.batch = failed.batch.map { place in
            BatchPlace(
                batch: place.batch,
                sequence: sequence,
                row: place.row,
                confirmedBy: place.confirmedBy,
                retryOf: failed.id
            )
        }
        return record
    }
}
