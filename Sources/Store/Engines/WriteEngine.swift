import Gateway

/// An engine's connection that writes, as the group commit sees it; used by its thread alone.
///
/// Statements may be sent without waiting for what they change, presuming it: an engine behind a network then needs two
/// journeys for a whole transaction. What was presumed is looked at when the transaction settles. An engine in this
/// process presumes nothing.
protocol WriteEngine: AnyObject {
    /// What runs statements in the transaction that is open.
    var session: any SQLSession { get }
    /// Whether statements may be presumed to change what they nearly always change.
    var mayPresume: Bool { get set }
    /// Changes with every statement that may have written.
    var changesSoFar: Int64 { get }
    /// Whether a transaction that failed may be tried otherwise: false when the engine cannot be reached.
    var isReady: Bool { get }

    /// Opens a transaction.
    func begin(_ beginning: Beginning) throws
    /// What is sent from now on belongs to this member of the batch.
    func mark(_ member: Int)
    /// Whose presumptions have turned out to be wrong in this transaction, which must be undone then.
    var misjudged: Misjudged { get }
    /// Looks at all that was presumed.
    ///
    /// - Throws: What ends the whole transaction.
    func settle() throws
    /// Begins what can be undone alone.
    func savepoint() throws
    /// Ends it; undone, where it did not hold.
    func release(undone: Bool) throws
    /// - Throws: Why nothing can be committed any more, whatever was made of the failure.
    func check() throws
    /// Makes the transaction durable.
    ///
    /// - Throws: With `isOutcomeUnknown` where nobody said what became of it.
    func commit() throws
    /// Undoes what is open, if anything is.
    func undo()
    /// Closes the connection.
    func end()
}

/// How a transaction begins.
struct Beginning {
    /// Asked before anything else.
    var fence: Fence?
    /// How long its statements may take, where that is not the connection's own limit.
    var limit: Duration?
    /// Until when the engine is waited for.
    var deadline: ContinuousClock.Instant
}

/// What every transaction of calls asks first: whether this host still holds the database.
struct Fence: Sendable {
    /// Answers one row while it does, and locks it against whoever would take over.
    let statement: String

    /// What a transaction ends with when it does not.
    var refusal: SQLError {
        SQLError(message: "another gateway has taken this database over; this one must be stopped", isAway: true)
    }
}

/// Members of a batch of which something else was true than was presumed.
struct Misjudged {
    /// They are run again on what is true.
    var members: Set<Int> = []
    /// They met what cannot serve now, such as a lock that is not given back, and are not tried again.
    var refused: [Int: SQLError] = [:]

    var isEmpty: Bool { members.isEmpty && refused.isEmpty }

    mutating func add(_ other: Misjudged) {
        members.formUnion(other.members)
        refused.merge(other.refused) { first, _ in first }
    }
}

/// Thrown within a job when something was not as presumed; the job is run again.
struct PresumedWrongly: Error {}
