/// A session that is to begin, with what must still be so when it does.
package struct SessionBeginning: Sendable {
    /// The session.
    package let session: UserSession
    /// When it begins.
    package let now: Timestamp
    /// How many sessions of theirs there may be with it; the oldest past them end.
    package let sessionsMax: Int
    /// Whether a second factor was asked for: where there is one now that was not, nothing begins.
    ///
    /// Nil does not mind.
    package let hasSecondFactor: Bool?
    /// From where they logged in, to be remembered.
    package let place: KnownPlace?
    /// How many places of one person are remembered.
    package let placesMax: Int

    /// States it.
    package init(
        _ session: UserSession,
        at now: Timestamp,
        sessionsMax: Int,
        hasSecondFactor: Bool? = nil,
        place: KnownPlace? = nil,
        placesMax: Int = 1
    ) {
        self.session = session
        self.now = now
        self.sessionsMax = sessionsMax
        self.hasSecondFactor = hasSecondFactor
        self.place = place
        self.placesMax = placesMax
    }
}

/// From where somebody logged in, and how they named themselves: there they are no stranger for a while.
///
/// The store keeps it, so that somebody whom strangers flood is still known after a restart.
package struct KnownPlace: Sendable, Hashable {
    /// Whose organization.
    package let organization: OrganizationID
    /// Who.
    package let user: UserID
    /// The address; of IPv6 the first 64 bits.
    package let network: String
    /// Their organization's slug, as far as they named it, a bar, and their user name.
    package let login: String
    /// When they last logged in so.
    package let seen: Timestamp

    /// States one.
    package init(
        organization: OrganizationID,
        user: UserID,
        network: String,
        login: String,
        seen: Timestamp
    ) {
        self.organization = organization
        self.user = user
        self.network = network
        self.login = login
        self.seen = seen
    }

    /// Whether it is the same one, whenever they were there.
    package func isSame(as other: KnownPlace) -> Bool {
        user == other.user && network == other.network && login == other.login
    }
}

extension DirectoryRepository {
    /// Begins a session without minding anything else.
    package func begin(_ session: UserSession, at now: Timestamp, sessionsMax: Int) async throws(GatewayError) {
        _ = try await begin(SessionBeginning(session, at: now, sessionsMax: sessionsMax))
    }
}
