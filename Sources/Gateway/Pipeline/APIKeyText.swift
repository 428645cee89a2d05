import Cryptography

/// The text of an API key: `mpk_test_<organization>_<key>_<secret>`.
///
/// Organization and key stand in it so that it is found without a global index; the secret is 160 random bits. The
/// store keeps SHA-256 of the whole text, which is enough for a secret nobody chose.
package struct APIKeyText: Sendable {
    /// Which M-Pesa the key says it acts on; the stored key decides.
    package let environment: Environment
    /// Whose key it says it is.
    package let organization: OrganizationID
    /// Which key it says it is.
    package let id: APIKeyID
    /// The whole text.
    package let text: Secret<String>

    /// Reads a key's text; nil when it is not of the form.
    package init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "mpk", let environment = Environment(rawValue: String(parts[1])),
            let organization = APIKeyText.identifier(parts[2]), let id = APIKeyText.identifier(parts[3]),
            parts[4].utf8.count == 32
        else { return nil }
        self.environment = environment
        self.organization = OrganizationID(organization)
        self.id = APIKeyID(id)
        self.text = Secret(text)
    }

    /// Makes a new key's text.
    package init(environment: Environment, organization: OrganizationID, id: APIKeyID, secret: [UInt8]) {
        self.environment = environment
        self.organization = organization
        self.id = id
        let parts = [organization.raw.bytes, id.raw.bytes, secret].map(CrockfordBase32.encode)
        text = Secret("mpk_\(environment.rawValue)_" + parts.joined(separator: "_"))
    }

    /// What may be shown: the environment and the end of the key's own name.
    package var prefix: String {
        "mpk_\(environment.rawValue)_…_" + CrockfordBase32.encode(id.raw.bytes).suffix(8)
    }

    private static func identifier(_ text: Substring) -> Identifier? {
        guard text.utf8.count == 26, let bytes = CrockfordBase32.decode(String(text)) else { return nil }
        return Identifier(bytes: bytes)
    }
}
