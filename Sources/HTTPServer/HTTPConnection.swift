import Addresses
import NIOCore
import NIOHTTP1

/// One HTTP/1.1 connection: one request after another, each answered whole before the next is begun.
///
/// What a peer sends never decides how deep this nests or how much waits here: `goOn` is the one loop, whatever ends an
/// answer only lets it run on, and nothing is read or begun while a request is being answered or an answer waits to be
/// read. All of it runs on the connection's event loop.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// A part of a request that has come.
    private enum Part {
        case head(HTTPRequestHead, RequestFields)
        case body(ByteBuffer)
        case end
    }

    let limits: HTTPLimits
    private let handler: any HTTPHandler
    private let proxies: TrustedProxies
    private let date: DateText
    private let activity: ConnectionActivity
    private let owed: OwedBytes
    private let bodies: HeldBodies
    private var address: String?
    private var isProxy = false
    private var bytes: RequestBytes?
    private var context: ChannelHandlerContext?

    // What has come.
    private var waiting = CircularBuffer<Part>(initialCapacity: 4)
    private var problem: HTTPParserError?
    private var isUpgradeOffered = false
    /// The decoder reads nothing more: the request that has just ended offered another protocol.
    var hasDecoderStopped = false
    /// Bytes of a request have come whose end has not.
    private var isIncomplete = false

    // The request that is being read.
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var bodyBytesMax = 0
    private var expectsContinue = false
    /// Where this request's body may be read whole, and has room.
    private var place: HeldBodies.Place?
    private var deadlines = RequestDeadlines()

    // The request that is being answered.
    private var isBusy = false
    /// Answers it, where that ends with the peer.
    private var answering: Task<Void, Never>?
    /// How many were begun to be answered: the next may be, before the one before has returned.
    private var begun = 0
    private var isGoingOn = false
    private var requestsThisTurn = 0
    private var closesAfterReply = false
    /// The answer goes out before all of the request came: the rest is then read and dropped for a moment, because
    /// closing on unread bytes would take the answer back from the client.
    private var leavesRest = false
    private(set) var isLingering = false
    private var delivery = Delivery()

    init(
        handler: any HTTPHandler,
        limits: HTTPLimits,
        proxies: TrustedProxies,
        date: DateText,
        connections: Connections,
        channel: any Channel
    ) {
        self.handler = handler
        self.limits = limits
        self.proxies = proxies
        self.date = date
        activity = connections.activity(of: channel)
        owed = connections.owed
        bodies = connections.bodies
    }

    /// Puts the connection's handlers into its channel.
    func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
        let bytes = RequestBytes(connection: self, limits: limits)
        self.bytes = bytes
        try pipeline.addHandlers([bytes, self])
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        bytes = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        let peer = context.remoteAddress?.ipAddress
        address = peer.map { IPAddress($0)?.description ?? $0 }
        isProxy = peer.flatMap { IPAddress($0) }.map { proxies.contains($0) } ?? false
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        delivery.watch(every: limits.idle, on: context.eventLoop) {
            let (connection, context) = bound.value
            if connection.hasBeenLeft(context) { context.close(promise: nil) }
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        delivery.stop()
        deadlines.stop()
        answering?.cancel()
        answering = nil
        context.fireChannelInactive()
    }

    // MARK: Reading

    /// Whether the next request may be taken, and read.
    var isFree: Bool { !isBusy && !isLingering && delivery.isOpen }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part: Part
        switch unwrapInboundIn(data) {
        case .head(let received):
            let (head, fields) = RequestFields.read(received)
            isIncomplete = true
            if fields.upgrade == .offered { isUpgradeOffered = true }
            part = .head(head, fields)
        case .body(let buffer): part = .body(buffer)
        case .end:
            hasDecoderStopped = isUpgradeOffered
            isUpgradeOffered = false
            isIncomplete = false
            part = .end
        }
        if waiting.isEmpty, isFree { take(part, context) } else { waiting.append(part) }
    }

    /// Takes what has come, for as long as nothing is being answered and the peer reads what it is answered.
    func goOn() {
        guard !isGoingOn, let context, let bytes else { return }
        isGoingOn = true
        requestsThisTurn = 0
        while isFree {
            if requestsThisTurn >= limits.requestsPerTurnMax {
                let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
                context.eventLoop.execute { bound.value.goOn() }
                break
            }
            if let part = waiting.popFirst() {
                take(part, context)
            } else if let problem {
                refuse(problem, context)
            } else if !feed(bytes) {
                break
            }
        }
        isGoingOn = false
        guard isFree || isLingering else { return }
        if isIncomplete, isFree { watchDeadline(context) }
        bytes.resume()
    }

    private func feed(_ bytes: RequestBytes) -> Bool {
        guard bytes.hasUnread else { return false }
        delivery.isQuiet = false
        isIncomplete = true
        do { return try bytes.feed() } catch {
            problem = error as? HTTPParserError ?? .unknown
            return true
        }
    }

    private func take(_ part: Part, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head, let fields): begin(head, fields, context)
        case .body(let buffer):
            guard head != nil else { return }
            let count = body.count + buffer.readableBytes
            if count > bodyBytesMax {
                // Told at once: the rest may never end.
                leavesRest = true
                answer(.tooLarge(limit: bodyBytesMax), context)
            } else if count > limits.strangerBodyBytesMax, place == nil {
                waiting.prepend(part)
                askWhetherToLetIn(bodyBytesMax, context)
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            if head != nil { answer(.whole(body), context) }
        }
    }

    private func begin(_ head: HTTPRequestHead, _ fields: RequestFields, _ context: ChannelHandlerContext) {
        self.head = head
        body = []
        place = nil
        expectsContinue = fields.expectsContinue
        if fields.upgrade == .unclear { closesAfterReply = true }
        if let problem = fields.problem {
            return refuse(handler.response(refusing: problem, path: Request.path(of: head.uri)), context)
        }
        bodyBytesMax = handler.bodyBytesMax(path: Request.path(of: head.uri), head: head)
        let length = fields.contentLength ?? 0
        if length > bodyBytesMax {
            leavesRest = true
            return answer(.tooLarge(limit: bodyBytesMax), context)
        }
        if length > limits.strangerBodyBytesMax { return askWhetherToLetIn(length, context) }
        tellToContinue(context)
    }

    private func tellToContinue(_ context: ChannelHandlerContext) {
        guard expectsContinue else { return }
        expectsContinue = false
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    /// A body that is larger than a stranger's may be is read for those only whose credential is good.
    private func askWhetherToLetIn(_ length: Int, _ context: ChannelHandlerContext) {
        guard let head else { return }
        isBusy = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let ask: @Sendable @concurrent () async -> Void = {
            [handler, loop = context.eventLoop, address = caller(head)] in
            let admission = await handler.admission(of: head, address: address)
            loop.execute {
                let (connection, context) = bound.value
                connection.isBusy = false
                if case .refused(let refusal) = admission { return connection.refuse(refusal, context) }
                connection.place = connection.bodies.place(of: length, for: admission.owner)
                guard connection.place != nil else {
                    return connection.refuse(handler.response(refusing: HeldBodies.full, path: ""), context)
                }
                connection.tellToContinue(context)
                connection.goOn()
            }
        }
        Task.immediate(operation: ask)
    }

    // MARK: Answering

    private func answer(_ body: Request.Body, _ context: ChannelHandlerContext) {
        guard var head else { return }
        self.head = nil
        isBusy = true
        activity.answers()
        requestsThisTurn += 1
        deadlines.end()
        if leavesRest || !head.isKeepAlive { closesAfterReply = true }
        let isHead = head.method == .HEAD
        if isHead { head.method = .GET }
        let request = Request(head, body: body, address: caller(head))
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let work: @Sendable @concurrent () async -> Void = {
            [handler, loop = context.eventLoop, channel = context.channel, place] in
            defer { withExtendedLifetime(place) {} }
            let response = await handler.respond(to: request)
            if let stream = response.stream, !isHead {
                let writer = HTTPStreamWriter(channel: channel, stream: stream)
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
        let isShort = self.body.count <= limits.inlineBodyBytesMax
        self.body = []
        place = nil
        begun &+= 1
        let number = begun
        let task = isShort ? Task.immediate(operation: work) : Task(operation: work)
        if isBusy, begun == number, handler.endsWithPeer(request) { answering = task }
    }

    /// The peer's address, or what a named proxy says of the one behind it.
    private func caller(_ head: HTTPRequestHead) -> String? {
        guard isProxy, let address else { return address }
        return proxies.client(behind: address, forwardedFor: head.headers.values(of: .forwardedFor))
    }

    /// Answers what is not handed to the handler, and ends the connection with it.
    private func refuse(_ response: Response, _ context: ChannelHandlerContext) {
        let isHead = head?.method == .HEAD
        head = nil
        body = []
        deadlines.end()
        isBusy = true
        closesAfterReply = true
        leavesRest = true
        write(response, withoutBody: isHead, context)
    }

    private func refuse(_ problem: HTTPParserError, _ context: ChannelHandlerContext) {
        refuse(handler.response(refusing: problem.refusal(limits), path: ""), context)
    }

    private func streamHead(_ response: Response) -> ByteBuffer {
        var buffer = ByteBuffer()
        response.serialized(into: &buffer, date: date.now(), closes: closesAfterReply, withoutBody: true)
        return buffer
    }

    private func endStream(_ context: ChannelHandlerContext) {
        delivery.isQuiet = false
        answering = nil
        activity.waits()
        if closesAfterReply { return context.close(promise: nil) }
        isBusy = false
        goOn()
    }

    private func write(_ response: Response, withoutBody: Bool, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        answering = nil
        activity.waits()
        var response = response
        let promise =
            withoutBody
            ? nil : owed.count(&response, to: isProxy ? nil : address, limits, handler, on: context.eventLoop)
        var buffer = context.channel.allocator.buffer(capacity: 320 + response.body.count)
        response.serialized(into: &buffer, date: date.now(), closes: closesAfterReply, withoutBody: withoutBody)
        if closesAfterReply { return writeLast(buffer, promise, context) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        isBusy = false
        goOn()
    }

    private func writeLast(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let linger = TimeAmount(limits.linger)
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: written)
        written.futureResult
            .whenComplete { _ in
                let (connection, context) = bound.value
                guard connection.leavesRest else { return context.close(promise: nil) }
                connection.isLingering = true
                connection.waiting.removeAll()
                connection.bytes?.drop()
                context.close(mode: .output, promise: nil)
                connection.bytes?.resume()
                context.eventLoop.scheduleTask(in: linger) { bound.value.1.close(promise: nil) }
            }
    }

    // MARK: Time

    private func watchDeadline(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadlines.begin(limits, on: context.eventLoop) {
            let (connection, context) = bound.value
            connection.deadlines.fired()
            guard connection.isIncomplete else { return }
            let wait = connection.deadlines.passed(hasHead: connection.head != nil, connection.limits)
            if let wait, connection.isFree { return connection.timeOut(after: wait, context) }
            connection.watchDeadline(context)
        }
    }

    private func timeOut(after wait: Duration, _ context: ChannelHandlerContext) {
        let refusal = HTTPRefusal(.requestTimeout, "The request did not come whole within \(wait).")
        let path = head.map { Request.path(of: $0.uri) } ?? ""
        refuse(handler.response(refusing: refusal, path: path), context)
    }

    /// Whether the peer has gone, as far as anybody can see: it neither sends nor takes anything.
    private func hasBeenLeft(_ context: ChannelHandlerContext) -> Bool {
        let unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return delivery.isLeft(unsent: unsent, isBusy: isBusy, limits)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        delivery.changed(isOpen: context.channel.isWritable)
        context.fireChannelWritabilityChanged()
        goOn()
    }

    // MARK: Ends

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is HTTPServerStops else { return context.fireUserInboundEventTriggered(event) }
        closesAfterReply = true
        if !isBusy { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What the decoder says it also throws, and is answered in its turn.
        guard error is HTTPParserError else { return context.close(promise: nil) }
    }
}
