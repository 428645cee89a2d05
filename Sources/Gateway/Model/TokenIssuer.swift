/// Who signs tokens that an organization's callers may show, such as its own log-in service: as an administrator registered
/// it.
///
/// A token of an issuer acts as an API key of the organization that registered it, and never as more: which one stands
/// here, by the token's subject. Role, scopes, accounts, limits and environment are that key's; nothing that a token says
/// of itself adds to them.
package struct TokenIssuer: Sendable, Equatable {
    /// Names the registration.
    package let id: Identifier
    /// Whose issuer.
    package let organization: OrganizationID
    /// What its tokens say in `iss`, to the letter; unique within the organization.
    package let url: String
    /// Which M-Pesa its tokens act on; all its keys are of it.
    package let environment: Environment
    /// Where its keys are; nil for where its metadata says.
    package var keysURL: String?
    /// By what its tokens may be signed.
    package var algorithms: [SigningAlgorithm]
    /// As which key somebody acts who is not named among the subjects; nil where nobody else may.
    package var key: APIKeyID?
    /// As which key each subject acts.
    package var subjects: [String: APIKeyID]
    /// The operator's issuer that it is, where the organization accepts one: address, keys and algorithms are that one's.
    package let accepted: Identifier?
    /// What the operator says of one that organizations may accept, which lets nobody in by itself; nil for an
    /// organization's own.
    package var shared: SharedIssuer?
    /// False while none of its tokens counts.
    package var isActive: Bool
    /// Counts up with each change that somebody makes; the store's.
    package var version: Int

    /// How many an organization may have.
    package static let countMax = 10
    /// How many subjects one may name.
    package static let subjectsMax = 100
    /// How long an address may be, in bytes.
    package static let urlBytesMax = 256
    /// How long a subject may be, in bytes.
    package static let subjectBytesMax = 255
    /// Scopes that no role has by itself: they must be named where a credential is made (docs/mcp.md).
    package static let namedScopes: Set<String> = ["phones:read"]

    /// States one.
    package init(
        id: Identifier,
        organization: OrganizationID,
        url: String,
        environment: Environment,
        keysURL: String? = nil,
        algorithms: [SigningAlgorithm] = SigningAlgorithm.usual,
        key: APIKeyID? = nil,
        subjects: [String: APIKeyID] = [:],
        accepted: Identifier? = nil,
        shared: SharedIssuer? = nil,
        isActive: Bool = true,
        version: Int = 1
    ) {
        self.id = id
        self.organization = organization
        self.url = url
        self.environment = environment
        self.keysURL = keysURL
        self.algorithms = algorithms
        self.key = key
        self.subjects = subjects
        self.accepted = accepted
        self.shared = shared
        self.isActive = isActive
        self.version = version
    }

    /// As which key a subject of an issuer acts, which may be this one; nil for nobody's.
    ///
    /// Everybody else acts as a key only where the issuer is the organization's, or says whose people they are: of one that
    /// signs for all they would be anybody.
    package func key(of subject: String, by issuer: TokenIssuer) -> APIKeyID? {
        subjects[subject] ?? (issuer.shared.map { $0.tenantClaim != nil } ?? true ? key : nil)
    }

    /// Every key that its tokens may act as.
    package var keys: Set<APIKeyID> { Set(subjects.values).union(key.map { [$0] } ?? []) }

    /// Whether a text may be the address of an issuer, or of its keys: `https`, or in the test environment `http`, written
    /// in the usual way, without query and fragment.
    package static func isAddress(_ text: String, in environment: Environment) -> Bool {
        guard text.utf8.count <= urlBytesMax, text.hasPrefix("https://") || text.hasPrefix("http://"),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"?#\"<>\\^`{|}@".utf8.contains($0) }),
            let base = BaseURL(text, plain: .anywhere)
        else { return false }
        return base.isSecure || environment == .test
    }

    /// Whether a text may be a subject: ASCII that is seen, so that no two are told apart by their bytes alone.
    package static func isSubject(_ text: String) -> Bool {
        (1...subjectBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// The refusal of one past `countMax`.
    package static let tooMany = GatewayError(
        .limitExceeded,
        "An organization has at most \(countMax) issuers. Delete one that is not used."
    )
}

/// By what a token of an issuer is signed: what needs the issuer's private key, and nothing that a public one could make.
///
/// Neither `none` nor anything of HMAC is among them, so that no token can ask for it. Names are compared to the letter.
package enum SigningAlgorithm: String, Sendable, Hashable, CaseIterable {
    case rs256 = "RS256"
    case ps256 = "PS256"
    case es256 = "ES256"
    case es384 = "ES384"
    /// Of which one curve is known here, Ed25519.
    case edDSA = "EdDSA"

    /// What an issuer may sign by where nobody says.
    package static let usual: [SigningAlgorithm] = [.rs256, .es256]

    /// As a token's header or a key names it; `Ed25519` is the newer name of the same.
    package init?(named name: String) { self.init(rawValue: name == "Ed25519" ? "EdDSA" : name) }
}

/// By whose word a call was made with a token of an issuer: what audit shows beside the key that it acts as.
package struct IssuedBearer: Sendable, Hashable {
    /// The token's `iss`.
    package let issuer: String
    /// The token's `sub`.
    package let subject: String
}
