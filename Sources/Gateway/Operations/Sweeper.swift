import Logging

/// Comes back to every open record when its time has come: asks about it, gives up sending it, or calls a person.
///
/// A visit needs a place among the questions, of which each account has a share: one whose M-Pesa hangs holds up nobody
/// else's. Nothing waits for a whole round: whoever is done makes room for the next. A visit that leads nowhere puts its
/// record off, so that it comes back later and others come first.
package struct Sweeper: Sendable {
    /// What bounds the sweeper.
    package struct Settings: Sendable {
        /// How often it looks.
        ///
        /// Default 1 s.
        package var every: Duration = .seconds(1)
        /// How soon it looks again for more when some had to stay behind and a place is free.
        ///
        /// Default 50 ms.
        package var again: Duration = .milliseconds(50)
        /// How many records it reads at a time.
        ///
        /// Default 200.
        package var batchMax = 200
        /// How long a record is put off whose visit failed: a quarter of the time since anything happened to it, and no
        /// less than this.
        ///
        /// Default 5 s.
        package var putOffMin: Duration = .seconds(5)
        /// And no more than this.
        ///
        /// Default 5 min.
        package var putOffMax: Duration = .seconds(300)
        /// How long it works at a time on bringing ended records forward, after the clock was set back.
        ///
        /// Default 250 ms.
        package var followMax: Duration = .milliseconds(250)
        /// How many of those it looks at in one transaction.
        ///
        /// Default 500.
        package var followSlice = 500

        /// The defaults.
        package init() {}
    }

    private let records: any RecordRepository
    private let dueRecords: any DueRepository
    private let asker: Asker
    private let questions: Dispatcher
    private let sender: Sender
    private let plugins: PluginCalls
    private let settlement: Settlement
    private let objection: @Sendable (Record) async throws(GatewayError) -> String?
    private let limits: RecordMachine.Rules
    private let entropy: Entropy
    private let watch: WallClockWatch
    private let ended = EndedWalk()
    private let logger: Logger
    private let settings: Settings

    /// Makes it of its parts; `objection` says why a payment is not sent again, as whoever asked for it stands now.
    init(
        records: any RecordRepository & DueRepository,
        asker: Asker,
        questions: Dispatcher,
        sender: Sender,
        plugins: PluginCalls,
        settlement: Settlement,
        objection: @escaping @Sendable (Record) async throws(GatewayError) -> String?,
        limits: RecordMachine.Rules,
        entropy: Entropy,
        logger: Logger,
        settings: Settings = Settings()
    ) {
        self.records = records
        self.dueRecords = records
        self.asker = asker
        self.questions = questions
        self.sender = sender
        self.plugins = plugins
        self.settlement = settlement
        self.objection = objection
        self.limits = limits
        self.entropy = entropy
        watch = WallClockWatch(entropy: entropy)
        self.logger = logger
        self.settings = settings
    }

    /// Settles what the last process left, for a host that alone serves this store: rows that were never sent end as
    /// such, rows that were being sent become `unknown`.
    ///
    /// Call it before anything else is served.
    package func settleAfterRestart() async throws(GatewayError) {
        for state in [RecordState.created, .sending] {
            for record in try await records.records(in: state, limit: 100_000) {
                _ = try await settlement.settle(record) { _ in .restarted }
            }
        }
    }

    /// Sweeps until cancelled; visits that are under way are finished.
    package func run() async {
        let hand = SweptRecords()
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                await entropy.sleep.repeating(every: settings.every) { signal.yield() }
                signal.finish()
            }
            var lookedAt: Uptime?
            for await _ in signals {
                // A visit's end calls too: nobody looks then unless some had to stay behind.
                let isTime = lookedAt.map { entropy.uptime() - $0 >= settings.every } ?? true
                guard isTime || hand.hasLeftSome else { continue }
                let began = entropy.uptime()
                if isTime { await followClock() }
                for visit in await take(hand) {
                    group.addTask {
                        await self.visit(visit)
                        hand.remove(visit.record.id)
                        signal.yield()
                    }
                }
                lookedAt = entropy.uptime()
                // Reading must not be all that is done, when there is much to read.
                let rest = min(max(settings.again, (entropy.uptime() - began) * 4), settings.every)
                if hand.hasLeftSome { try? await entropy.sleep(for: rest) }
            }
        }
    }

    /// Visits every record that is due now, each once, and waits until all are done.
    package func sweep() async {
        await followClock()
        let hand = SweptRecords()
        await withTaskGroup(of: Void.self) { group in
            repeat {
                for visit in await take(hand) { group.addTask { await self.visit(visit) } }
            } while await group.next() != nil
        }
    }

    /// A wall clock that was set is told of; where it had to be followed back, every appointment is moved with it.
    private func followClock() async {
        if let moved = watch.wasSet() {
            logger.warning("the wall clock was set", metadata: ["by": "\(moved)"])
        }
        if let back = watch.wasSetBack() {
            do { try await dueRecords.bringForward(by: back, after: entropy.now()) } catch {
                watch.forget(back)
                logger.warning("appointments could not follow the clock", metadata: ["reason": "\(error.message)"])
                // The moment that is kept still tells the next process that they must.
                return
            }
            ended.begin()
        }
        await followEnded()
        guard watch.mustKeep() else { return }
        do { try await dueRecords.keep(moment: entropy.now()) } catch {
            watch.couldNotKeep()
            logger.debug("the moment could not be kept", metadata: ["reason": "\(error.message)"])
        }
    }

    /// Brings what has ended forward too, a slice after the other, for a moment; the rest has time.
    private func followEnded() async {
        let began = entropy.uptime()
        while ended.isUnderWay, entropy.uptime() - began < settings.followMax {
            do {
                let next = try await dueRecords.bringEndedForward(
                    after: ended.place,
                    now: entropy.now(),
                    limit: settings.followSlice
                )
                ended.go(to: next)
            } catch {
                return logger.warning("ends could not follow the clock", metadata: ["reason": "\(error.message)"])
            }
        }
    }

    private func take(_ hand: SweptRecords) async -> [SweptRecords.Visit] {
        let (visits, failure) = await hand.take(from: questions, batchMax: settings.batchMax) {
            limit,
            full throws(GatewayError) in
            try await dueRecords.due(at: entropy.now(), limit: limit, except: full)
        }
        if let failure {
            logger.warning("the sweeper could not read what is due", metadata: ["reason": "\(failure.message)"])
        }
        return visits
    }

    private func visit(_ visit: SweptRecords.Visit) async {
        let record = visit.record
        defer { visit.place.leave() }
        do {
            guard try await look(at: record, from: visit.place).version == record.version else { return }
        } catch {
            logger.warning(
                "the sweeper could not settle a transaction",
                metadata: ["record": "\(record.id)", "code": "\(error.code.rawValue)", "reason": "\(error.message)"]
            )
        }
        await putOff(record)
    }

    /// Does what a record's time has come for; answers the record as it stands afterwards.
    private func look(at record: Record, from place: Dispatcher.Place) async throws(GatewayError) -> Record {
        // The store may be back just now, before what was not sent could be withdrawn.
        if let reason = settlement.whyUnsent(record) {
            return try await settlement.settle(record) { $0.version == record.version ? .notSent(reason) : nil }.record
        }
        switch record.state {
        case .accepted, .unknown, .reconciling, .manual:
            let isOver = record.state != .manual && record.isSilent(at: entropy.now(), rules: limits)
            guard isOver || record.query == nil else { return try await ask(record, from: place) }
            return try await settlement.settle(record) { _ in .timePassed }.record
        case .created where record.attempts > 0 && entropy.now() <= record.sendBefore:
            // It is known first whether the sending that never left was written.
            return settlement.mayBeBegun(record) ? record : try await sendAgain(record)
        case .created where record.attempts > 0: return try await giveUp(record)
        default: return try await settlement.settle(record) { _ in .timePassed }.record
        }
    }

    /// Asks about a record; where that cannot even be begun, its time passes all the same.
    private func ask(_ record: Record, from place: Dispatcher.Place) async throws(GatewayError) -> Record {
        do throws(GatewayError) { return try await asker.ask(record, from: place) } catch {
            let told = try await settlement.settle(record) { $0.version == record.version ? .timePassed : nil }
            guard told.hasChanged else { throw error }
            return told.record
        }
    }

    /// Sends the same request again, which only evidence that it was not processed leads to, and only for somebody who may
    /// still ask for it.
    private func sendAgain(_ record: Record) async throws(GatewayError) -> Record {
        if let reason = try await objection(record) {
            return
                try await settlement.settle(record) {
                    $0.version == record.version ? .notSentAgain(because: reason) : nil
                }
                .record
        }
        let (plugin, index) = try plugins.kind(of: record)
        let prepared = try await sender.makeReady(record, kind: plugin.operations[index])
        return try await sender.send(record, prepared)
    }

    /// Ends what was not sent again in time: it is the organization's move where that is what kept it.
    private func giveUp(_ record: Record) async throws(GatewayError) -> Record {
        var reason: String?
        do throws(GatewayError) { reason = try await objection(record) } catch {
            let isRefused = error.code == .organizationSuspended || error.code == .permissionDenied
            if isRefused { reason = "Not sent again in time: \(error.message)" }
        }
        return
            try await settlement.settle(record) { [reason] current in
                guard current.version == record.version else { return nil }
                return reason.map { .notSentAgain(because: $0) } ?? .timePassed
            }
            .record
    }

    /// Puts a record off about which nothing could be done now, the longer the longer nothing happened to it.
    private func putOff(_ record: Record) async {
        let now = entropy.now()
        let wait = min(max((now - record.updatedAt) / 4, settings.putOffMin), settings.putOffMax)
        do { try await dueRecords.postpone(record, until: now + wait) } catch {
            logger.warning("a visit could not be put off", metadata: ["reason": "\(error.message)"])
            // It is due still: nobody comes back to it at once.
            try? await entropy.sleep(for: settings.every)
        }
    }
}
