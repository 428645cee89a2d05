import Logging

/// Keeps what became of a request, raw, until the store has what it means.
///
/// Ordinarily an answer rides with the commit of its meaning. When that commit fails it goes into the journal, so that a
/// process that ends here loses nothing; what a plugin cannot read goes into the inbox. From both it is read again.
struct AnswerKeeper: Sendable {
    private let settlement: Settlement
    private let plugins: PluginCalls
    private let journal: any AnswerJournal
    private let entropy: Entropy
    private let logger: Logger

    /// Makes it of its parts.
    init(
        settlement: Settlement,
        plugins: PluginCalls,
        journal: any AnswerJournal,
        entropy: Entropy,
        logger: Logger
    ) {
        self.settlement = settlement
        self.plugins = plugins
        self.journal = journal
        self.entropy = entropy
        self.logger = logger
    }

    /// The waits between tries to keep an answer.
    private static let patience: [Duration] = [.milliseconds(50), .milliseconds(250), .seconds(1), .seconds(3)]

    /// Settles what became of a record's request, by `settle`; a store that stumbles is asked again.
    ///
    /// - Throws: `unavailable` when the store could not keep up; what was kept is applied when it is back.
    func settle(
        _ outcome: UpstreamOutcome,
        of record: Record,
        by settle: () async throws(GatewayError) -> Settlement.Settled
    ) async throws(GatewayError) -> Settlement.Settled {
        let statement = statement(of: outcome, about: record)
        var isKept = false
        var waits = Self.patience[...]
        while true {
            do throws(GatewayError) {
                let settled = try await readable(statement, of: record, by: settle)
                if isKept, let statement { await journal.remove(statement.id) }
                return settled
            } catch {
                guard let wait = waits.popFirst() else {
                    // Only this process knows that nothing left: nobody needs to ask M-Pesa about it.
                    if case .notSent(let reason) = outcome {
                        withdraw(record, because: reason, keptAs: isKept ? statement?.id : nil)
                    }
                    throw error
                }
                if let statement, !isKept { isKept = await journal.keep(statement) }
                logger.warning(
                    "an answer of M-Pesa could not be kept yet",
                    metadata: [
                        "record": "\(record.id)", "reason": "\(error.detail ?? error.message)",
                        "in_journal": "\(isKept)",
                    ]
                )
                // Not cancelled with the caller: from here on the outcome is recorded first.
                await entropy.sleep.whole(for: wait)
            }
        }
    }

    // MARK: What never left

    /// How often what never left is looked at.
    private static let withdrawsEvery: Duration = .seconds(1)

    /// Ends a record for which nothing was sent, and keeps nobody waiting for that: its commit failed and it may be
    /// written all the same, or it could not be kept that nothing left.
    ///
    /// - Parameter statement: What the journal has of it already.
    func withdraw(_ record: Record, because reason: String, keptAs statement: CallbackID? = nil) {
        guard !settlement.withdrawals.add(record, because: reason, keptAs: statement, at: entropy.now()) else { return }
        logger.error("too many transactions wait to be withdrawn", metadata: ["record": "\(record.id)"])
    }

    /// Ends what never left, at once or as soon as the store lets it, until it is cancelled; tries once more then.
    func run() async {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        settlement.withdrawals.bell.call { signal.yield() }
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    // Only cancellation ends the sleep early, and the loop's condition sees it.
                    try? await entropy.sleep(for: Self.withdrawsEvery)
                    signal.yield()
                }
                signal.finish()
            }
            for await _ in signals { await withdrawPending() }
        }
    }

    /// Tries all that wait; what cannot be ended yet is in the journal afterwards, for the next process.
    ///
    /// A store that is away is asked once.
    func withdrawPending() async {
        var isAway = false
        for waiting in settlement.withdrawals.all {
            let record = waiting.record
            if !isAway {
                switch await settlement.withdraw(waiting, at: entropy.now()) {
                case .ended:
                    settlement.withdrawals.remove(record.id)
                    if let statement = waiting.statement { await journal.remove(statement) }
                    continue
                case .mayCome: break
                case .storeIsAway: isAway = true
                }
            }
            guard waiting.statement == nil, let statement = statement(of: .notSent(waiting.reason), about: record),
                await journal.keep(statement)
            else { continue }
            settlement.withdrawals.note(statement.id, of: record.id)
        }
    }

    /// A plugin that fails on an answer must not lose it: it is kept, raw, with the commit that says that nobody knows,
    /// and read again from the inbox, if need be by a mended version.
    private func readable(
        _ statement: ReceivedCallback?,
        of record: Record,
        by settle: () async throws(GatewayError) -> Settlement.Settled
    ) async throws(GatewayError) -> Settlement.Settled {
        do throws(GatewayError) { return try await settle() } catch {
            let isUnread = error.code == .pluginFailed || error.code == .unavailable && plugins.isMissing(for: record)
            guard isUnread, let statement, !statement.isUnsent else { throw error }
            logger.error(
                "an answer of M-Pesa could not be interpreted",
                metadata: [
                    "record": "\(record.id)", "status": "\(statement.status ?? 0)",
                    "detail": "\(error.detail ?? error.message)",
                ]
            )
            let settled = try await settlement.settle(record, unread: statement) { _ in
                .noAnswer("M-Pesa answered, and the answer could not be interpreted.")
            }
            // Where others have moved the record on, no commit takes the bytes along.
            if !settled.hasChanged, await !journal.keep(statement) {
                logger.error("an answer of M-Pesa could not be kept", metadata: ["record": "\(record.id)"])
            }
            return settled
        }
    }

    /// What this process alone knows, as the inbox keeps it: M-Pesa's answer, raw, or that nothing left.
    private func statement(of outcome: UpstreamOutcome, about record: Record) -> ReceivedCallback? {
        let (name, body, status): (String, [UInt8], Int?)
        switch outcome {
        case .unknown: return nil
        case .answered(let code, let bytes):
            (name, body, status) = (ReceivedCallback.answerName(toSending: record.attempts), bytes, code)
        case .notSent(let reason):
            (name, body, status) = (ReceivedCallback.unsentName(of: record), Array(reason.utf8), nil)
        }
        return ReceivedCallback(
            id: CallbackID(entropy.identifier()),
            organization: record.organization,
            environment: record.environment,
            record: record.id,
            name: name,
            receivedAt: entropy.now(),
            body: body,
            address: nil,
            attempts: 1,
            status: status
        )
    }
}

extension Evidence {
    /// Whether an answer to the nth sending of a request says something of the record as it now stands.
    ///
    /// That a request was refused, or not looked at, says nothing of a later sending of it.
    func says(ofSending attempt: Int?, of record: Record) -> Bool {
        guard let attempt, attempt != record.attempts else { return true }
        return verdict != .rejected && verdict != .notProcessed
    }
}
