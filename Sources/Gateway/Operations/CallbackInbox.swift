import Logging
import Synchronization

/// Where M-Pesa's callbacks arrive: kept first, acknowledged, and only then understood.
///
///     token checked (a stranger writes nothing) -> raw body durable -> acknowledged -> interpreted by the plugin ->
///     applied once by the core -> settled in the same commit
///
/// If the process dies after the acknowledgement, the body is found unsettled and is given to the plugin again.
package final class CallbackInbox: Sendable {
    /// What bounds the inbox.
    package struct Settings: Sendable {
        /// How many callbacks are worked on at once.
        package var workers = 4
        /// How many wait in memory; more wait in the store alone, and are found there.
        package var queueMax = 1_000
        /// How often the plugin is given the same bytes before a person must look.
        package var attemptsMax = 5
        /// How often the store is searched for what was left.
        package var searchEvery: Duration = .seconds(5)
        /// How many callbacks of one record are kept beside the store while it is away, so that nobody who calls one
        /// address again and again fills the journal.
        ///
        /// Default 4.
        package var asideMax = 4

        /// The defaults.
        package init() {}
    }

    private let records: any RecordRepository
    private let callbacks: any CallbackRepository
    private let plugins: PluginCalls
    private let settlement: Settlement
    private let entropy: Entropy
    private let failpoints: Failpoints
    private let logger: Logger
    private let settings: Settings
    private let queue: AsyncStream<ReceivedCallback>
    private let feed: AsyncStream<ReceivedCallback>.Continuation
    private let inHand = Mutex<Set<CallbackID>>([])
    /// Where the last search ended: what cannot be read now must not keep the next thousand from being looked at.
    private let lookedUpTo = Mutex<CallbackPlace?>(nil)
    /// The tools' revision at which what was quarantined was last looked at.
    private let lookedAt = Mutex<Int?>(nil)
    private let aside: CallbacksAside

    /// Makes it of its parts.
    init(
        records: any RecordRepository,
        callbacks: any CallbackRepository,
        journal: any AnswerJournal,
        plugins: PluginCalls,
        settlement: Settlement,
        entropy: Entropy,
        failpoints: Failpoints,
        logger: Logger,
        settings: Settings = Settings()
    ) {
        self.records = records
        self.callbacks = callbacks
        aside = CallbacksAside(journal: journal, callbacks: callbacks, eachMax: settings.asideMax)
        self.plugins = plugins
        self.settlement = settlement
        self.entropy = entropy
        self.failpoints = failpoints
        self.logger = logger
        self.settings = settings
        (queue, feed) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(settings.queueMax))
    }

    /// Keeps a callback; M-Pesa may be told that it arrived when this returns.
    ///
    /// What the store cannot take is kept beside it: M-Pesa does not call again when it is told that nobody is there.
    /// - Throws: `unavailable` when it could not be kept at all; then M-Pesa must not be told so.
    package func receive(
        _ target: CallbackAddresses.Target,
        body: [UInt8],
        address: String?
    ) async throws(GatewayError) {
        let callback = ReceivedCallback(
            id: CallbackID(entropy.identifier()),
            organization: target.organization,
            environment: target.environment,
            record: target.record,
            name: target.name,
            receivedAt: entropy.now(),
            body: body,
            address: address,
            attempts: 1
        )
        failpoints.reach(.callbackReceived)
        do throws(GatewayError) { try await callbacks.receive(callback) } catch {
            let isKept = await aside.keep(callback)
            logger.warning(
                "the store could not take a callback",
                metadata: [
                    "callback": "\(callback.id)", "record": "\(callback.record)", "in_journal": "\(isKept)",
                    "reason": "\(error.detail ?? error.message)",
                ]
            )
            guard isKept else { throw error }
            return failpoints.reach(.callbackKept)
        }
        failpoints.reach(.callbackKept)
        feed.yield(callback)
    }

    /// Tells people of a callback that was not taken because it was too large; the record is asked about in its time.
    package func noteTooLarge(_ target: CallbackAddresses.Target, limit: Int) {
        logger.error(
            "a callback was too large to be taken",
            metadata: [
                "record": "\(target.record)", "organization": "\(target.organization)", "callback": "\(target.name)",
                "bytes_max": "\(limit)",
            ]
        )
    }

    /// Works until cancelled; what is in hand is finished.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<settings.workers {
                group.addTask { for await callback in self.queue { await self.work(on: callback) } }
            }
            group.addTask {
                await self.search()
                self.feed.finish()
            }
        }
    }

    /// Takes up what a crash, or a full queue, left in the store.
    ///
    /// Also called once by tests.
    package func takeUpUnsettled() async {
        do throws(GatewayError) {
            await aside.replay(at: entropy.now())
            try await reopenMended()
            let before = entropy.now() + (.zero - settings.searchEvery)
            let page = try await callbacks.unsettled(before: before, after: place(), limit: settings.queueMax)
            // A page that is not full was the last: the next search begins with the oldest again.
            lookedUpTo.withLock { $0 = page.count < settings.queueMax ? nil : page.last.map(CallbackPlace.init) }
            for callback in page { await work(on: callback, isRetry: true) }
        } catch {
            logger.warning("the callback inbox could not be searched", metadata: ["reason": "\(error.message)"])
        }
    }

    private func place() -> CallbackPlace? { lookedUpTo.withLock { $0 } }

    private func search() async {
        while !Task.isCancelled {
            await takeUpUnsettled()
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await entropy.sleep(for: settings.searchEvery)
        }
    }

    /// What a callback means, and what follows.
    ///
    /// Never throws: what fails stays unsettled and comes again.
    package func work(on callback: ReceivedCallback, isRetry: Bool = false) async {
        guard inHand.withLock({ $0.insert(callback.id).inserted }) else { return }
        defer { inHand.withLock { _ = $0.remove(callback.id) } }
        do {
            try await settle(callback, isRetry: isRetry)
        } catch {
            logger.error(
                "a callback could not be settled",
                metadata: [
                    "callback": "\(callback.id)", "record": "\(callback.record)",
                    "organization": "\(callback.organization)", "attempt": "\(callback.attempts)",
                    "reason": "\(error.detail ?? error.message)",
                ]
            )
        }
    }

    private func settle(_ callback: ReceivedCallback, isRetry: Bool) async throws(GatewayError) {
        let found = try await records.record(
            callback.record,
            organization: callback.organization,
            environment: callback.environment
        )
        guard let record = found else {
            // What was never sent may be written yet: its commit was on its way.
            guard !callback.isUnsent || entropy.now() > callback.receivedAt + Withdrawals.commitMax else { return }
            return try await end(callback, as: .orphaned)
        }
        if callback.isUnsent { return try await withdraw(record, as: callback) }
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
        let found = try await records.record(
            about,
            organization: callback.organization,
            environment: callback.environment
        )
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
    private func reopenMended() async throws(GatewayError) {
        let revision = plugins.revision
        guard lookedAt.withLock({ $0 != revision }) else { return }
        var place: CallbackPlace?
        while true {
            let page = try await callbacks.quarantined(after: place, limit: settings.queueMax)
            try await reopen(page)
            guard page.count == settings.queueMax, let last = page.last else { break }
            place = CallbackPlace(last.callback)
        }
        lookedAt.withLock { $0 = revision }
    }

    private func reopen(_ page: [(callback: ReceivedCallback, digest: String)]) async throws(GatewayError) {
        for (callback, digest) in page {
            let found = try await records.record(
                callback.record,
                organization: callback.organization,
                environment: callback.environment
            )
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
