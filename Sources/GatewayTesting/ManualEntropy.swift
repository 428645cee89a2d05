import Gateway
import Synchronization

/// A clock that is set by hand, and chance that repeats.
package final class ManualEntropy: Sendable {
    private let state: Mutex<(now: Timestamp, uptime: Uptime, random: UInt64)>

    /// Starts in January 2027; the same seed gives the same chance.
    package init(seed: UInt64 = 1) {
        state = Mutex((Timestamp(milliseconds: 1_800_000_000_000), Uptime(nanoseconds: 1), seed))
    }

    /// Clock and chance, to be handed in.
    package var entropy: Entropy {
        Entropy(
            now: { self.state.withLock { $0.now } },
            uptime: { self.state.withLock { $0.uptime } },
            random: {
                self.state.withLock { state in
                    state.random &+= 0x9E37_79B9_7F4A_7C15
                    return state.random
                }
            }
        )
    }

    /// The time that it shows.
    package var now: Timestamp { state.withLock { $0.now } }

    /// Lets time pass; a negative duration sets the wall clock back, which no time passes by.
    package func advance(_ duration: Duration) {
        state.withLock { state in
            state.now = state.now + duration
            state.uptime = state.uptime + max(.zero, duration)
        }
    }

    /// Sets the wall clock, forward or back, without any time passing.
    package func setWallClock(by duration: Duration) { state.withLock { $0.now = $0.now + duration } }
}
