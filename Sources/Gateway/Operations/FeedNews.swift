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

        /// The defaults.
        package init() {}
    }

    private struct Listener {
        let organization: OrganizationID
        let continuation: AsyncStream<[FeedEvent]>.Continuation
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var ofOrganization: [OrganizationID: Int] = [:]
        var last = 0
        /// By lane, up to where has been told; empty before it begins.
        var places: [Int: Int64] = [:]
        var hasEnded = false
    }

    private let feed: any FeedRepository
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings
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
        guard state.withLock({ !$0.places.isEmpty }) else {
            throw GatewayError(.unavailable, "The gateway has only begun.", retryAfter: .seconds(1))
        }
        let number = state.withLock { state -> Int? in
            guard state.listeners.count < settings.listenersMax,
                state.ofOrganization[organization, default: 0] < settings.ofOrganizationMax
            else { return nil }
            state.last += 1
            if state.hasEnded {
                continuation.finish()
            } else {
                state.listeners[state.last] = Listener(organization: organization, continuation: continuation)
                state.ofOrganization[organization, default: 0] += 1
            }
            return state.last
        }
        guard let number else {
            throw GatewayError(.rateLimited, "Too many are listening.", retryAfter: .seconds(30))
        }
        continuation.onTermination = { [weak self] _ in self?.leave(number) }
        return events
    }

    /// How many listen.
    package var count: Int { state.withLock { $0.listeners.count } }

    private func leave(_ number: Int) {
        state.withLock { state in
            guard let listener = state.listeners.removeValue(forKey: number) else { return }
            let left = state.ofOrganization[listener.organization, default: 0] - 1
            state.ofOrganization[listener.organization] = left > 0 ? left : nil
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
            return state.listeners.values.map(\.continuation)
        }
        for continuation in listeners { continuation.finish() }
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
        let events = Dictionary(grouping: entries.map(\.event), by: \.organization)
        // Outside the lock: whoever is too slow is left, which takes it.
        for listener in state.withLock({ Array($0.listeners.values) }) {
            let own = events[listener.organization] ?? []
            guard isLast || !own.isEmpty else { continue }
            if case .dropped = listener.continuation.yield(own) { listener.continuation.finish() }
        }
    }
}
