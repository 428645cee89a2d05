import Addresses

/// Which IP addresses are somebody's on the internet.
///
/// Where a tenant has a say in what the gateway connects to, it connects to no other: what stands behind it, and what
/// answers every machine about itself (169.254.169.254), is not a tenant's to ask.
/// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
package enum PublicAddress {
    private static let specialBlocks = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
        // Of version 6 everything outside of 2000::/3, and in it what carries an address of version 4 or is nobody's.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ]

    private static let special = specialBlocks.compactMap { AddressBlock($0) }
    private static let ordinary = ["0.0.0.0/0", "2000::/3"].compactMap { AddressBlock($0) }

    /// Whether an address is one of them; what is no address is not.
    package static func contains(_ address: String) -> Bool {
        ordinary.contains { $0.contains(address) } && !special.contains { $0.contains(address) }
    }
}
