/// Organizations, plans, users, keys and profiles.
///
/// Read through caches on the way of a call, never directly.
package protocol DirectoryRepository: IssuerRepository {
    /// The organization of this id.
    func organization(_ id: OrganizationID) async throws(GatewayError) -> Organization?
    /// The organization with this slug.
    func organization(slug: String) async throws(GatewayError) -> Organization?
    /// Every organization, by slug; for super administrators.
    func organizations(after slug: String?, limit: Int) async throws(GatewayError) -> [Organization]
    /// Writes a new organization.
    /// - Throws: `conflict` when another has its id or slug.
    func save(_ organization: Organization) async throws(GatewayError)
    /// Writes a new organization with its first user, both or neither.
    /// - Throws: `conflict` when another has its id or slug.
    func save(_ organization: Organization, with user: User) async throws(GatewayError)
    /// Changes an organization as it stands now, and nothing of it that `change` leaves alone; where a moment is given, the
    /// feed tells what that makes true (`FeedEvent.about`).
    ///
    /// - Returns: What it is then; nil when there is none.
    /// - Throws: `conflict` when another has its slug, or others change it all the time.
    func change(
        _ id: OrganizationID,
        at moment: Timestamp?,
        _ change: @escaping @Sendable (inout Organization) -> Void
    ) async throws(GatewayError) -> Organization?

    /// The plan of this name.
    func plan(_ name: String) async throws(GatewayError) -> Plan?
    /// Writes a plan, new or changed.
    func save(_ plan: Plan) async throws(GatewayError)

    /// The organization's user of this id.
    func user(_ id: UserID, organization: OrganizationID) async throws(GatewayError) -> User?
    /// The organization's user of this name.
    func user(named username: String, organization: OrganizationID) async throws(GatewayError) -> User?
    /// Every organization's active users of this name, the oldest first.
    func activeUsers(named username: String, after id: UserID?, limit: Int) async throws(GatewayError) -> [User]
    /// The organization's users, by name.
    func users(organization: OrganizationID, after username: String?, limit: Int) async throws(GatewayError) -> [User]
    /// Writes a new user, where at most so many of the organization are active then; nil for any number.
    ///
    /// - Returns: Whether they must name their organization when they log in, because somebody active has had the name
    ///   before them: whoever makes a user tells them so.
    /// - Throws: `conflict` when another of the organization has the id, name or address; `limitExceeded` where too
    ///   many would be active.
    @discardableResult
    func save(_ user: User, activeMax: Int?) async throws(GatewayError) -> Bool
    /// Changes a user as they stand now, and nothing of them that `change` leaves alone.
    ///
    /// Their sessions and links end where role, password or standing change.
    /// - Parameter activeMax: How many of the organization may be active where this one becomes so; nil for any number.
    /// - Returns: What they are then; nil when there are none.
    /// - Throws: `conflict` when another of the organization has the name or address, or others change it all the time;
    ///   `limitExceeded` where too many would be active.
    func change(
        _ id: UserID,
        organization: OrganizationID,
        activeMax: Int?,
        _ change: @escaping @Sendable (inout User) -> Void
    ) async throws(GatewayError) -> User?

    /// Writes another hash of the same password, while the user has the old one; whether they had.
    ///
    /// No session and no link ends.
    func replace(
        _ passwordHash: String,
        by newHash: String,
        of id: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool

    /// Begins a session; the user's expired ones are forgotten, and the oldest past `sessionsMax` end.
    ///
    /// - Returns: False, and nothing is written, where the user has a second factor by now that was not asked for.
    func begin(_ beginning: SessionBeginning) async throws(GatewayError) -> Bool
    /// From where people last logged in, of every organization, the newest first.
    func knownPlaces(since earliest: Timestamp, limit: Int) async throws(GatewayError) -> [KnownPlace]
    /// A user's session that has not ended.
    func session(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> UserSession?
    /// Writes a session's generation and end, while it is of the earlier generation; whether it was.
    func advance(_ session: UserSession, from generation: Int) async throws(GatewayError) -> Bool
    /// Writes that a session is an agent's from a moment on, unless it has been since an earlier one; whether there is such
    /// a session.
    func markAgents(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID,
        at moment: Timestamp
    ) async throws(GatewayError) -> Bool
    /// Ends one session; whether there was one.
    func endSession(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool
    /// Ends all of a user's sessions: their epoch counts up.
    func endSessions(of id: UserID, organization: OrganizationID) async throws(GatewayError)

    /// The organization's key of this id.
    func apiKey(_ id: APIKeyID, organization: OrganizationID) async throws(GatewayError) -> APIKey?
    /// The organization's keys, newest first.
    func apiKeys(organization: OrganizationID, limit: Int) async throws(GatewayError) -> [APIKey]
    /// Writes a new key, where there is room for it; nil for any number.
    /// - Throws: `conflict` when another has its id; `limitExceeded` where too many would be in force.
    func save(_ key: APIKey, within room: APIKey.Room?) async throws(GatewayError)
    /// Changes a key as it stands now, and nothing of it that `change` leaves alone; one that is revoked stays so, and
    /// the feed tells that it is.
    ///
    /// - Returns: What it is then; nil when there is none.
    /// - Throws: `conflict` when others change it all the time.
    func change(
        _ id: APIKeyID,
        organization: OrganizationID,
        _ change: @escaping @Sendable (inout APIKey) -> Void
    ) async throws(GatewayError) -> APIKey?

    /// The organization's accounts, by name.
    func accounts(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [MPesaAccount]
    /// Writes a new account; an organization's first one is its default.
    /// - Throws: `conflict` when another has its name; `limitExceeded` past `MPesaAccount.countMax`.
    func save(_ account: MPesaAccount, organization: OrganizationID) async throws(GatewayError)
    /// Changes an account as it stands now, and nothing of it that `change` leaves alone; what is default stays so.
    ///
    /// - Returns: What it is then; nil when there is none.
    /// - Throws: `conflict` when others change it all the time.
    func change(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment,
        _ change: @escaping @Sendable (inout MPesaAccount) -> Void
    ) async throws(GatewayError) -> MPesaAccount?
    /// Makes an account the default one; false when there is none of this name that takes anything new.
    func makeDefault(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Bool

    /// The secrets of an account, sealed, by field; and their version.
    func sealedCredential(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> SealedCredential?
    /// Writes the sealed secrets; the version counts up. Where a moment is given, the feed tells of it.
    ///
    /// Its own version says which ones it was made of: below 0 for none, 0 for whatever there is.
    /// - Throws: `staleVersion` when there are others by now.
    func save(
        _ credential: SealedCredential,
        organization: OrganizationID,
        at moment: Timestamp?
    ) async throws(GatewayError)

    /// The organization's data key of this version, wrapped by the master key; nil version for the newest.
    func wrappedKey(organization: OrganizationID, version: Int?) async throws(GatewayError) -> WrappedKey?
    /// Adds a data key.
    /// - Throws: `conflict` when that version exists.
    func add(_ key: WrappedKey, organization: OrganizationID) async throws(GatewayError)

    /// Data keys of whatever organizations that another master key has wrapped.
    func wrappedKeys(
        notBy masterKeyID: String,
        limit: Int
    ) async throws(GatewayError) -> [(organization: OrganizationID, key: WrappedKey)]
    /// How many of those there are.
    func countWrappedKeys(notBy masterKeyID: String) async throws(GatewayError) -> Int
    /// Puts data keys that another master key wraps in the place of what they were, where that still stands there; all
    /// in one commit.
    func rewrap(_ changes: [Rewrapping]) async throws(GatewayError)

    /// A number that is larger after every change of organizations, plans, users, sessions, keys, issuers, profiles or
    /// secrets.
    func configurationVersion() async throws(GatewayError) -> Int64
    /// Whose configuration was changed after a version, in the order of the versions: each organization's last change.
    func configurationChanges(after version: Int64, limit: Int) async throws(GatewayError) -> [ConfigurationChange]
}

extension DirectoryRepository {
    /// Changes an organization in what the feed does not tell of.
    package func change(
        _ id: OrganizationID,
        _ change: @escaping @Sendable (inout Organization) -> Void
    ) async throws(GatewayError) -> Organization? { try await self.change(id, at: nil, change) }

    /// Writes sealed secrets of which the feed does not tell.
    package func save(_ credential: SealedCredential, organization: OrganizationID) async throws(GatewayError) {
        try await save(credential, organization: organization, at: nil)
    }

    /// Writes a new user, however many there are.
    @discardableResult
    package func save(_ user: User) async throws(GatewayError) -> Bool { try await save(user, activeMax: nil) }

    /// Changes a user as they stand now, however many are active.
    package func change(
        _ id: UserID,
        organization: OrganizationID,
        _ change: @escaping @Sendable (inout User) -> Void
    ) async throws(GatewayError) -> User? {
        try await self.change(id, organization: organization, activeMax: nil, change)
    }

    /// Writes a new key, however many there are.
    package func save(_ key: APIKey) async throws(GatewayError) { try await save(key, within: nil) }

    /// What plugins are told of the default account.
    package func profile(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Profile? {
        try await AccountBook(accounts(organization: organization, environment: environment)).standard?.profile
    }

    /// Writes what plugins are told of the default account, which is made where there is none.
    package func save(_ profile: Profile, organization: OrganizationID) async throws(GatewayError) {
        let environment = profile.environment
        let known = try await accounts(organization: organization, environment: environment)
        guard let standard = AccountBook(known).standard else {
            return try await save(MPesaAccount(name: .main, profile: profile), organization: organization)
        }
        _ = try await change(standard.name, organization: organization, environment: environment) {
            $0.profile = profile
        }
    }
}

/// One log-in of a user's, for as long as its token is refreshed.
package struct UserSession: Sendable, Equatable {
    /// Names it; newer ones sort later.
    package let id: Identifier
    /// Whose.
    package let user: UserID
    /// Their organization.
    package let organization: OrganizationID
    /// Of the token that is good: counts up from 1 with each refresh.
    package var generation: Int
    /// When that token ends, or, where it is refreshed by another, that one.
    package var expiresAt: Timestamp
    /// When its newest refresh token was made; nil for a session that has none.
    package var refreshedAt: Timestamp?
    /// Since when a program has called with it, at the door of MCP: the store's, which never takes it back (`markAgents`).
    package let agentSince: Timestamp?

    /// States a session.
    package init(
        id: Identifier,
        user: UserID,
        organization: OrganizationID,
        generation: Int,
        expiresAt: Timestamp,
        refreshedAt: Timestamp? = nil,
        agentSince: Timestamp? = nil
    ) {
        self.id = id
        self.user = user
        self.organization = organization
        self.generation = generation
        self.expiresAt = expiresAt
        self.refreshedAt = refreshedAt
        self.agentSince = agentSince
    }
}

/// An organization's secrets as the store holds them.
package struct SealedCredential: Sendable, Equatable {
    /// Which M-Pesa.
    package let environment: Environment
    /// Which account.
    package let account: AccountName
    /// Sealed bytes by field name, such as `consumer_secret`.
    package var fields: [String: [UInt8]]
    /// The data key that sealed them.
    package var keyVersion: Int
    /// Counts up with each change.
    package var version: Int

    /// Makes a sealed credential.
    package init(
        environment: Environment,
        account: AccountName = .main,
        fields: [String: [UInt8]],
        keyVersion: Int,
        version: Int
    ) {
        self.environment = environment
        self.account = account
        self.fields = fields
        self.keyVersion = keyVersion
        self.version = version
    }
}

/// An organization's data key, wrapped by the master key.
package struct WrappedKey: Sendable, Equatable {
    /// Counts up from 1.
    package let version: Int
    /// Which master key wrapped it.
    package let masterKeyID: String
    /// The wrapped bytes.
    package let bytes: [UInt8]

    /// Makes a wrapped key.
    package init(version: Int, masterKeyID: String, bytes: [UInt8]) {
        self.version = version
        self.masterKeyID = masterKeyID
        self.bytes = bytes
    }
}

/// A data key that another master key wraps from now on.
package struct Rewrapping: Sendable {
    /// Whose it is.
    package let organization: OrganizationID
    /// As it was wrapped.
    package let old: WrappedKey
    /// As it is wrapped.
    package let new: WrappedKey

    /// States a change.
    package init(organization: OrganizationID, old: WrappedKey, new: WrappedKey) {
        self.organization = organization
        self.old = old
        self.new = new
    }
}
