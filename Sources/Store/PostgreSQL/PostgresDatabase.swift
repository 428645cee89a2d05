import Cryptography
import Foundation
import Gateway
import Threads

/// PostgreSQL: a small pool of threads, each with a connection of its own.
///
/// A job is one transaction, BEGIN to COMMIT, on one connection. It is run again when the engine asks for that
/// (serialization failure, deadlock), never when a COMMIT's outcome is unknown. Audit lines that nobody waits for are
/// taken along by the next transaction of whichever thread comes first.
///
/// All state but the connections is guarded by `condition`; a connection belongs to its thread.
final class PostgresDatabase: Database, @unchecked Sendable {
    private typealias Job = @Sendable (Worker) -> Void

    let words = SQLWords(bytes: "BYTEA", clustered: "", joined: "string_agg", json: "to_json")
    private let condition = NSCondition()
    private let settings: StoreSettings
    private var queue: [Job] = []
    private var audit: [AuditRecord] = []
    private var usage: [UsageRecord: Int64] = [:]
    private var isStopping = false
    private var running = 0

    init(address: String, settings: StoreSettings) throws {
        self.settings = settings
        // The first connection is made here, so that a wrong address is told at once.
        let first = try PostgresConnection(address)
        let process = Hexadecimal.encode(SecureRandom.bytes(4))
        for index in 0..<settings.connections {
            let worker = Worker(
                address: address,
                connection: index == 0 ? first : nil,
                chain: AuditChain(writer: "pg-\(process)-\(index)")
            )
            running += 1
            // The worker is used by its own thread alone from here on.
            nonisolated(unsafe) let own = worker
            NamedThread.start("store-\(index)") { self.run(own) }
        }
    }

    func write<Result: Sendable>(_ job: @escaping @Sendable (WriteSession) throws -> Result) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            submit(
                { worker in
                    let (lines, counts) = self.takeAlong()
                    do {
                        let result = try worker.transaction(lines, counts, attempts: self.settings.attemptsMax, job)
                        continuation.resume(returning: result)
                    } catch {
                        // The caller's job failed; the lines of others were undone with it, and go with the next.
                        self.putBack(lines, counts)
                        continuation.resume(throwing: error)
                    }
                },
                refuse: { continuation.resume(throwing: $0) }
            )
        }
    }

    func read<Result: Sendable>(_ job: @escaping @Sendable (any SQLSession) throws -> Result) async throws -> Result {
        try await withUnsafeThrowingContinuation { continuation in
            submit(
                { worker in
                    do {
                        continuation.resume(returning: try job(worker.connected()))
                    } catch {
                        continuation.resume(throwing: error)
                    }
                },
                refuse: { continuation.resume(throwing: $0) }
            )
        }
    }

    func enqueue(audit line: AuditRecord, usage counted: UsageRecord?) -> Bool {
        condition.withLock {
            guard !isStopping, audit.count < settings.auditQueueMax else { return false }
            if audit.isEmpty { condition.signal() }
            audit.append(line)
            if let counted { usage[counted, default: 0] += 1 }
            return true
        }
    }

    func shutdown() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while running > 0 { condition.wait() }
        }
    }

    private func submit(_ job: @escaping Job, refuse: (any Error) -> Void) {
        let isTaken = condition.withLock {
            guard !isStopping, queue.count < settings.queueMax else { return false }
            queue.append(job)
            condition.signal()
            return true
        }
        if !isTaken { refuse(SQLError(message: "too many transactions are waiting")) }
    }

    private func takeAlong() -> ([AuditRecord], [UsageRecord: Int64]) {
        condition.withLock {
            defer {
                audit = []
                usage = [:]
            }
            return (audit, usage)
        }
    }

    private func putBack(_ lines: [AuditRecord], _ counts: [UsageRecord: Int64]) {
        condition.withLock {
            audit.insert(contentsOf: lines, at: 0)
            usage.merge(counts, uniquingKeysWith: +)
        }
    }

    private func run(_ worker: Worker) {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping {
                if audit.isEmpty { condition.wait() } else if !condition.wait(until: settings.auditDeadline()) { break }
            }
            let job = queue.isEmpty ? nil : queue.removeFirst()
            let isLast = job == nil && isStopping
            condition.unlock()
            if let job { job(worker) } else { writeAlone(worker) }
            if isLast {
                condition.withLock {
                    running -= 1
                    condition.broadcast()
                }
                return
            }
        }
    }

    /// Writes what was enqueued when no transaction has come to take it along.
    private func writeAlone(_ worker: Worker) {
        let (lines, counts) = takeAlong()
        guard !lines.isEmpty else { return }
        do {
            try worker.transaction(lines, counts, attempts: settings.attemptsMax) { _ in }
        } catch {
            putBack(lines, counts)
            // The engine is away: waiting keeps this from turning in circles.
            Thread.sleep(forTimeInterval: settings.retryPause)
        }
    }

    /// One thread's connection, reopened when it was lost.
    private final class Worker {
        private let address: String
        private let chain: AuditChain
        private var connection: PostgresConnection?

        init(address: String, connection: PostgresConnection?, chain: AuditChain) {
            self.address = address
            self.connection = connection
            self.chain = chain
        }

        func connected() throws -> PostgresConnection {
            if let connection, connection.isAlive { return connection }
            let opened = try PostgresConnection(address)
            connection = opened
            return opened
        }

        func transaction<Result>(
            _ lines: [AuditRecord],
            _ counts: [UsageRecord: Int64],
            attempts: Int,
            _ job: (WriteSession) throws -> Result
        ) throws -> Result {
            var attempt = 1
            while true {
                let connection = try connected()
                do {
                    try connection.command("BEGIN")
                    let session = WriteSession(connection)
                    let result = try job(session)
                    try chain.append(lines + session.audit, in: connection)
                    try counts.merging(session.usage, uniquingKeysWith: +).add(in: connection)
                    try connection.command("COMMIT")
                    return result
                } catch {
                    chain.forget()
                    // A lost connection has rolled back by itself; this then only says so.
                    _ = try? connection.command("ROLLBACK")
                    guard (error as? SQLError)?.isTransient == true, attempt < attempts else { throw error }
                    attempt += 1
                    Thread.sleep(forTimeInterval: Double.random(in: 0.001...0.01) * Double(attempt))
                }
            }
        }
    }
}
