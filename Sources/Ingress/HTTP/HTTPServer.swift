import Gateway
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A listener: HTTP/1.1 on SwiftNIO, one `HTTPConnection` a socket.
///
/// Not generic over its handler: another module would make it, and the compiler could not specialize what runs with
/// every request.
package struct HTTPServer: Service {
    private let host: String
    private let port: Int
    private let handler: any HTTPHandler
    private let limits: HTTPLimits
    private let onReady: @Sendable () async -> Void

    /// Makes a listener for an address; `onReady` runs once it listens.
    package init(
        host: String,
        port: Int,
        handler: any HTTPHandler,
        limits: HTTPLimits = HTTPLimits(),
        onReady: @escaping @Sendable () async -> Void = {}
    ) {
        self.host = host
        self.port = port
        self.handler = handler
        self.limits = limits
        self.onReady = onReady
    }

    /// Serves until a graceful shutdown; what is under way then is answered first.
    package func run() async throws {
        let connections = Connections(max: limits.connectionsMax)
        let listener = try await listen(connections)
        await onReady()
        // Ends by the shutdown, when the listener itself is closed, or when another service could not start: a future
        // knows nothing of its task's end, and the program would stay, listening here and nowhere else.
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await listener.closeFuture.get()
        } onCancelOrGracefulShutdown: {
            listener.close(promise: nil)
        }
        await connections.end(within: limits.drain)
    }

    private func listen(_ connections: Connections) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [handler, limits] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard connections.add(channel) else { return channel.close(promise: nil) }
                    var decoding = NIOHTTPDecoderLimitConfiguration()
                    decoding.maxHeaderFieldSize = limits.headerBytesMax
                    decoding.maxHeaderListSize = limits.headerBytesMax
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(decoder),
                        HTTPConnection(handler: handler, limits: limits, date: DateText()),
                    ])
                }
            }
            .bind(host: host, port: port).get()
    }
}

/// The open connections of a listener.
private final class Connections: Sendable {
    private let max: Int
    private let open = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(max: Int) { self.max = max }

    /// Keeps a connection until it closes; false when there are too many.
    func add(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isKept = open.withLock { open in
            guard open.count < max else { return false }
            open[id] = channel
            return true
        }
        if isKept { channel.closeFuture.whenComplete { _ in self.open.withLock { _ = $0.removeValue(forKey: id) } } }
        return isKept
    }

    /// Closes what is idle, lets the rest finish, and cuts off what does not in time.
    func end(within drain: Duration) async {
        let channels = open.withLock { Array($0.values) }
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
