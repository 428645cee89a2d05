import Glibc

/// An IP address or a block of them, such as `192.0.2.0/24` or `2001:db8::/32`.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    package let description: String
    private let first: Bits
    private let bits: Int

    /// The sixteen bytes of version 6; version 4 is mapped into it.
    private struct Bits: Hashable {
        let high: UInt64
        let low: UInt64

        init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        init?(_ text: String) {
            var four = in_addr()
            if inet_pton(AF_INET, text, &four) == 1 {
                self.init(high: 0, low: Bits.mapped | UInt64(UInt32(bigEndian: four.s_addr)))
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

        var isVersion4: Bool { high == 0 && low & ~0xFFFF_FFFF == Bits.mapped }

        func prefix(_ bits: Int) -> Bits {
            func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
            return Bits(high: high & mask(bits), low: low & mask(bits - 64))
        }
    }

    /// Reads `ADDRESS` or `ADDRESS/BITS`; nil for anything else, names and ports included.
    package init?(_ text: String) {
        let sides = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = sides.first.flatMap({ Bits(String($0)) }), sides.count <= 2 else { return nil }
        let most = address.isVersion4 ? 32 : 128
        var bits = most
        if sides.count == 2 {
            guard let given = Int(sides[1]), (0...most).contains(given) else { return nil }
            bits = given
        }
        self.bits = 128 - most + bits
        first = address.prefix(self.bits)
        description = text
    }

    /// Whether an address is of the block; what is no address is of none.
    package func contains(_ address: String) -> Bool { Bits(address).map { $0.prefix(bits) == first } ?? false }
}
