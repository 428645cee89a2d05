/// One request to an upstream.
package struct HTTPRequest: Sendable {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    package var method: String
    /// The whole URL.
    package var url: String
    /// `Name: value` pairs.
    package var headers: [(String, String)]
    /// Empty for a GET.
    package var body: [UInt8]
    /// Whether it goes with the request, be it empty.
    var hasBody: Bool { method == "POST" || (method != "GET" && !body.isEmpty) }
    /// From the request's first byte to the last of the answer.
    package var timeout: Duration
    /// How long the connection may take.
    package var connectTimeout: Duration
    /// How long after `send` the first byte may leave; nil for any time.
    ///
    /// When a connection is only ready later, nothing is sent.
    package var leaveWithin: Duration?
    /// The longest answer that is read.
    package var answerBytesMax: Int
    /// Whether `timeout` begins anew with each piece of the answer, and what `onPiece` takes is not bounded: for one that may
    /// be as long as it likes, as long as it comes.
    package var waitsForPieces = false
    /// Hears the answer's body as it comes, and its status; what it takes is not kept.
    ///
    /// Called on the client's own thread: only a client that carries nothing else may be kept waiting. Where it throws, the
    /// rest is not read.
    package var onPiece: (@Sendable (_ piece: [UInt8], _ status: Int) throws -> Bool)?
    /// Whether an address and port may be connected to that the name has led to; nil for every one.
    ///
    /// Asked with the very ones that are connected to, so that no name can lead elsewhere after it was looked at.
    /// Called on the client's own thread.
    package var admits: (@Sendable (_ address: String, _ port: Int) -> Bool)?
    /// Who may vouch for the other side.
    package var trust = Trust.client
    /// Whether it may go without TLS to others than this machine.
    var allowsPlain = false
    /// What the name leads to, asked once for each request; nil for the machine's own resolver.
    var resolve: (@Sendable (_ name: String) -> [String])?
    /// For a letter: who it is from and to.
    ///
    /// Its body is the whole message.
    var envelope: MailEnvelope?
    /// Hears how the request went, before its outcome is handed over; on the client's own thread.
    package var onEnd: (@Sendable (TransferNotes) -> Void)?

    /// Authorities.
    package enum Trust: Sendable, Equatable {
        /// Those that the client was given, or else the system's.
        case client
        /// The system's alone.
        case system
        /// Those of a PEM file alone.
        case file(String)
    }

    /// Makes a request.
    package init(
        method: String,
        url: String,
        headers: [(String, String)] = [],
        body: [UInt8] = [],
        timeout: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        leaveWithin: Duration? = nil,
        answerBytesMax: Int = 1 << 20
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.leaveWithin = leaveWithin
        self.answerBytesMax = answerBytesMax
    }
}

/// How a request went, for whoever wants to know why.
package struct TransferNotes: Sendable, Equatable {
    /// What went wrong, as far as it matters which.
    package enum Fault: Sendable, Equatable {
        /// The name has no address.
        case name
        /// TLS, a certificate.
        case trust
        /// Anything else.
        case other
    }

    /// Nil where nothing did.
    package var fault: Fault?
    /// The first addresses that it came to, in order, those that were refused among them.
    package var addresses: [String] = []
    /// How many could have been connected to.
    package var admitted = 0
    /// How many were refused.
    package var refused = 0
    /// For how many seconds the answer asks to be left alone; 0 where it does not.
    package var retryAfter: Int64 = 0
}

/// What is known after a request. The distinction that money needs: did anything leave?
package enum HTTPOutcome: Sendable, Equatable {
    /// A whole answer.
    case answered(status: Int, body: [UInt8])
    /// The request never left: no name, no connection, no trust.
    case notSent(String)
    /// It left, or may have, and no whole answer came.
    case unknown(String)
}
