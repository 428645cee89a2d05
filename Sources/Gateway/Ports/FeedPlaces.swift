import Cryptography

/// Places in the feed as they leave the host: texts that only the organization can bring back which they were given to.
///
/// Positions count everybody's events, so they would tell how much the whole gateway does. The same place is always the
/// same text: who asks again sees whether it has moved.
package struct FeedPlaces: Sendable {
    private let key: Secret<[UInt8]>

    /// Hides places under a key that comes from the host's master key.
    package init(key: Secret<[UInt8]>) { self.key = key }

    /// The text of a position.
    package func text(_ position: Int64, for organization: OrganizationID) -> String {
        let mark = mark(position, organization)
        return Identifier(high: mark, low: UInt64(bitPattern: position) ^ mask(mark, organization)).description
    }

    /// The position of a text; nil where it was not given to this organization.
    package func position(_ text: String, for organization: OrganizationID) -> Int64? {
        guard let found = Identifier(text) else { return nil }
        let position = Int64(bitPattern: found.low ^ mask(found.high, organization))
        return position >= 0 && mark(position, organization) == found.high ? position : nil
    }

    private func mark(_ position: Int64, _ organization: OrganizationID) -> UInt64 {
        word("mark \(organization) \(position)")
    }

    private func mask(_ mark: UInt64, _ organization: OrganizationID) -> UInt64 { word("mask \(organization) \(mark)") }

    private func word(_ text: String) -> UInt64 {
        HMACSHA256.authenticate(key: key.reveal(), Array(text.utf8)).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
