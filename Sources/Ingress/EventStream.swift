import Gateway
import HTTPServer
import NIOHTTP1
import OrderedJSON

/// A call that may tell how far it is, for doors that pass that on as events.
///
/// Nothing is decided about the answer's form until the first news: a call that ends without any is answered as if
/// nobody had asked for progress, errors and their status included.
struct EventStream<News: Sendable, Reply: Sendable>: Sendable {
    /// What comes of the call.
    enum Piece: Sendable {
        case news(News)
        case reply(Reply)
    }

    /// What came first.
    enum First: Sendable {
        /// The end.
        case ended(Reply)
        /// News: these, and what follows.
        case pieces(AsyncStream<Piece>)
    }

    private let pieces: AsyncStream<Piece>
    /// What is answered when the call was given up.
    private let givenUp: Reply

    /// Begins the call; it is cancelled when nobody takes pieces any more, unless it `isKept`.
    init(
        givenUp: Reply,
        isKept: Bool = false,
        run: @escaping @Sendable (@escaping @Sendable (News) -> Void) async -> Reply
    ) {
        self.givenUp = givenUp
        pieces = AsyncStream(bufferingPolicy: EventBuffer.policy()) { continuation in
            let work = Task {
                let reply = await run { progress in continuation.yield(.news(progress)) }
                continuation.yield(.reply(reply))
                continuation.finish()
            }
            if !isKept { continuation.onTermination = { _ in work.cancel() } }
        }
    }

    /// Waits for the first piece.
    func first() async -> First {
        var iterator = pieces.makeAsyncIterator()
        guard let first = await iterator.next() else {
            return .ended(givenUp)
        }
        if case .reply(let reply) = first { return .ended(reply) }
        let rest = pieces
        return .pieces(
            AsyncStream(bufferingPolicy: EventBuffer.policy()) { continuation in
                let work = Task {
                    continuation.yield(first)
                    for await piece in rest { continuation.yield(piece) }
                    continuation.finish()
                }
                continuation.onTermination = { _ in work.cancel() }
            }
        )
    }

    /// The answer of events: an event for each piece, as the door writes it; a sign of life where it is empty.
    static func response(
        _ pieces: AsyncStream<Piece>,
        _ call: CallID,
        event: @escaping @Sendable (Piece) -> (name: String, data: [UInt8])
    ) -> Response {
        var response = EventText.response(call)
        response.stream = { write in
            for await piece in pieces {
                let (name, data) = event(piece)
                try await write(data.isEmpty ? EventText.signOfLife : EventText.event(name, data))
            }
        }
        return response
    }
}

/// Events as they stand in a stream.
enum EventText {
    /// What keeps a connection open on which there is nothing to tell.
    static let signOfLife = Array(": \n\n".utf8)

    static func event(_ name: String, _ data: [UInt8]) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + data + Array("\n\n".utf8)
    }

    /// Parts of a feed that is followed: events have no name, so that who listens hears all of them by one.
    static func text(of parts: [LiveEvents.Part]) -> [UInt8] {
        parts.flatMap { part -> [UInt8] in
            switch part {
            case .event(let event, let cursor): Array("id: \(cursor)\ndata: ".utf8) + event.bytes + end
            case .note(let name, let words, let cursor): Array("id: \(cursor)\n".utf8) + self.event(name, words.bytes)
            // A cursor alone is kept by whoever listens, and tells them nothing.
            case .life(let cursor): Array(": \nid: \(cursor)\n\n".utf8)
            }
        }
    }

    private static let end = Array("\n\n".utf8)

    /// The beginning of an answer of events.
    static func response(_ call: CallID) -> Response {
        Response(
            .ok,
            headers: [
                (.contentType, "text/event-stream"), (.cacheControl, "no-cache, no-transform"),
                (.accelBuffering, "no"), (.requestID, call.description),
            ]
        )
    }
}

/// How many events of a call wait for a client that reads slowly.
enum EventBuffer {
    /// The oldest news go first; the reply comes last, and is never dropped.
    static let piecesMax = 64

    static func policy<Piece>() -> AsyncStream<Piece>.Continuation.BufferingPolicy { .bufferingNewest(piecesMax) }
}

/// What a function tool tells of its call, and how that ends.
typealias ProgressStream = EventStream<LoadedPlugin.Progress, ToolReply>

extension ProgressStream {
    /// Begins the call; it is cancelled when nobody takes pieces any more.
    init(
        run: @escaping @Sendable (@escaping @Sendable (LoadedPlugin.Progress) -> Void) async -> ToolReply
    ) {
        self.init(givenUp: ToolReply(.failure(GatewayError(.unavailable, "The call was given up."))), run: run)
    }

    /// Whether a request takes events as its answer.
    static func isAccepted(by request: Request) -> Bool {
        MediaTypes.isAccepted(MediaTypes.events, by: request.headers.values(of: .accept), byName: true)
    }
}
