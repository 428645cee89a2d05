import Logging

// What a callback means: its record is found, its plugin reads it, the core applies it, and the same commit settles it.
extension CallbackInbox {
    /// The record that a plugin must say something of; nil where the callback has come to its end without one.
    func find(_ callback: ReceivedCallback) async throws(GatewayError) -> Record? {
        let found = try await records.record(callback.record, of: callback)
        guard let record = found else {
            // What was never sent may be written yet: its commit was on its way.
            let mayCome = callback.isUnsent && entropy.now() <= callback.receivedAt + Withdrawals.commitMax
            if !mayCome { try await end(callback, as: .orphaned) }
            return nil
        }
        guard callback.isUnsent else { return record }
        try await withdraw(record, as: callback)
        return nil
    }

    func settle(_ callback: ReceivedCallback, of record: Record, isRetry: Bool) async throws(GatewayError) {
        // While the plugin is not loaded the bytes wait, and no attempt is counted against them.
        let (plugin, kind) = try plugins.kind(of: record)
        if isRetry {
            let attempts = try await callbacks.countAttempt(callback.id, organization: callback.organization)
            guard attempts <= settings.attemptsMax else { return try await quarantine(callback, of: record) }
        }
        do throws(GatewayError) {
            try await apply(callback, to: record, takesOnly: isTaking(callback, plugin.operations[kind]))
        } catch {
            // Only what the plugin makes of these bytes counts against them.
            if isRetry, error.code != .pluginFailed {
                try await callbacks.forgiveAttempt(callback.id, organization: callback.organization)
            }
            throw error
        }
    }

    /// A question that is answered by callback says in its reply only whether it was taken.
    private func isTaking(_ callback: ReceivedCallback, _ kind: OperationKind) -> Bool {
        callback.sending != nil && !kind.callbacks.isEmpty
    }

    private func apply(
        _ callback: ReceivedCallback,
        to record: Record,
        takesOnly: Bool
    ) async throws(GatewayError) {
        if let about = record.about, !takesOnly { return try await settle(callback, of: record, about: about) }
        let source = callback.source
        var isMine = true
        let settled = try await settlement.settle(
            record,
            callback: callback.id,
            failpoints: (failpoints, .beforeCallbackCommit)
        ) { current throws(GatewayError) in
            let evidence = try await read(callback, for: current)
            isMine = evidence != nil
            guard let evidence, evidence.says(ofSending: callback.sending, of: current) else { return nil }
            return .evidence(evidence, source)
        }
        if settled.hasChanged { return failpoints.reach(.afterCallbackCommit) }
        try await end(callback, as: isMine ? .ignored : .notMine)
    }

    private func read(_ callback: ReceivedCallback, for record: Record) async throws(GatewayError) -> Evidence? {
        // What answers a question is no reply to the request that it is about.
        let source: Evidence.Source = callback.source == .reply && record.about != nil ? .query : callback.source
        var evidence = try await plugins.interpret(
            callback.body,
            from: source,
            status: callback.status,
            for: record
        )
        evidence?.saidAt = callback.receivedAt
        return evidence
    }

    /// Nothing left, as the process knew that was to send it.
    private func withdraw(_ record: Record, as callback: ReceivedCallback) async throws(GatewayError) {
        let reason = String(decoding: callback.body, as: UTF8.self)
        let settled = try await settlement.settle(record, callback: callback.id) { current in
            callback.isOfSending(of: current) ? .notSent(reason) : nil
        }
        // The commit of that sending may be on its way.
        let mayCome = settled.record.attempts < callback.sending ?? 1
        guard !mayCome || entropy.now() > callback.receivedAt + Withdrawals.commitMax else { return }
        if !settled.hasChanged { try await end(callback, as: .ignored) }
    }

    /// The answer to a question: settles the exchange, and what it proves of the transaction it asked about.
    private func settle(
        _ callback: ReceivedCallback,
        of exchange: Record,
        about: RecordID
    ) async throws(GatewayError) {
        let found = try await records.record(about, of: callback)
        guard let transaction = found else { return try await end(callback, as: .orphaned) }
        guard let evidence = try await read(callback, for: exchange.shown(about: transaction)) else {
            return try await end(callback, as: .notMine)
        }
        let settled = try await settlement.settle(
            exchange: exchange,
            about: transaction,
            evidence: evidence,
            from: callback.source,
            callback: callback.id
        )
        if !settled.hasChanged { try await end(callback, as: .ignored) }
    }

    // MARK: What could not be read

    private func quarantine(_ callback: ReceivedCallback, of record: Record) async throws(GatewayError) {
        let digest = try plugins.kind(of: record).plugin.digest
        logger.error(
            "a callback could not be read and waits for another version of its plugin",
            metadata: [
                "callback": "\(callback.id)", "record": "\(callback.record)", "plugin": "\(record.plugin)",
                "organization": "\(callback.organization)",
            ]
        )
        try await callbacks.quarantine(
            callback.id,
            organization: callback.organization,
            digest: digest,
            at: entropy.now()
        )
    }

    /// Gives what one version of a plugin could not read to another, once that serves.
    func reopenMended() async throws(GatewayError) {
        let revision = plugins.revision
        guard lookedAt.withLock({ $0 != revision }) else { return }
        var place: CallbackPlace?
        while true {
            let page = try await callbacks.quarantined(after: place, limit: settings.pageMax)
            try await reopen(page)
            guard page.count == settings.pageMax, let last = page.last else { break }
            place = CallbackPlace(last.callback)
        }
        lookedAt.withLock { $0 = revision }
    }

    private func reopen(_ page: [(callback: ReceivedCallback, digest: String)]) async throws(GatewayError) {
        for (callback, digest) in page {
            let found = try await records.record(callback.record, of: callback)
            // While the plugin is not loaded they wait.
            guard let found, let serving = try? plugins.kind(of: found).plugin.digest, serving != digest else {
                continue
            }
            try await callbacks.reopen(callback.id, organization: callback.organization)
        }
    }

    private func end(_ callback: ReceivedCallback, as end: CallbackEnd) async throws(GatewayError) {
        if end != .ignored {
            logger.warning(
                "a callback changed nothing",
                metadata: ["callback": "\(callback.id)", "record": "\(callback.record)", "end": "\(end.rawValue)"]
            )
        }
        try await callbacks.end(callback.id, organization: callback.organization, as: end, at: entropy.now())
    }
}
