import Cryptography
import OrderedJSON
import Synchronization

/// First stage: who calls, and for which organization.
///
/// Both come from the credential and from nothing else.
///
/// Keys and tokens that were found good are remembered for at most `staleness`, so the way of a call reads no SQL; a
/// key revoked in this process is forgotten at once, one revoked by another host within that time.
package final class Authenticate: Sendable {
    /// What bounds the cache.
    package struct Settings: Sendable {
        /// How long a credential that was found good is believed without looking again.
        package var staleness: Duration
        /// At most so many are remembered.
        package var entriesMax: Int

        /// States the bounds.
        package init(staleness: Duration = .seconds(1), entriesMax: Int = 10_000) {
            self.staleness = staleness
            self.entriesMax = entriesMax
        }
    }

    private let directory: any DirectoryRepository
    private let tokens: any AccessTokens
    private let entropy: Entropy
    private let uses: KeyUses?
    private let known: ExpiringCache<Digest32, Principal>
    /// How often everything was forgotten.
    private let forgotten = Atomic<Int>(0)

    /// Makes the stage.
    init(
        directory: any DirectoryRepository,
        tokens: any AccessTokens,
        entropy: Entropy,
        uses: KeyUses? = nil,
        settings: Settings = Settings()
    ) {
        self.directory = directory
        self.tokens = tokens
        self.entropy = entropy
        self.uses = uses
        self.known = ExpiringCache(life: settings.staleness, entriesMax: settings.entriesMax)
    }

    /// Who shows this credential.
    ///
    /// - Parameter address: Where the caller is, as the door saw it.
    /// - Throws: `unauthenticated`, in the same words whatever is wrong with it; `permissionDenied` when a key is
    ///   asked to act in the other environment, or used from an address that it is not meant for.
    package func principal(
        for credential: Credential,
        environment: Environment?,
        address: String? = nil
    ) async throws(GatewayError) -> Principal {
        guard case .token(let secret) = credential else {
            throw GatewayError(
                .unauthenticated,
                "A credential is needed: send an API key or an access token as Authorization: Bearer."
            )
        }
        let text = secret.reveal()
        guard text.utf8.count <= 4096 else { throw Authenticate.refusal }
        let digest = SHA256.digest(text)
        let (now, uptime) = (entropy.now(), entropy.uptime())
        let changes = forgotten.load(ordering: .acquiring)
        if let principal = known.value(for: digest, at: uptime) {
            return try principal.acting(in: environment, from: address)
        }
        let principal =
            if let key = APIKeyText(text) { try await owner(of: key, digest: digest, now: now) } else {
                try await bearer(of: text, now: now)
            }
        // Where something was forgotten meanwhile, what was read before it is not remembered.
        if forgotten.load(ordering: .acquiring) == changes { known.set(principal, for: digest, at: uptime) }
        return try principal.acting(in: environment, from: address)
    }

    /// Forgets every credential, because some key or user has changed.
    package func forget() {
        forgotten.add(1, ordering: .acquiringAndReleasing)
        known.removeAll()
    }

    /// A principal as it stands now, by the store: for what is done later in somebody's name.
    ///
    /// - Returns: Nil when its key is revoked or expired, or its user may not log in any more.
    package func inForce(_ principal: Principal) async throws(GatewayError) -> Principal? {
        switch principal.subject {
        case .apiKey(let id):
            let key = try await directory.apiKey(id, organization: principal.organization)
            guard let key, key.isInForce(at: entropy.wall()), key.environment == principal.environment else {
                return nil
            }
            return self.principal(of: key)
        case .user(let id):
            let user = try await directory.user(id, organization: principal.organization)
            guard let user, user.isActive else { return nil }
            return self.principal(of: user, in: principal.environment)
        }
    }

    private func principal(of key: APIKey) -> Principal {
        Principal(
            organization: key.organization,
            subject: .apiKey(key.id),
            name: key.name,
            role: key.role,
            scopes: key.scopes,
            environment: key.environment,
            rules: key.rules == KeyRules() ? nil : key.rules
        )
    }

    private func principal(of user: User, in environment: Environment) -> Principal {
        Principal(
            organization: user.organization,
            subject: .user(user.id),
            name: user.username,
            role: user.role,
            scopes: nil,
            environment: environment,
            hasSecondFactor: user.hasSecondFactor
        )
    }

    private func owner(of key: APIKeyText, digest: Digest32, now: Timestamp) async throws(GatewayError) -> Principal {
        guard let stored = try await directory.apiKey(key.id, organization: key.organization) else {
            guard try await directory.organization(key.organization) != nil else { throw Authenticate.refusal }
            throw Authenticate.refusal.naming(key.organization, "anonymous")
        }
        let isNewest = constantTimeEquals(stored.hash, digest.bytes)
        let isPrevious = stored.previous.map { now < $0.until && constantTimeEquals($0.hash, digest.bytes) } ?? false
        guard isNewest || isPrevious, stored.isInForce(at: now) else {
            throw Authenticate.refusal.naming(stored.organization, "key:\(stored.id)")
        }
        uses?.note(stored.id, of: stored.organization, at: now)
        return principal(of: stored)
    }

    private func bearer(of token: String, now: Timestamp) async throws(GatewayError) -> Principal {
        let claims: AccessClaims
        do { claims = try await tokens.verify(token, at: now) } catch { throw Authenticate.refusal }
        guard let user = try await directory.user(claims.user, organization: claims.organization) else {
            throw Authenticate.refusal
        }
        let session = try await directory.session(claims.session, of: user.id, organization: user.organization)
        guard user.isActive, user.sessionEpoch == claims.sessionEpoch, session?.generation == claims.generation else {
            throw Authenticate.refusal.naming(user.organization, "user:\(user.id)")
        }
        return principal(of: user, in: .test)
    }

    private static let refusal = GatewayError(
        .unauthenticated,
        "The credential is unknown, expired or revoked. Log in again, or use a key that is in force."
    )
}

extension Principal {
    /// The same principal in the environment that the call names.
    ///
    /// A key keeps its own, and is used from where it may be.
    fileprivate func acting(
        in environment: Environment?,
        from address: String?
    ) throws(GatewayError) -> Principal {
        if let rules, !rules.allows(address: address) {
            throw GatewayError(.permissionDenied, "This key may not be used from your address.")
                .naming(organization, subjectText)
        }
        guard let environment, environment != self.environment else { return self }
        guard case .user = subject else {
            throw GatewayError(
                .permissionDenied,
                "This key acts in \(self.environment.rawValue) only. Use a key made for \(environment.rawValue)."
            )
        }
        return Principal(
            organization: organization,
            subject: subject,
            name: name,
            role: role,
            scopes: scopes,
            environment: environment,
            rules: rules,
            hasSecondFactor: hasSecondFactor
        )
    }
}
