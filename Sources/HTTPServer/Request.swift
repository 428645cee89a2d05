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

    /// Gathers a request.
    package init(_ head: HTTPRequestHead, body: Body, address: String?) {
        method = head.method
        headers = head.headers
        self.body = body
        self.address = address
        path = Request.path(of: head.uri)
        // One byte is passed over, not one character: whatever follows a slash or a question mark is text of its own.
        let rest = head.uri[path.endIndex...]
        query = rest.isEmpty ? rest : rest[rest.utf8.index(after: rest.startIndex)...]
    }

    /// What stands before the `?` of a request's target, behind the server's name where the target has one.
    package static func path(of target: String) -> Substring {
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        guard target.utf8.first != UInt8(ascii: "/") else { return target[..<end] }
        return target[..<end].afterAuthority ?? target[..<end]
    }

    /// The first field of a name.
    package func header(_ name: HeaderName) -> String? { headers.value(of: name) }

    /// The parts of the path between slashes.
    package var segments: [Substring] { Request.segments(of: path) }

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
    package var queryParameters: [(name: String, value: String)] {
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

extension Substring {
    /// The path of a target in absolute form, `http://host/path`, which every server must take (RFC 9112, 3.2.2).
    fileprivate var afterAuthority: Substring? {
        for scheme in ["http://", "https://"] where utf8.count >= scheme.utf8.count {
            guard zip(utf8, scheme.utf8).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) else { continue }
            let rest = utf8.dropFirst(scheme.utf8.count)
            return self[(rest.firstIndex(of: UInt8(ascii: "/")) ?? endIndex)...]
        }
        return nil
    }
}

extension HTTPHeaders {
    /// The first field of a name.
    package func value(of name: HeaderName) -> String? {
        for (field, value) in self where name.isName(of: field) { return value }
        return nil
    }

    /// All fields of a name, in order.
    package func values(of name: HeaderName) -> [String] {
        compactMap { name.isName(of: $0.name) ? $0.value : nil }
    }
}

/// The names of header fields, each said once.
package struct HeaderName: Sendable {
    /// As it is written.
    package let text: String

    /// Names a field.
    package init(_ text: String) { self.text = text }

    /// Whether a field has this name, in whatever case; lengths first, which settles nearly all fields.
    package func isName(of field: String) -> Bool {
        let (left, right) = (field.utf8, text.utf8)
        guard left.count == right.count else { return false }
        // As nearly every client writes it: their bytes are compared at once.
        if field == text { return true }
        return zip(left, right)
            .allSatisfy { $0 == $1 || ($0 ^ $1 == 0x20 && ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A) }
    }

    package static let accept = HeaderName("Accept")
    package static let allow = HeaderName("Allow")
    package static let apiKey = HeaderName("X-API-Key")
    package static let authorization = HeaderName("Authorization")
    package static let cacheControl = HeaderName("Cache-Control")
    package static let connection = HeaderName("Connection")
    package static let contentLength = HeaderName("Content-Length")
    package static let contentDisposition = HeaderName("Content-Disposition")
    package static let contentType = HeaderName("Content-Type")
    package static let contentTypeOptions = HeaderName("X-Content-Type-Options")
    package static let expect = HeaderName("Expect")
    /// `Transfer-Encoding`.
    package static let transferEncoding = HeaderName("Transfer-Encoding")
    package static let forwardedFor = HeaderName("X-Forwarded-For")
    package static let host = HeaderName("Host")
    package static let origin = HeaderName("Origin")
    package static let prefer = HeaderName("Prefer")
    package static let retryAfter = HeaderName("Retry-After")
    package static let accelBuffering = HeaderName("X-Accel-Buffering")
    package static let upgrade = HeaderName("Upgrade")
    package static let wwwAuthenticate = HeaderName("WWW-Authenticate")
}
