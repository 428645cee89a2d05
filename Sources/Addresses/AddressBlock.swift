/// An IP address or a block of them, such as `192.0.2.0/24` or `2001:db8::/32`.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    package let description: String
    private let first: IPAddress
    private let bits: Int

    /// Reads `ADDRESS` or `ADDRESS/BITS`; nil for anything else, names and ports included.
    package init?(_ text: String) {
        let sides = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = sides.first.flatMap({ IPAddress(String($0)) }), sides.count <= 2 else { return nil }
        let most = address.isVersion4 ? 32 : 128
        var bits = most
        if sides.count == 2 {
            // `Int` takes a sign, by which -0 would be every address.
            guard sides[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(sides[1]),
                (0...most).contains(given)
            else { return nil }
            bits = given
        }
        self.bits = 128 - most + bits
        first = address.prefix(self.bits)
        description = text
    }

    /// Whether an address is of the block.
    package func contains(_ address: IPAddress) -> Bool { address.prefix(bits) == first }

    /// Whether another block lies within this one, or is the same.
    package func contains(_ other: AddressBlock) -> Bool { bits <= other.bits && contains(other.first) }

    /// Whether an address is of the block; what is no address is of none.
    package func contains(_ address: String) -> Bool { IPAddress(address).map { contains($0) } ?? false }
}
