import Addresses

/// An API key as the store knows it: everything but the key.
package struct APIKey: Sendable, Equatable {
    /// Names the key.
    package let id: APIKeyID
    /// Whose key.
    package let organization: OrganizationID
    /// Who made it; nil for one that the host made.
    ///
    /// It stays theirs when the secret is changed.
    package let owner: UserID?
    /// What its owner calls it.
    package var name: String
    /// The part that may be shown, such as `mpk_test_…_7f3k9q2m`.
    package let prefix: String
    /// SHA-256 of the whole key text: 32 bytes.
    package var hash: [UInt8]
    /// The same of the secret before, which is good until a moment yet.
    package var previous: PreviousSecret?
    /// Which M-Pesa it acts on.
    package let environment: Environment
    /// What it may do.
    package var role: Role
    /// Which kinds of tool; nil means every kind the role allows.
    package var scopes: Set<String>?
    /// What narrows it further.
    package var rules: KeyRules
    /// What it is to do later, where that is more than it does now.
    package var pending: Pending?
    /// Who has seen a secret of it besides its owner: each is as if the key were theirs.
    package var knownTo: [UserID]
    /// Not good any more after this.
    package var expiresAt: Timestamp?
    /// When it was revoked.
    package var revokedAt: Timestamp?
    /// When it was last used, to the minute or so; the store's.
    package let lastUsedAt: Timestamp?
    /// Counts up with each change that somebody makes; the store's.
    package var version: Int

    /// A secret that another one has taken the place of.
    package struct PreviousSecret: Sendable, Equatable {
        /// SHA-256 of the whole key text: 32 bytes.
        package let hash: [UInt8]
        /// Not good any more after this.
        package let until: Timestamp

        /// States it.
        package init(hash: [UInt8], until: Timestamp) {
            self.hash = hash
            self.until = until
        }
    }

    /// How many keys of an organization may be in force, and when that is asked.
    package struct Room: Sendable {
        /// With the one that is made.
        package let most: Int
        /// Those that have expired by then do not count.
        package let now: Timestamp

        /// States it.
        package init(most: Int, now: Timestamp) {
            self.most = most
            self.now = now
        }
    }

    /// The refusal of a key past that.
    package static func tooMany(_ most: Int) -> GatewayError {
        GatewayError(
            .limitExceeded,
            "The organization has at most \(most) keys in force. Revoke one that is not used."
        )
    }

    /// Whether it is good: neither revoked nor expired.
    package func isInForce(at now: Timestamp) -> Bool {
        revokedAt == nil && (expiresAt.map { now < $0 } ?? true)
    }

    /// Makes a key's record.
    package init(
        id: APIKeyID,
        organization: OrganizationID,
        owner: UserID? = nil,
        name: String,
        prefix: String,
        hash: [UInt8],
        previous: PreviousSecret? = nil,
        environment: Environment,
        role: Role,
        scopes: Set<String>?,
        rules: KeyRules = KeyRules(),
        pending: Pending? = nil,
        knownTo: [UserID] = [],
        expiresAt: Timestamp? = nil,
        revokedAt: Timestamp? = nil,
        lastUsedAt: Timestamp? = nil,
        version: Int = 1
    ) {
        self.id = id
        self.organization = organization
        self.owner = owner
        self.name = name
        self.prefix = prefix
        self.hash = hash
        self.previous = previous
        self.environment = environment
        self.role = role
        self.scopes = scopes
        self.rules = rules
        self.pending = pending
        self.knownTo = knownTo
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.lastUsedAt = lastUsedAt
        self.version = version
    }
}

/// What narrows a key below its role and scopes.
package struct KeyRules: Sendable, Hashable {
    /// The tools that it may call, by name; nil for every one that role, scopes and plan leave.
    package var tools: Set<String>?
    /// The largest amount of one call; nil for no limit of its own.
    package var amountMax: Shillings?
    /// Whether a program that decides for itself calls with it, as an administrator marked it; nil where nobody did, and
    /// the door tells (`Principal.kind`).
    package var isAgent: Bool?
    /// The addresses that it may be used from; none for any.
    package var sources: [AddressBlock]
    /// The M-Pesa accounts that it may use, and whose records it sees; nil for every one.
    package var accounts: Set<AccountName>?

    /// Narrows nothing unless told to.
    package init(
        tools: Set<String>? = nil,
        amountMax: Shillings? = nil,
        isAgent: Bool? = nil,
        sources: [AddressBlock] = [],
        accounts: Set<AccountName>? = nil
    ) {
        self.tools = tools
        self.amountMax = amountMax
        self.isAgent = isAgent
        self.sources = sources
        self.accounts = accounts
    }

    /// Whether the key may call a tool.
    package func allows(tool name: String) -> Bool { tools?.contains(name) ?? true }

    /// Whether the key may be used from an address; from one that nobody knows only where every one may.
    package func allows(address: String?) -> Bool {
        guard !sources.isEmpty else { return true }
        guard let address else { return false }
        return sources.contains { $0.contains(address) }
    }
}
