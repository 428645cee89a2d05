import Foundation
import Gateway
import Synchronization
import Threads

/// The thread that writes, and how it commits: the same for both engines.
///
/// Group commit without timers: while one transaction is being made durable, the next jobs queue up, and they become
/// the next transaction, with the audit lines and counts that nobody waits for. What that costs is shared; a job that
/// fails takes nobody with it (`GroupCommit+Pass.swift`).
///
/// All its state is guarded by `condition`, except the engine, the chain, the feed and the scratch row, which are the
/// thread's own.
final class GroupCommit: @unchecked Sendable {
    struct Job: Sendable {
        /// How long its transaction may take, where that is not `StoreSettings.waitMax`; it shares it with nobody then.
        let limit: Duration?
        /// How often it has been tried: more than once where the engine asked for that.
        var attempt = 1
        /// Claims the job; false when its caller was answered meanwhile, and it must not be run.
        let begin: @Sendable () -> Bool
        /// Runs in the transaction, perhaps more than once; answers why it does not hold, and what to do once it is
        /// durable (or is not).
        let run: @Sendable (WriteSession) -> (failure: (any Error)?, finish: @Sendable ((any Error)?) -> Void)
        /// Tells the caller that the job was never run.
        let fail: @Sendable (any Error) -> Void
    }

    let engine: any WriteEngine
    let chain: AuditChain
    let feed = FeedWriter()
    let scratch = SQLRowScratch()
    let settings: StoreSettings
    private let condition = MonotonicCondition()
    private let state: StoreState
    private let fence = Mutex<Fence?>(nil)
    private var queue: [Job] = []
    /// Whether the last transaction was of one job that shares it with nobody.
    private var wasAlone = false
    private var backlog: Backlog
    /// When what nobody waits for may be tried again: a disk that is full is not asked without end.
    private var extrasFrom: ContinuousClock.Instant?
    private var isStopping = false
    private var hasStopped = false

    init(engine: any WriteEngine, chain: AuditChain, settings: StoreSettings, state: StoreState) {
        self.engine = engine
        self.chain = chain
        self.settings = settings
        self.state = state
        backlog = Backlog(settings: settings)
    }

    func start() {
        guard !settings.runsInPlace else { return }
        NamedThread.start("store-writer") { self.run() }
    }

    /// From now on every transaction of calls asks first whether this host still holds the database.
    func setFence(_ fence: Fence) { self.fence.withLock { $0 = fence } }

    /// How many jobs wait for a transaction.
    var waiting: Int { condition.withLock { queue.count } }

    func submit(_ job: Job) -> Bool {
        let isTaken = condition.withLock {
            guard !isStopping, queue.count < settings.queueMax else { return false }
            queue.append(job)
            condition.signal()
            return true
        }
        guard isTaken, settings.runsInPlace else { return isTaken }
        while waiting > 0, let (jobs, extras) = next() { commit(jobs, extras) }
        return true
    }

    func enqueue(audit line: AuditRecord, usage counted: UsageRecord?) -> Bool {
        condition.withLock {
            // Nobody waits for these: the thread is woken only when it would otherwise sleep for ever.
            if backlog.isEmpty { condition.signal() }
            return !isStopping && backlog.add(line, counted)
        }
    }

    func stop() {
        let end = ContinuousClock.now + settings.shutdownMax
        condition.withLock {
            isStopping = true
            condition.broadcast()
            guard !settings.runsInPlace else { return }
            // An engine that is stuck must not keep a process from ending.
            while !hasStopped && end > .now { condition.wait(until: end) }
        }
        if settings.runsInPlace { run() }
    }

    private func run() {
        while let (jobs, extras) = next() { commit(jobs, extras) }
        engine.end()
        condition.withLock {
            for part in backlog.takeAll() {
                state.setAside(part, because: "the gateway ended before it could be written")
            }
            hasStopped = true
            condition.broadcast()
        }
    }

    /// Waits for the next transaction's content; nil when there will be none.
    private func next() -> ([Job], Extras)? {
        condition.withLock {
            while queue.isEmpty && !isStopping {
                if backlog.isEmpty {
                    condition.wait()
                } else {
                    let pause = extrasFrom.map { ContinuousClock.now.duration(to: $0) } ?? .zero
                    if backlog.isFull && pause <= .zero { break }
                    if !condition.wait(atMost: max(settings.auditDelay, pause)) { break }
                }
            }
            // Who is stopped while the engine refuses tries once more, and no longer.
            if isStopping && queue.isEmpty && (backlog.isEmpty || extrasFrom != nil) { return nil }
            let mayWriteExtras = isStopping || extrasFrom.map { $0 <= .now } ?? true
            if mayWriteExtras { extrasFrom = nil }
            return (takeJobs(), mayWriteExtras ? backlog.take() : Extras())
        }
    }

    private func takeJobs() -> [Job] {
        // What shares its transaction with nobody may take long: all who wait go between two of such.
        if wasAlone, queue.first?.limit != nil, queue.contains(where: { $0.limit == nil }) {
            wasAlone = false
            var others: [Job] = []
            queue.removeAll { job in
                guard job.limit == nil, others.count < settings.batchMax else { return false }
                others.append(job)
                return true
            }
            return others
        }
        var count = min(queue.count, settings.batchMax)
        if let other = queue.prefix(count).firstIndex(where: { $0.limit != nil }) { count = max(1, other) }
        wasAlone = queue.first?.limit != nil
        defer { queue.removeFirst(count) }
        return Array(queue.prefix(count))
    }

    /// Makes jobs and what nobody waits for one durable transaction.
    ///
    /// Where that fails the jobs are tried without it: an audit line must not cost somebody else's payment.
    private func commit(_ jobs: [Job], _ extras: Extras) {
        guard !jobs.isEmpty || !extras.isEmpty else { return }
        do { try finish(jobs, extras) } catch {
            let error = error as? SQLError ?? SQLError(message: "\(error)")
            // What may hold is never run again.
            if jobs.isEmpty || extras.isEmpty || error.isOutcomeUnknown || !engine.isReady {
                fail(jobs, error)
            } else {
                do { try finish(jobs, Extras()) } catch { fail(jobs, error) }
            }
            write(extras, after: error)
        }
    }

    /// Tries again, on its own, what nobody waits for.
    private func write(_ extras: Extras, after error: SQLError) {
        guard !extras.isEmpty else { return }
        var waiting = [extras]
        if error.isOutcomeUnknown && extras.lines.isEmpty {
            // Only a line tells whether its commit held; a count too few is better than one too many.
            state.setAside(extras, because: error.message)
            waiting = []
        } else if !error.isOutcomeUnknown && engine.isReady {
            waiting = extras.write(state: state) { part in try finish([], part) }
        } else {
            state.failed(error.message)
        }
        guard !waiting.isEmpty else { return }
        condition.withLock {
            backlog.putBack(waiting)
            extrasFrom = .now + settings.retryAfter
        }
    }

    private func fail(_ jobs: [Job], _ error: any Error) {
        guard !jobs.isEmpty else { return }
        note(error)
        for job in jobs { job.fail(error) }
    }

    private func note(_ error: any Error) {
        if let error = error as? SQLError, error.isAway { state.failed(error.message) }
    }

    /// Writes, and answers those who wait.
    ///
    /// Again when the engine asks for that, or was lost before COMMIT was sent; never when nobody knows what became of
    /// a COMMIT.
    private func finish(_ jobs: [Job], _ extras: Extras) throws {
        let limit = jobs.first?.limit
        let beginning = Beginning(
            fence: jobs.isEmpty ? nil : fence.withLock { $0 },
            limit: limit,
            deadline: .now + (limit ?? settings.waitMax)
        )
        var attempt = 1
        while true {
            do {
                let pass = try transaction(Batch(jobs: jobs, extras: extras, beginning: beginning))
                if let failure = pass.failure { note(failure) } else if pass.hasWritten { state.wrote() }
                condition.withLock { queue.insert(contentsOf: pass.again, at: 0) }
                for finish in pass.finishes { finish() }
                return
            } catch {
                let reason = error as? SQLError
                undo(isOutcomeUnknown: reason?.isOutcomeUnknown == true)
                let isTooLate = attempt >= settings.attemptsMax || beginning.deadline <= .now
                guard reason?.isWorthAnotherTry == true, !isTooLate else { throw error }
                Thread.sleep(forTimeInterval: Double.random(in: 0.001...0.01) * Double(attempt))
                attempt += 1
            }
        }
    }

    /// Undoes what is open.
    func undo(isOutcomeUnknown: Bool = false) {
        engine.undo()
        if isOutcomeUnknown { chain.startAnew() } else { chain.forget() }
        feed.forget(isOutcomeUnknown: isOutcomeUnknown)
    }
}
