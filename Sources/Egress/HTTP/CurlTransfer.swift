import CCurl
import Gateway
import Synchronization

/// One transfer on libcurl's thread: its handle, what came back, and how often its request was begun.
///
/// Touched by the curl thread alone once it has been submitted.
final class CurlTransfer: @unchecked Sendable {
    let request: HTTPRequest
    let finish: @Sendable (HTTPOutcome) -> Void
    var body: [UInt8] = []
    var isTooLarge = false
    /// Whether somebody still wants the answer; nil for one that must be waited for.
    private let wish: Wish?
    private var received = 0
    /// How much of a letter libcurl has taken.
    var written = 0
    /// How often libcurl was about to write the request.
    ///
    /// Its second time would be a silent repeat, and is refused.
    var begun = 0
    /// When it was, by the monotonic clock.
    private var begunAt: UInt64 = 0
    /// Its first byte does not leave after this.
    private let leaveBy: UInt64
    /// Why a request that came too late was not sent.
    static let tooLate = "the time in which it may be sent has passed"
    private var wasLate = false
    /// Why the answer of one that left is given up.
    static let tooSlow = "no whole answer came in time"
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var names: UnsafeMutablePointer<curl_slist>?
    /// Its handle, while it has one.
    private var easy: UnsafeMutableRawPointer?
    /// The sockets that were opened for it: one for each address that was tried.
    private var sockets: [Int32] = []
    /// The one on which the request left.
    private var socket: Int32?
    /// How it goes.
    private var notes = TransferNotes()
    /// How many addresses are kept of a name that has many.
    private static let addressesMax = 8
    /// Whether an answer's first byte has come.
    private var isAnswered = false
    private var isEarly = false
    /// Where libcurl writes what exactly went wrong.
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    /// A caller's wish to have an answer, which may end.
    final class Wish: Sendable {
        private let hasEnded = Atomic<Bool>(false)

        var isOver: Bool { hasEnded.load(ordering: .acquiring) }
        func end() { hasEnded.store(true, ordering: .releasing) }
    }

    init(_ request: HTTPRequest, wish: Wish? = nil, finish: @escaping @Sendable (HTTPOutcome) -> Void) {
        self.request = request
        self.wish = wish
        self.finish = finish
        leaveBy = request.leaveWithin.map { CurlTransfer.moment(after: $0) } ?? .max
    }

    /// Whether the request may not leave any more.
    var isTooLate: Bool { CurlPoll.now() >= leaveBy }

    /// Whether nobody wants the answer any more.
    var isGivenUp: Bool { wish?.isOver ?? false }

    /// Whether the request left so long ago that its answer is given up.
    func hasWaitedEnough(at now: UInt64) -> Bool {
        begun > 0 && now >= begunAt + UInt64(max(0, request.timeout.wholeNanoseconds))
    }

    private static func moment(after wait: Duration) -> UInt64 {
        let wait = wait.wholeNanoseconds
        return wait <= 0 ? 0 : CurlPoll.now().addingReportingOverflow(UInt64(wait)).partialValue
    }

    deinit { errorText.deallocate() }

    /// Sets a clean handle up for this transfer.
    ///
    /// The transfer must outlive it.
    func prepare(_ easy: UnsafeMutableRawPointer, userAgent: String, certificateFile: String?) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = gateway_set_text(easy, CURLOPT_URL, request.url)
        _ = gateway_set_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = gateway_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        // Never a proxy from the environment: where money goes is configuration.
        _ = gateway_set_text(easy, CURLOPT_PROXY, "")
        _ = gateway_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        // The client keeps the time of an answer itself, from the first byte on: this one, which runs from now, is later.
        let whole = request.connectTimeout + request.timeout + .seconds(2)
        if !request.waitsForPieces { _ = gateway_set_long(easy, CURLOPT_TIMEOUT_MS, CurlTransfer.milliseconds(whole)) }
        _ = gateway_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, CurlTransfer.milliseconds(request.connectTimeout))
        _ = gateway_set_text(easy, CURLOPT_USERAGENT, userAgent)
        trust(easy, certificateFile)
        // What was left unread on a kept connection, an answer's second copy or a load balancer's farewell, would be
        // taken for this request's answer.
        _ = gateway_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
        _ = gateway_set_long(easy, CURLOPT_FORBID_REUSE, 1)
        errorText[0] = 0
        _ = gateway_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        if let envelope = request.envelope {
            headers = prepare(envelope, on: easy)
        } else {
            prepareForWeb(easy)
        }
        self.easy = easy
        _ = gateway_set_socket_hearer(easy, CurlTransfer.hearSocket, context)
        if request.admits != nil || request.onEnd != nil {
            _ = gateway_set_socket_opener(easy, CurlTransfer.openSocket, context)
        }
        _ = gateway_set_writer(easy, CurlTransfer.write, context)
        _ = gateway_set_before_request(easy, CurlTransfer.beforeRequest, context)
    }

    /// Sets up what a request of the web needs.
    private func prepareForWeb(_ easy: UnsafeMutableRawPointer) {
        let isPlain = request.allowsPlain || CurlTransfer.isLoopback(request.url)
        _ = gateway_set_text(easy, CURLOPT_PROTOCOLS_STR, isPlain ? "http,https" : "https")
        resolve(easy)
        // An `Expect: 100-continue` would only add a round trip.
        headers = curl_slist_append(nil, "Expect:")
        for (name, value) in request.headers { headers = curl_slist_append(headers, name + ": " + value) }
        _ = gateway_set_headers(easy, headers)
        if request.method != "GET" { _ = gateway_set_text(easy, CURLOPT_CUSTOMREQUEST, request.method) }
        if request.hasBody {
            _ = request.body.withUnsafeBytes { gateway_set_body(easy, $0.baseAddress, curl_off_t($0.count)) }
        }
        _ = gateway_set_header_reader(easy, CurlTransfer.readHeader, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Says what the name leads to, where the machine's own resolver is not asked.
    private func resolve(_ easy: UnsafeMutableRawPointer) {
        guard let resolve = request.resolve, let place = URLPlace(request.url) else { return }
        let addresses = resolve(place.host).joined(separator: ",")
        // Without an address the name leads nowhere.
        let line = addresses.isEmpty ? "-\(place.host):\(place.port)" : "\(place.host):\(place.port):\(addresses)"
        names = curl_slist_append(nil, line)
        _ = gateway_set_names(easy, names)
    }

    /// Says who may vouch for the other side.
    private func trust(_ easy: UnsafeMutableRawPointer, _ certificateFile: String?) {
        let file =
            switch request.trust {
            case .client: certificateFile
            case .system: String?.none
            case .file(let file): file
            }
        guard let file else { return }
        _ = gateway_set_text(easy, CURLOPT_CAINFO, file)
        // libcurl would go on trusting the system's folder of authorities beside the file.
        _ = gateway_set_text(easy, CURLOPT_CAPATH, nil)
    }

    /// Frees what `prepare` made, once libcurl is done with it.
    func release() {
        curl_slist_free_all(headers)
        headers = nil
        curl_slist_free_all(names)
        names = nil
        easy = nil
    }

    /// What a finished transfer means.
    ///
    ///     not begun, any error                     the request never left
    ///     begun, error                             it may have: nobody knows
    ///     begun, done, a status                    answered
    func outcome(_ code: CURLcode, status: Int) -> HTTPOutcome {
        if code == CURLE_OK, status > 0 { return .answered(status: status, body: body) }
        let reason = reason(of: code)
        if begun == 0 { return .notSent(wasLate ? CurlTransfer.tooLate : reason) }
        if begun > 1 { return .unknown("the connection was closed before an answer; not sent again") }
        if isEarly { return .unknown("an answer began before the whole request had arrived") }
        if isTooLarge { return .unknown("the answer is larger than \(request.answerBytesMax) bytes") }
        return .unknown(reason)
    }

    /// Notes for how many seconds the answer asks to be left alone.
    func note(retryAfter seconds: Int64) { notes.retryAfter = seconds }

    /// Hands the outcome over, and before it how it went.
    func end(_ outcome: HTTPOutcome, _ code: CURLcode?) {
        if let hear = request.onEnd {
            notes.fault = code.map(CurlTransfer.fault) ?? .other
            hear(notes)
        }
        finish(outcome)
    }

    private static func fault(_ code: CURLcode) -> TransferNotes.Fault? {
        switch code {
        case CURLE_OK: nil
        case CURLE_COULDNT_RESOLVE_HOST: .name
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .trust
        default: .other
        }
    }

    /// libcurl's name for an error; for a certificate also what is wrong with it, which its name does not tell.
    private func reason(of code: CURLcode) -> String {
        let name = String(cString: curl_easy_strerror(code))
        let exactly = String(cString: errorText)
        if request.envelope != nil {
            // It may name the operator's server; of that only its code is for whoever asked for the letter.
            let told = exactly.split { !$0.isNumber }.last { $0.count == 3 && ("4"..."5").contains($0.prefix(1)) }
            return told.map { "\(name) (\($0))" } ?? name
        }
        let isTold = code == CURLE_PEER_FAILED_VERIFICATION
        return isTold && !exactly.isEmpty ? "\(name) (\(exactly))" : name
    }

    private static let hearSocket: curl_sockopt_callback = { context, socket, _ in
        guard let context else { return Int32(CURL_SOCKOPT_OK) }
        Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue().sockets.append(socket)
        return Int32(CURL_SOCKOPT_OK)
    }

    private static let openSocket: curl_opensocket_callback = { context, _, address in
        guard let context, let address else { return CURL_SOCKET_BAD }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard gateway_address_text(address, &text) == 1 else { return CURL_SOCKET_BAD }
        let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard transfer.request.admits?(name, Int(gateway_address_port(address))) ?? true else {
            transfer.notes.refused += 1
            return CURL_SOCKET_BAD
        }
        transfer.notes.admitted += 1
        // What may not be reached is not told either: a name within somebody's network leads there.
        if transfer.notes.addresses.count < CurlTransfer.addressesMax { transfer.notes.addresses.append(name) }
        return gateway_open_socket(address)
    }

    /// The other side confirms what it has got with every byte that it sends, so an answer that comes while something
    /// of the request is unconfirmed began before the request was there: it is no answer to it.
    private static let readHeader: gateway_write_callback = { _, size, count, context in
        guard let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        guard !transfer.isAnswered else { return size * count }
        transfer.isAnswered = true
        transfer.isEarly = !transfer.hasArrived
        return transfer.isEarly ? 0 : size * count
    }

    /// Whether the whole request is known to have reached the other side's kernel.
    private var hasArrived: Bool {
        if let socket, gateway_unconfirmed(socket) > 0 { return false }
        guard request.hasBody, let easy else { return true }
        return gateway_body_written(easy) >= request.body.count
    }

    private static let write: gateway_write_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        let length = size * count
        let piece = UnsafeRawBufferPointer(start: bytes, count: length)
        let isLong = transfer.request.waitsForPieces
        if isLong { transfer.begunAt = CurlPoll.now() }
        let isTaken: Bool
        do { isTaken = try transfer.hands(piece) } catch { return 0 }
        if !isTaken || !isLong { transfer.received += length }
        guard transfer.received <= transfer.request.answerBytesMax else {
            transfer.isTooLarge = true
            return 0
        }
        if !isTaken { transfer.body.append(contentsOf: piece) }
        return length
    }

    /// Whether somebody hears the answer as it comes, and takes this piece of it.
    private func hands(_ piece: UnsafeRawBufferPointer) throws -> Bool {
        guard let hear = request.onPiece, let easy else { return false }
        return try hear(Array(piece), gateway_status(easy))
    }

    /// libcurl sends a POST again by itself when a kept connection turns out to be closed (measured): a second debit.
    ///
    /// No connection is kept; it asks here before each sending all the same, and a second is refused.
    private static let beforeRequest: gateway_before_request_callback = { context, _, _, _, localPort in
        guard let context else { return Int32(CURL_PREREQFUNC_ABORT) }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        if transfer.begun == 0, transfer.isTooLate {
            transfer.wasLate = true
            return Int32(CURL_PREREQFUNC_ABORT)
        }
        transfer.socket = transfer.sockets.first { gateway_local_port($0) == localPort }
        transfer.begun += 1
        transfer.begunAt = CurlPoll.now()
        return transfer.begun == 1 ? Int32(CURL_PREREQFUNC_OK) : Int32(CURL_PREREQFUNC_ABORT)
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }

    private static func isLoopback(_ url: String) -> Bool {
        ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .contains { prefix in
                url.hasPrefix(prefix) && [":", "/", nil].contains(url.dropFirst(prefix.count).first)
            }
    }
}

/// The host and port that an address of the web names.
private struct URLPlace {
    let host: String
    let port: Int

    init?(_ url: String) {
        guard let start = url.firstRange(of: "://")?.upperBound else { return nil }
        let authority = url[start...].prefix { !"/?#".contains($0) }
        let colon = authority.last == "]" ? nil : authority.lastIndex(of: ":")
        host = String(authority[..<(colon ?? authority.endIndex)])
        port = colon.flatMap { Int(authority[authority.index(after: $0)...]) } ?? (url.hasPrefix("https") ? 443 : 80)
    }
}
