import Cryptography

/// Refresh tokens: who may go on with a session, by a text that counts once.
///
/// A text names its session and the session's generation and is authenticated, so that nothing of it is stored: a copy of
/// the database holds none, and the same generation always has the same text, by which an answer that was lost can be
/// given once more.
///
///     rft_<organization>_<user>_<session>_<epoch>_<generation>_<first 20 bytes of HMAC-SHA-256>
struct RefreshTokens: Sendable {
    /// What a text says.
    struct Claims: Sendable, Equatable {
        let organization: OrganizationID
        let user: UserID
        let session: Identifier
        /// The user's session epoch when the session began: it ends with role, password or standing.
        let epoch: Int
        /// Of the session when the text was made.
        let generation: Int
    }

    private static let tagBytes = 20
    private let key: Secret<[UInt8]>

    /// Makes texts under a key of 32 bytes.
    init(key: Secret<[UInt8]>) { self.key = key }

    /// The text of a session's generation.
    func text(_ claims: Claims) -> Secret<String> {
        let named = RefreshTokens.named(claims)
        return Secret(named + "_" + CrockfordBase32.encode(tag(of: named)))
    }

    /// What a text says; nil for one that is none of ours.
    func claims(_ text: Secret<String>) -> Claims? {
        let parts = text.reveal().split(separator: "_", omittingEmptySubsequences: false)
        guard text.reveal().utf8.count <= 256, parts.count == 7, parts[0] == "rft",
            let organization = RefreshTokens.identifier(parts[1]), let user = RefreshTokens.identifier(parts[2]),
            let session = RefreshTokens.identifier(parts[3]), let epoch = Int(parts[4]), let generation = Int(parts[5]),
            let shown = CrockfordBase32.decode(String(parts[6]))
        else { return nil }
        let claims = Claims(
            organization: OrganizationID(organization),
            user: UserID(user),
            session: session,
            epoch: epoch,
            generation: generation
        )
        // Of what it says and not of how it is written: one meaning has one tag.
        guard constantTimeEquals(shown, tag(of: RefreshTokens.named(claims))) else { return nil }
        return claims
    }

    private static func named(_ claims: Claims) -> String {
        let ids = [claims.organization.raw, claims.user.raw, claims.session].map { CrockfordBase32.encode($0.bytes) }
        return (["rft"] + ids + ["\(claims.epoch)", "\(claims.generation)"]).joined(separator: "_")
    }

    private static func identifier(_ text: Substring) -> Identifier? {
        CrockfordBase32.decode(String(text)).flatMap { Identifier(bytes: $0) }
    }

    private func tag(of named: String) -> [UInt8] {
        Array(HMACSHA256.authenticate(key: key.reveal(), Array(named.utf8)).bytes.prefix(RefreshTokens.tagBytes))
    }
}
