import Gateway
import Glibc

/// How much processor time a worker takes while nobody has asked it for anything: threads that go on after their call.
///
/// What it took in an interval is known, and how long something was open in it. Of the rest it had at least the time
/// taken less what all processors could give while something was open, and less what a function may take (rule T1).
struct IdleWatch: Sendable {
    /// How much is too much within `window`.
    var processorMax: Duration = .seconds(1)
    /// See `processorMax`.
    var window: Duration = .seconds(10)
    /// How often is looked.
    var interval: Duration = .milliseconds(500)

    private static let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// What is forgiven for each call: what it sets going ends soon after.
    private static let forgivenPerCall: Duration = .milliseconds(2)

    private var open = 0
    private var openedAt = ContinuousClock.now
    private var busy: Duration = .zero
    private var begun = 0
    private var last: (at: ContinuousClock.Instant, used: Duration)?
    private var idle: [(at: ContinuousClock.Instant, used: Duration)] = []

    /// Says how many calls, timers and questions are open from now on.
    mutating func isOpen(_ count: Int, at now: ContinuousClock.Instant) {
        if count > open { begun += count - open }
        if open == 0, count > 0 { openedAt = now }
        if open > 0, count == 0 { busy += now - max(openedAt, last?.at ?? openedAt) }
        open = count
    }

    /// Whether it is time to look.
    func isDue(_ now: ContinuousClock.Instant) -> Bool { last.map { now - $0.at >= interval } ?? true }

    /// Whether it took too much while idle, seeing what it has used in all.
    mutating func isOver(used: Duration, at now: ContinuousClock.Instant) -> Bool {
        defer {
            last = (now, used)
            busy = .zero
            begun = 0
        }
        guard let last else { return false }
        let wasBusy = busy + (open > 0 ? now - max(openedAt, last.at) : .zero)
        let spent = used - last.used - wasBusy * IdleWatch.processors - IdleWatch.forgivenPerCall * begun
        idle.removeAll { now - $0.at >= window }
        if spent > .zero { idle.append((now, spent)) }
        return idle.reduce(.zero) { $0 + $1.used } > processorMax
    }
}
