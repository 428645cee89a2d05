import Foundation
import Threads

/// A thread of its own for reading and writing files of rows: they compute, and write to disk, longer than an event loop
/// or Swift's cooperative pool may be held up.
///
/// One thread bounds the memory that files being read take. The queue is guarded by `condition`.
package final class SheetThread: @unchecked Sendable {
    private struct Work {
        let owner: String?
        let run: @Sendable () -> Void
    }

    private let condition = NSCondition()
    private let waitingMax: Int
    private var waiting: [Work] = []
    private var isRunning = false

    /// Makes it; the thread starts with the first work.
    ///
    /// - Parameter waitingMax: How many may wait for it; more are told to come again. Default 32.
    package init(waitingMax: Int = 32) {
        self.waitingMax = waitingMax
    }

    /// Does something on the thread.
    ///
    /// - Parameter owner: For whom: a quarter of what may wait may be one owner's.
    /// - Throws: what the work does; `unavailable` where too many wait.
    package func run<Result: Sendable>(
        for owner: String? = nil,
        _ work: @escaping @Sendable () throws(SheetError) -> Result
    ) async throws(SheetError) -> Result {
        let outcome: Swift.Result<Result, SheetError> = await withCheckedContinuation { continuation in
            let waits = condition.withLock {
                guard waiting.count < waitingMax else { return false }
                let own = owner.map { owner in waiting.count { $0.owner == owner } } ?? 0
                guard own < max(1, waitingMax / 4) else { return false }
                let next = Work(owner: owner) {
                    let outcome = Swift.Result { () throws(SheetError) in try work() }
                    continuation.resume(returning: outcome)
                }
                waiting.append(next)
                condition.signal()
                if !isRunning { NamedThread.start("sheets") { self.run() } }
                isRunning = true
                return true
            }
            if !waits { continuation.resume(returning: .failure(SheetThread.busy)) }
        }
        return try outcome.get()
    }

    private static let busy = SheetError(
        .unavailable,
        "too many files are being read and written now. Try again in a moment."
    )

    private func run() {
        while true {
            condition.lock()
            while waiting.isEmpty { condition.wait() }
            let work = waiting.removeFirst()
            condition.unlock()
            work.run()
        }
    }
}
