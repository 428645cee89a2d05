import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Connections that are kept between callbacks, for measuring: a connection for each costs whoever is called three times
/// as much as the callback itself.
final class LoopbackLines: Sendable {
    /// At most so many wait for their next callback; others are closed.
    private static let idleMax = 256
    private let idle = Mutex<[String: [Line]]>([:])

    /// Posts to a loopback address; answers the status, or nil when nobody answered.
    func post(_ target: LoopbackClient.Target, body: [UInt8]) async -> Int? {
        let place = "\(target.host):\(target.port)"
        while let line = idle.withLock({ $0[place]?.popLast() }) {
            guard line.channel.isActive else { continue }
            return await post(target, body, on: line, at: place)
        }
        guard let line = try? await Line.open(target) else { return nil }
        return await post(target, body, on: line, at: place)
    }

    private func post(_ target: LoopbackClient.Target, _ body: [UInt8], on line: Line, at place: String) async -> Int? {
        let status = await line.post(target, body: body)
        guard status != nil, line.channel.isActive else {
            line.channel.close(promise: nil)
            return status
        }
        let isKept = idle.withLock { idle in
            guard idle[place, default: []].count < LoopbackLines.idleMax else { return false }
            idle[place, default: []].append(line)
            return true
        }
        if !isKept { line.channel.close(promise: nil) }
        return status
    }
}

/// One connection, which carries one callback at a time.
private final class Line: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private struct State {
        var status: Int?
        var waiting: EventLoopPromise<Int?>?
    }

    let channel: any Channel
    private let state = Mutex(State())

    private init(_ channel: any Channel) { self.channel = channel }

    static func open(_ target: LoopbackClient.Target) async throws -> Line {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                }
            }
            .connect(host: target.host, port: target.port).get()
        let line = Line(channel)
        try await channel.pipeline.addHandler(line).get()
        return line
    }

    func post(_ target: LoopbackClient.Target, body: [UInt8]) async -> Int? {
        let answered = channel.eventLoop.makePromise(of: Int?.self)
        state.withLock { $0 = State(status: nil, waiting: answered) }
        let headers = HTTPHeaders([
            ("host", "\(target.host):\(target.port)"), ("content-type", "application/json"),
            ("content-length", String(body.count)),
        ])
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target.path, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let channel = channel
        let late = channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
        defer { late.cancel() }
        if !channel.isActive { end(nil) }
        // A promise that is given up is answered with nothing.
        return (try? await answered.futureResult.get()) ?? nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): state.withLock { $0.status = Int(head.status.code) }
        case .end: end(state.withLock { $0.status })
        case .body: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) { end(nil) }

    private func end(_ status: Int?) {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.succeed(status)
    }
}
