import Cryptography
import Gateway
import Threads

/// PostgreSQL: a small pool of threads, each with a connection of its own.
///
/// A job is one transaction, BEGIN to COMMIT, on one connection. It is run again when the engine asks for that
/// (serialization failure, deadlock) or when the connection was lost before COMMIT, never when a COMMIT's outcome is
/// unknown. Audit lines that nobody waits for, and usage, are written by a thread of their own: they lock no row that a
/// payment waits for, and no payment fails with them.
///
/// All state but the connections is guarded by `condition`; a connection belongs to its thread.
final class PostgresDatabase: Database, @unchecked Sendable {
    private struct Job {
        /// Claims the job; false when its caller was answered meanwhile, and it must not be run.
        let begin: () -> Bool
        let run: (PostgresWorker) -> Void
    }

    let words = SQLWords(bytes: "BYTEA", clustered: "", joined: "string_agg", json: "to_json")
    let settings: StoreSettings
    private let condition = MonotonicCondition()
    /// What the thread waits for that writes what nobody waits for.
    private let written = MonotonicCondition()
    private let state: StoreState
    private let watch: DeadlineWatch
    private var queue: [Job] = []
    private var fence: PostgresFence?
    private var isStopping = false
    private var running = 0
    /// Guarded by `written`, with its end.
    private var backlog: Backlog
    private var isEnding = false
    private var hasEnded = false

    /// Starts the threads; each connects when it has something to do.
    init(address: String, settings: StoreSettings, state: StoreState) {
        self.settings = settings
        self.state = state
        backlog = Backlog(settings: settings)
        watch = DeadlineWatch { state.failed("PostgreSQL has not answered for \(settings.waitMax)", times: $0) }
        let process = Hexadecimal.encode(SecureRandom.bytes(4))
        let worker = { (name: String) in
            PostgresWorker(address: address, settings: settings, writer: "pg-\(process)-\(name)")
        }
        running = settings.connections
        for index in 0..<settings.connections {
            // The worker is used by its own thread alone from here on.
            nonisolated(unsafe) let own = worker("\(index)")
            NamedThread.start("store-\(index)") { self.run(own) }
        }
        nonisolated(unsafe) let own = worker("audit")
        NamedThread.start("store-audit") { self.writeExtras(own) }
    }

    /// From now on every transaction asks first whether this host still holds the database.
    func setFence(_ fence: PostgresFence?) { condition.withLock { self.fence = fence } }

    func write<Result: Sendable>(
        within limit: Duration?,
        _ job: @escaping @Sendable (WriteSession) throws -> Result
    ) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit)
            submit(reply) { worker in
                let deadline = reply.deadline ?? .now + self.settings.migrationMax
                do {
                    let beginning = PostgresWorker.Beginning(
                        fence: self.condition.withLock { self.fence },
                        limit: limit == self.settings.waitMax ? nil : limit ?? self.settings.migrationMax
                    )
                    let (result, usage) = try worker.transaction(until: deadline, beginning, job)
                    if !usage.isEmpty { self.add(usage) }
                    self.state.wrote()
                    reply.resume(.success(result))
                } catch {
                    self.note(error)
                    reply.resume(.failure(error))
                }
            }
        }
    }

    func read<Result: Sendable>(
        within limit: Duration,
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let reply = Reply(continuation, within: limit, changesNothing: true)
            submit(reply) { worker in
                let deadline = reply.deadline ?? .now + self.settings.waitMax
                do { reply.resume(.success(try worker.read(until: deadline, job))) } catch {
                    self.note(error)
                    reply.resume(.failure(error))
                }
            }
        }
    }

    func shutdown() {
        let end = ContinuousClock.now + settings.shutdownMax
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while running > 0 && end > .now { condition.wait(until: end) }
        }
        written.withLock {
            isEnding = true
            written.broadcast()
            while !hasEnded && end > .now { written.wait(until: end) }
        }
        watch.stop()
    }

    // MARK: Jobs

    private func submit<Result: Sendable>(_ reply: Reply<Result>, _ run: @escaping (PostgresWorker) -> Void) {
        let isTaken = condition.withLock {
            guard !isStopping, queue.count < settings.queueMax else { return false }
            queue.append(Job(begin: { reply.begin() }, run: run))
            condition.signal()
            return true
        }
        guard isTaken else {
            return reply.resume(.failure(SQLError(message: "too many transactions are waiting", isAway: true)))
        }
        watch.add(reply)
    }

    private func note(_ error: any Error) {
        if let error = error as? SQLError, error.isAway { state.failed(error.message) }
    }

    private func run(_ worker: PostgresWorker) {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping { condition.wait() }
            guard !queue.isEmpty else { break }
            let job = queue.removeFirst()
            condition.unlock()
            if job.begin() { job.run(worker) }
        }
        running -= 1
        condition.broadcast()
        condition.unlock()
        worker.end()
    }

    // MARK: What nobody waits for

    func enqueue(audit line: AuditRecord, usage counted: UsageRecord?) -> Bool {
        written.withLock {
            if backlog.isEmpty { written.signal() }
            return !isEnding && backlog.add(line, counted)
        }
    }

    private func add(_ usage: [UsageRecord: Int64]) {
        written.withLock {
            if backlog.isEmpty { written.signal() }
            backlog.add(usage)
        }
    }

    private func writeExtras(_ worker: PostgresWorker) {
        var isLast = false
        while !isLast {
            written.lock()
            while backlog.isEmpty && !isEnding { written.wait() }
            // Whatever comes meanwhile goes along.
            if !isEnding { written.wait(atMost: settings.auditDelay) }
            let parts = backlog.take()
            isLast = isEnding
            written.unlock()
            var waiting: [Extras] = []
            for part in parts {
                guard waiting.isEmpty else {
                    waiting.append(part)
                    continue
                }
                waiting = part.write(state: state) { part in
                    _ = try worker.transaction(until: .now + settings.waitMax, extras: part) { _ in }
                }
            }
            if waiting.isEmpty { continue }
            written.withLock {
                backlog.putBack(waiting)
                // The engine is away: waiting keeps this from turning in circles.
                if !isEnding { written.wait(atMost: settings.retryAfter) }
            }
        }
        worker.end()
        written.withLock {
            for part in backlog.take() { state.setAside(part, because: "the gateway ended before it could be written") }
            hasEnded = true
            written.broadcast()
        }
    }
}
