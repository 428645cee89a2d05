import Foundation
import Gateway

/// What bounds the store.
package struct StoreSettings: Sendable {
    /// How many transactions may wait; past that a call is refused.
    ///
    /// Default 10,000.
    package var queueMax = 10_000
    /// How many threads read.
    ///
    /// Default 2.
    package var readers = 2
    /// How many connections to PostgreSQL, each with a thread.
    ///
    /// Default 6.
    package var connections = 6
    /// How often a transaction is tried that PostgreSQL asks to try again.
    ///
    /// Default 8.
    package var attemptsMax = 8
    /// How many audit lines may wait to be written along.
    ///
    /// Default 50,000.
    package var auditQueueMax = 50_000
    /// How long an audit line that nobody waits for may stay in memory.
    ///
    /// Default 50 ms.
    package var auditDelay: Duration = .milliseconds(50)

    /// The defaults.
    package init() {}

    func auditDeadline() -> Date { Date(timeIntervalSinceNow: Double(auditDelay.wholeMilliseconds) / 1000) }
}
