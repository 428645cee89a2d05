import Logging
import Synchronization

/// Where M-Pesa's callbacks arrive: kept first, acknowledged, and only then understood.
///
///     token checked (a stranger writes nothing) -> raw body durable -> acknowledged -> interpreted by the plugin ->
///     applied once by the core -> settled in the same commit
///
/// If the process dies after the acknowledgement, the body is found unsettled and is given to the plugin again. A record's
/// callbacks are worked on one after another; accounts take turns, and each plugin has places of its own, so that neither
/// one account's burst nor a plugin that hangs keeps others' callbacks waiting.
package final class CallbackInbox: Sendable {
    /// What bounds the inbox.
    package struct Settings: Sendable {
        /// How many records are read at once for their callbacks, the accounts in turn: this wait is the database's.
        ///
        /// Three quarters of them at most for one account. Default 32.
        package var readersMax = 32
        /// How many callbacks each plugin is given at once, the accounts in turn.
        ///
        /// Three quarters of them at most for one account. Default 16.
        package var pluginPlacesMax = 16
        /// How many of one account wait for a place with one plugin; more are left to the store for now.
        ///
        /// Default 400.
        package var pluginWaitingMax = 400
        /// How long one waits for such a place, before it is left to the store for now.
        ///
        /// Default 60 s.
        package var placeWaitMax: Duration = .seconds(60)
        /// How many wait in memory; more wait in the store alone, and are found there.
        ///
        /// A quarter is kept for accounts of which fewer than `queueKeptEach` wait. Default 1,000.
        package var queueMax = 1_000
        /// How many of one account may wait in what is kept.
        ///
        /// Default 16.
        package var queueKeptEach = 16
        /// How many of one account wait in memory.
        ///
        /// Default 500.
        package var accountQueueMax = 500
        /// How many bytes of bodies wait in memory.
        ///
        /// Default 32 MiB.
        package var queueBytesMax = 32 << 20
        /// How often the plugin is given the same bytes before a person must look.
        package var attemptsMax = 5
        /// How often the store is searched for what was left.
        package var searchEvery: Duration = .seconds(5)
        /// How soon it is searched again when more was there than could wait.
        ///
        /// Default 1 s.
        package var searchAgain: Duration = .seconds(1)
        /// How many callbacks the store is asked for at once.
        ///
        /// Default 250.
        package var pageMax = 250
        /// How many such pages one search reads.
        ///
        /// Default 20.
        package var pagesMax = 20
        /// How many callbacks of one record are kept beside the store while it is away, so that nobody who calls one
        /// address again and again fills the journal.
        ///
        /// Default 4.
        package var asideMax = 4

        /// The defaults.
        package init() {}

        /// Places of such a kind, and how many of an account wait for one.
        func places(_ count: Int, line: Int) -> Dispatcher.Settings {
            var places = Dispatcher.Settings()
            places.placesMax = count
            places.accountPlacesMax = max(1, count - count / 4)
            places.waitMax = placeWaitMax
            places.accountWaitingMax = line
            places.waitingMax = queueMax
            return places
        }
    }

    let records: any RecordRepository
    let callbacks: any CallbackRepository
    let plugins: PluginCalls
    let settlement: Settlement
    let entropy: Entropy
    let failpoints: Failpoints
    let logger: Logger
    let settings: Settings
    private let lines: CallbackLines
    private let readers: Dispatcher
    private let places: CallbackPlaces
    /// Where searches are: what cannot be read now must not keep the rest from being looked at.
    private let walk = Mutex(CallbackWalk())
    /// The tools' revision at which what was quarantined was last looked at.
    let lookedAt = Mutex<Int?>(nil)
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
        lines = CallbackLines(settings: settings)
        readers = Dispatcher(
            settings: settings.places(settings.readersMax, line: settings.accountQueueMax),
            sleep: entropy.sleep
        )
        places = CallbackPlaces(
            settings: settings.places(settings.pluginPlacesMax, line: settings.pluginWaitingMax),
            sleep: entropy.sleep
        )
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
        lines.arrive(callback)
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

    // MARK: Working

    /// Whether what arrives is worked on.
    var isOpen: Bool { lines.isOpen }

    /// Works until cancelled; what a plugin has in hand then is finished, and the rest is left to the next process.
    ///
    /// Callbacks are taken also afterwards, into the store alone.
    package func run() async {
        let records = lines.open()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await self.search()
                self.lines.close()
            }
            for await record in records { group.addTask { await self.workOff(record) } }
        }
        lines.leaveAll()
    }

    private func search() async {
        while !Task.isCancelled {
            for record in await findUnsettled() { lines.start(record) }
            let hasLeftSome = walk.withLock { $0.hasLeftSome }
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await entropy.sleep(for: hasLeftSome ? settings.searchAgain : settings.searchEvery)
        }
    }

    /// Takes up what a crash, or full lines, left in the store, and works on it.
    ///
    /// For tests: `run` does the same by itself.
    package func takeUpUnsettled() async {
        let found = await findUnsettled()
        await withDiscardingTaskGroup { group in
            for record in found { group.addTask { await self.workOff(record) } }
        }
    }

    /// Lets wait what was left in the store; answers the records that must be begun with.
    private func findUnsettled() async -> [RecordID] {
        var starts: [RecordID] = []
        do throws(GatewayError) {
            await aside.replay(at: entropy.now())
            try await reopenMended()
            let before = entropy.now() + (.zero - settings.searchEvery)
            var isLast = false
            for _ in 0..<settings.pagesMax where !isLast {
                let place = walk.withLock { $0.place }
                let page = try await callbacks.unsettled(before: before, after: place, limit: settings.pageMax)
                isLast = page.count < settings.pageMax
                starts += walk.withLock { walk in take(page, isLast: isLast, on: &walk) }
            }
        } catch {
            logger.warning("the callback inbox could not be searched", metadata: ["reason": "\(error.message)"])
        }
        return starts
    }

    private func take(_ page: [ReceivedCallback], isLast: Bool, on walk: inout CallbackWalk) -> [RecordID] {
        var starts: [RecordID] = []
        walk.take(page, isLast: isLast) { callback in
            switch lines.add(callback, isRetry: true) {
            case .starts: starts.append(callback.record)
            case .waits: break
            case .full: return false
            }
            return true
        }
        return starts
    }

    /// What a callback means, and what follows.
    ///
    /// Never throws: what fails stays unsettled and comes again.
    package func work(on callback: ReceivedCallback) async {
        guard case .starts = lines.add(callback, isRetry: false) else { return }
        await workOff(callback.record)
    }

    /// A record's callbacks, one after another in the order in which they came.
    private func workOff(_ record: RecordID) async {
        var next = lines.first(of: record)
        while let waiting = next {
            // What did not come to its turn is not overtaken by what came after it.
            guard !Task.isCancelled, await work(on: waiting) else { return lines.leave(record) }
            next = lines.next(after: waiting)
        }
    }

    /// Whether it came to its turn.
    private func work(on waiting: CallbackLines.Waiting) async -> Bool {
        let callback = waiting.callback
        let account = AccountID(of: callback)
        guard let reading = try? await readers.enter(account) else { return false }
        defer { reading.leave() }
        do throws(GatewayError) {
            guard let record = try await find(callback) else { return true }
            reading.leave()
            // Nobody waits for a plugin that is not there.
            _ = try plugins.kind(of: record)
            guard let place = try? await places.of(record.plugin).enter(account) else { return false }
            defer { place.leave() }
            guard !Task.isCancelled else { return false }
            try await settle(callback, of: record, isRetry: waiting.isRetry)
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
        return true
    }
}
