/// What an access token says of its bearer.
package struct AccessClaims: Sendable, Equatable {
    /// The user.
    package let user: UserID
    /// Their organization.
    package let organization: OrganizationID
    /// The user's session epoch when it was made: a token of an older epoch is void.
    package let sessionEpoch: Int
    /// The session that it is of.
    package let session: Identifier
    /// Counts up with each refresh: a token of an earlier generation is void.
    package let generation: Int
    /// When it was made.
    package let issuedAt: Timestamp
    /// Not good any more after this.
    package let expiresAt: Timestamp

    /// Makes claims.
    package init(
        user: UserID,
        organization: OrganizationID,
        sessionEpoch: Int,
        session: Identifier,
        generation: Int,
        issuedAt: Timestamp,
        expiresAt: Timestamp
    ) {
        self.user = user
        self.organization = organization
        self.sessionEpoch = sessionEpoch
        self.session = session
        self.generation = generation
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}

/// Makes and checks access tokens (JWT).
///
/// Implemented by `Sessions`.
package protocol AccessTokens: Sendable {
    /// A signed token for these claims.
    func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String>
    /// The claims of a token that is signed by us, in force, and meant for us.
    /// - Throws: `unauthenticated` for every other.
    func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims
}

/// Who waits for a password to be hashed.
package struct PasswordTurn: Sendable, Hashable {
    /// Those of one name wait for each other before anybody else waits for them.
    package let name: String
    /// Whether it is somebody whom the house knows, who is not kept out by however many it does not.
    package let isKnown: Bool

    /// States who.
    package init(name: String, isKnown: Bool) {
        self.name = name
        self.isKnown = isKnown
    }
}

/// Hashes and checks passwords, off the event loops.
///
/// Implemented by `Sessions`.
package protocol Passwords: Sendable {
    /// What to store for a password.
    ///
    /// - Parameter turn: Who waits, as for `verify`.
    func hash(_ password: Secret<String>, turn: PasswordTurn) async throws(GatewayError) -> String
    /// Whether a password is the one that was stored; nil for nobody's, which takes as long and never is.
    ///
    /// - Parameter turn: Who waits.
    /// - Throws: `rateLimited` when too many wait.
    func verify(
        _ password: Secret<String>,
        against stored: String?,
        turn: PasswordTurn
    ) async throws(GatewayError) -> Bool
    /// Whether what is stored for a password is of another cost than what is made now.
    func isOutdated(_ stored: String) -> Bool
}

extension Passwords {
    /// What to store for a password of the host's own.
    package func hash(_ password: Secret<String>) async throws(GatewayError) -> String {
        try await hash(password, turn: PasswordTurn(name: "host", isKnown: true))
    }
}
