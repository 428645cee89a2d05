import Synchronization

/// What the sweeper has in hand, so that nothing is visited twice at a time.
final class SweptRecords: Sendable {
    private struct State {
        var records: Set<RecordID> = []
        var hasLeftSome = false
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.records.count } }
    /// Whether something that is due could not be taken in hand for lack of places.
    var hasLeftSome: Bool { state.withLock { $0.hasLeftSome } }

    func contains(_ record: RecordID) -> Bool { state.withLock { $0.records.contains(record) } }
    func insert(_ record: RecordID) { state.withLock { _ = $0.records.insert(record) } }
    func remove(_ record: RecordID) { state.withLock { _ = $0.records.remove(record) } }
    func noteLeft(_ isSo: Bool) { state.withLock { $0.hasLeftSome = isSo } }

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
