/// What is done once: for a person's answer to a tool's question, for a caller's key of a change.
///
/// Implemented by `Store`, in the table `answers`.
package protocol OnceRepository: Sendable {
    /// Takes a claim, durably, before anything is done under it; one that has expired is free again.
    func take(_ claim: OnceClaim) async throws(GatewayError) -> OnceTaking
    /// Keeps what came of a claim that was taken, as JSON text.
    func keep(_ outcome: String, of claim: Identifier, organization: OrganizationID) async throws(GatewayError)
    /// What a claim was taken for and what came of it; nil where none was taken, or it has expired.
    func claim(_ id: Identifier, organization: OrganizationID, at now: Timestamp) async throws(GatewayError)
        -> OnceFound?
    /// Lets a claim be taken again, because nothing was done under it.
    func giveBack(_ claim: Identifier, organization: OrganizationID) async throws(GatewayError)
}

/// A claim to do something once.
package struct OnceClaim: Sendable, Equatable {
    /// Names it.
    package let id: Identifier
    /// Whose it is.
    package let organization: OrganizationID
    /// What is to be done: the same claim for something else is a mistake.
    package let digest: [UInt8]
    /// When it is taken.
    package let takenAt: Timestamp
    /// Forgotten after this.
    package let expiresAt: Timestamp

    /// States a claim.
    package init(
        id: Identifier,
        organization: OrganizationID,
        digest: [UInt8],
        takenAt: Timestamp,
        expiresAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.digest = digest
        self.takenAt = takenAt
        self.expiresAt = expiresAt
    }
}

/// A claim as it stands.
package struct OnceFound: Sendable, Equatable {
    /// What is done under it.
    package let digest: [UInt8]
    /// What came of it; nil while nobody knows.
    package let outcome: String?

    /// States it.
    package init(digest: [UInt8], outcome: String?) {
        self.digest = digest
        self.outcome = outcome
    }
}

/// Whether a claim is the first.
package enum OnceTaking: Sendable, Equatable {
    /// It is: what it stands for may be done.
    case first
    /// There was one before; what came of it is nil while nobody knows.
    case earlier(digest: [UInt8], outcome: String?)
}
