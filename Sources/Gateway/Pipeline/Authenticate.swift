import Cryptography
import OrderedJSON
import Synchronization

/// First stage: who calls, and for which organization.
///
/// Both come from the credential and from nothing else.
///
/// Keys and tokens that were found good are remembered until their organization's configuration changes or their own
/// time is over, so the way of a call reads no SQL; a key revoked in this process is felt at once, one revoked by another
/// within a second (`ConfigurationWatch`).
package final class Authenticate: Sendable {
    /// A credential that was found good.
    final class Known: Sendable {
        let principal: Principal
        /// When it ends by itself: the key's or the token's end, or that of a secret that was changed.
        let until: Timestamp?
        /// Nanoseconds of uptime.
        let noted: Atomic<Int64>
        /// The issuer of the operator's that it was taken by.
        let mark: SharedMark?

        init(_ principal: Principal, until: Timestamp?, notedAt: Uptime, mark: SharedMark? = nil) {
            self.principal = principal
            self.until = until
            self.mark = mark
            noted = Atomic(notedAt.nanoseconds)
        }
    }

    let directory: any DirectoryRepository
    private let tokens: any AccessTokens
    let entropy: Entropy
    let uses: KeyUses?
    private let issued: Issued?
    private let configuration: ConfigurationWatch
    private let known: ConfiguredCache<Digest32, Known>
    /// A key that is used all the time is noted so often.
    private static let noteEvery = Duration.seconds(1)

    /// Makes the stage.
    init(
        directory: any DirectoryRepository,
        tokens: any AccessTokens,
        entropy: Entropy,
        configuration: ConfigurationWatch,
        uses: KeyUses? = nil,
        issued: IssuedTokenPorts? = nil
    ) {
        self.directory = directory
        self.tokens = tokens
        self.entropy = entropy
        self.uses = uses
        self.configuration = configuration
        self.issued = issued.map {
            Issued($0, directory: directory, entropy: entropy, configuration: configuration)
        }
        known = ConfiguredCache(configuration, perOrganization: 2)
    }

    /// Who shows this credential.
    ///
    /// A person's log-in that is shown at the door of MCP is an agent's from then on, whichever door it comes to later: that
    /// is written before anything is done with it, and once.
    /// - Parameter address: Where the caller is, as the door saw it.
    /// - Throws: `unauthenticated`, in the same words whatever is wrong with it; `permissionDenied` when a key is
    ///   asked to act in the other environment, or used from an address that it is not meant for.
    package func principal(
        for credential: Credential,
        environment: Environment?,
        address: String? = nil,
        at door: Door
    ) async throws(GatewayError) -> Principal {
        let found = try await known(for: credential)
        let principal = try found.acting(in: environment, from: address)
        return door == .mcp ? try await agents(principal) : principal
    }

    private func known(for credential: Credential) async throws(GatewayError) -> Principal {
        guard case .token(let secret) = credential else {
            throw GatewayError(
                .unauthenticated,
                "A credential is needed: send an API key or an access token as Authorization: Bearer."
            )
        }
        let text = secret.reveal()
        guard text.utf8.count <= (issued == nil ? 4096 : IssuedToken.bytesMax) else { throw Authenticate.refusal }
        let digest = SHA256.digest(text)
        let now = entropy.now()
        if let found = try await known.value(for: digest), found.until.map({ now < $0 }) ?? true,
            try await stands(found)
        {
            note(found, at: now)
            return found.principal
        }
        let stamp = known.stamp
        let found =
            if let key = APIKeyText(text) { try await owner(of: key, digest: digest, now: now) } else {
                try await bearer(of: text, now: now)
            }
        known.set(found, for: digest, of: found.principal.organization, since: stamp)
        return found.principal
    }

    /// Whoever shows a person's log-in where programs call; for what is done with it from now on it is theirs.
    private func agents(_ principal: Principal) async throws(GatewayError) -> Principal {
        guard case .user(let user) = principal.subject, let logIn = principal.logIn, !logIn.isAgents else {
            return principal
        }
        let isThere = try await directory.markAgents(
            logIn.id,
            of: user,
            organization: principal.organization,
            at: entropy.now()
        )
        configuration.forget()
        guard isThere else { throw Authenticate.refusal.naming(principal.organization, principal.subjectText) }
        return principal.by(agents: logIn.id)
    }

    /// Who issues tokens for this gateway; nil where it takes none but its own.
    package var resources: ResourceIssuers? { issued.map { ResourceIssuers($0) } }

    /// Some key or user was changed here: which, the next call asks the store.
    package func forget() { configuration.forget() }

    /// Whether the operator's issuer, where it was one's token, is as it was.
    private func stands(_ found: Known) async throws(GatewayError) -> Bool {
        guard let mark = found.mark, let issued else { return true }
        return try await issued.isUnchanged(mark)
    }

    private func note(_ found: Known, at now: Timestamp) {
        guard let uses, case .apiKey(let key) = found.principal.subject else { return }
        let uptime = entropy.uptime()
        guard uptime - Uptime(nanoseconds: found.noted.load(ordering: .relaxed)) >= Authenticate.noteEvery else {
            return
        }
        found.noted.store(uptime.nanoseconds, ordering: .relaxed)
        uses.note(key, of: found.principal.organization, at: now)
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

    /// The same of whom a record names as its maker.
    package func inForce(
        _ maker: String,
        of organization: OrganizationID,
        in environment: Environment
    ) async throws(GatewayError) -> Principal? {
        guard let subject = Principal.Subject(maker) else { return nil }
        return try await inForce(
            Principal(
                organization: organization,
                subject: subject,
                name: "",
                role: .user,
                scopes: nil,
                environment: environment
            )
        )
    }

    func principal(of key: APIKey) -> Principal {
        let reach = key.reach(at: entropy.now())
        return Principal(
            organization: key.organization,
            subject: .apiKey(key.id),
            name: key.name,
            role: reach.role,
            scopes: reach.scopes,
            environment: key.environment,
            rules: reach.rules == KeyRules() ? nil : reach.rules,
            holders: key.holders
        )
    }

    private func principal(
        of user: User,
        in environment: Environment,
        by logIn: Principal.LogIn? = nil
    ) -> Principal {
        Principal(
            organization: user.organization,
            subject: .user(user.id),
            name: user.username,
            role: user.role,
            scopes: nil,
            environment: environment,
            hasSecondFactor: user.hasSecondFactor,
            logIn: logIn
        )
    }

    private func owner(of key: APIKeyText, digest: Digest32, now: Timestamp) async throws(GatewayError) -> Known {
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
        // What it may do more from some moment on is read again then.
        let more = stored.pending.flatMap { now < $0.from ? $0.from : nil }
        let ends = [stored.expiresAt, isNewest ? nil : stored.previous?.until, more].compactMap { $0 }
        return Known(principal(of: stored), until: ends.min(), notedAt: entropy.uptime())
    }

    private func bearer(of token: String, now: Timestamp) async throws(GatewayError) -> Known {
        // Read before anything is verified: whoever issued it is the one whose keys are asked.
        if let issued, let other = IssuedToken(token) { return try await bearer(of: other, by: issued, now: now) }
        guard token.utf8.count <= 4096 else { throw Authenticate.refusal }
        let claims: AccessClaims
        do { claims = try await tokens.verify(token, at: now) } catch { throw Authenticate.refusal }
        guard let user = try await directory.user(claims.user, organization: claims.organization) else {
            throw Authenticate.refusal
        }
        let session = try await directory.session(claims.session, of: user.id, organization: user.organization)
        guard user.isActive, user.sessionEpoch == claims.sessionEpoch, let session,
            session.generation == claims.generation
        else {
            throw Authenticate.refusal.naming(user.organization, "user:\(user.id)")
        }
        return Known(
            principal(of: user, in: .test, by: .init(id: session.id, isAgents: session.agentSince != nil)),
            until: claims.expiresAt,
            notedAt: entropy.uptime()
        )
    }

    static let refusal = GatewayError(
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
            holders: holders,
            hasSecondFactor: hasSecondFactor,
            logIn: logIn,
            issued: issued
        )
    }
}
