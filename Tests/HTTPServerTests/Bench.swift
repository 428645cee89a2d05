import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import HTTPServer

/// A handler whose answers a test decides.
final class ScriptedHandler: HTTPHandler {
    private let bodyBytesMax: Int
    private let refusal: Response?
    private let ownerHeader: String?
    private let endsWithPeer: Bool
    private let reply: @Sendable (Request) async -> Response
    private let count = Mutex(0)

    init(
        bodyBytesMax: Int = 1 << 20,
        refusal: Response? = nil,
        ownerHeader: String? = nil,
        endsWithPeer: Bool = false,
        reply: @escaping @Sendable (Request) async -> Response = { Response(.ok, body: Array($0.path.utf8)) }
    ) {
        self.bodyBytesMax = bodyBytesMax
        self.refusal = refusal
        self.ownerHeader = ownerHeader
        self.endsWithPeer = endsWithPeer
        self.reply = reply
    }

    /// How many requests were handed over.
    var handled: Int { count.withLock { $0 } }

    func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int { bodyBytesMax }

    func admission(of head: HTTPRequestHead, address: String?) async -> BodyAdmission {
        refusal.map { .refused($0) } ?? .admitted(owner: ownerHeader.flatMap { head.headers.first(name: $0) })
    }

    func endsWithPeer(_ request: Request) -> Bool { endsWithPeer }

    func respond(to request: Request) async -> Response {
        count.withLock { $0 += 1 }
        if case .tooLarge = request.body { return Response(.payloadTooLarge) }
        return await reply(request)
    }
}

/// Runs a listener on a free port for as long as a test talks to it.
func serving(
    _ handler: ScriptedHandler,
    limits: HTTPLimits = HTTPLimits(),
    proxies: TrustedProxies = .none,
    _ test: (_ port: Int) async throws -> Void
) async throws {
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let server = HTTPListener(host: "127.0.0.1", port: 0, handler: handler, limits: limits, proxies: proxies) {
        continuation.yield($0)
    }
    let running = Task { try await server.run() }
    let port = try #require(await ports.first { _ in true })
    do { try await test(port) } catch {
        running.cancel()
        throw error
    }
    running.cancel()
    try? await running.value
}

/// The other side of a connection: sends bytes as they are and keeps what comes back.
final class Peer: Sendable {
    private let channel: any Channel
    private let received: Received

    private init(channel: any Channel, received: Received) {
        self.channel = channel
        self.received = received
    }

    /// Connects; one that does not read takes nothing from the socket until `read` is called.
    static func connect(to port: Int, reads: Bool = true) async throws -> Peer {
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReceivingHandler(received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return Peer(channel: channel, received: received)
    }

    /// Sends, and waits for nothing.
    func send(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }

    /// Begins to read.
    func read() async throws { try await channel.setOption(.autoRead, value: true).get() }

    /// Takes what has come, once it ends with a text or the other side has closed.
    func received(to end: String) async -> String {
        await received.wait { bytes in bytes.suffix(end.utf8.count).elementsEqual(end.utf8) }
    }

    /// Takes what has come, once there is so much of it or the other side has closed.
    func received(bytes count: Int) async -> String { await received.wait { $0.count >= count } }

    /// Takes what came until the other side closed.
    func all() async -> String { await received.wait { _ in false } }

    /// Takes one read from the socket, for one who does not read by itself.
    func readOnce() { channel.read() }

    /// Goes away.
    func close() async { try? await channel.close().get() }
}

/// What a peer has received, for one who waits for it.
private final class Received: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var hasEnded = false
        var waiter: (isEnough: @Sendable ([UInt8]) -> Bool, CheckedContinuation<String, Never>)?
    }

    private let state = Mutex(State())

    func wait(until isEnough: @escaping @Sendable ([UInt8]) -> Bool) async -> String {
        await withCheckedContinuation { continuation in
            change { $0.waiter = (isEnough, continuation) }
        }
    }

    func append(_ buffer: ByteBuffer) { change { $0.bytes.append(contentsOf: buffer.readableBytesView) } }

    func end() { change { $0.hasEnded = true } }

    private func change(_ body: (inout State) -> Void) {
        let done = state.withLock { state -> (CheckedContinuation<String, Never>, [UInt8])? in
            body(&state)
            guard let waiter = state.waiter, state.hasEnded || waiter.isEnough(state.bytes) else { return nil }
            defer { (state.waiter, state.bytes) = (nil, []) }
            return (waiter.1, state.bytes)
        }
        if let done { done.0.resume(returning: String(decoding: done.1, as: UTF8.self)) }
    }
}

private final class ReceivingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: Received

    init(_ received: Received) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { received.append(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) {
        received.end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A door that a test opens: whoever came before waits.
final class Latch: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

extension String {
    /// The status of each answer in it, in order.
    var statuses: [String] {
        matches(of: #/HTTP/1\.1 (\d\d\d) /#).map { String($0.output.1) }
    }
}
