import Logging
import NIOCore
import Synchronization

/// Decides at the door which connections are kept, so that there are never more than the process has room for.
///
/// One too many is closed at once and told to the log, once a minute at most. Where more come than closing keeps up
/// with, none is accepted for the moment; the kernel's queue holds them. All of it runs on the listener's event loop.
final class ConnectionGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: Connections

    init(_ connections: Connections) { self.connections = connections }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let isKept = connections.add(channel, from: channel.remoteAddress?.ipAddress) {
            loop.execute { bound.value.read() }
        }
        if isKept { context.fireChannelRead(data) } else { channel.close(promise: nil) }
    }

    func read(context: ChannelHandlerContext) {
        if connections.mayAccept() { context.read() }
    }
}

/// The open connections of a listener.
final class Connections: Sendable {
    private struct State {
        var kept: [ObjectIdentifier: any Channel] = [:]
        var ofAddress: [PeerAddress: Int] = [:]
        /// Kept ones and those that are being closed.
        var open = 0
        var isWaiting = false
        var refused = 0
        var told: ContinuousClock.Instant?
    }

    /// How often the log is told of connections that were closed.
    private static let noticePeriod: Duration = .seconds(60)

    private let limits: HTTPLimits
    private let proxies: TrustedProxies
    private let logger: Logger?
    private let state = Mutex(State())

    init(limits: HTTPLimits, proxies: TrustedProxies, logger: Logger?) {
        self.limits = limits
        self.proxies = proxies
        self.logger = logger
    }

    /// Counts a connection until it has closed, and keeps it unless there are too many.
    ///
    /// - Parameters:
    ///   - channel: The connection.
    ///   - address: Where it comes from; nil when it has gone again already.
    ///   - onRoom: Called once there is room again, when `mayAccept` has said that there is none.
    /// - Returns: Whether it is kept; whoever called closes it otherwise.
    func add(_ channel: any Channel, from address: String?, onRoom: @escaping @Sendable () -> Void) -> Bool {
        let id = ObjectIdentifier(channel)
        let peer = counted(address)
        let (isKept, refused) = state.withLock { state -> (Bool, Int?) in
            state.open += 1
            let isOneTooMany = peer.map { state.ofAddress[$0, default: 0] >= limits.connectionsPerAddressMax } ?? false
            guard state.kept.count < limits.connectionsMax, !isOneTooMany else { return (false, refuse(&state)) }
            state.kept[id] = channel
            if let peer { state.ofAddress[peer, default: 0] += 1 }
            return (true, nil)
        }
        if let refused {
            logger?
                .warning(
                    "connections were closed, because there are too many",
                    metadata: [
                        "closed": "\(refused)", "max": "\(limits.connectionsMax)",
                        "max_per_address": "\(limits.connectionsPerAddressMax)",
                    ]
                )
        }
        channel.closeFuture.whenComplete { _ in self.remove(id, peer: isKept ? peer : nil, onRoom) }
        return isKept
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
    private func counted(_ text: String?) -> PeerAddress? {
        guard let address = text.flatMap({ PeerAddress($0) }), !address.isLoopback, !proxies.contains(address) else {
            return nil
        }
        return address.network
    }

    /// How many were refused since the log was told; nil while it has been told a moment ago.
    private func refuse(_ state: inout State) -> Int? {
        state.refused += 1
        let now = ContinuousClock.now
        if let told = state.told, now - told < Connections.noticePeriod { return nil }
        state.told = now
        defer { state.refused = 0 }
        return state.refused
    }

    private func remove(_ id: ObjectIdentifier, peer: PeerAddress?, _ onRoom: @Sendable () -> Void) {
        let hasRoom = state.withLock { state in
            state.kept[id] = nil
            state.open -= 1
            if let peer, let count = state.ofAddress[peer] { state.ofAddress[peer] = count > 1 ? count - 1 : nil }
            guard state.isWaiting, state.open < openMax else { return false }
            state.isWaiting = false
            return true
        }
        if hasRoom { onRoom() }
    }

    /// Closes what is idle, lets the rest finish, and cuts off what does not in time.
    func end(within drain: Duration) async {
        let channels = state.withLock { Array($0.kept.values) }
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
