import Foundation

/// Where simulations run: on one thread of their own, whose stack is large.
package enum SimulationThread {
    /// Runs work on a thread of its own, so that it takes none of those on which other tests run.
    package static func aside<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            // A thread does not inherit how nice its process was begun.
            let itself = __priority_which_t(PRIO_PROCESS.rawValue)
            let niceness = getpriority(itself, id_t(getpid()))
            let thread = Thread {
                setpriority(itself, 0, niceness)
                continuation.resume(with: Swift.Result { try work() })
            }
            thread.stackSize = 16 << 20
            thread.start()
        }
    }
}
