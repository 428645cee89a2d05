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
                    if case .notSent(let reason) = outcome, await settlement.withdraw(record, because: reason), isKept,
                        let statement
                    {
                        await journal.remove(statement.id)
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

    /// Ends a record for which nothing was sent, now or, where the store is away, once it is back: in this process or
    /// the next.
    func withdraw(_ record: Record, because reason: String) async {
        guard await !settlement.withdraw(record, because: reason),
            let statement = statement(of: .notSent(reason), about: record)
        else { return }
        _ = await journal.keep(statement)
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
            (name, body, status) = (ReceivedCallback.unsentName(ofSending: record.attempts), Array(reason.utf8), nil)
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
