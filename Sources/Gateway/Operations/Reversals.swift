import OrderedJSON

/// What must hold before a reversal is sent: it gives back no more of one transaction than is left of it.
///
/// The host checks it, whatever plugin asks. What is found here is committed under the original's version, so that
/// nothing has been given back, or is about to be, that is not known here.
struct Reversals: Sendable {
    let records: any RecordRepository

    /// What a reversal gives back, as it stands.
    struct Original: Sendable {
        let record: Record
        /// How much of it is left: in shillings.
        let left: Int64
        /// Reversals of which nobody knows whether they moved, and what they keep.
        let held: [ReversalMark]
        /// Those of which the caller says that they did not, and which would be held otherwise.
        let unmoved: Set<RecordID>
        /// Those that are known to have moved nothing.
        let ended: Set<RecordID>
    }

    /// The reversals of an original that have not succeeded, none of them open.
    private struct Past {
        /// Of which nobody knows whether they moved.
        var held: [ReversalMark] = []
        /// Which have ended and moved nothing.
        var ended: Set<RecordID> = []
    }

    /// The original that the arguments name, where the kind says where; nil where its plan alone names it.
    ///
    /// - Throws: `notFound` when the organization has no such transaction in this environment, or it is another plugin's
    ///   that was not granted; `notSupported` for what M-Pesa takes back from nobody; `conflict` when it has not succeeded
    ///   or another reversal of it is open; `invalidArgument` where nothing is named.
    func original(
        of kind: OperationKind,
        for work: Dispatch.Work,
        accounts: [String]
    ) async throws(GatewayError) -> Original? {
        guard let binding = kind.original else { return nil }
        let unmoved = try unmoved(binding, in: work.arguments)
        guard let name = work.arguments.value(at: binding.pointer)?.stringValue, !name.isEmpty else {
            throw Self.wrong(binding.pointer, "expected the transaction's id or M-Pesa's receipt.")
        }
        guard let found = try await find(name, binding, for: work, accounts: accounts) else { throw Self.unknown }
        return try await check(found, for: work, besides: unmoved, at: binding.unmoved)
    }

    /// The original of a plan, with what is left of it.
    ///
    /// - Throws: As `original(of:for:accounts:)`; `invalidArgument` for more than is left; `pluginFailed` for a plan without
    ///   an original or an amount, or with another original than the arguments name.
    func check(
        _ intent: Intent,
        of found: Original?,
        for work: Dispatch.Work
    ) async throws(GatewayError) -> Original {
        let original = try await planned(intent, found, for: work)
        guard let amount = intent.amount?.amount else { throw Self.misplanned(work, "without an amount") }
        guard amount <= original.left else { throw excess(amount, original) }
        return original
    }

    private func planned(
        _ intent: Intent,
        _ found: Original?,
        for work: Dispatch.Work
    ) async throws(GatewayError) -> Original {
        if let found {
            guard intent.original == nil || intent.original == found.record.id else {
                throw Self.misplanned(work, "of another transaction than the arguments name")
            }
            return found
        }
        guard let id = intent.original else { throw Self.misplanned(work, "that names no transaction") }
        guard let record = try await record(id, for: work) else { throw Self.unknown }
        return try await check(record, for: work, besides: [], at: nil)
    }

    // MARK: Finding

    private func find(
        _ name: String,
        _ binding: OriginalBinding,
        for work: Dispatch.Work,
        accounts: [String]
    ) async throws(GatewayError) -> Record? {
        if let id = RecordID(name) { return try await record(id, for: work) }
        let (organization, environment) = (work.principal.organization, work.principal.environment)
        // Receipts are written in capitals, and pasted as people please.
        let receipt = try await records.record(
            receipt: name.uppercased(),
            accounts: accounts,
            organization: organization,
            environment: environment
        )
        if let receipt { return receipt }
        for namespace in binding.namespaces {
            let found = try await records.record(
                externalID: name,
                namespace: namespace,
                organization: organization,
                environment: environment
            )
            if let found { return found }
        }
        return nil
    }

    private func record(_ id: RecordID, for work: Dispatch.Work) async throws(GatewayError) -> Record? {
        try await records.record(id, of: work.principal)
    }

    private func unmoved(_ binding: OriginalBinding, in arguments: JSON) throws(GatewayError) -> Set<RecordID> {
        guard let pointer = binding.unmoved, let named = arguments.value(at: pointer)?.arrayValue else { return [] }
        let ids = named.compactMap { $0.stringValue.flatMap { RecordID($0) } }
        guard ids.count == named.count, ids.count <= Record.reversalsMax else {
            throw Self.wrong(pointer, "expected ids of reversals.")
        }
        return Set(ids)
    }

    // MARK: Checking

    private func check(
        _ original: Record,
        for work: Dispatch.Work,
        besides unmoved: Set<RecordID>,
        at pointer: JSONPointer?
    ) async throws(GatewayError) -> Original {
        let plugin = work.entry.plugin
        guard original.recordClass == .transaction, work.principal.sees(original),
            original.plugin == plugin.id || plugin.readsTransactions
        else { throw Self.unknown }
        try checkDirection(of: original)
        // How much of it went back already may be what cannot be read.
        if original.isDamaged { throw Settlement.isDamaged(original) }
        guard original.state == .succeeded else {
            throw GatewayError(
                .conflict,
                original.state == .reversed
                    ? "This transaction has been reversed already."
                    : "Only a transaction that has succeeded can be reversed; this one is \(original.state.status).",
                record: original.id
            )
        }
        let past = try await past(of: original, besides: work.held)
        guard work.held != nil || original.reversals.count - past.ended.count < Record.reversalsMax else {
            throw GatewayError(.conflict, "Too many reversals of this transaction were begun.", record: original.id)
        }
        for id in unmoved where !past.held.contains(where: { $0.id == id }) {
            guard let pointer, try await !isKnownUnmoved(id, of: original) else { continue }
            throw Self.wrong(pointer, "\(id) is no reversal of this transaction that waits for a person.")
        }
        let counted = past.held.filter { !unmoved.contains($0.id) }
        let paid = original.intent.amount?.amount ?? 0
        let left = paid - original.reversedAmount - counted.reduce(0) { $0 + $1.amount.amount }
        // Of what is known to have moved nothing it says nothing new.
        let said = Set(past.held.map(\.id)).intersection(unmoved)
        return Original(record: original, left: max(0, left), held: counted, unmoved: said, ended: past.ended)
    }

    /// Whether somebody has said of a reversal before that it did not move, or it has ended so: said again, it says
    /// nothing new.
    private func isKnownUnmoved(_ id: RecordID, of original: Record) async throws(GatewayError) -> Bool {
        if original.reversals.contains(where: { $0.id == id && $0.isCalledUnmoved && !$0.isDone }) { return true }
        let found = try await records.record(id, of: original)
        return found?.intent.original == original.id && found?.hasMovedNothing == true
    }

    private func checkDirection(of original: Record) throws(GatewayError) {
        switch original.direction {
        case .incoming: return
        case .outgoing:
            throw GatewayError(
                .notSupported,
                """
                M-Pesa takes back no payout by its API. Ask the receiver to send it back, or have it reversed in the \
                M-Pesa organization portal.
                """,
                record: original.id
            )
        case .reverse, .none:
            throw GatewayError(
                .notSupported,
                "A reversal cannot be reversed. Ask the customer to pay again.",
                record: original.id
            )
        }
    }

    /// What became of those that M-Pesa has not called done.
    ///
    /// One that ended without success, and of which M-Pesa said otherwise too, may have moved.
    /// - Parameter own: The one that is about to be sent, which says nothing of itself.
    /// - Throws: `conflict` when one is open, of which that will be known.
    private func past(of original: Record, besides own: RecordID?) async throws(GatewayError) -> Past {
        var past = Past()
        for mark in original.reversals where !mark.isDone && mark.id != own {
            let found = try await records.record(mark.id, of: original)
            if let found, found.hasMovedNothing {
                past.ended.insert(mark.id)
            } else if !mark.isCalledUnmoved {
                guard found.map({ $0.state.isEnded || $0.state == .manual }) ?? true else { throw Self.open(mark) }
                past.held.append(mark)
            }
        }
        return past
    }

    // MARK: Errors

    private static let unknown = GatewayError(
        .notFound,
        """
        There is no transaction with this id or receipt that can be reversed. Check it and the environment; what did not \
        pass through this gateway is reversed in the M-Pesa organization portal.
        """
    )

    private static func open(_ mark: ReversalMark) -> GatewayError {
        GatewayError(
            .conflict,
            "A reversal of this transaction is open. Wait for its outcome before another one is begun.",
            retryAfter: .seconds(60),
            record: mark.id
        )
    }

    private static func wrong(_ pointer: JSONPointer, _ message: String) -> GatewayError {
        let errors = [GatewayError.FieldError(pointer: pointer.description, message: message)]
        return GatewayError(.invalidArgument, "\(pointer): \(message)", errors: errors)
    }

    private static func misplanned(_ work: Dispatch.Work, _ how: String) -> GatewayError {
        GatewayError(
            .pluginFailed,
            "\(work.entry.tool.name) planned a reversal \(how). Nothing was sent.",
            detail: "rule P2: a plan of direction reverse \(how)"
        )
    }

    private func excess(_ amount: Int64, _ original: Original) -> GatewayError {
        var message = "Only \(original.left) shillings of this transaction are left to give back."
        if !original.held.isEmpty {
            let ids = original.held.map { "\($0.id)" }.joined(separator: ", ")
            message += """
                 M-Pesa stated no outcome of earlier reversals (\(ids)), which keep what they were for. Check the M-Pesa \
                statement; if they did not move, say so.
                """
        }
        return GatewayError(
            .invalidArgument,
            message,
            errors: [.init(pointer: "/amount", message: message)],
            record: original.record.id
        )
    }
}
