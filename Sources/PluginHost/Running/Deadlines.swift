import Dispatch
import Synchronization

/// Tells when a call's time is over, to the next hundredth of a second.
///
/// Cheap enough for every call, most of which have long ended then: a number in a list, and no timer of its own.
final class Deadlines: Sendable {
    private struct State {
        /// By hundredths of a second since the start.
        var due: [Int64: [UInt64]] = [:]
        var isTicking = false
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now
    private let queue = DispatchQueue(label: "plugin-deadlines")
    private let ticksPerSecond: Int64 = 100
    private let isOver: @Sendable (UInt64) -> Void

    /// `isOver` is told every number whose time has come, whether or not it still matters.
    init(isOver: @escaping @Sendable (UInt64) -> Void) { self.isOver = isOver }

    /// Tells of `number` once `delay` has passed.
    func add(_ number: UInt64, after delay: Duration) {
        let tick = tick(at: .now + delay) + 1
        let mustStart = state.withLock { state in
            state.due[tick, default: []].append(number)
            defer { state.isTicking = true }
            return !state.isTicking
        }
        if mustStart { scheduleTick() }
    }

    private func tick(at instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (instant - start).components
        return seconds * ticksPerSecond + attoseconds / (1_000_000_000_000_000_000 / ticksPerSecond)
    }

    private func scheduleTick() {
        queue.asyncAfter(deadline: .now() + .milliseconds(10)) { self.run() }
    }

    /// Rests when nothing is left to wait for.
    private func run() {
        let now = tick(at: .now)
        let (due, goesOn) = state.withLock { state in
            let ticks = state.due.keys.filter { $0 <= now }.sorted()
            let due = ticks.flatMap { state.due.removeValue(forKey: $0) ?? [] }
            state.isTicking = !state.due.isEmpty
            return (due, state.isTicking)
        }
        for number in due { isOver(number) }
        if goesOn { scheduleTick() }
    }
}
