import Synchronization

/// Records whose commit failed and may have happened all the same: nothing was sent for them, and they must end so.
final class Withdrawals: Sendable {
    /// One that waits.
    struct Waiting: Sendable {
        let record: Record
        /// After this, a row that is not there will not come any more.
        let until: Timestamp
    }

    /// How many may wait: past that the sweeper finds them as `sending`, and asks about them.
    private let waitingMax = 10_000
    /// How long a commit may be on its way.
    private let commitMax: Duration = .seconds(120)
    private let waiting = Mutex<[RecordID: Waiting]>([:])

    /// Keeps a record; false when there is no room.
    func add(_ record: Record, at now: Timestamp) -> Bool {
        waiting.withLock { waiting in
            guard waiting.count < waitingMax else { return false }
            waiting[record.id] = Waiting(record: record, until: now + commitMax)
            return true
        }
    }

    /// Forgets a record.
    func remove(_ id: RecordID) { waiting.withLock { $0[id] = nil } }

    /// All that wait.
    var all: [Waiting] { waiting.withLock { Array($0.values) } }
}
