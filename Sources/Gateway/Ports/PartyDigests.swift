import Cryptography

/// What finds the records of a phone, or another party, without being it.
///
/// A keyed digest: whoever reads the database without the host's master key cannot tell by it whose records are whose,
/// nor try all phone numbers. Organizations and environments have digests of their own.
package struct PartyDigests: Sendable {
    private let key: Secret<[UInt8]>

    /// Makes digests under a key that comes from the host's master key.
    package init(key: Secret<[UInt8]>) { self.key = key }

    /// Under no key, so that they hide nothing: for tests.
    package static let open = PartyDigests(key: Secret([]))

    /// The digest of a party, as numbers are kept.
    ///
    /// Two parties may have the same one: what is found by it is compared.
    package func digest(of party: String, organization: OrganizationID, environment: Environment) -> Int64 {
        number("\(organization) \(environment.rawValue) \(party)")
    }

    /// What names the key: another key has another one.
    package var mark: Int64 { number("mark") }

    private func number(_ text: String) -> Int64 {
        let bytes = HMACSHA256.authenticate(key: key.reveal(), Array(text.utf8)).bytes
        return Int64(bitPattern: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}
