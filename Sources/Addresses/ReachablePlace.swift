/// Addresses and perhaps one port of theirs, such as `10.1.0.0/16`, `10.1.2.3:8443` or `[fd00::/8]:443`.
package struct ReachablePlace: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    package let description: String
    private let block: AddressBlock
    /// Nil for every port.
    private let port: Int?

    /// Reads `BLOCK` or `BLOCK:PORT`, a block of version 6 before a port in brackets; nil for anything else.
    package init?(_ text: String) {
        description = text
        if let block = AddressBlock(text) {
            (self.block, port) = (block, nil)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        let digits = text[text.index(after: colon)...]
        guard let block = AddressBlock(String(host)), (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits), (1...65_535).contains(port)
        else { return nil }
        (self.block, self.port) = (block, port)
    }

    /// Whether it is of these.
    package func contains(_ address: IPAddress, port: Int) -> Bool {
        block.contains(address) && (self.port.map { $0 == port } ?? true)
    }
}
