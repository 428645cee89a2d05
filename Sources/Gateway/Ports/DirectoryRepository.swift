/// Organizations, plans, users, keys and profiles.
///
/// Read through caches on the way of a call, never directly.
package protocol DirectoryRepository: Sendable {
    /// The organization of this id.
    func organization(_ id: OrganizationID) async throws(GatewayError) -> Organization?
    /// The organization with this slug.
    func organization(slug: String) async throws(GatewayError) -> Organization?
    /// Every organization, by slug; for super administrators.
    func organizations(after slug: String?, limit: Int) async throws(GatewayError) -> [Organization]
    /// Writes an organization, new or changed.
    /// - Throws: `conflict` when another has its slug.
    func save(_ organization: Organization) async throws(GatewayError)

    /// The plan of this name.
    func plan(_ name: String) async throws(GatewayError) -> Plan?
    /// Writes a plan, new or changed.
    func save(_ plan: Plan) async throws(GatewayError)

    /// The organization's user of this id.
    func user(_ id: UserID, organization: OrganizationID) async throws(GatewayError) -> User?
    /// Every user of this name, at most `limit`: a login may leave the organization out while the name is unique.
    func users(named username: String, limit: Int) async throws(GatewayError) -> [User]
    /// The organization's users, by name.
    func users(organization: OrganizationID, after username: String?, limit: Int) async throws(GatewayError) -> [User]
    /// Writes a user, new or changed.
    /// - Throws: `conflict` when another of the organization has the name or address.
    func save(_ user: User) async throws(GatewayError)

    /// The organization's key of this id.
    func apiKey(_ id: APIKeyID, organization: OrganizationID) async throws(GatewayError) -> APIKey?
    /// The organization's keys, newest first.
    func apiKeys(organization: OrganizationID, limit: Int) async throws(GatewayError) -> [APIKey]
    /// Writes a key, new or changed.
    func save(_ key: APIKey) async throws(GatewayError)

    /// What plugins are told of the organization.
    func profile(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Profile?
    /// Writes a profile.
    func save(_ profile: Profile, organization: OrganizationID) async throws(GatewayError)

    /// The organization's secrets, sealed, by field; and their version.
    func sealedCredential(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> SealedCredential?
    /// Writes the sealed secrets; the version counts up.
    func save(_ credential: SealedCredential, organization: OrganizationID) async throws(GatewayError)

    /// The organization's data key of this version, wrapped by the master key; nil version for the newest.
    func wrappedKey(organization: OrganizationID, version: Int?) async throws(GatewayError) -> WrappedKey?
    /// Adds a data key.
    /// - Throws: `conflict` when that version exists.
    func add(_ key: WrappedKey, organization: OrganizationID) async throws(GatewayError)

    /// A number that is larger after every change of organizations, plans, users, keys or profiles: caches poll it.
    func configurationVersion() async throws(GatewayError) -> Int64
}

/// An organization's secrets as the store holds them.
package struct SealedCredential: Sendable, Equatable {
    /// Which M-Pesa.
    package let environment: Environment
    /// Sealed bytes by field name, such as `consumer_secret`.
    package var fields: [String: [UInt8]]
    /// The data key that sealed them.
    package var keyVersion: Int
    /// Counts up with each change.
    package var version: Int

    /// Makes a sealed credential.
    package init(environment: Environment, fields: [String: [UInt8]], keyVersion: Int, version: Int) {
        self.environment = environment
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
