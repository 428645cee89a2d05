import NIOCore
import NIOHTTP1

/// Turns what a peer sends into parts of requests, no faster than its connection takes them.
///
/// Nothing is read from the socket while bytes wait here, and bytes become requests a few at a time
/// (`HTTPLimits.parsedBytesMax`): what a peer sends ahead costs its own size, and at most one read of it.
/// All of it runs on the connection's event loop.
final class RequestBytes: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer

    /// More than ever waits while the socket is read as it should be: only a socket that is emptied because it closes
    /// brings more, and nobody waits for its answers.
    private static let waitingBytesMax = 256 << 10

    private let connection: HTTPConnection
    private let limits: HTTPLimits
    private var decoder: HTTPRequestDecoder
    private var waiting = ByteBuffer()
    /// So many bytes at the front of `waiting` belong to a piece of a header that the decoder has looked at already.
    private var seen = 0
    private var wantsToRead = false
    private var context: ChannelHandlerContext?

    init(connection: HTTPConnection, limits: HTTPLimits) {
        self.connection = connection
        self.limits = limits
        decoder = RequestBytes.decoder(limits)
    }

    private static func decoder(_ limits: HTTPLimits) -> HTTPRequestDecoder {
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headerBytesMax
        decoding.maxHeaderListSize = limits.headerBytesMax
        return HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        decoder.decoderAdded(context: context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        decoder.decoderRemoved(context: context)
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !connection.isLingering else { return }
        var bytes = unwrapInboundIn(data)
        guard waiting.readableBytes + bytes.readableBytes <= RequestBytes.waitingBytesMax else {
            return context.close(promise: nil)
        }
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeBuffer(&bytes) }
        connection.goOn()
    }

    func read(context: ChannelHandlerContext) {
        guard connection.isLingering || connection.isFree && !hasUnread else {
            wantsToRead = true
            return
        }
        context.read()
    }

    /// Reads on, where that was asked for and nothing waits any more.
    func resume() {
        guard wantsToRead, connection.isLingering || !hasUnread, let context else { return }
        wantsToRead = false
        context.read()
    }

    /// Whether something came that is not read into a request yet.
    var hasUnread: Bool { waiting.readableBytes > seen }

    /// Forgets what came, because it is answered no more.
    func drop() {
        waiting = ByteBuffer()
        seen = 0
    }

    /// Reads the next few bytes into parts, which the connection gets before this returns.
    ///
    /// - Returns: Whether there were any.
    /// - Throws: `HTTPParserError` for what is no request; nothing is read after it.
    func feed() throws -> Bool {
        guard hasUnread, let context else { return false }
        let count = min(waiting.readableBytes, seen + limits.parsedBytesMax)
        guard var bytes = waiting.getSlice(at: waiting.readerIndex, length: count) else { return false }
        do { _ = try decoder.decode(context: context, buffer: &bytes) } catch {
            drop()
            throw error
        }
        // What was read may have ended the connection, and with it whatever waits.
        if connection.isLingering { return true }
        waiting.moveReaderIndex(forwardBy: count - bytes.readableBytes)
        seen = bytes.readableBytes
        if connection.hasDecoderStopped {
            connection.hasDecoderStopped = false
            restart(context)
        }
        if waiting.readableBytes == 0 { waiting = ByteBuffer() }
        return true
    }

    /// A decoder stops for good after a request that offers another protocol: a new one reads what follows.
    private func restart(_ context: ChannelHandlerContext) {
        decoder.decoderRemoved(context: context)
        decoder = RequestBytes.decoder(limits)
        decoder.decoderAdded(context: context)
        seen = 0
    }
}
