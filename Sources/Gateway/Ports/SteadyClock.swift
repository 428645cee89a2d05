import Synchronization

/// The time by which the house decides, and which it keeps: the wall clock without its jumps.
///
/// Somebody who sets the wall clock would otherwise make every open payment a day older, give back a payout's guard
/// before its time, or hold everything for an hour. This clock goes on by the time that passes and only draws near to the
/// wall clock, so slowly that no rule notices. It never goes back, but where the wall clock is behind by more than
/// anybody's mistake of a day: then there is nothing to draw near to, and it is followed at once. Ahead it is never
/// followed at once: the time that passes includes suspends of the machine, so such a leap is no time that has passed,
/// and would forget keys and guards.
///
///     wall    12:00  12:01 | set back an hour: 11:01  11:02  ...              wall and steady meet again
///     steady  12:00  12:01                     12:01  12:02  ... by 1 % slower, for four days
///
/// Start and stop: it goes on from where the last process was (`resume`).
package final class SteadyClock: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// It is faster by one part of so many while the wall clock is ahead.
        ///
        /// Default 20: an hour in 20 hours.
        package var faster: Int64 = 20
        /// And slower by one part of so many while the wall clock is behind.
        ///
        /// Default 100, so that a minute is never longer than 60.6 s: `Duration.surely` leaves room for that.
        package var slower: Int64 = Duration.slowest
        /// A wall clock that is behind by more than this is followed at once.
        ///
        /// Default 36 hours.
        package var followedFrom: Duration = .seconds(36 * 3_600)

        /// The defaults.
        package init() {}
    }

    private let wall: @Sendable () -> Timestamp
    private let uptime: @Sendable () -> Uptime
    private let settings: Settings
    /// What it showed last, and when: nanoseconds since 1970, and since the start.
    private let state: Mutex<(shown: Int64, uptime: Int64)>
    /// The same, for whoever asks again within `shownFor` of it: a call asks dozens of times, on every thread, and they
    /// would wait for each other.
    private let shown: Atomic<Int64>
    private let shownAt: Atomic<Int64>
    /// A tenth of what is shown at the finest: 100 us.
    private static let shownFor: Int64 = 100_000

    /// Makes one that shows the wall clock's time now.
    package init(
        wall: @escaping @Sendable () -> Timestamp,
        uptime: @escaping @Sendable () -> Uptime,
        settings: Settings = Settings()
    ) {
        self.wall = wall
        self.uptime = uptime
        self.settings = settings
        let (wall, uptime) = (wall().nanoseconds, uptime().nanoseconds)
        state = Mutex((wall, uptime))
        shown = Atomic(wall)
        shownAt = Atomic(uptime)
    }

    /// The time now.
    package func now() -> Timestamp {
        let uptime = uptime().nanoseconds
        // Where no time has passed at all, somebody may have set the wall clock by days.
        let age = uptime - shownAt.load(ordering: .acquiring)
        if age > 0, age < SteadyClock.shownFor {
            return Timestamp(milliseconds: shown.load(ordering: .relaxed) / 1_000_000)
        }
        let wall = wall().nanoseconds
        let next = state.withLock { state in
            let passed = max(0, uptime - state.uptime)
            var next = state.shown + passed
            let gap = wall - next
            if -gap > settings.followedFrom.wholeNanoseconds {
                next = wall
            } else if gap > 0 {
                next += min(gap, passed / settings.faster)
            } else {
                next -= min(-gap, passed / settings.slower)
            }
            state = (next, max(uptime, state.uptime))
            shown.store(next, ordering: .relaxed)
            shownAt.store(state.uptime, ordering: .releasing)
            return next
        }
        return Timestamp(milliseconds: next / 1_000_000)
    }

    /// Goes on from a moment that has been, if it is not past it already.
    ///
    /// - Returns: By how much the moment lies ahead, where that is more than a mistake of a day: then it is not followed.
    package func resume(from moment: Timestamp) -> Duration? {
        let wall = wall().nanoseconds
        return state.withLock { state in
            let ahead = moment.nanoseconds - wall
            guard ahead <= settings.followedFrom.wholeNanoseconds else { return .nanoseconds(ahead) }
            state.shown = max(state.shown, moment.nanoseconds)
            shown.store(state.shown, ordering: .releasing)
            return nil
        }
    }

    /// Goes on from where the last process was, as the store remembers it, so that a clock that was set back meanwhile
    /// holds nothing.
    package func resume(from store: any DueRepository) async throws(GatewayError) {
        guard let moment = try await store.newestMoment(), let ahead = resume(from: moment) else { return }
        try await store.bringForward(by: ahead, after: now())
    }
}

extension Timestamp {
    /// The ends of the range, in the years 1677 and 2262, stand for what is beyond them.
    fileprivate var nanoseconds: Int64 {
        let (product, isOver) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return isOver ? (milliseconds < 0 ? .min / 4 : .max / 4) : product
    }
}
