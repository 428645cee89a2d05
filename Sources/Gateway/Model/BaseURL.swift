import Addresses

/// Where a gateway is reached from outside: the beginning of every address that it gives to others, such as
/// `https://pay.example.com` or `https://example.com/gateway`.
///
/// A scheme, a host, perhaps a port and a path, and nothing else: no user, no query, no fragment.
package struct BaseURL: Sendable, Hashable, CustomStringConvertible {
    /// Where it may be reached without TLS.
    package enum Plain: Sendable {
        /// On this machine alone: M-Pesa calls nothing that is not `https`.
        case onLoopback
        /// Anywhere: for whoever runs the gateway, who knows what stands before it.
        case anywhere
    }

    /// The address, with its host in small letters and no slash at its end.
    package let description: String
    /// Whether it is reached by TLS.
    package let isSecure: Bool
    /// The host; an address of version 6 in brackets.
    package let host: String
    /// The port, where one is named.
    package let port: Int?
    /// What stands behind host and port; empty where nothing does.
    package let path: String
    /// Whether it is this machine.
    package let isOnLoopback: Bool

    /// How long one may be.
    ///
    /// With the path of a callback it stays well below the 512 characters that are seen to be taken.
    package static let charactersMax = 256

    /// Reads one; nil for whatever is none.
    package init?(_ text: String, plain: Plain = .onLoopback) {
        // Before anything is made small: what is no ASCII may become it then, as the sign for kelvin becomes a k.
        let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
        guard text.utf8.count <= BaseURL.charactersMax, isASCII, let scheme = BaseURL.scheme(of: text) else {
            return nil
        }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        guard let place = Place(String(Substring(authority))),
            let path = BaseURL.path(String(Substring(rest.dropFirst(authority.count))))
        else { return nil }
        isSecure = scheme == "https://"
        guard isSecure || plain == .anywhere || place.isLoopback else { return nil }
        host = place.host
        port = place.port
        self.path = path
        isOnLoopback = place.isLoopback
        description = scheme + place.host + (place.port.map { ":\($0)" } ?? "") + path
    }

    /// An address without path and query, in which there may be secrets; nil for what is none, or names a user.
    package static func masked(_ url: String) -> String? {
        guard let scheme = scheme(of: url) else { return nil }
        let end = url.dropFirst(scheme.count).firstIndex { "/?#".contains($0) } ?? url.endIndex
        guard let base = BaseURL(String(url[..<end]), plain: .anywhere) else { return nil }
        return base.description + (url[end...].isEmpty || url[end...] == "/" ? "" : "/…")
    }

    private static func scheme(of text: String) -> String? {
        ["https://", "http://"].first { text.lowercased().hasPrefix($0) }
    }

    /// A path without the slash at its end; nil for what a proxy may read otherwise than we do.
    private static func path(_ text: String) -> String? {
        guard !text.isEmpty, text != "/" else { return "" }
        let segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let named = segments.last == "" ? segments.dropLast() : segments
        for segment in named {
            let isPlain = segment.utf8.allSatisfy { BaseURL.isLetterOrDigit($0) || "-._~".utf8.contains($0) }
            guard !segment.isEmpty, segment != ".", segment != "..", isPlain else { return nil }
        }
        return "/" + named.joined(separator: "/")
    }

    fileprivate static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}

/// A host and perhaps a port.
private struct Place {
    let host: String
    let port: Int?
    let isLoopback: Bool

    init?(_ authority: String) {
        let host: String
        let rest: Substring
        if authority.hasPrefix("[") {
            host = String(authority.dropFirst().prefix { $0 != "]" })
            rest = authority.dropFirst(host.count + 2)
            guard authority.dropFirst(host.count + 1).first == "]", host.contains(":"), !host.contains("/"),
                AddressBlock(host) != nil
            else { return nil }
        } else {
            host = authority.prefix { $0 != ":" }.lowercased()
            rest = authority.dropFirst(host.count)
            guard Place.isName(host) else { return nil }
        }
        port = Place.port(rest)
        guard rest.isEmpty || port != nil else { return nil }
        self.host = authority.hasPrefix("[") ? "[" + host.lowercased() + "]" : host
        isLoopback = host == "localhost" || Place.loopback.contains { $0.contains(host) }
    }

    private static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressBlock($0) }

    /// A name, or an address of version 4 in its usual form: others of its forms look like names.
    private static func isName(_ host: String) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        let areLabels = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { BaseURL.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
        }
        guard areLabels, host.utf8.count <= 253, let last = labels.last else { return false }
        let isNumber = last.utf8.allSatisfy { (0x30...0x39).contains($0) } || last.hasPrefix("0x")
        return !isNumber || AddressBlock(host) != nil
    }

    private static func port(_ text: Substring) -> Int? {
        let digits = text.dropFirst()
        guard text.first == ":", (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits)
        else { return nil }
        return (1...65_535).contains(port) ? port : nil
    }
}
