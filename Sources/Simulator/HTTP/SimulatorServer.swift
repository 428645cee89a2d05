import NIOCore
import NIOHTTP1
import NIOPosix
import OrderedJSON

/// A request as the simulator sees it.
struct SimulatorRequest: Sendable {
    let method: String
    let path: String
    let query: [String: String]
    let authorization: String?
    let body: [UInt8]
}

/// What the simulator does with a request.
enum SimulatorAnswer: Sendable {
    /// Answers.
    case answer(status: Int, body: [UInt8])
    /// Closes the connection without a word.
    case close
    /// Answers after a while.
    indirect case later(Duration, SimulatorAnswer)

    static func json(_ status: Int, _ body: JSON) -> SimulatorAnswer { .answer(status: status, body: body.bytes) }
}

/// HTTP/1.1 straight on SwiftNIO, because the simulator must be able to do what a good server never does: read a
/// request and close, or answer before it has finished.
struct SimulatorServer {
    typealias Handle = @Sendable (SimulatorRequest) async -> SimulatorAnswer

    static let bodyBytesMax = 64 << 10

    /// Listens, and answers the channel that does.
    static func listen(host: String, port: Int, handle: @escaping Handle) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(SimulatorHandler(handle: handle))
                }
            }
            .bind(host: host, port: port).get()
    }
}

/// Collects a request, has it handled, and writes the answer or closes.
private final class SimulatorHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let handle: SimulatorServer.Handle
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(handle: @escaping SimulatorServer.Handle) { self.handle = handle }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let buffer):
            guard body.count + buffer.readableBytes <= SimulatorServer.bodyBytesMax else {
                return context.close(promise: nil)
            }
            body.append(contentsOf: buffer.readableBytesView)
        case .end:
            guard let head else { return }
            respond(to: head, on: context.channel)
        }
    }

    private func respond(to head: HTTPRequestHead, on channel: any Channel) {
        let request = SimulatorRequest(head, body: body)
        let handle = handle
        let keepsAlive = head.isKeepAlive
        channel.eventLoop.makeFutureWithTask { await handle(request) }
            .whenSuccess { answer in
                SimulatorHandler.write(answer, keepsAlive: keepsAlive, on: channel)
            }
    }

    private static func write(_ answer: SimulatorAnswer, keepsAlive: Bool, on channel: any Channel) {
        switch answer {
        case .close: channel.close(promise: nil)
        case .later(let delay, let answer):
            channel.eventLoop.scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
                write(answer, keepsAlive: keepsAlive, on: channel)
            }
        case .answer(let status, let body):
            var headers = HTTPHeaders([("content-type", "application/json"), ("content-length", String(body.count))])
            if !keepsAlive { headers.add(name: "connection", value: "close") }
            let head = HTTPResponseHead(
                version: .http1_1,
                status: HTTPResponseStatus(statusCode: status),
                headers: headers
            )
            channel.write(HTTPServerResponsePart.head(head), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            channel.writeAndFlush(HTTPServerResponsePart.end(nil))
                .whenComplete { _ in
                    if !keepsAlive { channel.close(promise: nil) }
                }
        }
    }
}

extension SimulatorRequest {
    fileprivate init(_ head: HTTPRequestHead, body: [UInt8]) {
        let parts = head.uri.split(separator: "?", maxSplits: 1)
        var query: [String: String] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            query[String(sides[0])] = sides.count > 1 ? String(sides[1]) : ""
        }
        self.init(
            method: head.method.rawValue,
            path: String(parts.first ?? ""),
            query: query,
            authorization: head.headers.first(name: "authorization"),
            body: body
        )
    }
}

extension Duration {
    var milliseconds: Int64 { nanoseconds / 1_000_000 }
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
