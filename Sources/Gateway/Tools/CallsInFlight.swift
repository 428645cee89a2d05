import Synchronization

/// How many calls a generation is working on, and how its calls have ended: what draining waits for and rolling back
/// is decided by.
package final class CallsInFlight: Sendable {
    private let current = Atomic<Int>(0)
    private let ended = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)

    init() {}

    /// Calls under way.
    package var count: Int { current.load(ordering: .relaxed) }
    /// Calls that have ended.
    package var endedCount: Int { ended.load(ordering: .relaxed) }
    /// Those of them in which the plugin itself failed.
    package var failedCount: Int { failed.load(ordering: .relaxed) }

    func begin() { current.add(1, ordering: .relaxed) }

    func end(hasFailed: Bool) {
        current.subtract(1, ordering: .relaxed)
        ended.add(1, ordering: .relaxed)
        if hasFailed { failed.add(1, ordering: .relaxed) }
    }
}
