import NIOCore
import NIOHTTP1
import NIOPosix

/// Posts callbacks, to this machine only: a simulator must never bother anybody else.
enum LoopbackClient {
    /// Posts a body; answers the status, or nil when nobody answered.
    ///
    /// Over `lines` where connections are kept; otherwise each has one of its own, as Safaricom's have.
    static func post(_ url: String, body: [UInt8], over lines: LoopbackLines? = nil) async -> Int? {
        guard let target = Target(url) else { return nil }
        if let lines { return await lines.post(target, body: body) }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    }
                }
                .connect(host: target.host, port: target.port).get()
            let status = channel.eventLoop.makePromise(of: Int?.self)
            do { try await channel.pipeline.addHandler(StatusHandler(status)).get() } catch {
                // Whoever is called back has gone since, and nothing else ends the wait.
                status.succeed(nil)
                throw error
            }
            let headers = HTTPHeaders([
                ("host", "\(target.host):\(target.port)"), ("content-type", "application/json"),
                ("content-length", String(body.count)), ("connection", "close"),
            ])
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target.path, headers: headers)
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
            return try await status.futureResult.get()
        } catch {
            return nil
        }
    }

    /// A loopback URL's parts.
    struct Target {
        let host: String
        let port: Int
        let path: String

        init?(_ url: String) {
            guard url.hasPrefix("http://") else { return nil }
            let rest = url.dropFirst("http://".count)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            let authority = rest[..<slash]
            let colon = authority.lastIndex(of: ":") ?? authority.endIndex
            host = String(authority[..<colon])
            guard host == "127.0.0.1" || host == "localhost" else { return nil }
            port = colon < authority.endIndex ? Int(authority[authority.index(after: colon)...]) ?? 0 : 80
            path = slash < rest.endIndex ? String(rest[slash...]) : "/"
        }
    }
}

/// Takes the answer's status and ends the connection.
private final class StatusHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private let status: EventLoopPromise<Int?>

    init(_ status: EventLoopPromise<Int?>) { self.status = status }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data) { status.succeed(Int(head.status.code)) }
        if case .end = unwrapInboundIn(data) { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A promise that is fulfilled already takes no notice.
        status.succeed(nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) { status.succeed(nil) }
}
