import OrderedJSON

// What ended unpaid is paid by another batch, judged by today's rules like any that is made: nothing of the old word counts.
extension Batches {
    /// Makes a batch of what ended unpaid in another one, each linked to what it tries again.
    ///
    /// - Throws: `conflict` where the batch may pay them yet, or any row that is named is none that may be tried again; as
    ///   `make` does.
    package func retry(_ id: String, for use: Action.Use) async throws(GatewayError) -> [UInt8] {
        var order = BatchOrder(items: [], arguments: use.arguments)
        try checkMoment(of: order)
        let failed = try await find(id, for: use.principal)
        let asked: JSON = [
            "retry_of": .string(failed.id.description), "rows": use.arguments["rows"] ?? .null,
            "withdrawn": use.arguments["withdrawn"] ?? false,
        ]
        order.releases = false
        order.retry = BatchOrder.Retry(batch: failed.id, account: failed.accountName, asked: asked, tries: [])
        // What was asked for before is there already, and its rows may not be tried again by another.
        if try await hasMade(order, use.principal) { return try await make(order, tool: failed.tool, for: use) }
        var found: [Record] = []
        do throws(GatewayError) {
            found = try await tries(of: failed, use.arguments)
            return try await make(order.trying(found), tool: failed.tool, for: use)
        } catch {
            guard error.code == .conflict else { throw error }
            // The same request, or another for the same rows, may have been a moment sooner.
            if try await hasMade(order, use.principal) { return try await make(order, tool: failed.tool, for: use) }
            let retries = try await batches.retries(of: failed.id, organization: failed.organization, between: nil)
            let isLate = !Set(retries.map(\.item)).isDisjoint(with: found.map(\.id))
            throw isLate ? Batches.triedAgainMeanwhile : error
        }
    }

    /// Whether there is a batch of this id already.
    private func hasMade(_ order: BatchOrder, _ principal: Principal) async throws(GatewayError) -> Bool {
        guard let id = order.id, !order.validatesOnly else { return false }
        return try await batches.batch(id, organization: principal.organization) != nil
    }

    /// The last tries of the rows that are to be paid again: those that are named, or all that failed.
    private func tries(of batch: Batch, _ arguments: JSON) async throws(GatewayError) -> [Record] {
        guard !Batches.stoppable.contains(batch.state) else { throw Batches.mayPayYet(batch) }
        let all = BatchItems(of: batch.id, organization: batch.organization, limit: 2 * settings.itemsMax)
        let items = try await batches.items(all)
        // Of a try that the store can no longer read nobody knows which row it pays.
        guard items.allSatisfy({ $0.batch.map { $0.row > 0 } == true || $0.hasEndedUnpaid }) else {
            throw Batches.unreadable
        }
        let rows = Dictionary(grouping: items) { $0.batch?.row ?? 0 }
        let retries = try await batches.retries(of: batch.id, organization: batch.organization, between: nil)
        let retried = Dictionary(retries.map { ($0.item, $0) }) { first, _ in first }
        if let named = arguments["rows"]?.arrayValue?.compactMap({ $0.integerValue.map(Int.init) }) {
            return try Batches.tries(of: named, in: rows, retried)
        }
        let found = rows.values.compactMap { tries -> Record? in
            guard let last = tries.last, Batches.objection(to: tries, retried) == nil else { return nil }
            return last.state != .withdrawn || arguments["withdrawn"] == true ? last : nil
        }
        guard !found.isEmpty else { throw Batches.nothing(of: batch, retried: retries) }
        return found.sorted { $0.batch?.row ?? 0 < $1.batch?.row ?? 0 }
    }

    private static func tries(
        of named: [Int],
        in rows: [Int: [Record]],
        _ retried: [RecordID: BatchRetry]
    ) throws(GatewayError) -> [Record] {
        var (found, errors) = ([Record](), [GatewayError.FieldError]())
        for (index, row) in named.enumerated() {
            let tries = rows[row] ?? []
            if let reason = objection(to: tries, retried) {
                errors.append(.init(pointer: "/rows/\(index)", message: "row \(row) \(reason)"))
            } else if let last = tries.last {
                found.append(last)
            }
        }
        guard let first = errors.first else { return found.sorted { $0.batch?.row ?? 0 < $1.batch?.row ?? 0 } }
        throw GatewayError(
            .conflict,
            "\(errors.count) of \(named.count) rows may not be tried again; nothing was kept or sent: \(first.message)",
            errors: errors
        )
    }

    /// Why a row is not paid by another batch, as its tries stand; nil where it may be.
    private static func objection(to tries: [Record], _ retried: [RecordID: BatchRetry]) -> String? {
        guard let last = tries.last else { return "is none of this batch's." }
        if let retry = tries.lazy.compactMap({ retried[$0.id] }).first {
            return
                "is tried again by \(retry.retry) of the batch \(retry.batch): what ends unpaid there is tried again there."
        }
        for item in tries where !item.hasEndedUnmoved {
            switch item.state {
            case .succeeded, .reversed: return "was paid (\(item.id))."
            case .manual:
                return "waits for a person to say what became of it (transactions.resolve, \(item.id))."
            case _ where item.isDamaged: return "can no longer be read (\(item.id)): nobody knows what was sent of it."
            case _ where item.isDisputed:
                return "may have been paid: M-Pesa contradicts what is known of it (\(item.id))."
            default: return "has not ended: \(item.id) is \(item.state.rawValue)."
            }
        }
        return last.hold == nil ? "is kept without what was asked for." : nil
    }

    private static func mayPayYet(_ batch: Batch) -> GatewayError {
        GatewayError(
            .conflict,
            """
            This batch may pay its rows yet: it is \(batch.state.rawValue). Let it end, or take back what has not left \
            (batches.cancel); then what ended unpaid is tried again.
            """
        )
    }

    private static func nothing(of batch: Batch, retried: [BatchRetry]) -> GatewayError {
        let others = Set(retried.map(\.batch.description)).sorted().prefix(5).joined(separator: ", ")
        return GatewayError(
            .conflict,
            "Nothing of this batch failed that may be tried again; what never left is, where withdrawn says so."
                + (others.isEmpty ? "" : " What failed is tried again by \(others) already.")
        )
    }

    private static let unreadable = GatewayError(
        .conflict,
        "A payment of this batch can no longer be read as one of its rows, and may pay any of them: none is tried again."
    )

    /// Others were a moment sooner.
    static let triedAgainMeanwhile = GatewayError(
        .conflict,
        "Somebody has just had these rows tried again. Nothing was kept or sent; look at the batch's payments."
    )
}

extension Record {
    /// Whether it ended, and no money went with it, as far as its state says.
    fileprivate var hasEndedUnpaid: Bool { state != .reversed && RecentPayment.unpaid.contains(state) }
}

extension BatchOrder {
    /// The order with the items of another batch, as they were sent then.
    fileprivate func trying(_ tries: [Record]) -> BatchOrder {
        var order = self
        order.retry = retry.map { $0.trying(tries.map(\.id)) }
        order.items = tries.compactMap(\.hold?.arguments)
        order.rows = tries.map { $0.batch?.row ?? 0 }
        for (index, record) in tries.enumerated() { order.beside[index] = record.hold?.beside }
        return order
    }
}
