import Synchronization

/// Notices when somebody has set the wall clock back, by the time that has passed meanwhile.
///
/// What is kept in the store is kept by the wall clock. Set back an hour, it would leave every appointment an hour late.
final class WallClockWatch: Sendable {
    /// Less than this is a clock that is being corrected, which needs nothing.
    static let slack: Duration = .seconds(30)

    private let entropy: Entropy
    /// How far the wall clock was ahead of the other when last seen: milliseconds.
    private let ahead: Mutex<Int64>

    init(entropy: Entropy) {
        self.entropy = entropy
        ahead = Mutex(WallClockWatch.ahead(entropy))
    }

    /// By how much the clock was set back since this was last asked; nil when it was not.
    func wasSetBack() -> Duration? {
        ahead.withLock { ahead in
            let now = WallClockWatch.ahead(entropy)
            let back = Duration.milliseconds(ahead - now)
            ahead = now
            return back >= WallClockWatch.slack ? back : nil
        }
    }

    /// Asked again, it says the same once more: nothing came of it.
    func forget(_ back: Duration) { ahead.withLock { $0 += back.wholeMilliseconds } }

    private static func ahead(_ entropy: Entropy) -> Int64 {
        entropy.now().milliseconds - entropy.uptime().nanoseconds / 1_000_000
    }
}
