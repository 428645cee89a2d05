import Dispatch
import Synchronization

/// Lets one change through at a time, in order, also while it waits for something.
actor Turnstile {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}

/// A thread for what blocks: opening libraries, and waiting for a worker to have done so.
enum LoadingThread {
    static let queue = DispatchQueue(label: "plugin-loading")
    /// Another one, for what takes many seconds: what is installed is tried there, one library at a time.
    static let trials = DispatchQueue(label: "plugin-trials")

    static func run<Value: Sendable, Failure: Error>(
        on queue: DispatchQueue = queue,
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(Failure) { continuation.resume(returning: .success(try work())) } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
