import Gateway
import Logging
import Synchronization

/// What the store says of itself: whether its last write held, and what it could not keep.
///
/// Told by the engines' threads; shown by readiness, log and metrics. Every change is said once.
final class StoreState: Sendable {
    private struct Current {
        var lastWrite: ContinuousClock.Instant?
        var isFailing = false
        /// When a payment could not be written last, and none since.
        var paymentFailed: ContinuousClock.Instant?
        var counts = StoreCounts()
        /// The rows of which was said that they cannot be read.
        var unread: Set<String> = []
    }

    /// Of how many rows it is remembered that they cannot be read; of more nothing is said.
    private static let unreadMax = 1_000

    private static let part = "store"
    private let current = Mutex(Current())
    private let logger: Logger
    private let health: Health

    init(logger: Logger, health: Health) {
        self.logger = logger
        self.health = health
    }

    var counts: StoreCounts { current.withLock { $0.counts } }

    /// Whether the last write held, so lately that nothing need be tried.
    func hasWritten(within time: Duration) -> Bool {
        current.withLock { $0.isFailing ? false : $0.lastWrite.map { $0.duration(to: .now) < time } ?? false }
    }

    /// Whether nothing was said yet of a row that cannot be read.
    private func isNew(_ row: String) -> Bool {
        current.withLock { current in
            guard current.unread.count < Self.unreadMax, current.unread.insert(row).inserted else { return false }
            current.counts.unreadRows += 1
            return true
        }
    }

    /// Records are met of which part cannot be read: said once of each, however often they are met.
    func tell(ofDamaged records: [Record]) {
        for record in records where record.isDamaged && isNew("record \(record.organization) \(record.id)") {
            logger.error(
                "part of a transaction's row in the store cannot be read: it is never sent",
                metadata: [
                    "record": "\(record.id)", "organization": "\(record.organization)",
                    "state": "\(record.state.rawValue)", "batch": "\(record.batch?.batch.description ?? "")",
                ]
            )
        }
    }

    /// A row is passed over that cannot be read: said once, however often it is met.
    func cannotRead(_ what: String, of organization: String, named name: String, because reason: String) {
        guard isNew("\(what) \(organization) \(name)") else { return }
        logger.error(
            "a row of the store cannot be read, and is passed over",
            metadata: ["what": "\(what)", "organization": "\(organization)", "name": "\(name)", "reason": "\(reason)"]
        )
    }

    /// A transaction is durable.
    func wrote() {
        let isBack = current.withLock { current in
            current.lastWrite = .now
            defer { current.isFailing = false }
            return current.isFailing
        }
        guard isBack else { return }
        health.clear(Self.part)
        logger.notice("the store can write again")
    }

    /// How long after a payment that could not be written the store says that it cannot, though it can write other things.
    private static let paymentFailsFor: Duration = .seconds(15)

    /// Whether payments cannot be written, as the last one that was tried shows.
    var isFailingPayments: Bool {
        current.withLock { $0.paymentFailed.map { $0.duration(to: .now) < Self.paymentFailsFor } ?? false }
    }

    /// A payment was written or could not be, for a reason that is not its own.
    func wrotePayment(_ failure: String?) {
        let wasFailing = current.withLock { current in
            defer { current.paymentFailed = failure == nil ? nil : .now }
            return current.paymentFailed != nil
        }
        guard wasFailing == (failure == nil) else { return }
        guard let failure else { return logger.notice("the store can write payments again") }
        logger.error("the store cannot write payments", metadata: ["reason": "\(failure)"])
    }

    /// A transaction could not be made durable, for a reason that is the database's and not the transaction's.
    func failed(_ reason: String, times: Int = 1) {
        let isNew = current.withLock { current in
            current.counts.failedWrites += times
            defer { current.isFailing = true }
            return !current.isFailing
        }
        health.report(
            Self.part,
            .notReady,
            "The store cannot write: \(reason). Calls are refused until it can; look at the database and its disk."
        )
        if isNew { logger.error("the store cannot write", metadata: ["reason": "\(reason)"]) }
    }

    /// Lines or counts that the database refuses for what they are; they are named here and kept nowhere.
    func setAside(_ part: Extras, because reason: String) {
        current.withLock {
            $0.counts.auditLinesSetAside += part.lines.count
            $0.counts.usageCountsSetAside += part.usage.count
        }
        for line in part.lines {
            logger.error(
                "an audit line could not be written and is set aside",
                metadata: [
                    "line": "\(line.id)", "call": "\(line.call)", "action": "\(line.action)",
                    "outcome": "\(line.outcome.rawValue)", "reason": "\(reason)",
                ]
            )
        }
        for (usage, count) in part.usage {
            logger.error(
                "usage could not be counted and is set aside",
                metadata: [
                    "organization": "\(usage.organization)", "tool": "\(usage.tool)", "count": "\(count)",
                    "reason": "\(reason)",
                ]
            )
        }
    }
}

/// What a store has counted since it was opened.
package struct StoreCounts: Sendable, Equatable {
    /// Transactions that the database could not make durable, or did not answer in time.
    package var failedWrites = 0
    /// Audit lines that the database refused for what they are.
    package var auditLinesSetAside = 0
    /// Counts of usage that the database refused, or of which it is not known whether it took them.
    package var usageCountsSetAside = 0
    /// Rows that were met and cannot be read, or not whole, each once; 1,000 at most.
    package var unreadRows = 0
}
