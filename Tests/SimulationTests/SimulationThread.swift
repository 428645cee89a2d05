import Foundation

/// Where simulations run: on one thread of their own, whose stack is large.
enum SimulationThread {
    /// Runs work on a thread of its own, so that it takes none of those on which other tests run.
    static func aside<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Swift.Result { try work() }) }
            thread.stackSize = 16 << 20
            thread.start()
        }
    }
}
