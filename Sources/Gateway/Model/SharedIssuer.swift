/// What the operator says of an issuer that organizations may accept: which claim names who somebody is, and which one
/// whose people they are.
///
/// Nothing of it lets anybody in: an organization accepts the issuer, and names the keys that its subjects act as.
package struct SharedIssuer: Sendable, Equatable {
    /// The claim that names the subject; for good, because organizations have named subjects by it.
    package let subjectClaim: String
    /// The claim by which the issuer says whose people its subjects are, for good; nil where it says that of nobody.
    package let tenantClaim: String?
    /// Whose people each value of that claim means, value by value.
    package var tenants: [String: OrganizationID]

    /// How many values one may name.
    package static let tenantsMax = 1_000
    /// How long a claim's name may be, in bytes.
    package static let claimBytesMax = 128
    /// What whoever asks for a token has a say in, or what says nothing of a person.
    private static let chosen: Set<String> = [
        "iss", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "resource", "nonce", "state", "azp", "client_id",
        "acr", "amr", "act", "may_act", "cnf", "typ", "sid", "auth_time",
    ]
    /// By which nobody is told apart for good: they are changed, by people themselves too, and given to others.
    private static let passing: Set<String> = [
        "email", "preferred_username", "upn", "unique_name", "name", "given_name", "family_name", "nickname",
        "phone_number",
    ]

    /// States one.
    package init(subjectClaim: String = "sub", tenantClaim: String? = nil, tenants: [String: OrganizationID] = [:]) {
        self.subjectClaim = subjectClaim
        self.tenantClaim = tenantClaim
        self.tenants = tenants
    }

    /// Whether a claim of this name may say who somebody is, or whose.
    package static func isClaim(_ name: String) -> Bool {
        (1...claimBytesMax).contains(name.utf8.count) && name.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && !chosen.contains(name.lowercased()) && !passing.contains(name.lowercased())
    }

    /// Which values of its claim mean an organization's people, in order.
    package func tenants(of organization: OrganizationID) -> [String] {
        tenants.filter { $0.value == organization }.keys.sorted()
    }

    /// Whether an organization may accept it: anybody may where subjects alone are told apart, else those of whom it tells.
    package func isOpen(to organization: OrganizationID) -> Bool {
        tenantClaim == nil || tenants.values.contains(organization)
    }
}
