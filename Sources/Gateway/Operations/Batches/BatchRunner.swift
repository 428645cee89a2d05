import Logging

/// Sends what was released, item by item, withdraws what was stopped, and says when a batch has ended.
///
/// An item goes from draft to sending in one commit that asks whether its batch runs; pausing and stopping are one row.
/// What the store says is what is gone by: a process that ends here leaves it to the next, and of its memory nothing is
/// needed but how many lost answers came in a row.
///
///     every turn: open batches -> running: as many items as the account may have undecided, at its pace
///                              -> stopped: a slice of what has not left is withdrawn
///                              -> over:    what nobody released or resumed is stopped
package final class BatchRunner: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks for batches, besides being called.
        ///
        /// Default 1 s.
        package var every: Duration = .seconds(1)
        /// How soon it looks again while one is being sent.
        ///
        /// Default 20 ms.
        package var again: Duration = .milliseconds(20)
        /// How many batches it works on at once.
        ///
        /// Default 1,000.
        package var batchesMax = 1_000
        /// How many items of one account may be undecided at once.
        ///
        /// Default 20.
        package var inFlightMax = 20
        /// How long an undecided item keeps its account's place: others may leave then, and it stays undecided.
        ///
        /// Default 10 min.
        package var placeKeptFor: Duration = .seconds(600)
        /// How long nothing of an account whose places are taken has left when a batch is said to wait for one.
        ///
        /// Default 30 s. Places are taken and free again all the time while payments leave and are decided.
        package var isWaitAfter: Duration = .seconds(30)
        /// How many lost answers in a row pause a batch.
        ///
        /// Default 3.
        package var lostMax = 3
        /// How many items of a stopped batch are withdrawn at a time.
        ///
        /// Default 200.
        package var sliceMax = 200
        /// How many items of stopped batches are withdrawn in one turn, so that they hold up what is sent no longer.
        ///
        /// Default 400.
        package var withdrawnMax = 400
        /// How long a batch waits when nothing of it could leave.
        ///
        /// Default 5 s.
        package var putOff: Duration = .seconds(5)
        /// How long between two items of one account; nil for no pace of its own.
        ///
        /// Default 100 ms. M-Pesa publishes no figure, and answers what is too fast by throttling.
        package var pace: Duration? = .milliseconds(100)
        /// How long an item waits by itself that may not leave today, before it is looked at again.
        ///
        /// Default 15 min.
        package var waitsApart: Duration = .seconds(900)
        /// How long a batch of which all has left, or waits, is not looked at where nothing is heard of its items.
        ///
        /// Default 1 min.
        package var restsFor: Duration = .seconds(60)
        /// How long what M-Pesa throttles keeps the rest of its batch waiting at most.
        ///
        /// Default 1 min.
        package var throttledMax: Duration = .seconds(60)
        /// How many batches whose moment has come are looked at beside each other, one of an organization.
        ///
        /// Default 4.
        package var looksMax = 4
        /// How often a change of a batch is made again because others have changed it meanwhile.
        ///
        /// Default 8.
        package var attemptsMax = 8

        /// The defaults.
        package init() {}
    }

    let batches: any BatchRepository
    let records: any RecordRepository
    let calls: HeldCalls
    let sender: Sender
    let settlement: Settlement
    let authenticate: Authenticate
    let entropy: Entropy
    let logger: Logger
    let settings: Settings
    let lines = BatchLines()
    let doubts: BatchDoubts
    let looking: BatchLooks
    private let bell = Bell<Void>()

    init(
        batches: any BatchRepository,
        records: any RecordRepository,
        calls: HeldCalls,
        sender: Sender,
        settlement: Settlement,
        authenticate: Authenticate,
        doubts: BatchDoubts,
        entropy: Entropy,
        logger: Logger,
        settings: Settings
    ) {
        self.batches = batches
        self.doubts = doubts
        self.records = records
        self.calls = calls
        self.sender = sender
        self.settlement = settlement
        self.authenticate = authenticate
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
        looking = BatchLooks(atMost: settings.looksMax)
        settlement.bell.call { [lines, weak self] record in
            guard let batch = record.batch?.batch else { return }
            lines.drop(record.id, BatchLines.Key(record.organization, batch), of: AccountID(of: record))
            self?.call()
        }
    }

    /// Something was decided about a batch.
    func call() { bell.ring() }

    /// Begins work that goes on beside the turns.
    typealias Begin = (@escaping @Sendable () async -> Void) -> Void

    /// Sends until cancelled; what is under way is finished.
    package func run() async {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        bell.call { signal.yield() }
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    signal.yield()
                    // Only cancellation ends the sleep early, and the loop's condition sees it.
                    try? await self.entropy.sleep(for: self.settings.every)
                }
                signal.finish()
            }
            for await _ in signals {
                while await turn({ work in group.addTask { await work() } }), !Task.isCancelled {
                    try? await entropy.sleep(for: settings.again)
                }
            }
        }
    }

    /// Does what is due now, and waits until all is done.
    package func sendDue() async {
        await withTaskGroup(of: Void.self) { group in
            var isBusy = true
            while isBusy {
                isBusy = await turn { work in group.addTask { await work() } }
                while await group.next() != nil { isBusy = true }
            }
        }
    }

    /// Looks at every open batch once; answers whether there is more to be done at once.
    private func turn(_ begin: Begin) async -> Bool {
        let open: [Batch]
        do throws(GatewayError) {
            open = try await batches.openBatches(at: entropy.now(), limit: settings.batchesMax)
        } catch {
            logger.warning("batches could not be read", metadata: ["reason": "\(error.message)"])
            return false
        }
        let now = entropy.uptime()
        lines.keep(open, atMost: settings.batchesMax * 10, lookedSince: now + (.zero - settings.restsFor))
        var (isBusy, left) = (false, settings.withdrawnMax)
        for batch in lines.inTurn(open) where lines.mayGoOn(batch, at: now) {
            do throws(GatewayError) {
                if try await advance(batch, withdrawing: &left, begin) { isBusy = true }
            } catch {
                lines.putOff(BatchLines.Key(batch), in: batch.state, until: entropy.uptime() + settings.putOff)
                logger.warning(
                    "a batch could not go on now",
                    metadata: ["batch": "\(batch.id)", "reason": "\(error.message)"]
                )
            }
        }
        await giveWay(open)
        return isBusy
    }

    /// Where there may be more than were read, those that were looked at come after the others.
    private func giveWay(_ open: [Batch]) async {
        guard open.count >= settings.batchesMax else { return }
        do { try await batches.postpone(open, until: entropy.now() + settings.every) } catch {
            logger.warning("batches could not be put off", metadata: ["reason": "\(error.message)"])
        }
    }

    private func advance(
        _ batch: Batch,
        withdrawing left: inout Int,
        _ begin: Begin
    ) async throws(GatewayError) -> Bool {
        switch batch.state {
        case .draft, .paused:
            guard entropy.now() >= batch.until else {
                try await remind(batch)
                return false
            }
            try await stop(batch, as: .expired, because: "Nobody let it go on in time.")
            return true
        case .running:
            do throws(GatewayError) { return try await send(batch, begin) } catch {
                // What could not be looked at is late all the same: none of it leaves any more.
                guard isTimeOver(batch), try await isLate(batch, at: entropy.uptime()) else { throw error }
                return true
            }
        case .cancelled, .broken: return try await withdraw(batch, atMost: &left)
        case .completed: return false
        }
    }

    // MARK: Ends

    /// Stops a batch: what has not left is withdrawn from then on.
    func stop(
        _ batch: Batch,
        as why: Hold.Withdrawal,
        because reason: String
    ) async throws(GatewayError) {
        var batch = batch
        batch.version += 1
        batch.state = .cancelled
        batch.withdrawal = why
        batch.decidedBy = "host"
        batch.reason = reason
        calls.operations.failpoints.reach(.beforeBatchEnd)
        _ = try await batches.apply(BatchChange(batch: batch))
    }

    /// Pauses a batch, unless it runs no longer.
    ///
    /// - Throws: `conflict` when others keep changing it: then it may run still.
    func pause(_ batch: Batch, because reason: String) async throws(GatewayError) {
        for _ in 0..<settings.attemptsMax {
            guard var newest = try await batches.batch(batch.id, organization: batch.organization),
                newest.state == .running
            else { return }
            newest.version += 1
            newest.state = .paused
            newest.approvers = []
            newest.decidedBy = "host"
            newest.reason = reason
            let now = entropy.now()
            newest.wait(from: now, until: now + Batches.Settings().waitsFor)
            let told = FeedEvent.about(newest, .batchPaused, at: now, id: entropy.identifier())
            if try await batches.apply(BatchChange(batch: newest, told: [told])) {
                return logger.warning(
                    "a batch is paused",
                    metadata: ["batch": "\(batch.id)", "reason": "\(reason)"]
                )
            }
        }
        throw GatewayError(.conflict, "Others keep changing the batch \(batch.id).")
    }

    /// Ends a batch of which nothing has not left, once everything has ended; until then it rests.
    func finish(_ batch: Batch, sinceWake wakes: Int) async throws(GatewayError) {
        let key = BatchLines.Key(batch)
        guard try await !batches.hasUndecided(batch.id, organization: batch.organization) else {
            return lines.rest(batch, sinceWake: wakes, until: entropy.uptime() + settings.restsFor)
        }
        // What was being sent when it was looked for what has not left, and never left, may wait again by now. Nothing is being
        // sent any more, so that nothing more comes back.
        guard try await isOver(batch) else { return }
        var batch = batch
        batch.version += 1
        if batch.state == .running { batch.state = .completed }
        let now = entropy.now()
        batch.endedAt = now
        let told = FeedEvent.about(batch, .batchCompleted, at: now, id: entropy.identifier())
        calls.operations.failpoints.reach(.beforeBatchEnd)
        if try await batches.apply(BatchChange(batch: batch, told: [told])) {
            lines.forget(key)
            logger.info("a batch has ended", metadata: ["batch": "\(batch.id)", "state": "\(batch.state.rawValue)"])
        }
    }

    // MARK: Sending

    private func send(_ batch: Batch, _ begin: Begin) async throws(GatewayError) -> Bool {
        let key = BatchLines.Key(batch)
        if let moment = batch.notBefore, entropy.wall() < moment {
            // Its people are told while there is time, and are looked at themselves once it leaves.
            if let doubt = try await lack(of: batch) { try await pause(batch, because: doubt) }
            return false
        }
        if try await pauseForLost(batch) { return false }
        if try await pauseForSuspension(batch) { return false }
        if mustLook(at: batch) {
            // Where its rows cannot be asked about for as long, it is late all the same.
            if isTimeOver(batch), try await isLate(batch, at: entropy.uptime()) { return true }
            return beginLook(at: batch, begin)
        }
        let now = entropy.uptime()
        try await look(at: batch.account)
        // Half of an account's places stay for single payments: what waits in its line keeps those waiting behind it.
        let wakes = lines.wakes(of: key)
        let (free, isPaced) = lines.free(
            batch.account,
            atMost: settings.inFlightMax,
            sending: max(1, sender.dispatcher.settings.accountPlacesMax / 2),
            sentSince: entropy.now() + (.zero - settings.placeKeptFor),
            pace: settings.pace,
            at: now
        )
        if free == 0, !isPaced, try await lacksPlaces(batch, at: now) { return false }
        if isTimeOver(batch), try await isLate(batch, at: now) { return true }
        // Whatever is decided of what was sent wakes it; only the pace is waited for.
        guard free > 0 else { return isPaced }
        var question = BatchItems(unsentOf: batch, limit: free)
        question.dueAt = entropy.now()
        question.after = lines.place(of: key)
        let found = try await batches.items(question)
        if found.contains(where: \.isDamaged) { return try await setDamagedAside(batch) }
        if found.count < free { lines.reachedEnd(key) }
        if found.isEmpty {
            return try await comeToEnd(of: batch, hasBegunInTheMiddle: question.after > 0, sinceWake: wakes)
        }
        let next = try await withoutDoubts(found, of: batch).filter { lines.take($0.id, key, at: now) }
        if !next.isEmpty { lines.noteBegun(key) }
        // Where all that is left waits by itself, there is time until it is looked through again.
        let isApart = found.allSatisfy { lines.waitsApart($0.id, key, at: now) }
        if isApart, found.count < free, !lines.takeBegun(key) {
            lines.putOff(key, until: now + settings.waitsApart / 15)
        }
        for item in next {
            lines.count(batch.account, pace: settings.pace, at: now)
            begin {
                await self.send(item, of: batch)
                self.call()
            }
        }
        if let last = found.last?.batch?.sequence, found.count == free { lines.move(key, to: last) }
        return !next.isEmpty || found.count == free
    }
}
