import Synchronization

/// What a process remembers of the batches that it sends: where it is in each, and who has the places of their accounts.
///
/// All of it can be forgotten: the store says it again.
final class BatchLines: Sendable {
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
        /// How many of its items are being sent.
        var inHand = 0
        /// Whether any was begun since it was looked at from the start.
        var hasBegun = false
        /// Lost answers in a row.
        var lost = 0
        /// How many there were when it was to be paused for them; nil once it is.
        var mustPause: Int?
        /// What waits by itself, and until when nobody looks at it again.
        var apart: [RecordID: Uptime] = [:]
        /// When it had its turn last, counted over all.
        var turn = 0
        /// In which state it is not looked at, and until when.
        var putOff: (state: BatchState, until: Uptime)?
        /// In which version there is nothing to be done about it, and until when it is not looked at unless it is woken.
        var idle: (version: Int, until: Uptime)?
        /// How often it was woken.
        var wakes = 0
        /// When it found no place of its account last, and how often it had been woken by then.
        var lacked: (at: Uptime, wakes: Int)?
    }

    /// A payment that has left and is not decided.
    private struct Undecided {
        /// When it was sent.
        let since: Timestamp
        /// After how many looks it was noted.
        let noted: Int
    }

    /// The places of an account: what is being sent, and what was and is not decided.
    private struct Account {
        var inHand: Set<RecordID> = []
        var undecided: [RecordID: Undecided] = [:]
        /// When it was looked at last what became of those.
        var lookedAt: Uptime?
        var looks = 0
        /// When it may send its next.
        var next: Uptime?
    }

    private struct State {
        var lines: [Key: Line] = [:]
        var accounts: [AccountID: Account] = [:]
        /// How many items were taken in hand.
        var turns = 0

        /// Something has become of one of a batch's items.
        mutating func wake(_ key: Key) {
            lines[key]?.wakes += 1
            lines[key]?.idle = nil
        }
    }

    private let state = Mutex(State())

    // MARK: Batches

    /// Remembers the batches that are open, and forgets the others, and accounts that none was looked at for since.
    ///
    /// One that was not read this time keeps its lost answers in mind, as long as not more than so many lines are kept.
    func keep(_ open: [Batch], atMost most: Int, lookedSince moment: Uptime) {
        state.withLock { state in
            let (keys, areMany) = (Set(open.map { Key($0) }), state.lines.count > most)
            for (key, line) in state.lines
            where !keys.contains(key) && line.inHand == 0 && (line.lost == 0 && line.mustPause == nil || areMany) {
                state.lines[key] = nil
            }
            for batch in open where state.lines[Key(batch)] == nil {
                state.lines[Key(batch)] = Line(account: batch.account)
            }
            for (id, account) in state.accounts
            where account.inHand.isEmpty && account.lookedAt.map({ $0 < moment }) ?? true { state.accounts[id] = nil }
        }
    }

    /// A batch has ended.
    func forget(_ key: Key) {
        state.withLock { state in
            if state.lines[key]?.inHand == 0 { state.lines[key] = nil }
        }
    }

    /// Batches in the order in which they take their account's places: who had them longest ago comes first.
    func inTurn(_ batches: [Batch]) -> [Batch] {
        let turns = state.withLock { state in batches.map { state.lines[Key($0)]?.turn ?? 0 } }
        return zip(turns, batches).enumerated()
            .sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
            .map(\.element.1)
    }

    /// A batch has had its turn without taking a place: others come before it in the next.
    func noteTurn(_ key: Key) {
        state.withLock { state in
            state.turns += 1
            state.lines[key]?.turn = state.turns
        }
    }

    /// An item waits by itself, and keeps no other from leaving.
    func setApart(_ id: RecordID, _ key: Key, until moment: Uptime) {
        state.withLock { $0.lines[key]?.apart[id] = moment }
    }

    /// Whether a batch is to be looked at now.
    func mayGoOn(_ batch: Batch, at now: Uptime) -> Bool {
        state.withLock { state in
            guard let line = state.lines[Key(batch)] else { return true }
            if let idle = line.idle, idle.version == batch.version, now < idle.until { return false }
            if let putOff = line.putOff, putOff.state == batch.state, now < putOff.until { return false }
            return true
        }
    }

    /// It is not looked at before, as long as it stands so, and begins from the start.
    func putOff(_ key: Key, in standing: BatchState = .running, until moment: Uptime) {
        state.withLock { state in
            state.lines[key]?.putOff = (standing, moment)
            state.lines[key]?.place = 0
        }
    }

    /// How often a batch was woken: asked for before it is looked at.
    func wakes(of key: Key) -> Int { state.withLock { $0.lines[key]?.wakes ?? 0 } }

    /// There was nothing to be done about a batch: it is not looked at again until it is woken, has another version, or
    /// this moment comes; not where it was woken while it was looked at.
    func rest(_ batch: Batch, sinceWake wakes: Int, until moment: Uptime) {
        state.withLock { state in
            guard let line = state.lines[Key(batch)], line.wakes == wakes else { return }
            state.lines[Key(batch)]?.idle = (batch.version, moment)
            state.lines[Key(batch)]?.place = 0
        }
    }

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

    /// Notes that a batch found no place of its account; answers whether it is the first time since one of it left, or
    /// since it was woken.
    func lack(_ key: Key, at now: Uptime) -> Bool {
        state.withLock { state in
            guard let line = state.lines[key] else { return true }
            state.lines[key]?.lacked = (now, line.wakes)
            return line.lacked?.wakes != line.wakes
        }
    }

    /// Whether a batch has found no place of its account since.
    func hasLacked(_ key: Key, since moment: Uptime) -> Bool {
        state.withLock { $0.lines[key]?.lacked.map { $0.at >= moment } ?? false }
    }

    // MARK: Places

    /// Begins a look at what an account has undecided, unless it was looked at since; answers its number.
    func beginLook(at account: AccountID, unlessSince moment: Uptime, at now: Uptime) -> Int? {
        state.withLock { state in
            var found = state.accounts[account] ?? Account()
            guard found.lookedAt.map({ $0 <= moment }) ?? true else { return nil }
            found.looks += 1
            if found.lookedAt != nil { found.lookedAt = now }
            state.accounts[account] = found
            return found.looks
        }
    }

    /// Whether it was never known what an account has undecided: nothing leaves before it is.
    func isUnknown(_ account: AccountID) -> Bool { state.withLock { $0.accounts[account]?.lookedAt == nil } }

    /// What a look has found takes the places of its account, and what was sent since it began.
    func endLook(_ number: Int, at account: AccountID, found items: [UndecidedItem], at now: Uptime) {
        state.withLock { state in
            guard var places = state.accounts[account] else { return }
            places.undecided = places.undecided.filter { $0.value.noted >= number }
            for item in items where !places.inHand.contains(item.record) && places.undecided[item.record] == nil {
                places.undecided[item.record] = Undecided(since: item.sentAt, noted: number - 1)
            }
            places.lookedAt = places.lookedAt ?? now
            state.accounts[account] = places
        }
    }

    /// How many more of an account may leave now, and whether there are places and only the pace forbids it.
    ///
    /// - Parameters:
    ///   - most: How many may be undecided at once.
    ///   - sending: How many of them may be on their way.
    ///   - oldest: What was sent before has given its place back.
    func free(
        _ account: AccountID,
        atMost most: Int,
        sending: Int,
        sentSince oldest: Timestamp,
        pace: Duration?,
        at now: Uptime
    ) -> (count: Int, isPaced: Bool) {
        state.withLock { state in
            let found = state.accounts[account] ?? Account()
            let undecided = found.undecided.values.count { $0.since > oldest } + found.inHand.count
            let places = max(0, min(most - undecided, sending - found.inHand.count))
            guard let pace else { return (places, false) }
            guard let next = found.next else { return (min(places, 1), false) }
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
            state.accounts[account, default: Account()].next =
                max(state.accounts[account]?.next ?? now, earliest) + pace
        }
    }

    func waitsApart(_ id: RecordID, _ key: Key, at now: Uptime) -> Bool {
        state.withLock { $0.lines[key]?.apart[id].map { now < $0 } ?? false }
    }

    /// Takes an item in hand; false when it is already, or waits by itself.
    func take(_ id: RecordID, _ key: Key, at now: Uptime) -> Bool {
        state.withLock { state in
            guard var line = state.lines[key], line.apart[id].map({ $0 <= now }) ?? true else { return false }
            var places = state.accounts[line.account] ?? Account()
            guard places.undecided[id] == nil, places.inHand.insert(id).inserted else { return false }
            state.accounts[line.account] = places
            state.turns += 1
            line.apart[id] = nil
            line.inHand += 1
            line.turn = state.turns
            state.lines[key] = line
            return true
        }
    }

    /// It was sent, or could not be: it has its place until the next look, unless it is known to need none.
    func sent(_ id: RecordID, _ key: Key, at now: Timestamp) {
        state.withLock { state in
            guard let account = state.lines[key]?.account else { return }
            state.lines[key]?.inHand -= 1
            state.wake(key)
            guard var places = state.accounts[account], places.inHand.remove(id) != nil else { return }
            places.undecided[id] = Undecided(since: now, noted: places.looks)
            state.accounts[account] = places
        }
    }

    /// It is decided, or has not left: it needs no place.
    func drop(_ id: RecordID, _ key: Key, of account: AccountID) {
        state.withLock { state in
            state.accounts[account]?.undecided[id] = nil
            state.accounts[account]?.inHand.remove(id)
            state.wake(key)
        }
    }

    /// Counts a lost answer: so many in a row and its batch is to be paused.
    func lose(_ key: Key, atMost most: Int) {
        state.withLock { state in
            guard var line = state.lines[key] else { return }
            line.lost += 1
            if line.lost >= most { line.mustPause = line.lost }
            state.lines[key] = line
        }
    }

    func found(_ key: Key) { state.withLock { $0.lines[key]?.lost = 0 } }

    /// How many answers in a row were lost where a batch is to be paused for them; nil where it is not, or was.
    func mustPause(_ key: Key) -> Int? { state.withLock { $0.lines[key]?.mustPause } }

    /// A batch runs no longer: lost answers are counted anew once it does.
    func notePaused(_ key: Key) {
        state.withLock { state in
            state.lines[key]?.lost = 0
            state.lines[key]?.mustPause = nil
        }
    }
}
