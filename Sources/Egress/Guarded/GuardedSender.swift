import Addresses
import Gateway
import Synchronization

/// Sends to where organizations want to be sent to, and nowhere else: not to this machine's own listeners, not into
/// anybody's network.
///
/// It has a client with a thread and connections of its own, so that M-Pesa's wait for nobody. Which address may be
/// connected to is asked of the very address and port that a connection is opened to: no name leads elsewhere after it was
/// looked at. No redirect is followed, no proxy taken, nothing opened that is compressed, and of an answer only the
/// beginning is read. What it says of a failure names no address and nothing within anybody's network.
package final class GuardedSender: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// From the request's first byte to the answer's last.
        ///
        /// Default 15 s.
        package var timeout: Duration = .seconds(15)
        /// How long a connection may take.
        ///
        /// Default 5 s.
        package var connectTimeout: Duration = .seconds(5)
        /// How much of an answer is read; with more than that it is an answer all the same, and the connection is closed.
        ///
        /// Default 16 KiB.
        package var answerBytesMax = 16 << 10
        /// How much of an answer is kept.
        ///
        /// Default 1 KiB.
        package var keptBytesMax = 1 << 10
        /// How many requests may be under way, each on a connection of its own; more are refused as not sent.
        ///
        /// Default 200.
        package var sendingMax = 200
        /// What is not public and is connected to all the same: the operator's to say.
        package var reachable: [ReachablePlace] = []
        /// The ports that this process listens on, which are never connected to on this machine.
        package var ownPorts: Set<Int> = []
        /// What receivers' logs show.
        package var userAgent = "mpesa-gateway"
        /// Who vouches for a receiver: the usual authorities, whatever M-Pesa is trusted by.
        package var trust = HTTPRequest.Trust.system
        /// What a name leads to, asked each time; nil for the machine's own resolver.
        var resolve: (@Sendable (_ name: String) -> [String])?

        /// The defaults.
        package init() {}
    }

    /// What came of a request.
    package enum Outcome: Sendable, Equatable {
        /// A status, the first bytes of what came with it, as they came, and for how long the receiver asks to be left
        /// alone; nil where it does not.
        case answered(status: Int, beginning: [UInt8], retryAfter: Duration? = nil)
        /// No answer, and why; only `late` and `broken` may have been read by the receiver.
        case failed(Fault)
    }

    /// Why there is no answer.
    package enum Fault: String, Sendable, CaseIterable {
        /// The name leads to nothing that may be sent to: which of the two it is tells of somebody's network.
        case address
        /// Nobody takes a connection there.
        case connection
        /// Nobody whom it trusts vouches for the receiver.
        case trust
        /// No whole answer came in time.
        case late
        /// The connection ended before a whole answer, or the answer began before the request was there.
        case broken
        /// Too much is being sent already; nothing left.
        case busy

        /// For people.
        package var sentence: String {
            switch self {
            case .address: "The address leads to nothing on the internet that may be sent to."
            case .connection: "Nobody takes a connection at the address."
            case .trust: "The certificate at the address is not trusted."
            case .late: "No whole answer came in time."
            case .broken: "The connection ended without a whole answer."
            case .busy: "Too much is being sent already; nothing was sent."
            }
        }
    }

    /// What the client's thread has told.
    private final class Heard: Sendable {
        struct State {
            var notes: TransferNotes?
            var status = 0
            var count = 0
            var kept: [UInt8] = []
        }

        let state = Mutex(State())
    }

    private let client: CurlClient
    private let settings: Settings

    /// Starts its client.
    package init(settings: Settings = Settings()) {
        self.settings = settings
        var curl = CurlClient.Settings()
        curl.connectionsMax = settings.sendingMax
        curl.userAgent = settings.userAgent
        curl.threadName = "guarded"
        client = CurlClient(settings: curl)
    }

    /// Takes nothing new; what is under way is finished.
    package func shutdown() { client.shutdown() }

    /// Posts a body, once.
    package func post(
        _ body: [UInt8],
        _ headers: [(String, String)],
        to address: GuardedAddress
    ) async -> Outcome {
        let heard = Heard()
        let request = request("POST", headers, body, to: address, settings.keptBytesMax, heard)
        return read(await client.send(request), heard.state.withLock { $0 })
    }

    /// What was fetched.
    package enum Fetched: Sendable, Equatable {
        /// A status, and the whole of what came with it.
        case whole(status: Int, body: [UInt8])
        /// There was more than is read; nothing of it is kept.
        case tooLong
        /// No answer, and why.
        case failed(Fault)
    }

    /// Asks for what is at an address, once, and reads the whole answer where it has at most so many bytes.
    ///
    /// The same rules as of everything that is sent: of what may be connected to, and of what is followed.
    package func get(
        _ headers: [(String, String)],
        from address: GuardedAddress,
        bytesMax: Int
    ) async -> Fetched {
        let heard = Heard()
        var request = request("GET", headers, [], to: address, bytesMax, heard)
        request.answerBytesMax = bytesMax
        let outcome = await client.send(request)
        let state = heard.state.withLock { $0 }
        if state.count > bytesMax { return .tooLong }
        switch read(outcome, state) {
        case .answered(let status, let body, _): return .whole(status: status, body: body)
        case .failed(let fault): return .failed(fault)
        }
    }

    private func request(
        _ method: String,
        _ headers: [(String, String)],
        _ body: [UInt8],
        to address: GuardedAddress,
        _ keptBytesMax: Int,
        _ heard: Heard
    ) -> HTTPRequest {
        var request = HTTPRequest(
            method: method,
            url: address.url,
            headers: headers,
            body: body,
            timeout: settings.timeout,
            connectTimeout: settings.connectTimeout,
            answerBytesMax: settings.answerBytesMax
        )
        request.allowsPlain = !address.isSecure
        request.trust = settings.trust
        request.admits = { [settings] in GuardedSender.admits($0, port: $1, settings) }
        request.resolve = settings.resolve
        request.onEnd = { notes in heard.state.withLock { $0.notes = notes } }
        request.onPiece = { piece, status in
            heard.state.withLock { state in
                state.status = status
                state.count += piece.count
                state.kept += piece.prefix(keptBytesMax - state.kept.count)
            }
            return true
        }
        return request
    }

    /// What an outcome and what was heard of it mean.
    private func read(_ outcome: HTTPOutcome, _ heard: Heard.State) -> Outcome {
        switch outcome {
        case .answered(let status, _):
            let seconds = heard.notes?.retryAfter ?? 0
            let retryAfter: Duration? = seconds > 0 ? .seconds(seconds) : nil
            return .answered(status: status, beginning: heard.kept, retryAfter: retryAfter)
        case .unknown where heard.count > settings.answerBytesMax:
            return .answered(status: heard.status, beginning: heard.kept)
        case .unknown(let reason): return .failed(reason == CurlTransfer.tooSlow ? .late : .broken)
        case .notSent:
            guard let notes = heard.notes else { return .failed(.busy) }
            if notes.fault == .name || notes.refused > 0 && notes.admitted == 0 { return .failed(.address) }
            return .failed(notes.fault == .trust ? .trust : .connection)
        }
    }

    /// Whether an address and port may be connected to.
    static func admits(_ text: String, port: Int, _ settings: Settings) -> Bool {
        guard let address = IPAddress(text), port > 0 else { return false }
        if settings.ownPorts.contains(port), OwnAddresses.contains(address) { return false }
        return PublicAddress.contains(text) || settings.reachable.contains { $0.contains(address, port: port) }
    }
}
