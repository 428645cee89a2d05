import Foundation
import Threads

/// Threads that plugins' `invoke` and `cancel` run on: never an event loop, never Swift's cooperative pool, where two
/// plugins that loop would stop the whole host.
///
/// All state is guarded by `condition`.
final class PluginThreads: @unchecked Sendable {
    private let condition = NSCondition()
    private let queueMax: Int
    private var queue: [@Sendable () -> Void] = []

    /// Starts `count` threads; at most `queueMax` pieces of work wait.
    init(count: Int, queueMax: Int) {
        self.queueMax = queueMax
        for index in 0..<count {
            NamedThread.start("plugin-\(index)") { self.run() }
        }
    }

    /// Queues a piece of work; false when too much is waiting.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        condition.withLock {
            guard queue.count < queueMax else { return false }
            queue.append(work)
            condition.signal()
            return true
        }
    }

    /// Whether the calling thread is one of a host's plugin threads.
    static var isCurrent: Bool { Thread.current.name?.hasPrefix("plugin-") ?? false }

    private func run() {
        while true {
            condition.lock()
            while queue.isEmpty { condition.wait() }
            let work = queue.removeFirst()
            condition.unlock()
            work()
        }
    }
}
