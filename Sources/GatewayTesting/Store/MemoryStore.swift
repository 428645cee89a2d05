import Gateway
import Synchronization

/// What outlives a host: whatever was committed to it.
package final class MemoryDisk: Sendable {
    let tables = Mutex(MemoryTables())

    /// An empty one.
    package init() {}
}

/// A store in memory with the meaning of the SQL stores, for tests and simulations.
///
/// Every job is one transaction on its disk. What a test hands in runs before and after each: it may let time pass, and
/// throw. A write that is stopped before has written nothing; one that is stopped after is written, and its answer is
/// lost. A new store on the same disk is a host that was started again: what was committed is there, and nothing else.
package final class MemoryStore: Sendable {
    /// One transaction.
    package struct Job: Sendable {
        /// The repository's method.
        package let name: String
        /// Whether it changes anything.
        package let isWrite: Bool
    }

    /// What happens on the way to the disk and back.
    package struct Way: Sendable {
        let before: @Sendable (Job) async throws(GatewayError) -> Void
        let after: @Sendable (Job) async throws(GatewayError) -> Void

        /// States what happens; what throws is what the caller is told.
        package init(
            before: @escaping @Sendable (Job) async throws(GatewayError) -> Void = { _ in },
            after: @escaping @Sendable (Job) async throws(GatewayError) -> Void = { _ in }
        ) {
            self.before = before
            self.after = after
        }
    }

    /// Thrown inside a job to undo it and answer why.
    struct Undo<Outcome: Sendable>: Error {
        let outcome: Outcome
    }

    private let disk: MemoryDisk
    private let way: Way
    /// Lines that the next write takes along, as the SQL stores' writers do.
    private let queue = Mutex<(audit: [AuditRecord], usage: [UsageRecord])>(([], []))
    private let queueMax: Int

    /// Opens a disk; at most `queueMax` audit lines wait for the next write.
    package init(disk: MemoryDisk = MemoryDisk(), way: Way = Way(), queueMax: Int = 10_000) {
        self.disk = disk
        self.way = way
        self.queueMax = queueMax
    }

    func enqueue(audit: AuditRecord, usage: UsageRecord?) -> Bool {
        queue.withLock { queue in
            guard queue.audit.count < queueMax else { return false }
            queue.audit.append(audit)
            usage.map { queue.usage.append($0) }
            return true
        }
    }

    func read<Answer: Sendable>(
        _ name: String = #function,
        _ job: (MemoryTables) -> Answer
    ) async throws(GatewayError) -> Answer {
        try await way.before(Job(name: name, isWrite: false))
        return disk.tables.withLock { job($0) }
    }

    /// Runs a job on the tables: all of it counts, or nothing when it throws.
    func write<Answer: Sendable>(
        _ name: String = #function,
        _ job: (inout MemoryTables) throws -> Answer
    ) async throws(GatewayError) -> Answer {
        try await way.before(Job(name: name, isWrite: true))
        let result = disk.tables.withLock { tables -> Result<Answer, any Error> in
            var next = tables
            do {
                let answer = try job(&next)
                let taken = queue.withLock { queue in
                    defer { queue = ([], []) }
                    return queue
                }
                next.audit += taken.audit
                next.usage += taken.usage
                tables = next
                return .success(answer)
            } catch { return .failure(error) }
        }
        let answer: Answer
        switch result {
        case .success(let done): answer = done
        case .failure(let undo as Undo<Answer>): answer = undo.outcome
        case .failure(let error as GatewayError): throw error
        case .failure(let error): throw GatewayError.fault("a memory store's job failed: \(error)")
        }
        try await way.after(Job(name: name, isWrite: true))
        return answer
    }
}
