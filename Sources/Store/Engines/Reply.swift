import Synchronization
import Threads

/// A caller who waits for the store: answered once, by the thread that has its job or by the clock.
///
///     waiting --begin--> begun --resume--> answered
///        |                 |
///        +-----expire------+-------------> answered
///
/// Whose time passes while the job waits is told that nothing was done, and the job is never run. Whose time passes
/// later cannot be told that: the disk, or the server, may still make it durable.
final class Reply<Value: Sendable>: Expiring, Sendable {
    private struct State {
        var continuation: UnsafeContinuation<Value, any Error>?
        var hasBegun = false
    }

    private let state: Mutex<State>
    let deadline: ContinuousClock.Instant?
    /// Whether there is no outcome to be unsure of.
    private let changesNothing: Bool

    init(
        _ continuation: UnsafeContinuation<Value, any Error>,
        within limit: Duration?,
        changesNothing: Bool = false
    ) {
        self.changesNothing = changesNothing
        state = Mutex(State(continuation: continuation))
        deadline = limit.map { ContinuousClock.now + $0 }
    }

    /// Claims the job for the thread that will run it; false when its caller has been answered, or its time has passed.
    ///
    /// True again when it was claimed before and its caller still waits: a transaction may be run twice.
    func begin() -> Bool {
        if let deadline, deadline <= .now, !state.withLock({ $0.hasBegun }) { expire() }
        return state.withLock { state in
            guard state.continuation != nil else { return false }
            state.hasBegun = true
            return true
        }
    }

    /// Answers the caller, who may have been answered before.
    func resume(_ result: Result<Value, any Error>) { take()?.continuation.resume(with: result) }

    func expire() {
        guard let (continuation, hasBegun) = take() else { return }
        continuation.resume(
            throwing: hasBegun && !changesNothing
                ? SQLError(
                    message: "the database has not answered in time; what becomes of it is not known",
                    isAway: true,
                    isOutcomeUnknown: true
                ) : SQLError(message: "the database has not answered in time; nothing was done", isAway: true)
        )
    }

    var isAnswered: Bool { state.withLock { $0.continuation == nil } }

    private func take() -> (continuation: UnsafeContinuation<Value, any Error>, hasBegun: Bool)? {
        state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation.map { ($0, state.hasBegun) }
        }
    }
}

/// Something that is answered by the clock when nobody else does.
protocol Expiring: AnyObject, Sendable {
    /// When; nil for never.
    var deadline: ContinuousClock.Instant? { get }
    /// Whether it was answered already.
    var isAnswered: Bool { get }
    /// Answers it, because its time has passed.
    func expire()
}

/// The clock of a store: whatever its threads are stuck in, callers are answered when their time has passed.
///
/// Those who wait stand in the order in which their time passes; nearly all may wait equally long. Looked at every
/// `tick`, so that a call costs no wake-up. All state is guarded by `condition`.
final class DeadlineWatch: @unchecked Sendable {
    private let condition = MonotonicCondition()
    private let tick: Duration
    private let onExpired: @Sendable (Int) -> Void
    private var waiting: [any Expiring] = []
    private var first = 0
    private var isAsleep = false
    private var isStopping = false

    /// `onExpired` is told how many were answered by the clock.
    init(tick: Duration = .milliseconds(200), onExpired: @escaping @Sendable (Int) -> Void) {
        self.tick = tick
        self.onExpired = onExpired
        NamedThread.start("store-clock") { self.run() }
    }

    func add(_ caller: any Expiring) {
        guard let deadline = caller.deadline else { return }
        condition.withLock {
            // Kept short by those who come: as many go as may come.
            for _ in 0..<2 where first < waiting.count && waiting[first].isAnswered { first += 1 }
            if first > 1_000 && first * 2 > waiting.count {
                waiting.removeFirst(first)
                first = 0
            }
            // Few may wait longer than the others: these go before them.
            var place = waiting.count
            while place > first, let other = waiting[place - 1].deadline, other > deadline { place -= 1 }
            waiting.insert(caller, at: place)
            if isAsleep { condition.signal() }
        }
    }

    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
        }
    }

    private func run() {
        condition.lock()
        while !isStopping {
            let expired = takeExpired()
            condition.unlock()
            for caller in expired { caller.expire() }
            if !expired.isEmpty { onExpired(expired.count) }
            condition.lock()
            if first == waiting.count {
                waiting.removeAll(keepingCapacity: first < 10_000)
                first = 0
            }
            // One more tick after the last call before it sleeps: a steady trickle then wakes nobody.
            if waiting.isEmpty && !condition.wait(atMost: tick) && waiting.isEmpty && !isStopping {
                isAsleep = true
                condition.wait()
                isAsleep = false
            } else if !waiting.isEmpty && !isStopping {
                condition.wait(atMost: tick)
            }
        }
        condition.unlock()
    }

    private func takeExpired() -> [any Expiring] {
        var expired: [any Expiring] = []
        let now = ContinuousClock.now
        while first < waiting.count {
            let caller = waiting[first]
            if !caller.isAnswered {
                guard let deadline = caller.deadline, deadline <= now else { break }
                expired.append(caller)
            }
            first += 1
        }
        return expired
    }
}
