import Gateway
import PluginAPI
import Synchronization

/// The calls of one generation's function tools that are under way, by the numbers that it knows them by.
///
/// Each generation has a table of its own: a number of another plugin's, or of another version's, is nobody's here, so
/// that none can answer for another, or ask the host in the name of another's caller.
///
/// A number is never a pointer and never used twice, so whatever a plugin does with it is a status code and a counter:
/// a second completion, a completion after the deadline, a number that was never given out.
final class Invocations: Sendable {
    /// What is known of a call.
    struct Call: Sendable {
        let plugin: String
        /// The tool's index; nil for a timer.
        var tool: Int?
        let invocation: LoadedPlugin.Invocation
    }

    /// Rings once a call has been completed: what a waiter may look at without taking the table's lock.
    final class Bell: Sendable {
        private let rung = Atomic<Bool>(false)
        var hasRung: Bool { rung.load(ordering: .relaxed) }
        fileprivate func ring() { rung.store(true, ordering: .relaxed) }
    }

    private struct Pending {
        let call: Call
        let bell: Bell
        var continuation: CheckedContinuation<LoadedPlugin.Completion, Never>?
        /// What came before anybody waited for it.
        var early: LoadedPlugin.Completion?
        var isCancelled = false
        /// When it was last asked whether its caller may go on, or when it began.
        var askedAt = ContinuousClock.now
        /// What was passed on last of its progress, and when.
        var told: (fraction: UInt32, at: ContinuousClock.Instant)?
    }

    /// So often at most is a call's progress passed on.
    private let progressEvery: Duration = .milliseconds(100)

    private struct Table {
        let first: UInt64
        var next: UInt64
        var pending: [UInt64: Pending] = [:]
        /// Calls that the host answered itself, whose plugin may still complete them: late, not wrong.
        var answeredByHost: Set<UInt64> = []
    }

    /// How many late completions are remembered as such.
    private let lateMax = 10_000

    private let table: Mutex<Table>
    private let broken = Atomic<Int>(0)
    private let overdue = Mutex(Overdue())

    /// Calls that were not completed in their time, in all and by tool.
    struct Overdue: Sendable, Equatable {
        var count = 0
        var tools: [Int: Int] = [:]
    }

    init() {
        // Numbers of two generations differ, and of two host processes, so a stray one is not taken for a live one.
        let first = UInt64.random(in: 1...(1 << 62))
        table = Mutex(Table(first: first, next: first))
    }

    func begin(_ call: Call) -> (number: UInt64, bell: Bell) {
        let bell = Bell()
        return table.withLock { table in
            defer { table.next += 1 }
            table.pending[table.next] = Pending(call: call, bell: bell)
            return (table.next, bell)
        }
    }

    /// Waits for the completion, whichever way it comes.
    func completion(of number: UInt64) async -> LoadedPlugin.Completion {
        await withCheckedContinuation { continuation in
            let early = table.withLock { table -> LoadedPlugin.Completion? in
                if let early = table.pending[number]?.early {
                    table.pending[number] = nil
                    return early
                }
                table.pending[number]?.continuation = continuation
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
    }

    /// Ends a call in the plugin's place: its time is over, or its worker has gone.
    func answer(_ number: UInt64, _ completion: LoadedPlugin.Completion) {
        let tool = call(number)?.tool
        guard complete(number, completion) == GATEWAY_OK else { return }
        table.withLock { table in
            if table.answeredByHost.count >= lateMax { table.answeredByHost.removeAll() }
            table.answeredByHost.insert(number)
        }
        guard completion.status == GATEWAY_DEADLINE else { return }
        overdue.withLock { overdue in
            overdue.count += 1
            if let tool { overdue.tools[tool, default: 0] += 1 }
        }
    }

    /// Whether a completion that came too late was only late.
    func forgive(_ number: UInt64) -> Bool { table.withLock { $0.answeredByHost.remove(number) != nil } }

    /// Ends a call; what it answers is a status of the protocol.
    func complete(_ number: UInt64, _ completion: LoadedPlugin.Completion) -> Int32 {
        let (status, waiting) = table.withLock {
            table -> (Int32, CheckedContinuation<LoadedPlugin.Completion, Never>?) in
            guard var pending = table.pending[number] else {
                let wasGiven = number >= table.first && number < table.next
                return (wasGiven ? GATEWAY_ALREADY_COMPLETED : GATEWAY_UNKNOWN_INVOCATION, nil)
            }
            guard pending.early == nil else { return (GATEWAY_ALREADY_COMPLETED, nil) }
            if let continuation = pending.continuation {
                table.pending[number] = nil
                return (GATEWAY_OK, continuation)
            }
            pending.early = completion
            table.pending[number] = pending
            pending.bell.ring()
            return (GATEWAY_OK, nil)
        }
        waiting?.resume(returning: completion)
        return status
    }

    /// Whom to tell of a call's progress; nil when nobody asked, it has not moved on, or it was told a moment ago.
    func mayTell(_ number: UInt64, _ fraction: UInt32) -> (@Sendable (LoadedPlugin.Progress) -> Void)? {
        table.withLock { table in
            guard let pending = table.pending[number], let tell = pending.call.invocation.progress else { return nil }
            if let told = pending.told {
                guard fraction > told.fraction, told.at.advanced(by: progressEvery) <= .now else { return nil }
            }
            table.pending[number]?.told = (fraction, .now)
            return tell
        }
    }

    /// How many are under way.
    var count: Int { table.withLock { $0.pending.count } }

    /// The calls about whose callers nobody has asked for so long; they count as asked about.
    func toAskAbout(
        _ age: Duration,
        at now: ContinuousClock.Instant = .now
    ) -> [(number: UInt64, isOver: @Sendable () async -> Bool)] {
        table.withLock { table in
            var found: [(number: UInt64, isOver: @Sendable () async -> Bool)] = []
            for (number, pending) in table.pending where now - pending.askedAt >= age {
                guard let isOver = pending.call.invocation.isOver else { continue }
                table.pending[number]?.askedAt = now
                found.append((number, isOver))
            }
            return found
        }
    }

    func cancel(_ number: UInt64) {
        table.withLock { $0.pending[number]?.isCancelled = true }
    }

    func isCancelled(_ number: UInt64) -> Bool {
        table.withLock { $0.pending[number]?.isCancelled ?? true }
    }

    func call(_ number: UInt64) -> Call? {
        table.withLock { $0.pending[number]?.call }
    }

    /// Counts what the generation did against a rule: a second or stray completion, a service that it was not granted.
    func countViolation() { broken.add(1, ordering: .relaxed) }

    /// How many calls the host had to answer because their time was over (rule F1).
    var late: Overdue { overdue.withLock { $0 } }

    /// How often it did.
    var violations: Int { broken.load(ordering: .relaxed) }
}
