import Glibc

/// An IP address, version 4 or 6, for comparing and counting.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The sixteen bytes of version 6; version 4 is mapped into it.
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads an address as `inet_pton` does; nil for anything else, names and ports included.
    package init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: PeerAddress.mapped | UInt64(UInt32(bigEndian: four.s_addr)))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let words = withUnsafeBytes(of: six) { bytes in
            (bytes.load(as: UInt64.self).bigEndian, bytes.load(fromByteOffset: 8, as: UInt64.self).bigEndian)
        }
        self.init(high: words.0, low: words.1)
    }

    private static let mapped: UInt64 = 0xFFFF_0000_0000

    private var isVersion4: Bool { high == 0 && low & ~0xFFFF_FFFF == PeerAddress.mapped }

    /// Whether it is this machine's own: 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        isVersion4 ? low & 0xFF00_0000 == 0x7F00_0000 : high == 0 && low == 1
    }

    /// What counts as one peer: an address of version 4, a /64 of version 6, which one subscriber has whole.
    package var network: PeerAddress { isVersion4 ? self : PeerAddress(high: high, low: 0) }

    /// The first bits alone, counted as version 6 counts them.
    fileprivate func prefix(_ bits: Int) -> PeerAddress {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
        return PeerAddress(high: high & mask(bits), low: low & mask(bits - 64))
    }

    /// `ADDRESS` or `ADDRESS/BITS` as the address and how many of its 128 bits count; nil for anything else.
    fileprivate static func block(_ text: Substring) -> (PeerAddress, bits: Int)? {
        let sides = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = sides.first, sides.count <= 2, let address = PeerAddress(String(first)) else { return nil }
        let most = address.isVersion4 ? 32 : 128
        guard sides.count == 2 else { return (address, 128) }
        guard let bits = Int(sides[1]), (0...most).contains(bits) else { return nil }
        return (address, 128 - most + bits)
    }

    /// The usual text; version 4 always in its own form.
    package var description: String {
        if isVersion4 {
            return [24, 16, 8, 0].map { String(low >> $0 & 0xFF) }.joined(separator: ".")
        }
        var six = in6_addr()
        withUnsafeMutableBytes(of: &six) { bytes in
            bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(AF_INET6, &six, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The proxies whose word about a caller's address is taken: those that the operator names, and nobody else.
package struct TrustedProxies: Sendable {
    private let blocks: [(address: PeerAddress, bits: Int)]

    /// No proxy is trusted.
    package static let none = TrustedProxies(blocks: [])

    private init(blocks: [(address: PeerAddress, bits: Int)]) { self.blocks = blocks }

    /// Reads addresses and blocks such as `10.0.0.0/8`, between commas; nil where one is neither.
    package init?(_ text: String) {
        var blocks: [(address: PeerAddress, bits: Int)] = []
        for part in text.split(separator: ",") {
            let trimmed = part.filter { $0 != " " }
            guard let (address, bits) = PeerAddress.block(trimmed[...]) else { return nil }
            blocks.append((address.prefix(bits), bits))
        }
        self.init(blocks: blocks)
    }

    /// Whether an address is one of them.
    package func contains(_ address: PeerAddress) -> Bool {
        blocks.contains { address.prefix($0.bits) == $0.address }
    }

    /// Who called, by the proxies' `X-Forwarded-For`: the right-most address that is no proxy's.
    ///
    /// What stands to the left of it is the caller's own word and counts for nothing. Where an entry cannot be read,
    /// the proxy that wrote it is the last that is known.
    func client(behind peer: String, forwardedFor fields: [String]) -> String {
        var known = peer
        for field in fields.reversed() {
            for entry in field.split(separator: ",").reversed() {
                guard let address = TrustedProxies.address(entry) else { return known }
                known = address.description
                if !contains(address) { return known }
            }
        }
        return known
    }

    /// An entry, which may have a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
    private static func address(_ entry: Substring) -> PeerAddress? {
        let text = entry.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        if let address = PeerAddress(text) { return address }
        if text.hasPrefix("[") { return PeerAddress(String(text.dropFirst().prefix { $0 != "]" })) }
        return PeerAddress(String(text.prefix { $0 != ":" }))
    }
}
