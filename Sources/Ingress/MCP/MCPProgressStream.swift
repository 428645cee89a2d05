import Gateway
import OrderedJSON

/// A call that may tell how far it is.
///
/// Nothing is decided about the answer's form until the first news: a call that ends without any is answered as if
/// nobody had asked for progress, errors and their status included.
struct MCPProgressStream: Sendable {
    /// What comes of the call.
    enum Piece: Sendable {
        case notification(JSON)
        case reply(ToolReply)
    }

    /// What came first.
    enum First: Sendable {
        /// The end.
        case ended(ToolReply)
        /// News: these, and what follows.
        case pieces(AsyncStream<Piece>)
    }

    private let pieces: AsyncStream<Piece>

    /// Begins the call; it is cancelled when nobody takes pieces any more.
    init(
        token: JSON,
        run: @escaping @Sendable (@escaping @Sendable (LoadedPlugin.Progress) -> Void) async -> ToolReply
    ) {
        pieces = AsyncStream { continuation in
            let work = Task {
                let reply = await run { progress in
                    continuation.yield(.notification(MCPProgressStream.notification(progress, token)))
                }
                continuation.yield(.reply(reply))
                continuation.finish()
            }
            continuation.onTermination = { _ in work.cancel() }
        }
    }

    /// Waits for the first piece.
    func first() async -> First {
        var iterator = pieces.makeAsyncIterator()
        guard let first = await iterator.next() else {
            return .ended(ToolReply(.failure(GatewayError(.unavailable, "The call was given up."))))
        }
        if case .reply(let reply) = first { return .ended(reply) }
        let rest = pieces
        return .pieces(
            AsyncStream { continuation in
                let work = Task {
                    continuation.yield(first)
                    for await piece in rest { continuation.yield(piece) }
                    continuation.finish()
                }
                continuation.onTermination = { _ in work.cancel() }
            }
        )
    }

    private static func notification(_ progress: LoadedPlugin.Progress, _ token: JSON) -> JSON {
        var params: JSONObject = [
            "progressToken": token, "progress": .number(Double(progress.fraction) / 1_000_000), "total": 1,
        ]
        if !progress.message.isEmpty { params["message"] = .string(progress.message) }
        return ["jsonrpc": "2.0", "method": "notifications/progress", "params": .object(params)]
    }
}
