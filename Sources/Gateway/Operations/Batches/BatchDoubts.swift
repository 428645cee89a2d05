/// Which rows of a batch others have paid already, or may pay: asked when it is made, and again before it leaves, where it has
/// waited.
///
/// What may be paid yet counts whatever its age, and what was paid for some days.
struct BatchDoubts: Sendable {
    let batches: any BatchRepository
    let records: any RecordRepository
    let entropy: Entropy
    let recentFor: Duration

    /// How many items are looked at together.
    private static let sliceMax = 500

    /// A row, and the payment that it may be.
    struct Doubt: Sendable {
        let item: Record
        let other: RecentPayment
    }

    /// The newest of such payments to the same receivers, besides those of a batch itself.
    func known(
        of rows: [Record],
        besides own: BatchID? = nil
    ) async throws(GatewayError) -> [BatchRows.Payment: RecentPayment] {
        guard let first = rows.first else { return [:] }
        let now = entropy.now()
        let found = try await batches.recent(
            RecentPayments(
                organization: first.organization,
                environment: first.environment,
                direction: first.direction,
                parties: Array(Set(rows.compactMap(\.intent.party))).sorted(),
                from: now + (.zero - recentFor),
                until: now,
                besides: own
            )
        )
        let named = found.map { (BatchRows.Payment(party: $0.party, amount: $0.amount), $0) }
        return Dictionary(named) { _, last in last }
    }

    /// What is doubtful of a batch's items.
    func of(_ items: [Record], in batch: Batch) async throws(GatewayError) -> [Doubt] {
        let known = try await known(of: items, besides: batch.id)
        var doubts: [Doubt] = []
        for item in items {
            guard let place = item.batch, let payment = BatchRows.Payment(item), let other = known[payment],
                batch.isDoubtful(place, beside: other), try await !isKnownApart(other, from: item)
            else { continue }
            doubts.append(Doubt(item: item, other: other))
        }
        return doubts
    }

    /// Whether whoever asked for the other one has confirmed that it is another payment, when this row was there already.
    private func isKnownApart(_ other: RecentPayment, from item: Record) async throws(GatewayError) -> Bool {
        guard other.madeAt > item.createdAt else { return false }
        return try await records.record(other.record, of: item)?.batch?.confirmedBy != nil
    }

    /// Goes through what has not left of a batch, as long as `take` answers that it wants more.
    func walk(
        _ batch: Batch,
        _ take: ([Doubt]) async throws(GatewayError) -> Bool
    ) async throws(GatewayError) {
        var question = BatchItems(of: batch.id, organization: batch.organization, limit: BatchDoubts.sliceMax)
        question.states = [.draft, .released]
        while true {
            let slice = try await batches.items(question)
            let doubts = try await of(slice, in: batch)
            if !doubts.isEmpty, try await !take(doubts) { return }
            guard slice.count == BatchDoubts.sliceMax, let last = slice.last?.batch?.sequence else { return }
            question.after = last
        }
    }
}

extension Batch {
    /// Whether another payment of a row's amount to its receiver makes it doubtful: one that nobody has confirmed by whatever
    /// there is, a confirmed one by what was asked for since.
    func isDoubtful(_ place: BatchPlace, beside other: RecentPayment) -> Bool {
        var confirmedAt = place.confirmedBy == nil ? nil : createdAt
        if let looked, looked.rows.contains(place.row) { confirmedAt = looked.at }
        return confirmedAt.map { other.madeAt > $0 } ?? true
    }
}
