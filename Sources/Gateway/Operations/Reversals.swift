/// What must hold before a reversal is sent: it gives back the whole of one transaction, once.
struct Reversals: Sendable {
    let records: any RecordRepository

    /// The key that keeps a second reversal of the same transaction out.
    ///
    /// - Throws: `notFound` when the organization has no such transaction in this environment, or it is another plugin's
    ///   that was not granted; `conflict` when it has not succeeded; `invalidArgument` for another amount;
    ///   `pluginFailed` for a plan without an original.
    func check(_ intent: Intent, for work: Dispatch.Work) async throws(GatewayError) -> UniqueKey {
        guard let id = intent.original else {
            throw GatewayError(
                .pluginFailed,
                "\(work.entry.tool.name) planned a reversal that names no transaction. Nothing was sent.",
                detail: "rule P2: a plan of direction reverse without an original"
            )
        }
        let found = try await records.record(
            id,
            organization: work.principal.organization,
            environment: work.principal.environment
        )
        let plugin = work.entry.plugin
        guard let original = found, original.recordClass == .transaction, original.direction != .reverse,
            work.principal.sees(original),
            original.plugin == plugin.id || plugin.readsTransactions
        else {
            throw GatewayError(
                .notFound,
                "There is no transaction with this id that can be reversed. Check the id and the environment."
            )
        }
        try check(original, amount: intent.amount)
        return UniqueKey(
            key: UniqueKey.reversal(of: id),
            releasedBy: [.failed, .cancelled, .expired, .rejected],
            isHosts: true
        )
    }

    private func check(_ original: Record, amount: Shillings?) throws(GatewayError) {
        guard original.state == .succeeded else {
            let isDone = original.state == .reversed
            throw GatewayError(
                .conflict,
                isDone
                    ? "This transaction has been reversed already."
                    : "Only a transaction that has succeeded can be reversed; this one is \(original.state.status).",
                record: original.id
            )
        }
        guard amount != nil, amount == original.intent.amount else {
            let whole = original.intent.amount.map { "\($0.amount)" } ?? "its own"
            let message = "Only the whole amount can be reversed: \(whole) shillings."
            throw GatewayError(
                .invalidArgument,
                message,
                errors: [.init(pointer: "/amount", message: message)],
                record: original.id
            )
        }
    }
}
