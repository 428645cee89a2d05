import MCP
import NIOHTTP1

/// One HTTP request, its body included.
package struct Request: Sendable {
    /// What came after the header.
    package enum Body: Sendable {
        /// All of it.
        case whole([UInt8])
        /// More than the path may carry: it was not kept, and the connection ends with the answer.
        case tooLarge(limit: Int)
    }

    /// The method.
    package let method: HTTPMethod
    /// The path as it was sent, without the query; begins with `/`.
    package let path: Substring
    /// What came after the `?`, as it was sent; empty without one.
    package let query: Substring
    /// The header's fields.
    package let headers: HTTPHeaders
    /// The body.
    package let body: Body
    /// The caller's address: the peer's, or what a named proxy says of it.
    package let address: String?

    init(_ head: HTTPRequestHead, body: Body, address: String?) {
        method = head.method
        headers = head.headers
        self.body = body
        self.address = address
        path = Request.path(of: head.uri)
        // One byte is passed over, not one character: whatever follows a slash or a question mark is text of its own.
        let rest = head.uri[path.endIndex...]
        query = rest.isEmpty ? rest : rest[rest.utf8.index(after: rest.startIndex)...]
    }

    /// What stands before the `?` of a request's target.
    static func path(of target: String) -> Substring {
        target[..<(target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex)]
    }

    /// The first field of a name.
    func header(_ name: HeaderName) -> String? { headers.value(of: name) }

    /// The parts of the path between slashes.
    var segments: [Substring] { Request.segments(of: path) }

    static func segments(of path: Substring) -> [Substring] {
        var segments: [Substring] = []
        segments.reserveCapacity(4)
        guard !path.isEmpty else { return [path] }
        var rest = path[path.utf8.index(after: path.startIndex)...]
        while let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
            segments.append(rest[..<slash])
            rest = rest[rest.utf8.index(after: slash)...]
        }
        segments.append(rest)
        return segments
    }

    /// The query's names and values, decoded.
    var queryParameters: [(name: String, value: String)] {
        query.utf8.split(separator: UInt8(ascii: "&"))
            .map { pair in
                let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                func decoded(_ side: Substring.UTF8View) -> String {
                    let text = String(Substring(side)).replacing("+", with: " ")
                    return text.removingURLPercentEncoding() ?? text
                }
                return (decoded(sides[0]), sides.count > 1 ? decoded(sides[1]) : "")
            }
    }
}

extension HTTPHeaders {
    /// The first field of a name.
    func value(of name: HeaderName) -> String? {
        for (field, value) in self where name.isName(of: field) { return value }
        return nil
    }

    /// All fields of a name, in order.
    func values(of name: HeaderName) -> [String] {
        compactMap { name.isName(of: $0.name) ? $0.value : nil }
    }
}

/// The names of header fields, each said once.
struct HeaderName: Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    /// Whether a field has this name, in whatever case; lengths first, which settles nearly all fields.
    func isName(of field: String) -> Bool {
        let (left, right) = (field.utf8, text.utf8)
        guard left.count == right.count else { return false }
        return zip(left, right)
            .allSatisfy { $0 == $1 || ($0 ^ $1 == 0x20 && ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A) }
    }

    static let accept = HeaderName("Accept")
    static let allow = HeaderName("Allow")
    static let apiKey = HeaderName("X-API-Key")
    static let authorization = HeaderName("Authorization")
    static let cacheControl = HeaderName("Cache-Control")
    static let connection = HeaderName("Connection")
    static let contentLength = HeaderName("Content-Length")
    static let contentDisposition = HeaderName("Content-Disposition")
    static let contentType = HeaderName("Content-Type")
    static let contentTypeOptions = HeaderName("X-Content-Type-Options")
    static let endsWithConnection = HeaderName(Exchange.endsWithConnectionHeader)
    static let environment = HeaderName("Gateway-Environment")
    static let expect = HeaderName("Expect")
    static let forwardedFor = HeaderName("X-Forwarded-For")
    static let host = HeaderName("Host")
    static let idempotencyKey = HeaderName("Idempotency-Key")
    static let idempotentReplayed = HeaderName("Idempotent-Replayed")
    static let mcpMethod = HeaderName("Mcp-Method")
    static let mcpName = HeaderName("Mcp-Name")
    static let mcpVersion = HeaderName("MCP-Protocol-Version")
    static let origin = HeaderName("Origin")
    static let prefer = HeaderName("Prefer")
    static let rateLimit = HeaderName("RateLimit")
    static let rateLimitPolicy = HeaderName("RateLimit-Policy")
    static let requestID = HeaderName("X-Request-Id")
    static let retryAfter = HeaderName("Retry-After")
    static let accelBuffering = HeaderName("X-Accel-Buffering")
    static let upgrade = HeaderName("Upgrade")
    static let wwwAuthenticate = HeaderName("WWW-Authenticate")
}
