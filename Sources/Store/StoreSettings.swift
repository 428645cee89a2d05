import Gateway

/// What bounds the store.
package struct StoreSettings: Sendable {
    /// How many transactions may wait; past that a call is refused.
    ///
    /// Default 10,000.
    package var queueMax = 10_000
    /// How many of them become one transaction at most.
    ///
    /// Default 256.
    package var batchMax = 256
    /// How many threads read SQLite, with a connection each.
    ///
    /// Default 2.
    package var readers = 2
    /// How long a caller waits for a transaction, the queue and the commit included; then it is told that the store is
    /// not available, whatever the engine is stuck in.
    ///
    /// Default 4 s.
    package var waitMax: Duration = .seconds(4)
    /// From how many rows on a commit shares its transaction with nobody, so that no payment waits for another's file, nor
    /// fails with it; payments that wait go between two of such.
    ///
    /// Default 500.
    package var manyRows = 500
    /// How long a caller waits for such a transaction.
    ///
    /// Default 20 s.
    package var manyRowsMax: Duration = .seconds(20)
    /// How long connecting to one address of PostgreSQL may take; whole seconds, at least 2.
    ///
    /// Default 3 s.
    package var connectMax: Duration = .seconds(3)
    /// How long PostgreSQL waits for a lock before it gives the statement up.
    ///
    /// Default 3 s.
    package var lockMax: Duration = .seconds(3)
    /// After how long PostgreSQL itself ends a transaction whose host has gone silent, and what it locked.
    ///
    /// Default 10 s.
    package var silenceMax: Duration = .seconds(10)
    /// How long SQLite waits while another program holds its file.
    ///
    /// Default 2 s.
    package var busyMax: Duration = .seconds(2)
    /// How long each step of opening the database may take, before its schema is brought up to date.
    ///
    /// Default 30 s.
    package var openMax: Duration = .seconds(30)
    /// How long bringing the schema up to date may take.
    ///
    /// Default 1 h.
    package var migrationMax: Duration = .seconds(3600)
    /// How long a shutdown waits for what is queued.
    ///
    /// Default 10 s.
    package var shutdownMax: Duration = .seconds(10)
    /// For how long a write that held shows that the next one would; after that readiness tries one.
    ///
    /// Default 1 s.
    package var probeEvery: Duration = .seconds(1)
    /// For how long PostgreSQL is this host's without a renewal, by the server's clock; as long as a successor of a host
    /// that was killed waits at most.
    ///
    /// Default 10 s.
    package var leaseLength: Duration = .seconds(10)
    /// Names what no two living processes have, such as a file of this machine that this process has locked.
    ///
    /// Where the lease's row names the same, its holder has ended, and is not waited for. Default none.
    package var place: String?
    /// How often the lease is renewed.
    ///
    /// Default 1 s.
    package var leaseEvery: Duration = .seconds(1)
    /// How long before its lease ends a host that cannot renew it stops sending: what has just been sent must have left.
    ///
    /// Default 2 s.
    package var leaseMargin: Duration = .seconds(2)
    /// How many entries of an index, or records, a page of a list reads at most; a page that has read them is short, and
    /// says where the next goes on.
    ///
    /// Default 5,000.
    package var listEntriesMax = 5_000
    /// How many days a page of a list by party goes back at most.
    ///
    /// Default 1,024.
    package var listDaysMax = 1_024
    /// How many bytes that try writes: some pages, since a full disk often has room for a few bytes.
    ///
    /// Default 32 KiB.
    package var probeBytes = 32_768
    /// How many connections read PostgreSQL, each with a thread; one more writes, one renews the lease.
    ///
    /// Default 3.
    package var connections = 3
    /// How often a transaction is tried that the engine asks to try again.
    ///
    /// Default 8.
    package var attemptsMax = 8
    /// How many audit lines may wait to be written along.
    ///
    /// Default 50,000.
    package var auditQueueMax = 50_000
    /// How many audit lines that nobody waits for one transaction takes along.
    ///
    /// Default 2,000.
    package var auditBatchMax = 2_000
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

    /// Whether SQLite's transactions run on the thread that asks, one after another, and no thread is started for them:
    /// for simulations, which have one thread and end nobody's wait by a clock.
    ///
    /// Default false.
    package var runsInPlace = false
    /// Counts the statements of every caller, for tests.
    ///
    /// Default none: nothing is counted.
    package var statements: StatementCounts?

    /// The defaults.
    package init() {}
}
