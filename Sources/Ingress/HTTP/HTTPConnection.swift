import Gateway
import NIOCore
import NIOHTTP1

/// What bounds a connection; docs/operating.md lists the defaults.
package struct HTTPLimits: Sendable {
    /// All fields of a header together, in bytes.
    package var headerBytesMax = 32 << 10
    /// A connection on which nothing has come for so long, and for which nothing is being done, is closed.
    package var idle: Duration = .seconds(75)
    /// So many connections at once; more are closed at once.
    package var connectionsMax = 10_000
    /// Bodies above this are handled on Swift's pool, so that reading one delays nobody else on the loop.
    package var inlineBodyBytesMax = 16 << 10
    /// For how long the rest of a request that was refused for its size is read and dropped.
    package var linger: Duration = .seconds(1)
    /// How long requests that are under way may take to end once the program is told to stop.
    package var drain: Duration = .seconds(30)

    /// The defaults.
    package init() {}
}

/// What a listener does with its requests.
///
/// A class: every request hands its handler on, and a struct of many parts would be copied part by part.
package protocol HTTPHandler: AnyObject, Sendable {
    /// How large a body this request may carry; asked before any of it is read.
    func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int
    /// Answers a request.
    ///
    /// Begins on the connection's event loop and goes on there until it waits for something: nothing in it may block
    /// (docs/adr/0009).
    func respond(to request: Request) async -> Response
}

/// One HTTP/1.1 connection: one request after another, each answered whole before the next is begun.
///
/// All of it runs on the connection's event loop.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let handler: any HTTPHandler
    private let limits: HTTPLimits
    private let date: DateText
    private var address: String?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var bodyBytesMax = 0
    private var isTooLarge = false
    /// A request is being answered: what comes meanwhile waits, and no more is read.
    private var isBusy = false
    private var waiting: [HTTPServerRequestPart] = []
    private var wantsToRead = false
    private var closesAfterReply = false
    /// The answer has gone out before all of the request came: the rest is read and dropped for a moment, because
    /// closing on unread bytes would take the answer back from the client.
    private var isLingering = false
    private var isQuiet = true
    private var idleCheck: RepeatedTask?

    init(handler: any HTTPHandler, limits: HTTPLimits, date: DateText) {
        self.handler = handler
        self.limits = limits
        self.date = date
    }

    func channelActive(context: ChannelHandlerContext) {
        address = context.remoteAddress?.ipAddress
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        idleCheck = context.eventLoop.scheduleRepeatedTask(initialDelay: idle, delay: idle) { _ in
            let (connection, context) = bound.value
            if connection.isQuiet && !connection.isBusy { context.close(promise: nil) }
            connection.isQuiet = true
        }
        context.fireChannelActive()
    }

    private var idle: TimeAmount { .milliseconds(limits.idle.wholeMilliseconds) }

    func channelInactive(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        context.fireChannelInactive()
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isQuiet = false
        guard !isLingering else { return }
        let part = unwrapInboundIn(data)
        if isBusy { waiting.append(part) } else { take(part, context) }
    }

    func read(context: ChannelHandlerContext) {
        if isBusy && !isLingering { wantsToRead = true } else { context.read() }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head, context)
        case .body(let buffer):
            guard !isTooLarge else { return }
            isTooLarge = body.count + buffer.readableBytes > bodyBytesMax
            if isTooLarge {
                body = []
                // Told at once: the rest may never end.
                answer(.tooLarge(limit: bodyBytesMax), context)
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            if !isTooLarge { answer(.whole(body), context) }
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.head = head
        body = []
        isTooLarge = false
        bodyBytesMax = handler.bodyBytesMax(path: Request.path(of: head.uri), head: head)
        if let length = head.headers.value(of: .contentLength).flatMap({ Int($0) }) {
            isTooLarge = length > bodyBytesMax
            if isTooLarge { return answer(.tooLarge(limit: bodyBytesMax), context) }
            body.reserveCapacity(length)
        }
        if head.headers.value(of: .expect)?.lowercased() == "100-continue" {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    // MARK: Answering

    private func answer(_ body: Request.Body, _ context: ChannelHandlerContext) {
        guard let head else { return }
        self.head = nil
        isBusy = true
        if case .tooLarge = body { closesAfterReply = true }
        if !head.isKeepAlive { closesAfterReply = true }
        let request = Request(head, body: body, address: address)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let isHead = head.method == .HEAD
        let work: @Sendable @concurrent () async -> Void = {
            [handler, loop = context.eventLoop, channel = context.channel] in
            let response = await handler.respond(to: request)
            if let stream = response.stream, !isHead {
                let writer = HTTPStreamWriter(channel: channel, pieces: stream)
                if await writer.write(head: { bound.value.0.streamHead(response) }) {
                    loop.execute { bound.value.0.endStream(bound.value.1) }
                }
                return
            }
            let write: @Sendable () -> Void = {
                let (connection, context) = bound.value
                connection.write(response, withoutBody: isHead, context)
            }
            if loop.inEventLoop { write() } else { loop.execute(write) }
        }
        if self.body.count <= limits.inlineBodyBytesMax {
            Task.immediate(operation: work)
        } else {
            Task(operation: work)
        }
        self.body = []
    }

    /// The header of an answer that comes in pieces.
    private func streamHead(_ response: Response) -> ByteBuffer {
        var buffer = ByteBuffer()
        response.serialized(into: &buffer, date: date.now(), closes: closesAfterReply, withoutBody: true)
        return buffer
    }

    /// All pieces have been written.
    private func endStream(_ context: ChannelHandlerContext) {
        isQuiet = false
        if closesAfterReply { return context.close(promise: nil) }
        isBusy = false
        goOn(context)
    }

    private func write(_ response: Response, withoutBody: Bool, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var buffer = context.channel.allocator.buffer(capacity: 320 + response.body.count)
        response.serialized(into: &buffer, date: date.now(), closes: closesAfterReply, withoutBody: withoutBody)
        if closesAfterReply {
            return writeLast(buffer, context)
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        isBusy = false
        goOn(context)
    }

    private func writeLast(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let lingers = isTooLarge
        let linger = TimeAmount.milliseconds(limits.linger.wholeMilliseconds)
        context.writeAndFlush(wrapOutboundOut(buffer))
            .whenComplete { _ in
                let (connection, context) = bound.value
                guard lingers else { return context.close(promise: nil) }
                connection.isLingering = true
                connection.waiting = []
                context.close(mode: .output, promise: nil)
                context.read()
                context.eventLoop.scheduleTask(in: linger) { bound.value.1.close(promise: nil) }
            }
    }

    /// Takes what came while the last request was being answered.
    private func goOn(_ context: ChannelHandlerContext) {
        while !isBusy, !waiting.isEmpty { take(waiting.removeFirst(), context) }
        if !isBusy, wantsToRead {
            wantsToRead = false
            context.read()
        }
    }

    // MARK: Ends

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is HTTPServerStops else { return context.fireUserInboundEventTriggered(event) }
        closesAfterReply = true
        if !isBusy { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let problem = error as? HTTPParserError, !isBusy else { return context.close(promise: nil) }
        closesAfterReply = true
        isBusy = true
        let isOverflow = problem == .headerOverflow
        let message =
            isOverflow
            ? "The header is larger than \(limits.headerBytesMax) bytes." : "This is not an HTTP/1.1 request."
        var response = ErrorResponse.make(GatewayError(.malformedRequest, message), call: nil)
        if isOverflow { response.status = .requestHeaderFieldsTooLarge }
        write(response, withoutBody: false, context)
    }
}

/// Told to every connection when the program is told to stop.
struct HTTPServerStops: Sendable {}
