import Threads

/// Threads that read, each with a connection of its own.
///
/// All state but the connections is guarded by `condition`; a connection belongs to its thread.
final class SQLiteReaders: @unchecked Sendable {
    private let condition = MonotonicCondition()
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
        let end = ContinuousClock.now + settings.shutdownMax
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while running > 0 && end > .now { condition.wait(until: end) }
        }
    }

    private func run(_ connection: SQLiteConnection) {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping { condition.wait() }
            guard !queue.isEmpty else {
                condition.unlock()
                break
            }
            let job = queue.removeFirst()
            condition.unlock()
            job(connection)
        }
        connection.close()
        condition.withLock {
            running -= 1
            condition.broadcast()
        }
    }
}
