import Gateway
import Synchronization

/// Time that passes only when everybody waits: then it is at once the moment that the first of them waits for.
///
/// The wall clock is set ahead and back by whoever simulates; sleeps go by the time that passes.
final class SimulatedTime: Sendable {
    /// Whose sleeps end together, because their host died.
    typealias Owner = Int

    private struct Sleeper {
        let until: Int64
        let ticket: UInt64
        let owner: Owner
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var uptime: Int64 = 1
        var wallAhead: Int64 = 1_800_000_000_000_000_000
        var tickets: UInt64 = 0
        var sleepers: [Sleeper] = []
        /// Tickets whose sleeps were ended before they began.
        var ended: Set<UInt64> = []
        var dead: Set<Owner> = []
        var wasSetAhead = false
    }

    private let state = Mutex(State())

    var uptime: Uptime { state.withLock { Uptime(nanoseconds: $0.uptime) } }
    var wall: Timestamp { state.withLock { Timestamp(milliseconds: ($0.wallAhead + $0.uptime) / 1_000_000) } }

    /// Sets the wall clock; no time passes.
    func setWallClock(by duration: Duration) {
        state.withLock { state in
            state.wallAhead += duration.wholeNanoseconds
            state.wasSetAhead = state.wasSetAhead || duration > .zero
        }
    }

    /// Whether the wall clock was ever set ahead.
    var wasSetAhead: Bool { state.withLock { $0.wasSetAhead } }

    /// Waits; true when all of it has passed, false when the owner died or the task was cancelled.
    func sleep(for duration: Duration, owner: Owner, endsEarly: Bool = true) async -> Bool {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.ended.remove(ticket) == nil, !state.dead.contains(owner) else { return true }
                    let until = state.uptime + max(0, duration.wholeNanoseconds)
                    state.sleepers.append(
                        Sleeper(until: until, ticket: ticket, owner: owner, continuation: continuation)
                    )
                    return false
                }
                if isOver { continuation.resume(returning: false) }
            }
        } onCancel: {
            if endsEarly { end(ticket) }
        }
    }

    private func end(_ ticket: UInt64) {
        let found = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let index = state.sleepers.firstIndex(where: { $0.ticket == ticket }) else {
                state.ended.insert(ticket)
                return nil
            }
            return state.sleepers.remove(at: index).continuation
        }
        found?.resume(returning: false)
    }

    /// Ends all sleeps of an owner, now and from now on.
    func bury(_ owner: Owner) {
        let woken = state.withLock { state in
            state.dead.insert(owner)
            defer { state.sleepers.removeAll { $0.owner == owner } }
            return state.sleepers.filter { $0.owner == owner }
        }
        for sleeper in woken { sleeper.continuation.resume(returning: false) }
    }

    /// Goes to the next moment that somebody waits for; false when nobody does.
    func advance() -> Bool {
        let due = state.withLock { state -> [Sleeper]? in
            guard var next = state.sleepers.first?.until else { return nil }
            for index in state.sleepers.indices { next = min(next, state.sleepers[index].until) }
            state.uptime = max(state.uptime, next)
            // Nearly always it is one.
            var (due, index) = ([Sleeper](), 0)
            while index < state.sleepers.count {
                if state.sleepers[index].until <= next {
                    due.append(state.sleepers.remove(at: index))
                } else {
                    index += 1
                }
            }
            return due
        }
        guard let due else { return false }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
        return true
    }
}
