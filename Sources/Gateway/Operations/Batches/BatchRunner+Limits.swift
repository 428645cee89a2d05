// A batch leaves whole or not at all: what the limits of a day let move is asked about its sum before anything of it leaves.
extension BatchRunner {
    /// Why the limits of a day let not all leave of a batch that waits; nil where they do.
    ///
    /// Each item is counted exactly in the commit in which it leaves; this is asked before the first.
    /// - Parameter again: What is tried again beside what has not left.
    func dayLack(of batch: Batch, trying again: [Record] = []) async throws(GatewayError) -> String? {
        let question = BatchItems(of: batch.id, organization: batch.organization, limit: 1)
        guard let item = try await batches.items(question).first else { return nil }
        // What waits because M-Pesa was busy was counted on a day already: few, and counted exactly when they leave.
        let waiting = try await batches.sums(of: batch.id, organization: batch.organization)[.draft]
        var sum = RollupSum(transactions: Int64(again.count), amount: 0)
        sum.amount = again.reduce(waiting?.amount ?? 0) { $0 + ($1.intent.amount?.amount ?? 0) }
        sum.transactions += waiting?.transactions ?? 0
        return try await dayLack(of: batch, sum, like: item)
    }

    /// The same of what is not kept yet: so many items, of which this is one.
    func dayLack(of batch: Batch, _ sum: RollupSum, like item: Record) async throws(GatewayError) -> String? {
        let membership = try await calls.operations.directory.membership(of: batch.organization)
        let maker = try await authenticate.inForce(batch.madeBy, of: batch.organization, in: batch.environment)
        let now = entropy.now()
        let limits = membership.organization.approvals.bounds(at: now) + membership.ceilings.limits
        let isDue = batch.notBefore.map { $0 <= entropy.wall() } ?? true
        for limit in limits.ofDay(about: item, by: maker?.holders ?? []) {
            // What will have moved on the day of its moment is asked then; more than any day's is never let go.
            let place = limit.place(of: batch.organization, in: batch.environment, at: now)
            let moved = isDue ? try await records.moved(at: place) : (calls: 0, amount: 0)
            if let lack = limit.lack(for: sum, after: moved) { return lack }
        }
        return nil
    }
}

extension [MoneyLimit] {
    /// Those that add up over a day what such a record is one of; what adds up by receiver is its row's own matter.
    fileprivate func ofDay(about record: Record, by holders: [UserID]) -> [MoneyLimit] {
        filter { limit in
            (limit.dayMax != nil || limit.dayCount != nil) && !limit.isPerReceiver && limit.isAbout(record, of: holders)
        }
    }
}

extension MoneyLimit {
    /// Why so much more may not move on a day; nil where it may.
    fileprivate func lack(for sum: RollupSum, after moved: (calls: Int64, amount: Int64)) -> String? {
        if let dayMax, sum.amount > dayMax - moved.amount {
            return MoneyLimit.lack(dayMax, moved.amount, sum.amount, "shillings")
        }
        if let dayCount, sum.transactions > dayCount - moved.calls {
            return MoneyLimit.lack(dayCount, moved.calls, sum.transactions, "payments")
        }
        return nil
    }

    private static func lack(_ most: Int64, _ moved: Int64, _ wanted: Int64, _ unit: String) -> String {
        let way =
            wanted > most ? "Make smaller batches, or let" : "Let it leave on another day, or let"
        return """
            A limit of your organization lets \(most) \(unit) a day leave, of which \(moved) have left, and what has not left of \
            this batch is \(wanted): it leaves whole or not at all. \(way) an administrator set other limits.
            """
    }
}
