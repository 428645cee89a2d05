import Cryptography

/// Users' sessions: log in, refresh, log out.
///
/// Good ones are audited always; failures that name somebody by samples, others are counted (`SampleFailures`).
package struct LogIns: Sendable {
    /// Somebody who is logged in.
    package struct Session: Sendable {
        /// The token to show from now on.
        package let token: Secret<String>
        /// When it ends.
        package let expiresAt: Timestamp
        /// Who it is.
        package let user: User
        /// Their organization.
        package let organization: Organization
        /// What the session goes on by; nil where its token itself is refreshed.
        package var refresh: Refresh?

        /// A refresh token.
        package struct Refresh: Sendable {
            /// Counts once.
            package let token: Secret<String>
            /// When it ends.
            package let expiresAt: Timestamp
        }
    }

    /// What sessions stand on.
    package struct Parts: Sendable {
        package let directory: any DirectoryRepository
        package let audit: any AuditRepository
        package let tokens: any AccessTokens
        package let passwords: any Passwords
        package let authenticate: Authenticate
        package let failures: SampleFailures
        package let metrics: CallMetrics
        package let throttle: AttemptLimit
        package let entropy: Entropy
        package let factors: SecondFactors?
        let refreshTokens: RefreshTokens
        let renewals: PasswordRenewals

        /// Gathers them.
        init(
            directory: any DirectoryRepository,
            audit: any AuditRepository,
            tokens: any AccessTokens,
            passwords: any Passwords,
            authenticate: Authenticate,
            failures: SampleFailures,
            metrics: CallMetrics,
            throttle: AttemptLimit,
            entropy: Entropy,
            factors: SecondFactors? = nil,
            refreshTokens: RefreshTokens
        ) {
            self.directory = directory
            self.audit = audit
            self.tokens = tokens
            self.passwords = passwords
            self.authenticate = authenticate
            self.failures = failures
            self.metrics = metrics
            self.throttle = throttle
            self.entropy = entropy
            self.factors = factors
            self.refreshTokens = refreshTokens
            renewals = PasswordRenewals(passwords: passwords, directory: directory)
        }
    }

    /// Who asks, as the audit shows it.
    package struct Caller: Sendable {
        /// Names the request.
        package let call: CallID
        /// The caller's address as the door saw it.
        package let address: String?

        /// States who.
        package init(call: CallID, address: String?) {
            self.call = call
            self.address = address
        }
    }

    let parts: Parts
    let settings: Settings
    var directory: any DirectoryRepository { parts.directory }

    /// Makes it of its parts.
    init(_ parts: Parts, settings: Settings = Settings()) {
        self.parts = parts
        self.settings = settings
    }

    // MARK: Log in

    /// Logs somebody in.
    ///
    /// The organization's slug may be left out by the oldest active holder of a name; it costs as much time for a name
    /// that there is not.
    ///
    /// - Parameter life: How long the session lasts, where it is no longer than usual.
    /// - Throws: `unauthenticated`, in the same words for a wrong name, organization and password; `rateLimited` with
    ///   the time to wait, for too many failures or too many who wait; `invalidArgument` for what is no name.
    package func logIn(
        username: String,
        password: Secret<String>,
        organization slug: String?,
        code: String? = nil,
        withRefresh: Bool = false,
        lasting life: Duration? = nil,
        _ caller: Caller
    ) async throws(GatewayError) -> Session {
        do throws(GatewayError) {
            let known = try await attempt(username, password, slug, code, caller)
            let session = try await begin(known, withRefresh: withRefresh, lasting: life, caller)
            parts.renewals.note(password, of: known.user)
            parts.metrics.count(door: .rest, what: "auth.login", error: nil)
            return session
        } catch {
            parts.metrics.count(door: .rest, what: "auth.login", error: error)
            if error.code == .unauthenticated, let whom = error.attempted {
                let line = line("LOGIN_FAILED", .failed, whom.organization, whom.subject, caller)
                parts.failures.note(line, naming: whom)
            }
            throw error
        }
    }

    private func attempt(
        _ username: String,
        _ password: Secret<String>,
        _ slug: String?,
        _ code: String?,
        _ caller: Caller
    ) async throws(GatewayError) -> Known {
        try LogIns.check(username, slug, password)
        let attempt = try parts.throttle.begin(name: "\(slug ?? "")|\(username)", address: caller.address)
        let found: Found
        let isRight: Bool
        do throws(GatewayError) {
            found = try await find(username, slug)
            isRight = try await parts.passwords.verify(password, against: found.user?.passwordHash, turn: attempt.turn)
        } catch {
            parts.throttle.giveBack(attempt)
            throw error
        }
        // Nothing is written of a failure: by the time that takes, a name that there is would be told from others.
        guard isRight, let known = found.user else { throw found.refusal }
        // As they are now, not as they were before the hash was made: whatever ended meanwhile stays ended. Another hash
        // within one epoch is of the same password (`PasswordRenewals`).
        guard
            let user = try await directory.user(known.id, organization: known.organization),
            user.isActive, user.passwordHash == known.passwordHash || user.sessionEpoch == known.sessionEpoch,
            let organization = try await directory.organization(user.organization), organization.isActive
        else { throw found.refusal }
        // Only whoever knows the password learns that there is a second factor; the attempt stays charged.
        try await checkFactor(of: user, code, attempt)
        return Known(user: user, organization: organization, place: parts.throttle.succeed(attempt, as: user))
    }

    private func checkFactor(
        of user: User,
        _ code: String?,
        _ attempt: AttemptLimit.Attempt
    ) async throws(GatewayError) {
        guard user.hasSecondFactor else { return }
        let isGuess = code.map { SecondFactors.isGuessable($0) } ?? false
        let guess = isGuess ? try parts.throttle.begin(codeOf: user.id, at: attempt) : nil
        var taken = SecondFactors.Taken.wrong
        if let code, let factors = parts.factors {
            taken = try await factors.take(code, of: user.id, organization: user.organization)
        }
        guard taken == .taken else {
            let words =
                taken == .used
                ? "This code of the second factor was used already: wait until the authenticator shows the next one."
                : "A code of the second factor is needed: send the one that the authenticator shows now as code."
            throw GatewayError(.unauthenticated, words).naming(user.organization, "user:\(user.id)")
        }
        if let guess { parts.throttle.giveBack(guess) }
    }

    /// Who has proved who they are, and where.
    private struct Known {
        let user: User
        let organization: Organization
        let place: KnownPlace
    }

    /// Whom a log-in names.
    private struct Found {
        var user: User?
        var organization: OrganizationID?

        var refusal: GatewayError {
            guard let organization = user?.organization ?? organization else { return LogIns.refusal }
            return LogIns.refusal.naming(organization, user.map { "user:\($0.id)" } ?? "anonymous")
        }
    }

    private static func check(
        _ username: String,
        _ slug: String?,
        _ password: Secret<String>
    ) throws(GatewayError) {
        var errors: [GatewayError.FieldError] = []
        for (field, text) in [("username", username), ("organization", slug ?? "")] {
            if let expectation = PlainText.name.expectation(for: text) {
                errors.append(.init(pointer: "/" + field, message: "\(field): expected \(expectation)."))
            }
        }
        if let expectation = PlainText.line.expectation(for: password.reveal()) {
            errors.append(.init(pointer: "/password", message: "password: expected \(expectation)."))
        }
        guard errors.isEmpty else { throw GatewayError(.invalidArgument, errors[0].message, errors: errors) }
    }

    private func find(_ username: String, _ slug: String?) async throws(GatewayError) -> Found {
        guard (1...128).contains(username.utf8.count) else { return Found() }
        guard let slug else { return Found(user: try await oldestHolder(of: username)) }
        guard let organization = try await directory.organization(slug: slug) else { return Found() }
        let user = try await directory.user(named: username, organization: organization.id)
        return Found(user: user, organization: organization.id)
    }

    /// The oldest active holder of a name whose organization is open: whoever takes the name later changes nothing for
    /// them.
    private func oldestHolder(of username: String) async throws(GatewayError) -> User? {
        try await directory.oldestHolder(of: username, among: settings.holdersMax)?.user
    }

    private func begin(
        _ known: Known,
        withRefresh: Bool,
        lasting life: Duration?,
        _ caller: Caller
    ) async throws(GatewayError) -> Session {
        let now = parts.entropy.now()
        let usual = withRefresh ? settings.refreshLife : settings.tokenLife
        let (user, organization) = (known.user, known.organization)
        let session = UserSession(
            id: parts.entropy.identifier(),
            user: user.id,
            organization: user.organization,
            generation: 1,
            expiresAt: now + min(life ?? usual, usual),
            refreshedAt: withRefresh ? now : nil
        )
        let beginning = SessionBeginning(
            session,
            at: now,
            sessionsMax: settings.sessionsMax,
            hasSecondFactor: user.hasSecondFactor,
            place: known.place,
            placesMax: parts.throttle.knownPlacesMax
        )
        // One that was set up while the password was looked at has not been asked for.
        guard try await directory.begin(beginning) else {
            throw GatewayError(.unauthenticated, "The account was changed meanwhile. Log in again.")
                .naming(user.organization, "user:\(user.id)")
        }
        try write("LOGIN_SUCCESS", user, caller)
        if withRefresh { return try await pair(of: session, user, organization, now) }
        return try await token(of: session, user, organization, now)
    }

    // MARK: Refresh and log out

    /// A new token for a user whose token is about to end; the old one is void from then on.
    ///
    /// - Throws: `unauthenticated` for anything but a good token; `conflict` while a good one is good for long.
    package func refresh(_ token: Secret<String>, _ caller: Caller) async throws(GatewayError) -> Session {
        let now = parts.entropy.now()
        let claims = try await parts.tokens.verify(token.reveal(), at: now)
        guard let user = try await directory.user(claims.user, organization: claims.organization), user.isActive,
            user.sessionEpoch == claims.sessionEpoch,
            var session = try await directory.session(
                claims.session,
                of: claims.user,
                organization: claims.organization
            ),
            session.generation == claims.generation,
            let organization = try await directory.organization(user.organization)
        else { throw LogIns.refusal }
        guard session.refreshedAt == nil else {
            throw GatewayError(.conflict, "This session goes on by its refresh token: send that as refresh_token.")
        }
        guard claims.expiresAt - now <= settings.refreshWindow else {
            throw GatewayError(
                .conflict,
                "The token is good until \(claims.expiresAt); refresh it in its last two hours."
            )
        }
        session.generation += 1
        session.expiresAt = now + settings.tokenLife
        // Of two that refresh one token at once, one does.
        guard try await directory.advance(session, from: claims.generation) else { throw LogIns.refusal }
        parts.authenticate.forget()
        try write("TOKEN_REFRESHED", user, caller)
        return try await self.token(of: session, user, organization, now)
    }

    /// Ends every session of a user: tokens made before are void from now on.
    package func logOut(_ principal: Principal) async throws(GatewayError) {
        guard case .user(let id) = principal.subject else {
            throw GatewayError(.permissionDenied, "Only a user can log out. Revoke a key to end it.")
        }
        try await directory.endSessions(of: id, organization: principal.organization)
        parts.authenticate.forget()
    }

    /// The user and organization of a principal, for `verify`.
    package func describe(_ principal: Principal) async throws(GatewayError) -> (User?, Organization) {
        guard let organization = try await directory.organization(principal.organization) else {
            throw LogIns.refusal
        }
        guard case .user(let id) = principal.subject else { return (nil, organization) }
        return (try await directory.user(id, organization: principal.organization), organization)
    }

    private func token(
        of session: UserSession,
        _ user: User,
        _ organization: Organization,
        _ now: Timestamp
    ) async throws(GatewayError) -> Session {
        try await signed(session, user, organization, now, until: session.expiresAt)
    }

    /// A session with an access token of its generation.
    func signed(
        _ session: UserSession,
        _ user: User,
        _ organization: Organization,
        _ now: Timestamp,
        until end: Timestamp,
        refresh: Session.Refresh? = nil
    ) async throws(GatewayError) -> Session {
        let claims = AccessClaims(
            user: user.id,
            organization: user.organization,
            sessionEpoch: user.sessionEpoch,
            session: session.id,
            generation: session.generation,
            issuedAt: now,
            expiresAt: end
        )
        return Session(
            token: try await parts.tokens.sign(claims),
            expiresAt: end,
            user: user,
            organization: organization,
            refresh: refresh
        )
    }

    // MARK: Audit

    func write(_ action: String, _ user: User, _ caller: Caller) throws(GatewayError) {
        try parts.audit.enqueue(line(action, .success, user.organization, "user:\(user.id)", caller), usage: nil)
    }

    func line(
        _ action: String,
        _ outcome: AuditRecord.Outcome,
        _ organization: OrganizationID,
        _ subject: String,
        _ caller: Caller
    ) -> AuditRecord {
        AuditRecord(
            id: parts.entropy.identifier(),
            organization: organization,
            at: parts.entropy.now(),
            call: caller.call,
            subject: subject,
            action: action,
            door: "rest",
            outcome: outcome,
            address: caller.address
        )
    }

    private static let refusal = GatewayError(
        .unauthenticated,
        "The user name, password or organization is wrong, or the account is closed."
    )
}
