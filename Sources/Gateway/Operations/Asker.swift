import Logging

/// Asks M-Pesa about an open record, by an exchange of its own, and applies what the answer proves.
package struct Asker: Sendable {
    private let records: any RecordRepository
    private let directory: DirectoryCache
    private let plugins: PluginCalls
    private let sender: Sender
    private let questions: Dispatcher
    private let upstream: any Upstream
    private let settlement: Settlement
    private let keeper: AnswerKeeper
    private let entropy: Entropy
    private let failpoints: Failpoints
    private let logger: Logger

    /// Makes it of its parts.
    init(
        records: any RecordRepository,
        directory: DirectoryCache,
        plugins: PluginCalls,
        sender: Sender,
        questions: Dispatcher,
        upstream: any Upstream,
        settlement: Settlement,
        keeper: AnswerKeeper,
        entropy: Entropy,
        failpoints: Failpoints,
        logger: Logger
    ) {
        self.records = records
        self.directory = directory
        self.plugins = plugins
        self.sender = sender
        self.questions = questions
        self.upstream = upstream
        self.settlement = settlement
        self.keeper = keeper
        self.entropy = entropy
        self.failpoints = failpoints
        self.logger = logger
    }

    /// Asks, and answers the record as it stands afterwards; whatever goes wrong leaves it as it was, for later.
    package func askSafely(_ record: Record) async -> Record {
        do {
            return try await ask(record)
        } catch {
            logger.warning(
                "asking about a transaction failed",
                metadata: ["record": "\(record.id)", "code": "\(error.code.rawValue)", "reason": "\(error.message)"]
            )
            return record
        }
    }

    /// Asks once.
    ///
    /// The question is counted before it is asked, under the record's version: so two workers never ask at the same
    /// time, and a crash in between only means that the next question comes later.
    ///
    /// - Parameter place: Where it may be asked from; without one it waits for one, for a moment.
    package func ask(_ record: Record, from place: Dispatcher.Place? = nil) async throws(GatewayError) -> Record {
        guard let query = record.query, record.state != .created, record.state != .sending, !record.state.isHeld else {
            return record
        }
        let own = place == nil ? try await questions.enter(AccountID(of: record)) : nil
        defer { own?.leave() }
        var profile = try await directory.account(record.accountName, of: record.organization, in: record.environment)
            .profile
        // Whatever the organization's short code is by now, M-Pesa knows the payment under its own.
        if !record.account.isEmpty { profile.shortCode = record.account }
        let template = try await plugins.query(record, profile: profile, now: entropy.wall())
        let version = record.version
        guard let template else {
            return try await settlement.settle(record) { $0.version == version ? .nothingToAsk : nil }.record
        }
        let counted = try await settlement.settle(record) { $0.version == version ? .asked : nil }
        guard counted.hasChanged else { return counted.record }
        let (plugin, _) = try plugins.kind(of: record)
        guard let index = plugin.operationIndex(query.operation) else { return counted.record }
        let kind = plugin.operations[index]
        let exchange = exchange(kind, about: counted.record, request: template)
        var prepared = try await sender.makeReady(exchange, kind: kind)
        prepared.leaveBy = entropy.uptime() + kind.sendWithin
        _ = try await records.commit(NewRecord(record: exchange))
        failpoints.reach(.beforeQuery)
        let outcome = await upstream.send(prepared)
        failpoints.reach(.afterQuery)
        let settled = try await keeper.settle(outcome, of: exchange) { () async throws(GatewayError) in
            try await settle(outcome, of: exchange, kind, about: counted.record)
        }
        failpoints.reach(.afterQueryCommit)
        return settled.record.id == record.id ? settled.record : counted.record
    }

    private func exchange(_ kind: OperationKind, about record: Record, request: RequestTemplate) -> Record {
        let now = entropy.now()
        var exchange = Record(
            id: RecordID(entropy.identifier()),
            organization: record.organization,
            environment: record.environment,
            recordClass: .exchange,
            plugin: record.plugin,
            operation: kind.name,
            tool: "",
            direction: .none,
            madeBy: "host",
            intent: Intent(),
            about: record.id,
            createdAt: now,
            query: nil,
            sendBefore: now + kind.sendWithin,
            account: record.account,
            accountName: record.accountName,
            request: request,
            state: .sending
        )
        exchange.attempts = 1
        exchange.sentAt = now
        exchange.nextActionAt = now + kind.sendWithin * 2
        return exchange
    }

    /// What became of a question: what its answer proves of the transaction, where that is not told by callback.
    private func settle(
        _ outcome: UpstreamOutcome,
        of exchange: Record,
        _ kind: OperationKind,
        about record: Record
    ) async throws(GatewayError) -> Settlement.Settled {
        switch outcome {
        case .notSent(let reason), .unknown(let reason):
            return try await settlement.settle(exchange) { _ in .noAnswer(reason) }
        case .answered(let status, let body):
            let shown = exchange.shown(about: record)
            let evidence = try await plugins.interpret(body, from: .query, status: status, for: shown)
            let found = evidence ?? Evidence(.unknown, meaning: "The answer is not about this transaction.")
            guard kind.callbacks.isEmpty else {
                // The answer comes by callback. What is known now is only whether the question was taken, which says
                // nothing of the transaction.
                return try await settlement.settle(exchange) { _ in .evidence(found, .reply) }
            }
            return try await settlement.settle(exchange: exchange, about: record, evidence: found)
        }
    }
}

extension Record {
    /// An exchange as its plugin is shown it: with the ids of the transaction that it is about.
    func shown(about transaction: Record) -> Record {
        var shown = self
        shown.externalIDs = transaction.externalIDs
        return shown
    }
}
