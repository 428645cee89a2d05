import Synchronization

/// What is in hand of records whose time has come, so that nothing is visited twice at a time.
final class SweptRecords: Sendable {
    /// A record in hand, and its place.
    struct Visit: Sendable {
        let record: Record
        let place: Dispatcher.Place
    }

    private struct State {
        var records: Set<RecordID> = []
        var hasLeftSome = false
    }

    private let state = Mutex(State())

    private var count: Int { state.withLock { $0.records.count } }
    /// Whether something that is due could not be taken in hand for lack of places.
    var hasLeftSome: Bool { state.withLock { $0.hasLeftSome } }

    private func contains(_ record: RecordID) -> Bool { state.withLock { $0.records.contains(record) } }
    private func insert(_ record: RecordID) { state.withLock { _ = $0.records.insert(record) } }
    func remove(_ record: RecordID) { state.withLock { _ = $0.records.remove(record) } }
    private func noteLeft(_ isSo: Bool) { state.withLock { $0.hasLeftSome = isSo } }

    /// Takes what is due in hand, as far as there are places, the accounts in turn.
    ///
    /// - Parameters:
    ///   - dispatcher: Whose places they are.
    ///   - batchMax: How many are read at a time.
    ///   - inHandMax: How many may be in hand at all.
    ///   - due: Reads so many that are due, of no account that is full.
    /// - Returns: What was taken, and why no more could be read.
    func take(
        from dispatcher: Dispatcher,
        batchMax: Int,
        inHandMax: Int = .max,
        _ due: (_ limit: Int, _ full: Set<AccountID>) async throws(GatewayError) -> [Record]
    ) async -> (visits: [Visit], failure: GatewayError?) {
        var visits: [Visit] = []
        noteLeft(false)
        while let full = dispatcher.full, count < inHandMax {
            // What is in hand may be due still; it must not fill the page.
            let limit = batchMax + count
            let found: [Record]
            do throws(GatewayError) { found = try await due(limit, full) } catch { return (visits, error) }
            let before = visits.count
            var leftSome = !full.isEmpty
            for record in SweptRecords.inTurn(found) where !contains(record.id) {
                guard count < inHandMax, let place = dispatcher.enterIfFree(AccountID(of: record)) else {
                    leftSome = true
                    continue
                }
                insert(record.id)
                visits.append(Visit(record: record, place: place))
            }
            if leftSome { noteLeft(true) }
            guard found.count == limit, visits.count > before else { return (visits, nil) }
        }
        noteLeft(true)
        return (visits, nil)
    }

    /// The same records, one of each account in turn; each account's own stay in their order.
    static func inTurn(_ records: [Record]) -> [Record] {
        var lines: [AccountID: Int] = [:]
        let numbered = records.map { record -> (turn: Int, record: Record) in
            let turn = lines[AccountID(of: record), default: 0]
            lines[AccountID(of: record)] = turn + 1
            return (turn, record)
        }
        guard lines.count > 1 else { return records }
        return numbered.enumerated().sorted { ($0.element.turn, $0.offset) < ($1.element.turn, $1.offset) }
            .map(\.element.record)
    }
}
