import Addresses

/// The proxies whose word about a caller's address is taken: those that the operator names, and nobody else.
package struct TrustedProxies: Sendable {
    private let blocks: [AddressBlock]

    /// No proxy is trusted.
    package static let none = TrustedProxies(blocks: [])

    private init(blocks: [AddressBlock]) { self.blocks = blocks }

    /// Reads addresses and blocks such as `10.0.0.0/8`, between commas; nil where one is neither.
    package init?(_ text: String) {
        var blocks: [AddressBlock] = []
        for part in text.split(separator: ",") {
            guard let block = AddressBlock(part.filter { $0 != " " }) else { return nil }
            blocks.append(block)
        }
        self.init(blocks: blocks)
    }

    /// Whether an address is one of them.
    package func contains(_ address: IPAddress) -> Bool {
        blocks.contains { $0.contains(address) }
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
    private static func address(_ entry: Substring) -> IPAddress? {
        let text = entry.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        if let address = IPAddress(text) { return address }
        if text.hasPrefix("[") { return IPAddress(String(text.dropFirst().prefix { $0 != "]" })) }
        return IPAddress(String(text.prefix { $0 != ":" }))
    }
}
