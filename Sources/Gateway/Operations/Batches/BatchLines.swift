import Synchronization

/// What a process remembers of the batches that it sends: where it is in each, and what is undecided.
///
/// All of it can be forgotten: the store says it again.
final class BatchLines: Sendable {
    /// The states of what has left and is not decided; what waits for a person keeps nobody waiting.
    static let undecided: Set<RecordState> = [.created, .sending, .accepted, .unknown, .reconciling]

    struct Key: Hashable, Sendable {
        let organization: OrganizationID
        let batch: BatchID

        init(_ batch: Batch) {
            organization = batch.organization
            self.batch = batch.id
        }

        init(_ organization: OrganizationID, _ batch: BatchID) {
            self.organization = organization
            self.batch = batch
        }
    }

    private struct Line {
        let account: AccountID
        /// The item up to which all were looked at.
        var place = 0
        /// What is being sent, and what has been and is undecided.
        var items: [RecordID: IsBeingSent] = [:]
        /// Whether any was begun since it was looked at from the start.
        var hasBegun = false
        /// Lost answers in a row.
        var lost = 0
        /// When it was looked last what became of what is undecided.
        var lookedAt: Uptime?
        /// What waits by itself, and until when nobody looks at it again.
        var apart: [RecordID: Uptime] = [:]
        /// When it had its turn last, counted over all.
        var turn = 0
    }

    private typealias IsBeingSent = Bool

    private struct State {
        var lines: [Key: Line] = [:]
        var putOff: [Key: Uptime] = [:]
        /// When an account may send its next.
        var next: [AccountID: Uptime] = [:]
        /// How many items were taken in hand.
        var turns = 0
    }

    private let state = Mutex(State())

    func isNew(_ key: Key) -> Bool { state.withLock { $0.lines[key] == nil } }

    func begin(_ key: Key, account: AccountID, with items: [RecordID]) {
        state.withLock { state in
            var line = Line(account: account)
            for id in items { line.items[id] = false }
            state.lines[key] = line
        }
    }

    /// Forgets the batches that are no longer open, but for what is being sent or undecided: that takes its account's
    /// places until it is decided, whether its batch runs or not.
    ///
    /// - Returns: Those that are kept for that alone.
    func keep(_ open: Set<Key>) -> [Key] {
        state.withLock { state in
            for (key, line) in state.lines where !open.contains(key) && line.items.isEmpty { state.lines[key] = nil }
            for key in state.putOff.keys where !open.contains(key) { state.putOff[key] = nil }
            let accounts = Set(state.lines.values.map(\.account))
            for account in state.next.keys where !accounts.contains(account) { state.next[account] = nil }
            return state.lines.keys.filter { !open.contains($0) }
        }
    }

    /// Batches in the order in which they take their account's places: who had them longest ago comes first.
    func inTurn(_ batches: [Batch]) -> [Batch] {
        let turns = state.withLock { state in batches.map { state.lines[Key($0)]?.turn ?? 0 } }
        return zip(turns, batches).enumerated()
            .sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
            .map(\.element.1)
    }

    /// An item waits by itself, and keeps no other from leaving.
    func setApart(_ id: RecordID, _ key: Key, until moment: Uptime) {
        state.withLock { $0.lines[key]?.apart[id] = moment }
    }

    func mayGoOn(_ key: Key, at now: Uptime) -> Bool { state.withLock { $0.putOff[key].map { now >= $0 } ?? true } }

    /// Nothing of it leaves before, and it begins from the start.
    func putOff(_ key: Key, until moment: Uptime) {
        state.withLock { state in
            state.putOff[key] = moment
            state.lines[key]?.place = 0
        }
    }

    /// What has been sent and is undecided, as far as is known; nothing where it was looked at since.
    func waiting(_ key: Key, unlessSince moment: Uptime, at now: Uptime) -> [RecordID] {
        state.withLock { state in
            guard let line = state.lines[key], line.lookedAt.map({ $0 <= moment }) ?? true else { return [] }
            state.lines[key]?.lookedAt = now
            return line.items.filter { !$0.value }.keys.sorted { $0.raw < $1.raw }
        }
    }

    /// Whether anything of it is being sent, or undecided.
    func isBusy(_ key: Key) -> Bool { state.withLock { !($0.lines[key]?.items.isEmpty ?? true) } }

    func place(of key: Key) -> Int { state.withLock { $0.lines[key]?.place ?? 0 } }
    func move(_ key: Key, to place: Int) { state.withLock { $0.lines[key]?.place = place } }
    func reachedEnd(_ key: Key) { state.withLock { $0.lines[key]?.place = 0 } }

    func noteBegun(_ key: Key) { state.withLock { $0.lines[key]?.hasBegun = true } }

    /// Whether any was begun since this was asked last.
    func takeBegun(_ key: Key) -> Bool {
        state.withLock { state in
            defer { state.lines[key]?.hasBegun = false }
            return state.lines[key]?.hasBegun ?? false
        }
    }

    /// How many more of an account may leave now, and whether there are places and only the pace forbids it.
    ///
    /// - Parameters:
    ///   - most: How many may be undecided at once.
    ///   - sending: How many of them may be on their way.
    func free(
        _ account: AccountID,
        atMost most: Int,
        sending: Int,
        pace: Duration?,
        at now: Uptime
    ) -> (count: Int, isPaced: Bool) {
        state.withLock { state in
            let items = state.lines.values.lazy.filter { $0.account == account }.map(\.items)
            let undecided = items.reduce(0) { $0 + $1.count }
            let onTheirWay = items.reduce(0) { $0 + $1.values.reduce(0) { $0 + ($1 ? 1 : 0) } }
            let places = max(0, min(most - undecided, sending - onTheirWay))
            guard let pace else { return (places, false) }
            guard let next = state.next[account] else { return (min(places, 1), false) }
            guard now >= next else { return (0, places > 0) }
            return (min(places, 1 + Int((now - next) / pace)), false)
        }
    }

    /// Counts one that leaves.
    func count(_ account: AccountID, pace: Duration?, at now: Uptime) {
        guard let pace else { return }
        state.withLock { state in
            // What was not used before is not made up for by a burst of more than a second.
            let earliest = now + (.zero - .seconds(1))
            state.next[account] = max(state.next[account] ?? now, earliest) + pace
        }
    }

    func waitsApart(_ id: RecordID, _ key: Key, at now: Uptime) -> Bool {
        state.withLock { $0.lines[key]?.apart[id].map { now < $0 } ?? false }
    }

    /// Takes an item in hand; false when it is already, or waits by itself.
    func take(_ id: RecordID, _ key: Key, at now: Uptime) -> Bool {
        state.withLock { state in
            guard let line = state.lines[key], line.items[id] == nil, line.apart[id].map({ $0 <= now }) ?? true else {
                return false
            }
            state.lines[key]?.apart[id] = nil
            state.lines[key]?.items[id] = true
            state.turns += 1
            state.lines[key]?.turn = state.turns
            return true
        }
    }

    /// It was sent, or could not be: what became of it is read.
    func sent(_ id: RecordID, _ key: Key) { state.withLock { $0.lines[key]?.items[id]? = false } }
    func drop(_ id: RecordID, _ key: Key) { state.withLock { _ = $0.lines[key]?.items.removeValue(forKey: id) } }

    /// Counts a lost answer; answers how many there were in a row.
    func lose(_ key: Key) -> Int {
        state.withLock { state in
            state.lines[key]?.lost += 1
            return state.lines[key]?.lost ?? 0
        }
    }

    func found(_ key: Key) { state.withLock { $0.lines[key]?.lost = 0 } }
}
