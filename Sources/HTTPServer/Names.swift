import Addresses

/// A web origin (RFC 6454), read whole: scheme, host and port and nothing else.
package struct Origin: Equatable, Sendable {
    let scheme: String
    let host: String
    let port: Int

    /// Reads an `Origin` field; nil for `null` and for whatever has more or less than an origin has.
    package init?(_ text: String) {
        let lower = text.lowercased()
        guard let separator = lower.firstRange(of: "://") else { return nil }
        scheme = String(lower[..<separator.lowerBound])
        guard let usual = ["http": 80, "https": 443][scheme],
            let authority = Authority(String(lower[separator.upperBound...]))
        else { return nil }
        host = authority.host
        port = authority.port ?? usual
    }

    /// The origin of an address, whatever path it has.
    package init?(of url: String) {
        guard let separator = url.firstRange(of: "://") else { return nil }
        let end = url[separator.upperBound...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        self.init(String(url[..<end]))
    }

    /// Whether it is a page of this machine.
    package var isLocal: Bool { host == "localhost" || IPAddress(host)?.isLoopback == true }
}

/// `host` or `host:port`, as `Host` and origins have it; an address of version 6 stands in brackets.
struct Authority: Equatable, Sendable {
    /// In lower case, without brackets and without a dot at its end.
    let host: String
    let port: Int?

    init?(_ text: String) {
        var rest = text.lowercased()[...]
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            guard host.contains(":"), IPAddress(host) != nil else { return nil }
            rest = rest[rest.index(after: end)...]
        } else {
            let name = rest.prefix { $0 != ":" }
            guard name.utf8.allSatisfy({ Authority.isNameByte($0) }) else { return nil }
            host = String(name.hasSuffix(".") ? name.dropLast() : name)
            rest = rest[name.endIndex...]
        }
        guard !host.isEmpty else { return nil }
        if rest.isEmpty {
            port = nil
        } else {
            let digits = rest.dropFirst()
            guard rest.hasPrefix(":"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt16(digits)
            else { return nil }
            port = Int(number)
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "-._".utf8.contains(byte)
        }
    }
}

/// The names by which a listener may be spoken to.
///
/// A page on the web can give any name of its own this machine's address and read what answers there (DNS rebinding);
/// it cannot make a browser say a name that is not the page's.
package struct OwnNames: Sendable {
    private let names: Set<String>
    private let isEverywhere: Bool

    /// The names of this machine, the host that is listened on, and more.
    ///
    /// A listener on all addresses (`0.0.0.0`, `::`) takes every address, because no name can be rebound to one.
    package init(listening host: String, more: [String] = []) {
        isEverywhere = ["0.0.0.0", "::", "[::]"].contains(host)
        names = Set((more + [host]).map { OwnNames.normal($0) })
    }

    /// Whether a `Host` field, or an origin's host, names this listener.
    package func contains(_ host: String) -> Bool {
        guard let authority = Authority(host) else { return false }
        return contains(named: authority.host)
    }

    /// Whether a page of this origin may ask.
    package func contains(origin: String) -> Bool { Origin(origin).map { contains(named: $0.host) } ?? false }

    private func contains(named host: String) -> Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || names.contains(OwnNames.normal(host)) { return true }
        guard let address = IPAddress(host) else { return false }
        return isEverywhere || address.isLoopback
    }

    private static func normal(_ name: String) -> String {
        let bare = name.lowercased().filter { !"[]".contains($0) }
        return IPAddress(bare)?.description ?? bare
    }
}
