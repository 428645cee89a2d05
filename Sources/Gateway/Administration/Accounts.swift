/// Users' sessions: log in, refresh, log out.
///
/// Every one of them is audited, whatever comes of it.
package struct Accounts: Sendable {
    /// What bounds sessions.
    package struct Settings: Sendable {
        /// How long an access token lives.
        ///
        /// Default 24 h, as in the seed.
        package var tokenLife: Duration = .seconds(86_400)
        /// How long before its end a token may be refreshed.
        ///
        /// Default 2 h, as in the seed.
        package var refreshWindow: Duration = .seconds(7_200)
        /// How many failed logins in a row delay the next.
        ///
        /// Default 10.
        package var failuresMax = 10
        /// For how long.
        ///
        /// Short, so that nobody can lock somebody else out. Default 60 s.
        package var delay: Duration = .seconds(60)

        /// The defaults.
        package init() {}
    }

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
    }

    private let directory: any DirectoryRepository
    private let audit: any AuditRepository
    private let tokens: any AccessTokens
    private let passwords: any Passwords
    private let authenticate: Authenticate
    private let entropy: Entropy
    private let settings: Settings

    /// Makes it of its parts.
    package init(
        directory: any DirectoryRepository,
        audit: any AuditRepository,
        tokens: any AccessTokens,
        passwords: any Passwords,
        authenticate: Authenticate,
        entropy: Entropy,
        settings: Settings = Settings()
    ) {
        self.directory = directory
        self.audit = audit
        self.tokens = tokens
        self.passwords = passwords
        self.authenticate = authenticate
        self.entropy = entropy
        self.settings = settings
    }

    /// Logs somebody in.
    ///
    /// The organization's slug may be left out while the user name is unique.
    ///
    /// - Throws: `unauthenticated`, in the same words for a wrong name, organization and password.
    package func logIn(
        username: String,
        password: Secret<String>,
        organization slug: String?,
        call: CallID,
        address: String?
    ) async throws(GatewayError) -> Session {
        guard let (found, organization) = try await find(username, slug) else {
            // A name that does not exist must take about as long as one that does.
            _ = try await passwords.verify(password, against: Accounts.nobody)
            try write("LOGIN_FAILED", .failed, organization: nil, subject: "anonymous", call, address)
            throw Accounts.refusal
        }
        var user = found
        let now = entropy.now()
        // An end further away than a delay is long was set by another clock, which somebody has set back since.
        let isDelayed = user.lockedUntil.map { now < $0 && $0 - now <= settings.delay } ?? false
        let isRight = try await passwords.verify(password, against: user.passwordHash)
        guard isRight, !isDelayed, user.isActive, organization.isActive else {
            if !isRight { try await countFailure(&user, now: now) }
            try write(
                "LOGIN_FAILED",
                .failed,
                organization: user.organization,
                subject: "user:\(user.id)",
                call,
                address
            )
            throw Accounts.refusal
        }
        if user.failedLogins > 0 {
            user.failedLogins = 0
            user.lockedUntil = nil
            try await directory.save(user)
        }
        try write("LOGIN_SUCCESS", .success, organization: user.organization, subject: "user:\(user.id)", call, address)
        return try await session(user, organization)
    }

    /// A new token for a user whose token is about to end.
    /// - Throws: `conflict` while the token is still good for long; `unauthenticated` for anything but a good token.
    package func refresh(_ token: Secret<String>, call: CallID, address: String?) async throws(GatewayError) -> Session
    {
        let now = entropy.now()
        let claims = try await tokens.verify(token.reveal(), at: now)
        guard claims.expiresAt - now <= settings.refreshWindow else {
            throw GatewayError(
                .conflict,
                "The token is good until \(claims.expiresAt); refresh it in its last two hours."
            )
        }
        guard let user = try await directory.user(claims.user, organization: claims.organization), user.isActive,
            user.sessionEpoch == claims.sessionEpoch,
            let organization = try await directory.organization(user.organization)
        else { throw Accounts.refusal }
        try write(
            "TOKEN_REFRESHED",
            .success,
            organization: user.organization,
            subject: "user:\(user.id)",
            call,
            address
        )
        return try await session(user, organization)
    }

    /// Ends every session of a user: tokens made before are void from now on.
    package func logOut(_ principal: Principal) async throws(GatewayError) {
        guard case .user(let id) = principal.subject,
            var user = try await directory.user(id, organization: principal.organization)
        else { throw GatewayError(.permissionDenied, "Only a user can log out. Revoke a key to end it.") }
        user.sessionEpoch += 1
        try await directory.save(user)
        authenticate.forget()
    }

    /// The user and organization of a principal, for `verify`.
    package func describe(_ principal: Principal) async throws(GatewayError) -> (User?, Organization) {
        guard let organization = try await directory.organization(principal.organization) else {
            throw Accounts.refusal
        }
        guard case .user(let id) = principal.subject else { return (nil, organization) }
        return (try await directory.user(id, organization: principal.organization), organization)
    }

    private func find(_ username: String, _ slug: String?) async throws(GatewayError) -> (User, Organization)? {
        guard (1...128).contains(username.utf8.count) else { return nil }
        var users = try await directory.users(named: username, limit: 10)
        if let slug {
            let organization = try await directory.organization(slug: slug)
            users = users.filter { $0.organization == organization?.id }
        }
        guard users.count == 1, let user = users.first,
            let organization = try await directory.organization(user.organization)
        else { return nil }
        return (user, organization)
    }

    private func countFailure(_ user: inout User, now: Timestamp) async throws(GatewayError) {
        user.failedLogins += 1
        if user.failedLogins % settings.failuresMax == 0 { user.lockedUntil = now + settings.delay }
        try await directory.save(user)
    }

    private func session(_ user: User, _ organization: Organization) async throws(GatewayError) -> Session {
        let now = entropy.now()
        let claims = AccessClaims(
            user: user.id,
            organization: user.organization,
            sessionEpoch: user.sessionEpoch,
            issuedAt: now,
            expiresAt: now + settings.tokenLife
        )
        return Session(
            token: try await tokens.sign(claims),
            expiresAt: claims.expiresAt,
            user: user,
            organization: organization
        )
    }

    private func write(
        _ action: String,
        _ outcome: AuditRecord.Outcome,
        organization: OrganizationID?,
        subject: String,
        _ call: CallID,
        _ address: String?
    ) throws(GatewayError) {
        let line = AuditRecord(
            id: entropy.identifier(),
            organization: organization,
            at: entropy.now(),
            call: call,
            subject: subject,
            action: action,
            door: "rest",
            outcome: outcome,
            address: address
        )
        try audit.enqueue(line, usage: nil)
    }

    private static let refusal = GatewayError(
        .unauthenticated,
        "The user name, password or organization is wrong, or the account is closed."
    )

    /// A hash of no password, of the usual cost.
    private static let nobody =
        "$scrypt$ln=14,r=8,p=1$00000000000000000000000000000000$" + String(repeating: "0", count: 64)
}
