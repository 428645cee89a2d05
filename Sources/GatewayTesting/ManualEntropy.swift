import Gateway
import Synchronization

/// A clock that is set by hand, and chance that repeats.
package final class ManualEntropy: Sendable {
    private final class State: Sendable {
        let values: Mutex<(wall: Timestamp, uptime: Uptime, random: UInt64)>

        init(seed: UInt64) {
            values = Mutex((Timestamp(milliseconds: 1_800_000_000_000), Uptime(nanoseconds: 1), seed))
        }
    }

    private let state: State
    /// What the house goes by.
    package let steady: SteadyClock

    /// Starts in January 2027, or so much later; the same seed gives the same chance.
    package init(seed: UInt64 = 1, after duration: Duration = .zero) {
        let state = State(seed: seed)
        state.values.withLock { $0.wall = $0.wall + duration }
        self.state = state
        steady = SteadyClock(
            wall: { state.values.withLock { $0.wall } },
            uptime: { state.values.withLock { $0.uptime } }
        )
    }

    /// Clock and chance, to be handed in.
    package var entropy: Entropy {
        let state = state
        return Entropy(
            steady: steady,
            uptime: { state.values.withLock { $0.uptime } },
            wall: { state.values.withLock { $0.wall } },
            random: {
                state.values.withLock { values in
                    values.random &+= 0x9E37_79B9_7F4A_7C15
                    return values.random
                }
            }
        )
    }

    /// The time that the house goes by.
    package var now: Timestamp { steady.now() }

    /// Lets time pass; a negative duration sets the wall clock back, which no time passes by.
    package func advance(_ duration: Duration) {
        state.values.withLock { values in
            values.wall = values.wall + duration
            values.uptime = values.uptime + max(.zero, duration)
        }
    }

    /// Sets the wall clock, forward or back, without any time passing.
    package func setWallClock(by duration: Duration) { state.values.withLock { $0.wall = $0.wall + duration } }
}
