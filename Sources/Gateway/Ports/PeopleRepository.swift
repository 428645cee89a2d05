/// What people prove themselves by, besides their passwords.
package protocol PeopleRepository: Sendable {
    /// A user's sessions that have not ended, oldest first.
    func sessions(of user: UserID, organization: OrganizationID) async throws(GatewayError) -> [UserSession]

    /// Writes a link in the place of whatever links of the same purpose the user has.
    func save(_ link: OneTimeLink) async throws(GatewayError)
    /// The link of this id.
    func link(_ id: Identifier, organization: OrganizationID) async throws(GatewayError) -> OneTimeLink?
    /// Takes a link away, sets its user's password and writes the line of that, all or nothing; whether the link was
    /// there and its user active, so that of two who use it one does.
    ///
    /// Every session and other link of the user ends.
    func take(_ link: OneTimeLink, setting passwordHash: String, _ line: AuditRecord) async throws(GatewayError) -> Bool

    /// A user's second factor.
    func factor(of user: UserID, organization: OrganizationID) async throws(GatewayError) -> SecondFactor?
    /// Writes a factor that is not confirmed yet, in the place of another that is not.
    /// - Throws: `conflict` when the user has one that is.
    func begin(_ factor: SecondFactor) async throws(GatewayError)
    /// Writes what of a factor changes, while its newest used step is the one before; whether it was.
    ///
    /// Where a session is named, every other one of the user's ends in the same commit.
    func change(
        _ factor: SecondFactor,
        from step: Int64,
        endingAllBut session: Identifier?
    ) async throws(GatewayError) -> Bool
    /// Takes a factor away.
    func removeFactor(of user: UserID, organization: OrganizationID) async throws(GatewayError)
}

extension PeopleRepository {
    /// Writes what of a factor changes, and no session ends.
    package func change(_ factor: SecondFactor, from step: Int64) async throws(GatewayError) -> Bool {
        try await change(factor, from: step, endingAllBut: nil)
    }
}

/// A link by which somebody sets their password, once.
package struct OneTimeLink: Sendable, Equatable {
    /// What it was made for.
    package enum Purpose: String, Sendable {
        /// Somebody who has no password yet.
        case invitation
        /// Somebody who has lost it, as an administrator knows.
        case reset
        /// Somebody who says that they have lost it.
        case forgotten
    }

    /// Names it.
    package let id: Identifier
    /// Whose organization.
    package let organization: OrganizationID
    /// Who sets a password by it.
    package let user: UserID
    /// What for.
    package let purpose: Purpose
    /// SHA-256 of its secret.
    package let hash: [UInt8]
    /// Not good any more after this.
    package let expiresAt: Timestamp

    /// Makes a link's record.
    package init(
        id: Identifier,
        organization: OrganizationID,
        user: UserID,
        purpose: Purpose,
        hash: [UInt8],
        expiresAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.user = user
        self.purpose = purpose
        self.hash = hash
        self.expiresAt = expiresAt
    }
}

/// What shows codes for a user.
package struct SecondFactor: Sendable, Equatable {
    /// Whose.
    package let user: UserID
    /// Their organization.
    package let organization: OrganizationID
    /// The secret that codes come from, sealed.
    package let sealed: [UInt8]
    /// The newest step whose code was used: neither it nor one before counts again.
    package var usedStep: Int64
    /// SHA-256 of each recovery code that was not used, in hexadecimal.
    package var recovery: [String]
    /// Whether its owner has shown a code of it.
    package var isConfirmed: Bool

    /// Makes a factor's record.
    package init(
        user: UserID,
        organization: OrganizationID,
        sealed: [UInt8],
        usedStep: Int64 = 0,
        recovery: [String],
        isConfirmed: Bool = false
    ) {
        self.user = user
        self.organization = organization
        self.sealed = sealed
        self.usedStep = usedStep
        self.recovery = recovery
        self.isConfirmed = isConfirmed
    }
}
