import Glibc

/// The addresses of this machine, as they are now.
package enum OwnAddresses {
    /// Whether an address is one of them; loopback and what stands for every address are always.
    package static func contains(_ address: IPAddress) -> Bool {
        if address.isLoopback || everywhere.contains(address) { return true }
        return all().contains(address)
    }

    private static let everywhere = ["0.0.0.0", "::"].compactMap { IPAddress($0) }

    private static func all() -> Set<IPAddress> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: Set<IPAddress> = []
        var next = first
        while let entry = next {
            next = entry.pointee.ifa_next
            if let address = entry.pointee.ifa_addr.flatMap({ IPAddress($0) }) { found.insert(address) }
        }
        return found
    }
}

extension IPAddress {
    /// What a socket's address says; nil for what is none of version 4 or 6.
    fileprivate init?(_ place: UnsafeMutablePointer<sockaddr>) {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isText =
            switch Int32(place.pointee.sa_family) {
            case AF_INET:
                place.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    inet_ntop(AF_INET, &$0.pointee.sin_addr, &text, socklen_t(INET6_ADDRSTRLEN)) != nil
                }
            case AF_INET6:
                place.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    inet_ntop(AF_INET6, &$0.pointee.sin6_addr, &text, socklen_t(INET6_ADDRSTRLEN)) != nil
                }
            default: false
            }
        guard isText else { return nil }
        self.init(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
