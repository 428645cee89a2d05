/// A moment on a clock that only ever goes forward: nanoseconds since a start that means nothing.
///
/// What lasts for a while inside one process is measured by it: limits, caches, the lives of access tokens, waits. The
/// wall clock can be set back an hour, and then whatever was measured by it would last an hour longer.
package struct Uptime: Sendable, Hashable, Comparable {
    /// Nanoseconds since the start.
    package let nanoseconds: Int64

    /// Makes a moment.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The moment `duration` later, or earlier for a negative one.
    package static func + (moment: Uptime, duration: Duration) -> Uptime {
        let (sum, isOver) = moment.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Uptime(nanoseconds: isOver ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time that passed from the right moment to the left one.
    package static func - (later: Uptime, earlier: Uptime) -> Duration {
        .nanoseconds(later.nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }

    /// Orders by time.
    package static func < (left: Uptime, right: Uptime) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Duration {
    /// Whole nanoseconds, rounded towards zero; the ends of the range stand for what is beyond them.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let secondsMax = Int64.max / 1_000_000_000 - 1
        guard (-secondsMax...secondsMax).contains(seconds) else { return seconds < 0 ? .min : .max }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
