import Synchronization

/// Notices when somebody has set the wall clock, by the time that has passed meanwhile.
///
/// The house goes by a steady clock, which such a thing moves only where it is more than a mistake of a day. Set back by
/// so much, it would leave every appointment late. It also says when the moment is to be kept, from which the next process
/// goes on.
final class WallClockWatch: Sendable {
    /// Less than this is a clock that is being corrected, which needs nothing.
    static let slack: Duration = .seconds(30)
    /// How often the moment is kept.
    static let keepEvery: Duration = .seconds(60)

    private struct State {
        /// How far the house's clock was ahead of the time that passes when last seen: milliseconds.
        var ahead: Int64
        /// And how far the wall clock was ahead of the house's: milliseconds.
        var gap: Int64
        /// When the moment is to be kept next.
        var keepAt: Uptime
    }

    private let entropy: Entropy
    private let state: Mutex<State>

    init(entropy: Entropy) {
        self.entropy = entropy
        state = Mutex(
            State(ahead: Self.ahead(entropy), gap: Self.gap(entropy), keepAt: entropy.uptime())
        )
    }

    /// By how much the house's clock went back since this was last asked; nil when it did not.
    func wasSetBack() -> Duration? {
        state.withLock { state in
            let now = Self.ahead(entropy)
            let back = Duration.milliseconds(state.ahead - now)
            state.ahead = now
            return back >= Self.slack ? back : nil
        }
    }

    /// Asked again, it says the same once more: nothing came of it.
    func forget(_ back: Duration) { state.withLock { $0.ahead += back.wholeMilliseconds } }

    /// By how much the wall clock was set, forward or back, since this was last asked; nil when it was not.
    func wasSet() -> Duration? {
        state.withLock { state in
            let now = Self.gap(entropy)
            let moved = Duration.milliseconds(now - state.gap)
            guard moved >= Self.slack || moved <= .zero - Self.slack else { return nil }
            state.gap = now
            return moved
        }
    }

    /// Whether it is time to keep the moment.
    func mustKeep() -> Bool {
        state.withLock { state in
            let now = entropy.uptime()
            guard now >= state.keepAt else { return false }
            state.keepAt = now + Self.keepEvery
            return true
        }
    }

    /// It could not be kept, and is asked about again at once: until it is, the next process may begin too early.
    func couldNotKeep() { state.withLock { $0.keepAt = entropy.uptime() } }

    private static func ahead(_ entropy: Entropy) -> Int64 {
        entropy.now().milliseconds - entropy.uptime().nanoseconds / 1_000_000
    }

    private static func gap(_ entropy: Entropy) -> Int64 {
        entropy.wall().milliseconds - entropy.now().milliseconds
    }
}
