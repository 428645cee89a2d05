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
    /// The caller's address as this process sees it.
    package let address: String?

    init(_ head: HTTPRequestHead, body: Body, address: String?) {
        method = head.method
        headers = head.headers
        self.body = body
        self.address = address
        let target = head.uri.utf8
        if let mark = target.firstIndex(of: UInt8(ascii: "?")) {
            path = head.uri[..<mark]
            query = head.uri[target.index(after: mark)...]
        } else {
            path = head.uri[...]
            query = ""
        }
    }

    /// The first field of a name.
    func header(_ name: HeaderName) -> String? { headers.first(name: name.text) }

    /// The parts of the path between slashes.
    var segments: [Substring] { Request.segments(of: path) }

    static func segments(of path: Substring) -> [Substring] {
        path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { Substring($0) }
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

/// The names of header fields, each said once.
struct HeaderName: Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static let accept = HeaderName("Accept")
    static let allow = HeaderName("Allow")
    static let apiKey = HeaderName("X-API-Key")
    static let authorization = HeaderName("Authorization")
    static let cacheControl = HeaderName("Cache-Control")
    static let contentDisposition = HeaderName("Content-Disposition")
    static let contentType = HeaderName("Content-Type")
    static let contentTypeOptions = HeaderName("X-Content-Type-Options")
    static let environment = HeaderName("Gateway-Environment")
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
    static let wwwAuthenticate = HeaderName("WWW-Authenticate")
}
