import Synchronization

/// Records for which nothing was sent, and which must end so: their commit failed and may have happened all the same, or
/// the store could not take that nothing left.
final class Withdrawals: Sendable {
    /// One that waits.
    struct Waiting: Sendable {
        let record: Record
        /// Why nothing was sent.
        let reason: String
        /// After this, a row that is not there will not come any more.
        let until: Timestamp
        /// What the journal has of it.
        var statement: CallbackID?
    }

    /// What became of ending one.
    enum Outcome: Sendable {
        /// Nothing is left to do.
        case ended
        /// There is no such row, and there may be one yet: its commit may be on its way.
        case mayCome
        case storeIsAway
    }

    /// How many may wait: past that the sweeper finds them as `sending`, and asks about them.
    private let waitingMax = 10_000
    /// How long a commit may be on its way.
    static let commitMax: Duration = .seconds(120)
    private let waiting = Mutex<[RecordID: Waiting]>([:])
    /// Rings for whoever ends them, whenever one comes.
    let bell = Bell<Void>()

    /// Keeps a record; false when there is no room.
    func add(_ record: Record, because reason: String, keptAs statement: CallbackID?, at now: Timestamp) -> Bool {
        defer { bell.ring() }
        return waiting.withLock { waiting in
            guard waiting.count < waitingMax else { return false }
            let until = now + Self.commitMax
            waiting[record.id] = Waiting(record: record, reason: reason, until: until, statement: statement)
            return true
        }
    }

    /// Remembers what the journal has of a record.
    func note(_ statement: CallbackID, of record: RecordID) {
        waiting.withLock { $0[record]?.statement = statement }
    }

    /// Why nothing was sent by this sending of a record, if it waits.
    func reason(for record: Record) -> String? {
        let found = waiting.withLock { $0[record.id] }
        return found?.record.isInSending(of: record) == true ? found?.reason : nil
    }

    /// Whether a record waits.
    func isWaiting(_ id: RecordID) -> Bool { waiting.withLock { $0[id] != nil } }

    /// Forgets a record.
    func remove(_ id: RecordID) { waiting.withLock { $0[id] = nil } }

    /// All that wait, oldest first.
    var all: [Waiting] {
        waiting.withLock { $0.values.sorted { $0.record.id.raw < $1.record.id.raw } }
    }
}

extension Record {
    /// Whether its newest sending is the same as that of another version of it.
    func isInSending(of other: Record) -> Bool { attempts == other.attempts && resentAt == other.resentAt }
}
