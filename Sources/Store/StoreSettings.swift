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

    /// How long a writer waits after a transaction that the engine refused, before it tries the audit lines again.
    ///
    /// Default 200 ms.
    package var retryAfter: Duration = .milliseconds(200)
    /// How many KiB of pages SQLite's writer keeps in memory.
    ///
    /// Default 16,384.
    package var writerCacheKiB = 16_384
    /// How many KiB of pages each of SQLite's readers keeps in memory.
    ///
    /// Default 2,048.
    package var readerCacheKiB = 2_048
    /// After how many pages SQLite's log is copied into the file: the pages that every payment touches are copied
    /// once for all the payments in between.
    ///
    /// Default 4,000, which is 16 MiB.
    package var checkpointPages = 4_000

    /// The defaults.
    package init() {}

    var retryPause: Double { Double(retryAfter.wholeMilliseconds) / 1000 }

    func auditDeadline() -> Date { Date(timeIntervalSinceNow: Double(auditDelay.wholeMilliseconds) / 1000) }
}
