import OrderedJSON

/// An organization's part of the feed as it goes on: what is kept behind a cursor, and then what becomes true.
///
/// It is woken by the one reader of the feed (`FeedNews`) and reads on from its own place, so that nothing is passed over
/// and nothing piles up for somebody who reads slowly. Whoever follows is looked at anew each time: they are shown what
/// they may see now, and told when they may not follow any more.
struct EventFollowing: Sendable {
    let feed: any FeedRepository
    let places: FeedPlaces
    let entropy: Entropy
    let settings: FeedNews.Settings
    let use: Action.Use
    /// Of these kinds alone; nil for all.
    let kinds: Set<FeedEvent.Kind>?
    /// By whom it is woken, with the place of the organization's newest event.
    let wakings: AsyncStream<Int64>
    /// Behind what has been told.
    private(set) var place: Int64
    /// Whether something kept it from reading to the end, so that the next waking reads on whatever it is woken by.
    private(set) var isBehind = false

    /// So many events are read, and told, at a time: a piece is no larger than an answer that is not counted.
    static let atOnce = 40

    /// Why somebody is told nothing more.
    private enum End {
        /// They took too long over a piece.
        case slow
        /// They may not follow any more.
        case refused(GatewayError)
        /// The gateway stops.
        case stopping
    }

    /// Tells until the reader goes, is too slow or may not go on, or the gateway stops; the last that is told is why.
    func run(_ write: LiveEvents.Write) async throws(GatewayError) {
        var following = self
        let end = try await following.follow(write)
        // Whoever is gone is told nothing.
        guard !Task.isCancelled else { return }
        try await write([following.last(end)])
    }

    private mutating func follow(_ write: LiveEvents.Write) async throws(GatewayError) -> End {
        let days = use.membership.plan.eventDays
        let (floor, start) = (try await feed.feedFloor(lane: FeedReader.lane, keptFor: days), place)
        place = max(start, floor)
        if start > 0, start < floor { try await write([note("missed", [:])]) }
        try await write([.life(cursor: cursor)])
        if let end = try await readOn(write) { return end }
        var silent = 0
        for await newest in wakings {
            let before = place
            if isBehind || newest > place {
                if let end = try await readOn(write) { return end }
            } else if let end = await objection() {
                return end
            }
            silent = place > before ? 0 : silent + 1
            guard silent >= settings.silentMax else { continue }
            silent = 0
            guard try await isTaken([.life(cursor: cursor)], write) else { return .slow }
        }
        return .stopping
    }

    /// Tells all that there is now; nil when they may be told more later.
    private mutating func readOn(_ write: LiveEvents.Write) async throws(GatewayError) -> End? {
        var isMore = true
        isBehind = true
        while isMore, !Task.isCancelled {
            let (page, reader): ((entries: [FeedEntry], upTo: Int64), Principal)
            do throws(GatewayError) {
                page = try await feed.feed(
                    lane: FeedReader.lane,
                    of: use.principal.organization,
                    after: place,
                    limit: EventFollowing.atOnce
                )
                reader = try await use.standing()
            } catch { return EventFollowing.end(by: error) }
            let parts = page.entries
                .filter { $0.event.isSeen(by: reader) && kinds?.contains($0.event.kind) ?? true }
                .map { LiveEvents.Part.event($0.event.document, cursor: text($0.position)) }
            place = page.upTo
            if !parts.isEmpty, !(try await isTaken(parts, write)) { return .slow }
            isMore = page.entries.count == EventFollowing.atOnce
        }
        isBehind = false
        return nil
    }

    /// Why whoever follows may not any more; nil while they may.
    private func objection() async -> End? {
        do throws(GatewayError) { _ = try await use.standing() } catch { return EventFollowing.end(by: error) }
        return nil
    }

    /// What ends it; nil for what may pass, such as a store that is away: the next waking looks again.
    private static func end(by error: GatewayError) -> End? {
        switch error.code {
        case .unauthenticated, .permissionDenied, .organizationSuspended, .notFound: .refused(error)
        default: nil
        }
    }

    /// Whether parts were taken in time.
    private func isTaken(_ parts: [LiveEvents.Part], _ write: LiveEvents.Write) async throws(GatewayError) -> Bool {
        let begun = entropy.uptime()
        try await write(parts)
        return entropy.uptime() - begun <= settings.takenWithin
    }

    private func last(_ end: End) -> LiveEvents.Part {
        switch end {
        case .slow: note("dropped", ["reason": "slow"])
        case .stopping: note("ended", ["reason": "stopping"])
        case .refused(let error):
            note("ended", ["reason": .string(error.code.rawValue), "message": .string(error.message)])
        }
    }

    private func note(_ name: String, _ members: JSONObject) -> LiveEvents.Part {
        var members = members
        members["after"] = .string(cursor)
        return .note(name, .object(members), cursor: cursor)
    }

    private var cursor: String { text(place) }
    private func text(_ position: Int64) -> String { places.text(position, for: use.principal.organization) }
}
