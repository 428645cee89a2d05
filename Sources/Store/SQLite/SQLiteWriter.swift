import Gateway
import Threads

/// The thread that writes.
///
/// All its state is guarded by `condition`, except the connection, the chain and the scratch row, which are the
/// thread's own.
final class SQLiteWriter: @unchecked Sendable {
    struct Job: Sendable {
        /// Claims the job; false when its caller was answered meanwhile, and it must not be run.
        let begin: @Sendable () -> Bool
        /// Runs in the transaction, perhaps more than once; answers why it does not hold, and what to do once it is
        /// durable (or is not).
        let run: @Sendable (WriteSession) -> (failure: (any Error)?, finish: @Sendable ((any Error)?) -> Void)
        /// Tells the caller that the job was never run.
        let fail: @Sendable (any Error) -> Void
    }

    private let condition = MonotonicCondition()
    private let connection: SQLiteConnection
    private let settings: StoreSettings
    private let state: StoreState
    private let chain = AuditChain(writer: "sqlite")
    private let scratch = SQLRowScratch()
    private var queue: [Job] = []
    private var backlog: Backlog
    /// When what nobody waits for may be tried again: a disk that is full is not asked without end.
    private var extrasFrom: ContinuousClock.Instant?
    private var isStopping = false
    private var hasStopped = false

    init(connection: SQLiteConnection, settings: StoreSettings, state: StoreState) {
        self.connection = connection
        self.settings = settings
        self.state = state
        backlog = Backlog(settings: settings)
    }

    func start() {
        NamedThread.start("store-writer") { self.run() }
    }

    func submit(_ job: Job) -> Bool {
        condition.withLock {
            guard !isStopping, queue.count < settings.queueMax else { return false }
            queue.append(job)
            condition.signal()
            return true
        }
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
            // A disk that is stuck must not keep a process from ending.
            while !hasStopped && end > .now { condition.wait(until: end) }
        }
    }

    private func run() {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping {
                if backlog.isEmpty {
                    condition.wait()
                } else {
                    let pause = extrasFrom.map { ContinuousClock.now.duration(to: $0) } ?? .zero
                    if !condition.wait(atMost: max(settings.auditDelay, pause)) { break }
                }
            }
            let jobs = queue
            let mayWriteExtras = isStopping || extrasFrom.map { $0 <= .now } ?? true
            let extras = mayWriteExtras ? backlog.take() : []
            let isLast = isStopping
            queue = []
            condition.unlock()
            if !jobs.isEmpty || !extras.isEmpty {
                commit(jobs, extras.dropFirst().reduce(into: extras.first ?? Extras()) { $0.add($1) })
            }
            if isLast { break }
        }
        connection.close()
        condition.withLock {
            for part in backlog.take() { state.setAside(part, because: "the gateway ended before it could be written") }
            hasStopped = true
            condition.broadcast()
        }
    }

    /// Makes jobs and what nobody waits for one durable transaction.
    ///
    /// Where that fails the jobs are tried without it: an audit line must not cost somebody else's payment.
    private func commit(_ jobs: [Job], _ extras: Extras) {
        do { return try finish(jobs, extras) } catch {
            undo()
            if extras.isEmpty { return fail(jobs, error) }
        }
        if !jobs.isEmpty {
            do { try finish(jobs, Extras()) } catch {
                undo()
                fail(jobs, error)
            }
        }
        let waiting = extras.write(state: state) { part in
            do { try finish([], part) } catch {
                undo()
                throw error
            }
        }
        guard !waiting.isEmpty else { return }
        condition.withLock {
            backlog.putBack(waiting)
            extrasFrom = .now + settings.retryAfter
        }
    }

    private func fail(_ jobs: [Job], _ error: any Error) {
        note(error)
        for job in jobs { job.fail(error) }
    }

    private func note(_ error: any Error) {
        if let error = error as? SQLError, error.isAway { state.failed(error.message) }
    }

    /// Writes, and answers those who wait.
    ///
    /// A savepoint for each job would copy every page that the job touches, and nearly every job holds. So the jobs run
    /// without; only when one does not hold, and has written something, is the transaction undone and run again with
    /// savepoints.
    private func finish(_ jobs: [Job], _ extras: Extras) throws {
        let pass = try write(jobs, extras, alone: false) ?? write(jobs, extras, alone: true)
        guard let pass else { return }
        if let failure = pass.failure { note(failure) } else if pass.hasWritten { state.wrote() }
        for finish in pass.finishes { finish(nil) }
    }

    private struct Pass {
        var finishes: [@Sendable ((any Error)?) -> Void] = []
        /// Why a job does not hold, where that is the disk's fault.
        var failure: SQLError?
        var hasWritten = false
    }

    /// Runs one transaction; nil, with nothing written, when a job that is not alone would have to be undone.
    private func write(_ jobs: [Job], _ extras: Extras, alone: Bool) throws -> Pass? {
        var pass = Pass()
        pass.finishes.reserveCapacity(jobs.count)
        var extras = extras
        let start = connection.changesSoFar
        try connection.execute("BEGIN IMMEDIATE", [])
        for job in jobs {
            // Its caller was told meanwhile that nothing was done.
            guard job.begin() else { continue }
            let before = connection.changesSoFar
            if alone { try connection.execute("SAVEPOINT job", []) }
            let session = WriteSession(connection, scratch: scratch)
            let (failure, finish) = job.run(session)
            if let error = failure as? SQLError, error.isAway { pass.failure = error }
            // Without this the next job would be committed statement by statement.
            guard connection.isInTransaction else {
                let reason = pass.failure?.message ?? "the engine gave up the transaction"
                throw SQLError(message: reason, isAway: true)
            }
            pass.finishes.append(finish)
            if failure == nil {
                extras.lines.append(contentsOf: session.audit)
                extras.usage.merge(session.usage, uniquingKeysWith: +)
            } else if alone {
                try connection.execute("ROLLBACK TO job", [])
            } else if connection.changesSoFar != before {
                undo()
                return nil
            }
            if alone { try connection.execute("RELEASE job", []) }
        }
        try chain.append(extras.lines, in: connection)
        try extras.usage.add(in: connection)
        try connection.commit()
        pass.hasWritten = connection.changesSoFar != start
        return pass
    }

    private func undo() {
        // The connection may have rolled back by itself; a second rollback then only says so.
        _ = try? connection.execute("ROLLBACK", [])
        chain.forget()
    }
}
