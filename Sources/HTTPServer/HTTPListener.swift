import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A listener: HTTP/1.1 on SwiftNIO, one `HTTPConnection` a socket.
///
/// Not generic over its handler: another module would make it, and the compiler could not specialize what runs with
/// every request.
package struct HTTPListener: Service {
    private let host: String
    private let port: Int
    private let handler: any HTTPHandler
    private let limits: HTTPLimits
    private let proxies: TrustedProxies
    private let logger: Logger?
    private let onReady: @Sendable (_ port: Int) async -> Void

    /// Makes a listener for an address; `onReady` runs once it listens, and gets the port.
    package init(
        host: String,
        port: Int,
        handler: any HTTPHandler,
        limits: HTTPLimits = HTTPLimits(),
        proxies: TrustedProxies = .none,
        logger: Logger? = nil,
        onReady: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.handler = handler
        self.limits = limits
        self.proxies = proxies
        self.logger = logger
        self.onReady = onReady
    }

    /// Serves until a graceful shutdown; what is under way then is answered first.
    package func run() async throws {
        let connections = Connections(limits: limits, proxies: proxies, logger: logger)
        let listener = try await listen(connections)
        await onReady(listener.localAddress?.port ?? port)
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
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionGate(connections))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read at a time: what a peer sends ahead stays with the kernel.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [handler, limits, proxies] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = HTTPConnection(
                        handler: handler,
                        limits: limits,
                        proxies: proxies,
                        date: DateText(),
                        connections: connections,
                        channel: channel
                    )
                    try connection.install(in: channel.pipeline.syncOperations)
                }
            }
            .bind(host: host, port: port).get()
    }
}
