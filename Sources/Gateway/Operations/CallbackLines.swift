import Synchronization

/// Callbacks that wait in memory: a line for each record, worked on one after another.
///
/// All of them are in the store as well. What finds no room here is found there later, so that this has bounds, and one
/// account's callbacks cannot take all of them.
final class CallbackLines: Sendable {
    /// One that waits, or is worked on.
    struct Waiting: Sendable {
        let callback: ReceivedCallback
        /// Whether it was found in the store: then each attempt is counted.
        let isRetry: Bool
    }

    /// What became of one that was to wait.
    enum Entry {
        /// It is the first of its record: somebody must begin to work on that.
        case starts
        /// It waits behind others, or waits already.
        case waits
        /// There is no room.
        case full
    }

    private struct State {
        var lines: [RecordID: [Waiting]] = [:]
        var ids: Set<CallbackID> = []
        var accounts: [AccountID: Int] = [:]
        var bytes = 0
        var starts: AsyncStream<RecordID>.Continuation?
    }

    private let settings: CallbackInbox.Settings
    private let state = Mutex(State())

    init(settings: CallbackInbox.Settings) { self.settings = settings }

    /// Whether somebody works on what arrives.
    var isOpen: Bool { state.withLock { $0.starts != nil } }

    /// Names the records that must be begun with, from now on; each is then worked on to its line's end.
    func open() -> AsyncStream<RecordID> {
        // Bounded by the lines.
        let (stream, starts) = AsyncStream.makeStream(of: RecordID.self)
        state.withLock { $0.starts = starts }
        return stream
    }

    /// Names no more records; what arrives stays in the store.
    func close() {
        state.withLock { state in
            state.starts?.finish()
            state.starts = nil
        }
    }

    /// Has somebody begin with a record.
    func start(_ record: RecordID) { state.withLock { _ = $0.starts?.yield(record) } }

    /// Lets an arrival wait, if somebody works here and there is room.
    func arrive(_ callback: ReceivedCallback) {
        state.withLock { state in
            guard let starts = state.starts else { return }
            if add(Waiting(callback: callback, isRetry: false), to: &state) == .starts {
                starts.yield(callback.record)
            }
        }
    }

    /// Lets a callback wait.
    func add(_ callback: ReceivedCallback, isRetry: Bool) -> Entry {
        state.withLock { add(Waiting(callback: callback, isRetry: isRetry), to: &$0) }
    }

    /// The first of a record's line.
    func first(of record: RecordID) -> Waiting? { state.withLock { $0.lines[record]?.first } }

    /// Forgets the first of a line; answers the next, or nil when the line has ended.
    func next(after waiting: Waiting) -> Waiting? {
        state.withLock { state in
            let record = waiting.callback.record
            guard state.lines[record]?.first?.callback.id == waiting.callback.id else { return nil }
            state.lines[record]?.removeFirst()
            forget(waiting, in: &state)
            if let next = state.lines[record]?.first { return next }
            state.lines[record] = nil
            return nil
        }
    }

    /// Leaves a record's whole line to the store.
    func leave(_ record: RecordID) {
        state.withLock { state in
            for waiting in state.lines.removeValue(forKey: record) ?? [] { forget(waiting, in: &state) }
        }
    }

    /// Leaves all to the store.
    func leaveAll() {
        state.withLock { state in
            let starts = state.starts
            state = State()
            state.starts = starts
        }
    }

    // MARK: Room

    private func add(_ waiting: Waiting, to state: inout State) -> Entry {
        let callback = waiting.callback
        guard !state.ids.contains(callback.id) else { return .waits }
        guard hasRoom(for: callback, in: state) else { return .full }
        state.ids.insert(callback.id)
        state.accounts[AccountID(of: callback), default: 0] += 1
        state.bytes += callback.body.count
        state.lines[callback.record, default: []].append(waiting)
        return state.lines[callback.record]?.count == 1 ? .starts : .waits
    }

    private func hasRoom(for callback: ReceivedCallback, in state: State) -> Bool {
        let own = state.accounts[AccountID(of: callback)] ?? 0
        let isInBounds =
            state.ids.count < settings.queueMax && own < settings.accountQueueMax
            && (state.ids.isEmpty || state.bytes + callback.body.count <= settings.queueBytesMax)
        // A quarter is kept for accounts of which few wait.
        return isInBounds
            && (state.ids.count < settings.queueMax - settings.queueMax / 4 || own < settings.queueKeptEach)
    }

    private func forget(_ waiting: Waiting, in state: inout State) {
        let account = AccountID(of: waiting.callback)
        state.ids.remove(waiting.callback.id)
        state.bytes -= waiting.callback.body.count
        let count = state.accounts[account] ?? 1
        state.accounts[account] = count > 1 ? count - 1 : nil
    }
}

extension AccountID {
    /// The account that a callback came to.
    init(of callback: ReceivedCallback) {
        self.init(organization: callback.organization, environment: callback.environment)
    }
}
