import Logging
import Synchronization

/// Tells whoever listens what has become true, as it becomes true: the feed's reader whose effect is a message.
///
/// It is for live views. Somebody who listens hears of everything from then on and of nothing before; whoever falls
/// behind, or comes back, asks for how things are now. So it keeps no cursor, and one read a period serves all.
package final class FeedNews: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often the feed is read.
        ///
        /// Default 1 s; also how often whoever listens is asked anew whether they may.
        package var period: Duration = .seconds(1)
        /// How many may listen at a time.
        ///
        /// Default 4,096.
        package var listenersMax = 4_096
        /// How many of one organization.
        ///
        /// Default 64: an organization leaves places to the others.
        package var ofOrganizationMax = 64
        /// How many periods somebody may be behind; past that their listening ends.
        ///
        /// Default 16.
        package var behindMax = 16
        /// How many events are read at a time.
        ///
        /// Default 500.
        package var eventsMax = 500
        /// How many may follow by one credential: a key, or a person.
        ///
        /// Default 8.
        package var ofFollowerMax = 8
        /// Within what time somebody who follows must take a piece of what they are told; past that they are left.
        ///
        /// Default 16 s.
        package var takenWithin: Duration = .seconds(16)
        /// After how many periods without news somebody who follows is given a sign of life.
        ///
        /// Default 15.
        package var silentMax = 15

        /// The defaults.
        package init() {}
    }

    private struct Listener {
        let organization: OrganizationID
        let way: Way

        /// Whoever follows; nil for those who are told.
        var follower: Follower? {
            guard case .woken(_, let name, _) = way else { return nil }
            return Follower(organization: organization, name: name)
        }
    }

    /// How somebody hears.
    private enum Way {
        /// They are told each event.
        case told(AsyncStream<[FeedEvent]>.Continuation)
        /// They are woken, and read for themselves.
        case woken(AsyncStream<Int64>.Continuation, by: String, upTo: Int64)

        func finish() {
            switch self {
            case .told(let continuation): continuation.finish()
            case .woken(let continuation, _, _): continuation.finish()
            }
        }
    }

    /// Somebody who follows, as they are counted.
    private struct Follower: Hashable {
        let organization: OrganizationID
        let name: String
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var ofOrganization: [OrganizationID: Int] = [:]
        var ofFollower: [Follower: Int] = [:]
        var last = 0
        /// By lane, up to where has been told; empty before it begins.
        var places: [Int: Int64] = [:]
        var hasEnded = false
    }

    private let feed: any FeedRepository
    private let entropy: Entropy
    private let logger: Logger
    let settings: Settings
    private let state = Mutex(State())

    init(feed: any FeedRepository, entropy: Entropy, logger: Logger, settings: Settings) {
        self.feed = feed
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Listens to what becomes true for an organization: each period its events, which may be none.
    ///
    /// It ends with the gateway, and where too much is waiting to be taken.
    /// - Throws: `rateLimited` where all places are taken; `unavailable` before it has begun.
    package func listen(to organization: OrganizationID) throws(GatewayError) -> AsyncStream<[FeedEvent]> {
        let (events, continuation) = AsyncStream.makeStream(
            of: [FeedEvent].self,
            bufferingPolicy: .bufferingOldest(settings.behindMax)
        )
        let number = try enter(Listener(organization: organization, way: .told(continuation)))
        continuation.onTermination = { [weak self] _ in self?.leave(number) }
        return events
    }

    /// Wakes somebody who reads an organization's feed for themselves: each period, with the place of its newest event
    /// that was seen since they came.
    ///
    /// It ends with the gateway. Wakings that are not taken become one, so that nothing piles up.
    /// - Throws: `rateLimited` where all places are taken, the organization's or the follower's own; `unavailable`
    ///   before it has begun.
    package func follow(
        _ organization: OrganizationID,
        by follower: String
    ) throws(GatewayError) -> AsyncStream<Int64> {
        let (wakings, continuation) = AsyncStream.makeStream(of: Int64.self, bufferingPolicy: .bufferingNewest(1))
        let way = Way.woken(continuation, by: follower, upTo: 0)
        let number = try enter(Listener(organization: organization, way: way))
        continuation.onTermination = { [weak self] _ in self?.leave(number) }
        return wakings
    }

    private func enter(_ listener: Listener) throws(GatewayError) -> Int {
        guard state.withLock({ !$0.places.isEmpty }) else {
            throw GatewayError(.unavailable, "The gateway has only begun.", retryAfter: .seconds(1))
        }
        let number = state.withLock { state -> Int? in
            guard state.listeners.count < settings.listenersMax,
                state.ofOrganization[listener.organization, default: 0] < settings.ofOrganizationMax,
                listener.follower.map({ state.ofFollower[$0, default: 0] < settings.ofFollowerMax }) ?? true
            else { return nil }
            state.last += 1
            guard !state.hasEnded else { return state.last }
            state.listeners[state.last] = listener
            state.ofOrganization[listener.organization, default: 0] += 1
            if let follower = listener.follower { state.ofFollower[follower, default: 0] += 1 }
            return state.last
        }
        guard let number else {
            throw GatewayError(.rateLimited, "Too many are listening.", retryAfter: .seconds(30))
        }
        if state.withLock({ $0.hasEnded }) { listener.way.finish() }
        return number
    }

    /// How many listen.
    package var count: Int { state.withLock { $0.listeners.count } }

    /// Whether nobody hears anything more, because the gateway stops.
    package var hasEnded: Bool { state.withLock { $0.hasEnded } }

    private func leave(_ number: Int) {
        state.withLock { state in
            guard let listener = state.listeners.removeValue(forKey: number) else { return }
            let left = state.ofOrganization[listener.organization, default: 0] - 1
            state.ofOrganization[listener.organization] = left > 0 ? left : nil
            guard let follower = listener.follower else { return }
            let others = state.ofFollower[follower, default: 0] - 1
            state.ofFollower[follower] = others > 0 ? others : nil
        }
    }

    /// Begins with what comes next; nobody may listen before.
    package func begin() async throws(GatewayError) {
        for lane in try await feed.feedLanes() {
            let end = try await feed.feedEnd(lane: lane)
            state.withLock { $0.places[lane] = end }
        }
    }

    /// Reads until cancelled; then nobody hears anything more.
    package func run() async {
        await entropy.sleep.repeating(every: settings.period) {
            do throws(GatewayError) {
                for (lane, place) in state.withLock({ $0.places }) {
                    let next = try await tell(lane, after: place)
                    state.withLock { $0.places[lane] = next }
                }
            } catch {
                // The place stays where it is, so nothing is passed over.
                logger.warning("who listens waits", metadata: ["reason": "\(error.message)"])
            }
        }
        let listeners = state.withLock { state in
            state.hasEnded = true
            return state.listeners.values.map(\.way)
        }
        for way in listeners { way.finish() }
    }

    /// Tells of a lane's events after a place; returns the next one.
    private func tell(_ lane: Int, after place: Int64) async throws(GatewayError) -> Int64 {
        if count == 0 {
            let end = try await feed.feedEnd(lane: lane)
            // Whoever has come meanwhile hears of what has, too.
            if count == 0 { return end }
        }
        var (next, isLast) = (place, false)
        repeat {
            let entries = try await feed.feed(lane: lane, after: next, limit: settings.eventsMax)
            isLast = entries.count < settings.eventsMax
            tell(entries, isLast: isLast)
            next = entries.last?.position ?? next
        } while !isLast && !Task.isCancelled
        return next
    }

    private func tell(_ entries: [FeedEntry], isLast: Bool) {
        let events = Dictionary(grouping: entries, by: \.event.organization)
        let listeners = state.withLock { state in
            for (number, listener) in state.listeners {
                guard case .woken(let continuation, let follower, _) = listener.way,
                    let newest = events[listener.organization]?.last?.position
                else { continue }
                let way = Way.woken(continuation, by: follower, upTo: newest)
                state.listeners[number] = Listener(organization: listener.organization, way: way)
            }
            return Array(state.listeners.values)
        }
        // Outside the lock: whoever is too slow is left, which takes it.
        for listener in listeners {
            let own = events[listener.organization] ?? []
            guard isLast || !own.isEmpty else { continue }
            switch listener.way {
            case .told(let continuation):
                if case .dropped = continuation.yield(own.map(\.event)) { continuation.finish() }
            case .woken(let continuation, _, let newest): continuation.yield(newest)
            }
        }
    }
}
