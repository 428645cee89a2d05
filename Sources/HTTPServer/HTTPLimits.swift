import NIOHTTP1

/// What bounds a connection, and a listener's connections; docs/operating.md lists the defaults.
package struct HTTPLimits: Sendable {
    /// All fields of a header together, in bytes.
    package var headerBytesMax = 32 << 10
    /// From a request's first byte until its header is whole.
    package var headerDeadline: Duration = .seconds(10)
    /// From a request's first byte until all of it is here, however steadily it trickles in.
    package var requestDeadline: Duration = .seconds(30)
    /// So much of a body is kept before it is known whose it is.
    package var strangerBodyBytesMax = 64 << 10
    /// So many bytes of bodies that are longer than that may be held in all, as they come and until they are answered; a
    /// request with another is refused (503).
    package var heldBodyBytesMax = 128 << 20
    /// So many of those may be one caller's, as the handler names them: others find room beside it.
    package var heldBodyBytesPerOwnerMax = 48 << 20
    /// A connection on which nothing has come for so long, and for which nothing is being done, is closed; so is one
    /// whose peer has taken nothing of its answer for so long.
    package var idle: Duration = .seconds(75)
    /// A peer that has not read enough for so long that the next answer could be begun is let go of.
    package var delivery: Duration = .seconds(120)
    /// So many connections at once; for one more, that which has sent no whole request for longest is closed.
    package var connectionsMax = 10_000
    /// So many connections at once of one address (IPv6: of one /64), of which one gives way then; this machine and named
    /// proxies are exempt.
    package var connectionsPerAddressMax = 2500
    /// So many bytes of answers may wait in all for those who asked to read them; more are refused (503).
    ///
    /// Answers up to `owedFreeBytes` are not counted.
    package var owedBytesMax = 256 << 20
    /// What every connection may be owed besides.
    package var owedFreeBytes = 64 << 10
    /// So many connections may be open beyond the limit for the moment that closing them takes; then none is accepted.
    package var closingMax = 16
    /// At most so many bytes are read into requests at once: what a peer sends ahead stays bytes until it is its turn.
    package var parsedBytesMax = 4 << 10
    /// After so many requests of one connection without a pause, the loop's other connections have their turn.
    package var requestsPerTurnMax = 64
    /// Bodies above this are handled on Swift's pool, so that reading one delays nobody else on the loop.
    package var inlineBodyBytesMax = 16 << 10
    /// For how long the rest of a request that was refused before it was whole is read and dropped.
    package var linger: Duration = .seconds(1)
    /// How long requests that are under way may take to end once the program is told to stop.
    package var drain: Duration = .seconds(30)

    /// The defaults.
    package init() {}
}

/// Whether a body is let in that is larger than a stranger's may be.
package enum BodyAdmission: Sendable {
    /// It is not, and this is answered.
    case refused(Response)
    /// It is, and counts as somebody's; nil is one owner too.
    case admitted(owner: String?)

    /// Whose it is.
    var owner: String? { if case .admitted(let owner) = self { owner } else { nil } }
}

/// What a listener does with its requests.
///
/// A class: every request hands its handler on, and a struct of many parts would be copied part by part.
package protocol HTTPHandler: AnyObject, Sendable {
    /// How large a body this request may carry; asked before any of it is read.
    func bodyBytesMax(path: Substring, head: HTTPRequestHead) -> Int
    /// Whether this request's body is let in, and whose it is, before any of it is read.
    ///
    /// Asked only where the body is larger than a stranger's may be (`HTTPLimits.strangerBodyBytesMax`). May begin on
    /// the connection's event loop, and must not block.
    func admission(of head: HTTPRequestHead, address: String?) async -> BodyAdmission
    /// The form of a refusal that the connection itself makes of a request for a path.
    func response(refusing refusal: HTTPRefusal, path: Substring) -> Response
    /// Whether nobody wants the answer any more once the peer has gone: then the task that answers is cancelled.
    func endsWithPeer(_ request: Request) -> Bool
    /// Answers a request; one that asks for the header alone (HEAD) comes as GET.
    ///
    /// Begins on the connection's event loop and goes on there until it waits for something: nothing in it may block
    /// (docs/adr/0009).
    func respond(to request: Request) async -> Response
}

/// Why a connection refuses a request itself, before its handler is asked.
package struct HTTPRefusal: Error, Sendable {
    /// What is answered.
    package let status: HTTPResponseStatus
    /// A sentence for whoever sent it.
    package let message: String

    /// States a refusal.
    package init(_ status: HTTPResponseStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

extension HTTPHandler {
    /// A line of text.
    package func response(refusing refusal: HTTPRefusal, path: Substring) -> Response {
        Response(refusal.status, headers: [(.contentType, "text/plain")], body: Array((refusal.message + "\n").utf8))
    }

    /// Every body that may come at all is let in.
    package func admission(of head: HTTPRequestHead, address: String?) async -> BodyAdmission { .admitted(owner: nil) }

    /// What was begun is done.
    package func endsWithPeer(_ request: Request) -> Bool { false }
}
