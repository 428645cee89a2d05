/// The feed as its readers need it: events in the order of their commits, and how far each reader is.
///
/// Events stand in lanes. A lane outlives processes and has one writer at a time; positions in it leave no gap, so a
/// reader's place is one number. Names no organization's data to anyone: readers sort it themselves.
package protocol FeedRepository: Sendable {
    /// The lanes that there are.
    func feedLanes() async throws(GatewayError) -> [Int]
    /// The events of a lane after a position, in order.
    func feed(lane: Int, after position: Int64, limit: Int) async throws(GatewayError) -> [FeedEntry]
    /// The position of a lane's newest event; 0 before the first.
    func feedEnd(lane: Int) async throws(GatewayError) -> Int64
    /// How far a reader is; 0 before the first event.
    func cursor(of reader: String, lane: Int) async throws(GatewayError) -> Int64
    /// The events of one organization after a position, in order, at most so many; and up to which position there are no
    /// more than those.
    func feed(
        lane: Int,
        of organization: OrganizationID,
        after position: Int64,
        limit: Int
    ) async throws(GatewayError) -> (entries: [FeedEntry], upTo: Int64)
    /// The position up to which events are no longer kept; 0 where all are.
    ///
    /// - Parameter days: Of organizations whose plan keeps them so long; nil for those whose plan says nothing.
    func feedFloor(lane: Int, keptFor days: Int?) async throws(GatewayError) -> Int64
    /// After how many days events of a lane have been forgotten so far, by what plans have said.
    func feedAges(lane: Int) async throws(GatewayError) -> Set<Int>
    /// Forgets the oldest events of a lane that are past an age, that every reader but these has behind it, and not the
    /// newest event; those of organizations whose plan keeps them longer stay. At most so many are looked at in one
    /// commit, after those that were before; how many were.
    func forgetFeed(
        lane: Int,
        _ age: FeedAge,
        exceptFor dead: Set<String>,
        limit: Int
    ) async throws(GatewayError) -> Int
    /// Moves a reader on, from where it stands; false where it stands elsewhere, and nothing was written.
    func moveCursor(of reader: String, lane: Int, from old: Int64, to new: Int64) async throws(GatewayError) -> Bool
}

/// How old events are when they are forgotten.
package struct FeedAge: Sendable, Equatable {
    /// So many days.
    package let days: Int
    /// What is from before this moment is so old.
    package let before: Timestamp
    /// Plans whose organizations keep them longer, by name.
    package let longer: Set<String>

    /// States one.
    package init(days: Int, before: Timestamp, longer: Set<String> = []) {
        self.days = days
        self.before = before
        self.longer = longer
    }
}

/// What is summed up of the feed.
package protocol RollupRepository: Sendable {
    /// Adds changes and moves the rollups' own cursor on, in one commit; false where it stands elsewhere, and nothing
    /// was written.
    func add(
        _ changes: [RollupPlace: RollupSum],
        lane: Int,
        from old: Int64,
        to new: Int64
    ) async throws(GatewayError) -> Bool
    /// Everything that is counted of an organization in these days.
    func rollups(
        organization: OrganizationID,
        environment: Environment,
        days: ClosedRange<Int64>
    ) async throws(GatewayError) -> [RollupPlace: RollupSum]
    /// Forgets all sums and begins again with the first event.
    ///
    /// - Throws: `conflict` where the feed no longer has all of them: what is summed up is all that there is.
    func beginRollupsAnew() async throws(GatewayError)
}

/// Names that readers keep their cursors under.
package enum FeedReader {
    /// What sums up.
    package static let rollups = "rollups"
    /// How far events of an age have been forgotten: a cursor like a reader's, that nothing waits for.
    package static func forgotten(after days: Int) -> String { "\(forgottenPrefix)\(days)" }
    /// Of which age such a cursor is; nil for a reader's.
    package static func age(of reader: String) -> Int? {
        reader.hasPrefix(forgottenPrefix) ? Int(reader.dropFirst(forgottenPrefix.count)) : nil
    }
    private static let forgottenPrefix = "forgotten:"
    /// The lane of the host that alone serves its store.
    package static let lane = 1
}
