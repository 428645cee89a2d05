import Gateway

// Where records stand, as conditions that statements and indexes share.
extension RecordCoding {
    /// The states in which the host itself still does something about a record.
    static let waitingStates = "'created', 'sending', 'accepted', 'unknown', 'reconciling'"
    /// The condition of the index `records_waiting`, in its own words, so that the engine uses it.
    static let isWaiting = isOne(of: waitingStates)
    /// The condition of the index `records_held`: what is held, or was let go and has not left.
    static let isHeld = "state IN ('draft', 'released')"
    /// The condition of the index `records_batch_left`: what has left, or may have, and has not ended.
    static let isLeft = isOne(of: waitingStates + ", 'manual'")
    /// The condition of the index `records_open`: all that has not ended.
    static let isOpen = isOne(of: "'draft', 'released', \(waitingStates), 'manual'")
    /// The states that keep what a record has claimed.
    static let claimingStates = "'draft', 'released', " + waitingStates
    /// The conditions under which all records are that have not ended; an index each.
    static let open = [isWaiting, "state = 'manual'", isHeld]

    /// A word of a record is none that is known.
    static let isUnread =
        [
            ("state", RecordState.allCases.map(\.rawValue)), ("environment", Environment.allCases.map(\.rawValue)),
            ("class", RecordClass.allCases.map(\.rawValue)),
            ("direction", OperationDirection.allCases.map(\.rawValue)),
        ]
        .map { column, words in "\(column) NOT IN (\(words.map { "'\($0)'" }.joined(separator: ", ")))" }
        .joined(separator: " OR ")

    /// The state is one of these.
    ///
    /// By comparisons, as the indexes have it: of a list of more than two SQLite makes a table whenever it looks whether a
    /// row that is written belongs to the index, which costs more than writing the row does.
    private static func isOne(of states: String) -> String {
        "(" + states.split(separator: ", ").map { "state = \($0)" }.joined(separator: " OR ") + ")"
    }
}
