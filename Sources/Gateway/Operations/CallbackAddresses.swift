import Cryptography

/// Mints and reads the unguessable addresses that M-Pesa calls back: `<base>/cb/<organization>/<token>`.
///
/// The token names the record and the callback and is authenticated, so nothing is stored for it, a stranger's guess
/// costs no query, and a callback finds its transaction even when the reply with M-Pesa's own id was lost:
///
///     token = hex( record (16) | environment (1) | name (1...32) | first 16 bytes of HMAC-SHA-256 )
///
/// Hexadecimal, because Safaricom refuses addresses that hold words such as "exe" or "cmd" (daraja: C2B register).
package struct CallbackAddresses: Sendable {
    /// What an address says.
    package struct Target: Sendable, Equatable {
        /// Whose record.
        package let organization: OrganizationID
        /// Which M-Pesa.
        package let environment: Environment
        /// The record.
        package let record: RecordID
        /// The callback's name in the operation kind.
        package let name: String

        /// Names a target.
        package init(organization: OrganizationID, environment: Environment, record: RecordID, name: String) {
            self.organization = organization
            self.environment = environment
            self.record = record
            self.name = name
        }
    }

    private static let tagBytes = 16
    private let key: Secret<[UInt8]>
    /// Where this host is reached.
    package let base: String

    /// Makes addresses below `publicURL`, authenticated under a 32-byte key.
    package init(publicURL: String, key: Secret<[UInt8]>) {
        self.base = publicURL.hasSuffix("/") ? String(publicURL.dropLast()) : publicURL
        self.key = key
    }

    /// The address for one callback of one record, below the organization's own base or else the host's.
    ///
    /// Its path is always the same for the same target.
    package func address(for target: Target, below own: BaseURL? = nil) -> String {
        let payload =
            target.record.raw.bytes + [target.environment == .live ? 1 : 0] + Array(target.name.utf8)
        let token = payload + tag(of: payload, organization: target.organization)
        return "\(own?.description ?? base)/cb/\(target.organization)/\(Hexadecimal.encode(token))"
    }

    /// What the two path segments after `/cb` say; nil unless the token is one of ours for that organization.
    ///
    /// Digits are read in either case: an address that was written in upper case on its way is the same address.
    package func target(organization: Substring, token: Substring) -> Target? {
        guard let organization = OrganizationID(organization.lowercased()),
            token.utf8.count <= 2 * (16 + 1 + 32 + CallbackAddresses.tagBytes),
            let bytes = Hexadecimal.decode(token.lowercased()), bytes.count > 17 + CallbackAddresses.tagBytes
        else { return nil }
        let payload = Array(bytes.dropLast(CallbackAddresses.tagBytes))
        let expected = tag(of: payload, organization: organization)
        guard constantTimeEquals(Array(bytes.suffix(CallbackAddresses.tagBytes)), expected),
            let record = Identifier(bytes: payload.prefix(16)),
            let name = String(validating: payload.dropFirst(17), as: UTF8.self)
        else { return nil }
        return Target(
            organization: organization,
            environment: payload[16] == 1 ? .live : .test,
            record: RecordID(record),
            name: name
        )
    }

    private func tag(of payload: [UInt8], organization: OrganizationID) -> [UInt8] {
        let mac = HMACSHA256.authenticate(key: key.reveal(), organization.raw.bytes + payload)
        return Array(mac.bytes.prefix(CallbackAddresses.tagBytes))
    }
}
