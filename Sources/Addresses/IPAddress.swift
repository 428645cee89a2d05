import Glibc

/// An IP address, version 4 or 6, for comparing and counting.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The sixteen bytes of version 6; version 4 is mapped into it.
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads an address as `inet_pton` does; nil for anything else, names and ports included.
    package init?(_ text: String) {
        // A zero byte would end the text for C alone, and what stands behind it would not be looked at.
        guard !text.utf8.contains(0) else { return nil }
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(high: 0, low: IPAddress.mapped | UInt64(UInt32(bigEndian: four.s_addr)))
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

    /// Whether it is one of version 4, in its own form or in that of version 6.
    package var isVersion4: Bool { high == 0 && low & ~0xFFFF_FFFF == IPAddress.mapped }

    /// Whether it is this machine's own: 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        isVersion4 ? low & 0xFF00_0000 == 0x7F00_0000 : high == 0 && low == 1
    }

    /// What counts as one peer: an address of version 4, a /64 of version 6, which one subscriber has whole.
    package var network: IPAddress { isVersion4 ? self : prefix(64) }

    /// Who may well be one subscriber: an address of version 4, a /48 of version 6.
    package var neighbourhood: IPAddress { isVersion4 ? self : prefix(48) }

    /// The first bits alone, counted as version 6 counts them.
    func prefix(_ bits: Int) -> IPAddress {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
        return IPAddress(high: high & mask(bits), low: low & mask(bits - 64))
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
