/// Which rows of a batch others have paid already, or may pay: asked when it is made, and again before it leaves, where it has
/// waited.
///
/// What may be paid yet counts whatever its age, and what was paid for some days.
struct BatchDoubts: Sendable {
    let batches: any BatchRepository
    let records: any RecordRepository
    let entropy: Entropy
    let settings: Batches.Settings

    /// How many items are looked at together.
    private static let sliceMax = 500

    /// A row, and the payment that it may be.
    struct Doubt: Sendable {
        let item: Record
        let other: RecentPayment
    }

    /// What there is to be known of rows.
    struct Found: Sendable {
        /// The newest of each.
        var newest: [BatchRows.Payment: RecentPayment] = [:]
        /// All of them that were asked for lately.
        var known: KnownPayments
    }

    /// Nothing is known yet of rows that are looked at from now on.
    ///
    /// What is committed meanwhile may have been asked for before: no longer before than a batch is planned for.
    var nothing: KnownPayments { KnownPayments(since: entropy.now() + (.zero - settings.plannedWithin), seen: []) }

    /// Such payments to the same receivers, besides those of a batch itself.
    func found(of rows: [Record], besides own: BatchID? = nil) async throws(GatewayError) -> Found {
        let (now, nothing) = (entropy.now(), nothing)
        guard let first = rows.first else { return Found(known: nothing) }
        let found = try await batches.recent(
            RecentPayments(
                organization: first.organization,
                environment: first.environment,
                direction: first.direction,
                parties: Array(Set(rows.compactMap(\.intent.party))).sorted(),
                from: now + (.zero - settings.recentFor),
                until: now,
                besides: own
            )
        )
        let named = found.map { (BatchRows.Payment(party: $0.party, amount: $0.amount), $0) }
        return Found(
            newest: Dictionary(named) { _, last in last },
            known: nothing.with(found)
        )
    }

    /// What is doubtful of a batch's items, and what is known of them.
    func of(
        _ items: [Record],
        in batch: Batch
    ) async throws(GatewayError) -> (doubts: [Doubt], known: KnownPayments) {
        let found = try await found(of: items, besides: batch.id)
        var doubts: [Doubt] = []
        // What is damaged never leaves: nobody is asked about it, by a row that may not be known.
        for item in items where !item.isDamaged {
            guard let place = item.batch, let payment = BatchRows.Payment(item), let other = found.newest[payment],
                batch.isDoubtful(place, beside: other), try await !isKnownApart(other, from: item)
            else { continue }
            doubts.append(Doubt(item: item, other: other))
        }
        return (doubts, found.known)
    }

    /// Whether whoever asked for the other one has confirmed that it is another payment, when this row was there already.
    private func isKnownApart(_ other: RecentPayment, from item: Record) async throws(GatewayError) -> Bool {
        guard other.madeAt > item.createdAt else { return false }
        return try await records.record(other.record, of: item)?.batch?.confirmedBy != nil
    }

    /// Goes through what has not left of a batch, as long as `take` answers that it wants more.
    ///
    /// - Returns: What is known of all that it went through.
    func walk(
        _ batch: Batch,
        _ take: ([Doubt]) async throws(GatewayError) -> Bool
    ) async throws(GatewayError) -> KnownPayments {
        var known = nothing
        var question = BatchItems(unsentOf: batch, limit: BatchDoubts.sliceMax)
        while true {
            let slice = try await batches.items(question)
            let found = try await of(slice, in: batch)
            known = known.with(found.known)
            if !found.doubts.isEmpty, try await !take(found.doubts) { return known }
            guard slice.count == BatchDoubts.sliceMax, let last = slice.last?.batch?.sequence else { return known }
            question.after = last
        }
    }
}

extension KnownPayments {
    /// The same with those of these that were asked for since.
    func with(_ payments: [RecentPayment]) -> KnownPayments {
        KnownPayments(since: since, seen: seen.union(payments.lazy.filter { $0.madeAt >= since }.map(\.record)))
    }

    /// The same with what was known of other rows, which were looked at later.
    func with(_ later: KnownPayments) -> KnownPayments {
        KnownPayments(since: since, seen: seen.union(later.seen))
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
