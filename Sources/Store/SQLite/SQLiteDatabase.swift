import Foundation
import Gateway
import Threads

/// The embedded engine: one writer thread that commits whatever is queued, and some readers.
///
/// Group commit without timers: while one transaction is being made durable, the next calls queue up, and all of them
/// become the next transaction. A job that fails takes nobody with it: see `SQLiteWriter.commit`.
final class SQLiteDatabase: Database {
    let words = SQLWords(bytes: "BLOB", clustered: "WITHOUT ROWID", joined: "group_concat", json: "json_quote")
    private let writer: SQLiteWriter
    private let readers: SQLiteReaders

    init(path: String, settings: StoreSettings) throws {
        let open = { try SQLiteConnection(path: path, isReader: $0, settings: settings) }
        writer = try SQLiteWriter(connection: open(false), settings: settings)
        readers = try SQLiteReaders(settings: settings) { try open(true) }
        writer.start()
        readers.start()
    }

    func write<Result: Sendable>(_ job: @escaping @Sendable (WriteSession) throws -> Result) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let queued = SQLiteWriter.Job(
                run: { session in
                    do {
                        let result = try job(session)
                        return (true, { continuation.resume(with: $0.map { .failure($0) } ?? .success(result)) })
                    } catch {
                        return (false, { _ in continuation.resume(throwing: error) })
                    }
                },
                fail: { continuation.resume(throwing: $0) }
            )
            let isTaken = writer.submit(queued)
            if !isTaken { continuation.resume(throwing: SQLError(message: "too many writes are waiting")) }
        }
    }

    func read<Result: Sendable>(_ job: @escaping @Sendable (any SQLSession) throws -> Result) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            let isTaken = readers.submit { session in
                do { continuation.resume(returning: try job(session)) } catch { continuation.resume(throwing: error) }
            }
            if !isTaken { continuation.resume(throwing: SQLError(message: "too many reads are waiting")) }
        }
    }

    func enqueue(audit: AuditRecord, usage: UsageRecord?) -> Bool { writer.enqueue(audit: audit, usage: usage) }

    func shutdown() {
        readers.stop()
        writer.stop()
    }
}

/// The thread that writes.
///
/// All its state is guarded by `condition`, except the connection, the chain and the scratch row, which are the
/// thread's own.
private final class SQLiteWriter: @unchecked Sendable {
    struct Job: Sendable {
        /// Runs in the transaction, perhaps more than once; answers whether it holds, and what to do once it is durable
        /// (or is not).
        let run: @Sendable (WriteSession) -> (holds: Bool, finish: @Sendable ((any Error)?) -> Void)
        /// Tells the caller that the job was never run.
        let fail: @Sendable (any Error) -> Void
    }

    private let condition = NSCondition()
    private let connection: SQLiteConnection
    private let settings: StoreSettings
    private let chain: AuditChain
    private let scratch = SQLRowScratch()
    private var queue: [Job] = []
    private var audit: [AuditRecord] = []
    private var usage: [UsageRecord: Int64] = [:]
    private var isStopping = false
    private var hasStopped = false

    init(connection: SQLiteConnection, settings: StoreSettings) {
        self.connection = connection
        self.settings = settings
        self.chain = AuditChain(writer: "sqlite")
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
            guard !isStopping, audit.count < settings.auditQueueMax else { return false }
            // Nobody waits for these: the thread is woken only when it would otherwise sleep for ever.
            if audit.isEmpty { condition.signal() }
            audit.append(line)
            if let counted { usage[counted, default: 0] += 1 }
            return true
        }
    }

    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while !hasStopped { condition.wait() }
        }
    }

    private func run() {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping {
                if audit.isEmpty { condition.wait() } else if !condition.wait(until: settings.auditDeadline()) { break }
            }
            let jobs = queue
            let (lines, counts) = (audit, usage)
            let isLast = isStopping
            queue = []
            audit = []
            usage = [:]
            condition.unlock()
            if !jobs.isEmpty || !lines.isEmpty { commit(jobs, lines, counts) }
            if isLast {
                condition.withLock {
                    hasStopped = true
                    condition.broadcast()
                }
                return
            }
        }
    }

    /// Makes jobs and lines one durable transaction.
    ///
    /// A savepoint for each job would copy every page that the job touches, and nearly every job holds. So the jobs run
    /// without; only when one does not hold, and has written something, is the transaction undone and run again with
    /// savepoints.
    private func commit(_ jobs: [Job], _ lines: [AuditRecord], _ counts: [UsageRecord: Int64]) {
        do {
            let finishes = try write(jobs, lines, counts, alone: false) ?? write(jobs, lines, counts, alone: true)
            for finish in finishes ?? [] { finish(nil) }
        } catch {
            undo()
            for job in jobs { job.fail(error) }
            putBack(lines, counts)
        }
    }

    /// Runs one transaction; nil, with nothing written, when a job that is not alone would have to be undone.
    private func write(
        _ jobs: [Job],
        _ lines: [AuditRecord],
        _ counts: [UsageRecord: Int64],
        alone: Bool
    ) throws -> [@Sendable ((any Error)?) -> Void]? {
        var finishes: [@Sendable ((any Error)?) -> Void] = []
        finishes.reserveCapacity(jobs.count)
        var lines = lines
        var counts = counts
        try connection.execute("BEGIN IMMEDIATE", [])
        for job in jobs {
            let before = connection.changesSoFar
            if alone { try connection.execute("SAVEPOINT job", []) }
            let session = WriteSession(connection, scratch: scratch)
            let (holds, finish) = job.run(session)
            // Without this the next job would be committed statement by statement.
            guard connection.isInTransaction else { throw SQLError(message: "the engine gave up the transaction") }
            finishes.append(finish)
            if holds {
                lines.append(contentsOf: session.audit)
                counts.merge(session.usage, uniquingKeysWith: +)
            } else if alone {
                try connection.execute("ROLLBACK TO job", [])
            } else if connection.changesSoFar != before {
                undo()
                return nil
            }
            if alone { try connection.execute("RELEASE job", []) }
        }
        try chain.append(lines, in: connection)
        try counts.add(in: connection)
        try connection.execute("COMMIT", [])
        return finishes
    }

    private func undo() {
        // The connection may have rolled back by itself; a second rollback then only says so.
        _ = try? connection.execute("ROLLBACK", [])
        chain.forget()
    }

    /// Keeps lines that nobody waits for, for the next transaction; the pause keeps a disk that is full from being
    /// asked without end.
    private func putBack(_ lines: [AuditRecord], _ counts: [UsageRecord: Int64]) {
        guard !lines.isEmpty else { return }
        condition.withLock {
            audit.insert(contentsOf: lines, at: 0)
            usage.merge(counts, uniquingKeysWith: +)
        }
        Thread.sleep(forTimeInterval: settings.retryPause)
    }
}

/// Threads that read, each with a connection of its own.
private final class SQLiteReaders: @unchecked Sendable {
    private let condition = NSCondition()
    private let settings: StoreSettings
    private let connections: [SQLiteConnection]
    private var queue: [@Sendable (any SQLSession) -> Void] = []
    private var isStopping = false
    private var running = 0

    init(settings: StoreSettings, open: () throws -> SQLiteConnection) throws {
        self.settings = settings
        connections = try (0..<settings.readers).map { _ in try open() }
    }

    func start() {
        running = connections.count
        for (index, connection) in connections.enumerated() {
            // Each connection is used by its own thread alone from here on.
            nonisolated(unsafe) let own = connection
            NamedThread.start("store-reader-\(index)") { self.run(own) }
        }
    }

    func submit(_ job: @escaping @Sendable (any SQLSession) -> Void) -> Bool {
        condition.withLock {
            guard !isStopping, queue.count < settings.queueMax else { return false }
            queue.append(job)
            condition.signal()
            return true
        }
    }

    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while running > 0 { condition.wait() }
        }
    }

    private func run(_ connection: SQLiteConnection) {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping { condition.wait() }
            guard !queue.isEmpty else {
                running -= 1
                condition.broadcast()
                condition.unlock()
                return
            }
            let job = queue.removeFirst()
            condition.unlock()
            job(connection)
        }
    }
}
