import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HTTPServer

/// Connections from wherever a test says, by number.
final class ConnectionBench: Sendable {
    private let connections: Connections
    private let channels = Mutex<[any Channel]>([])

    init(connectionsMax: Int, perAddress: Int) throws {
        var limits = HTTPLimits()
        (limits.connectionsMax, limits.connectionsPerAddressMax) = (connectionsMax, perAddress)
        let proxies = try #require(TrustedProxies("10.0.0.0/8"))
        connections = Connections(limits: limits, proxies: proxies, logger: nil)
    }

    /// Whether another one is kept.
    func add(from address: String) async throws -> Bool {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        channels.withLock { $0.append(channel) }
        let isKept = connections.add(channel, from: address) {}
        if !isKept { try await channel.close().get() }
        return isKept
    }

    /// Which are open.
    var open: [Int] { channels.withLock { all in all.indices.filter { all[$0].isActive } } }

    /// Waits until some have been closed.
    func wait(toClose numbers: Int...) async throws {
        let all = channels.withLock { $0 }
        for number in numbers { try await all[number].closeFuture.get() }
    }

    /// Lets one be answered without end.
    func answer(_ number: Int) { connections.activity(of: channels.withLock { $0[number] }).answers() }

    /// Closes what is open.
    func end() async throws { for channel in channels.withLock({ $0 }) { try? await channel.close().get() } }
}
