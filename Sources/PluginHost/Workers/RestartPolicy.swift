import Gateway

/// How often a plugin's workers may crash, and how they are started again.
package struct RestartPolicy: Sendable, Equatable {
    /// How long the second start in a row waits; doubled each time, with jitter.
    package var backoff: Duration = .milliseconds(100)
    /// The longest such wait.
    package var backoffMax: Duration = .seconds(30)
    /// After so many crashes within `window` it is not started again until the window has passed.
    package var crashesMax = 10
    /// See `crashesMax`.
    package var window: Duration = .seconds(60)

    /// The defaults.
    package init() {}
}

/// How a plugin's workers have ended so far, and what follows from it.
struct CrashHistory: Sendable {
    private let policy: RestartPolicy
    private var recent: [ContinuousClock.Instant] = []
    /// How many ended by themselves, ever.
    private(set) var count = 0
    /// How the last one ended, or why none could be started.
    var last: String?

    init(policy: RestartPolicy) { self.policy = policy }

    /// Counts a crash; answers how long the next start waits.
    mutating func add(_ how: String, at now: ContinuousClock.Instant) -> Duration {
        count += 1
        last = how
        recent = recent.filter { now - $0 < policy.window } + [now]
        return isBroken(at: now) ? policy.window : backoff
    }

    /// Whether there were too many crashes of late for another start.
    func isBroken(at now: ContinuousClock.Instant) -> Bool {
        recent.filter { now - $0 < policy.window }.count >= policy.crashesMax
    }

    /// At once after a first crash, then longer each time.
    private var backoff: Duration {
        guard recent.count > 1 else { return .zero }
        let doubled = min(policy.backoffMax, policy.backoff * (1 << min(16, recent.count - 2)))
        return doubled * Double.random(in: 0.5...1)
    }
}
