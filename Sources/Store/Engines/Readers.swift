import Threads

/// An engine's connection that reads; used by its thread alone.
protocol ReadEngine: AnyObject {
    func read<Result>(until deadline: ContinuousClock.Instant, _ job: (any SQLSession) throws -> Result) throws
        -> Result
    /// Closes the connection.
    func end()
}

/// Threads that read, each with a connection of its own.
///
/// All state but the connections is guarded by `condition`; a connection belongs to its thread.
final class Readers: @unchecked Sendable {
    private let condition = MonotonicCondition()
    private let settings: StoreSettings
    private let engines: [any ReadEngine]
    private var queue: [@Sendable (any ReadEngine) -> Void] = []
    private var isStopping = false
    private var running = 0

    init(_ engines: [any ReadEngine], settings: StoreSettings) {
        self.engines = engines
        self.settings = settings
    }

    func start() {
        guard !settings.runsInPlace else { return }
        running = engines.count
        for (index, engine) in engines.enumerated() {
            // Each connection is used by its own thread alone from here on.
            nonisolated(unsafe) let own = engine
            NamedThread.start("store-reader-\(index)") { self.run(own) }
        }
    }

    func submit(_ job: @escaping @Sendable (any ReadEngine) -> Void) -> Bool {
        if settings.runsInPlace, let engine = engines.first {
            job(engine)
            return true
        }
        return condition.withLock {
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
        if settings.runsInPlace { for engine in engines { engine.end() } }
    }

    private func run(_ engine: any ReadEngine) {
        while true {
            condition.lock()
            while queue.isEmpty && !isStopping { condition.wait() }
            guard !queue.isEmpty else {
                condition.unlock()
                break
            }
            let job = queue.removeFirst()
            condition.unlock()
            job(engine)
        }
        engine.end()
        condition.withLock {
            running -= 1
            condition.broadcast()
        }
    }
}
