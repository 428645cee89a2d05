import Addresses
import Logging
import NIOCore
import Synchronization

/// The open connections of a listener.
///
/// Where there is no room for another, the one that has sent no whole request for longest gives way: connections that
/// only stay open keep nobody out, however many there are and however slowly they send. What is being answered is kept.
/// This machine's connections and named proxies' give way to each other alone, never to a stranger's.
final class Connections: Sendable {
    private struct Kept {
        let channel: any Channel
        let activity: ConnectionActivity
        /// The address that is counted; nil for those that are exempt.
        let peer: IPAddress?
    }

    /// One that may give way, and since when it was waited for when it was looked at.
    private struct Candidate {
        let id: ObjectIdentifier
        let since: UInt64
    }

    private struct State {
        var kept: [ObjectIdentifier: Kept] = [:]
        var ofAddress: [IPAddress: Set<ObjectIdentifier>] = [:]
        /// Those that have waited for longest, the longest last: looked for once for many that give way.
        var strangers: [Candidate] = []
        var exempt: [Candidate] = []
        /// Kept ones and those that are being closed.
        var open = 0
        var isWaiting = false
        var refused = 0
        var told: ContinuousClock.Instant?
    }

    /// What became of a connection.
    private enum Outcome {
        case kept
        /// In the place of this one.
        case insteadOf(any Channel)
        case refused
    }

    /// How often the log is told of connections that were closed.
    private static let noticePeriod: Duration = .seconds(60)

    /// What their peers have yet to read.
    let owed: OwedBytes
    /// What is held of large bodies.
    let bodies: HeldBodies
    private let limits: HTTPLimits
    private let proxies: TrustedProxies
    private let logger: Logger?
    private let state = Mutex(State())

    init(limits: HTTPLimits, proxies: TrustedProxies, logger: Logger?) {
        owed = OwedBytes(most: limits.owedBytesMax)
        bodies = HeldBodies(most: limits.heldBodyBytesMax, ofOne: limits.heldBodyBytesPerOwnerMax)
        self.limits = limits
        self.proxies = proxies
        self.logger = logger
    }

    /// Counts a connection until it has closed, and keeps it where there is room, or where another gives way.
    ///
    /// - Parameters:
    ///   - channel: The connection.
    ///   - address: Where it comes from; nil when it has gone again already.
    ///   - onRoom: Called once there is room again, when `mayAccept` has said that there is none.
    /// - Returns: Whether it is kept; whoever called closes it otherwise.
    func add(_ channel: any Channel, from address: String?, onRoom: @escaping @Sendable () -> Void) -> Bool {
        let id = ObjectIdentifier(channel)
        let kept = Kept(channel: channel, activity: ConnectionActivity(), peer: counted(address))
        let (outcome, closed) = state.withLock { state -> (Outcome, Int?) in
            let outcome = place(kept, id, in: &state)
            if case .kept = outcome { return (outcome, nil) }
            return (outcome, noteClosed(&state))
        }
        if let closed { tell(closed) }
        if case .insteadOf(let other) = outcome { other.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in self.remove(id, onRoom) }
        if case .refused = outcome { return false }
        return true
    }

    private func place(_ new: Kept, _ id: ObjectIdentifier, in state: inout State) -> Outcome {
        state.open += 1
        var outcome = Outcome.kept
        let isOneTooMany = new.peer.map { (state.ofAddress[$0]?.count ?? 0) >= limits.connectionsPerAddressMax }
        if isOneTooMany ?? false || state.kept.count >= limits.connectionsMax {
            guard let given = giveWay(to: new, isOneTooMany ?? false, &state) else { return .refused }
            outcome = .insteadOf(given)
        }
        state.kept[id] = new
        if let peer = new.peer { state.ofAddress[peer, default: []].insert(id) }
        return outcome
    }

    /// Takes the one away that has sent no whole request for longest: of the same address where that has too many.
    private func giveWay(to new: Kept, _ ofSameAddress: Bool, _ state: inout State) -> (any Channel)? {
        let id: ObjectIdentifier?
        if ofSameAddress, let peer = new.peer {
            let own = state.ofAddress[peer] ?? []
            id =
                own.compactMap { id in state.kept[id].flatMap { Connections.candidate(id, $0) } }
                .min { $0.since < $1.since }?
                .id
        } else {
            let stranger = longest(&state, \.strangers) { $0.peer != nil }
            id = stranger ?? (new.peer == nil ? longest(&state, \.exempt) { $0.peer == nil } : nil)
        }
        guard let id, let given = state.kept[id] else { return nil }
        forget(id, given, &state)
        return given.channel
    }

    private static func candidate(_ id: ObjectIdentifier, _ kept: Kept) -> Candidate? {
        kept.activity.waitingSince.map { Candidate(id: id, since: $0) }
    }

    /// The one that has waited for longest among some.
    ///
    /// An eighth of them is found at a time: whatever is not among those was waited for later, and still is.
    private func longest(
        _ state: inout State,
        _ found: WritableKeyPath<State, [Candidate]>,
        _ isAmong: (Kept) -> Bool
    ) -> ObjectIdentifier? {
        for isSecond in [false, true] {
            while let last = state[keyPath: found].popLast() {
                if state.kept[last.id]?.activity.waitingSince == last.since { return last.id }
            }
            if isSecond { break }
            let all = state.kept.compactMap { isAmong($1) ? Connections.candidate($0, $1) : nil }
            state[keyPath: found] = all.sorted { $0.since > $1.since }.suffix(max(1, all.count / 8))
        }
        return nil
    }

    private func forget(_ id: ObjectIdentifier, _ kept: Kept, _ state: inout State) {
        state.kept[id] = nil
        guard let peer = kept.peer else { return }
        state.ofAddress[peer]?.remove(id)
        if state.ofAddress[peer]?.isEmpty ?? false { state.ofAddress[peer] = nil }
    }

    /// What a connection that is kept is told of its requests by.
    func activity(of channel: any Channel) -> ConnectionActivity {
        state.withLock { $0.kept[ObjectIdentifier(channel)]?.activity } ?? ConnectionActivity()
    }

    /// Whether another connection may be accepted now; if not, `onRoom` is called when it may.
    func mayAccept() -> Bool {
        state.withLock { state in
            state.isWaiting = state.open >= openMax
            return !state.isWaiting
        }
    }

    private var openMax: Int { limits.connectionsMax + limits.closingMax }

    /// The address that is counted; nil for those that are exempt.
    private func counted(_ text: String?) -> IPAddress? {
        guard let address = text.flatMap({ IPAddress($0) }), !address.isLoopback, !proxies.contains(address) else {
            return nil
        }
        return address.network
    }

    /// How many were closed since the log was told; nil while it has been told a moment ago.
    private func noteClosed(_ state: inout State) -> Int? {
        state.refused += 1
        let now = ContinuousClock.now
        if let told = state.told, now - told < Connections.noticePeriod { return nil }
        state.told = now
        defer { state.refused = 0 }
        return state.refused
    }

    private func tell(_ closed: Int) {
        logger?
            .warning(
                "connections were closed, because there are too many",
                metadata: [
                    "closed": "\(closed)", "max": "\(limits.connectionsMax)",
                    "max_per_address": "\(limits.connectionsPerAddressMax)",
                ]
            )
    }

    private func remove(_ id: ObjectIdentifier, _ onRoom: @Sendable () -> Void) {
        let hasRoom = state.withLock { state in
            if let kept = state.kept[id] { forget(id, kept, &state) }
            state.open -= 1
            guard state.isWaiting, state.open < openMax else { return false }
            state.isWaiting = false
            return true
        }
        if hasRoom { onRoom() }
    }

    /// Closes what is idle, lets the rest finish, and cuts off what does not in time.
    func end(within drain: Duration) async {
        let channels = state.withLock { $0.kept.values.map(\.channel) }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(HTTPServerStops()) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for channel in channels { try? await channel.closeFuture.get() } }
            group.addTask {
                guard (try? await Task.sleep(for: drain)) != nil else { return }
                for channel in channels { channel.close(promise: nil) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}

/// Told to every connection when the program is told to stop.
struct HTTPServerStops: Sendable {}
