import Gateway
import OrderedJSON

/// What strangers may ask for: a new password, and, where the policy lets them, an organization.
///
/// Every attempt is charged as a log-in is, and nothing tells whether there is an account.
package struct Reception: FrontDesk {
    /// What an operator sets.
    package struct Settings: Sendable {
        /// Who may register.
        ///
        /// Default nobody.
        package var policy = Registration.Policy.closed
        /// The plan that who registers is on.
        ///
        /// Default `standard`.
        package var plan = HostOrganization.standardPlan.name
        /// How long they may try it.
        ///
        /// Default 30 days.
        package var trial: Duration = .seconds(30 * 86_400)
        /// How many organizations may be registered in an hour, from wherever: an organization is kept.
        ///
        /// Default 60.
        package var perHourMax = 60

        /// The defaults.
        package init() {}
    }

    private let house: Administration
    private let forgotten: ForgottenPasswords
    private let settings: Settings
    /// Of all who register together.
    private let registrations: AttemptLimit

    /// Makes it of what administration stands on.
    package init(_ house: Administration, failures: SampleFailures, settings: Settings = Settings()) {
        self.house = house
        forgotten = ForgottenPasswords(house, failures: failures)
        self.settings = settings
        var bounds = AttemptLimit.Settings()
        bounds.ofName = RateLimit(units: settings.perHourMax, per: .seconds(3600))
        bounds.ofAddress = bounds.ofName
        registrations = AttemptLimit(entropy: house.parts.entropy, settings: bounds)
    }

    // MARK: Passwords

    package var mailsForgotten: Bool { forgotten.isMailing }

    package func forgot(
        username: String,
        organization slug: String?,
        _ caller: LogIns.Caller
    ) async throws(GatewayError) {
        // Charged whatever comes of it: whoever asks for many accounts must wait.
        _ = try house.parts.throttle.begin(
            name: "forgot|\(slug ?? "")|\(username)",
            address: caller.address,
            for: .errand
        )
        forgotten.add(ForgottenPasswords.Wish(username: username, slug: slug, caller: caller))
    }

    /// Works off what was asked for without waiting, until it is cancelled.
    package func run() async { await forgotten.run() }

    package func reset(
        token: Secret<String>,
        password: Secret<String>,
        _ caller: LogIns.Caller
    ) async throws(GatewayError) {
        let attempt = try house.parts.throttle.begin(name: "reset", address: caller.address, for: .errand)
        guard let link = try await Links(house: house).find(token),
            let user = try await house.directory.user(link.user, organization: link.organization), user.isActive,
            let organization = try await house.directory.organization(link.organization)
        else { throw Reception.refusal }
        try PasswordRules.check(
            password,
            names: [user.username, user.email, organization.slug],
            field: "new_password"
        )
        let hash = try await house.hash(password, of: link.organization)
        let line = line("PASSWORD_RESET", .success, of: user.organization, "user:\(user.id)", caller)
        // All in one: a link that is used up has set its password, whenever the process ends.
        guard try await house.parts.people.take(link, setting: hash, line) else { throw Reception.refusal }
        house.forget()
        house.parts.throttle.giveBack(attempt)
    }

    private static let refusal = GatewayError(
        .unauthenticated,
        "This link is unknown, used or too old. Ask an administrator for another one."
    )

    private func line(
        _ action: String,
        _ outcome: AuditRecord.Outcome,
        of organization: OrganizationID,
        _ subject: String,
        _ caller: LogIns.Caller
    ) -> AuditRecord {
        AuditRecord(
            id: house.parts.entropy.identifier(),
            organization: organization,
            at: house.parts.entropy.now(),
            call: caller.call,
            subject: subject,
            action: action,
            door: "rest",
            outcome: outcome,
            address: caller.address
        )
    }

    // MARK: Registering

    package func register(
        _ registration: Registration,
        _ caller: LogIns.Caller
    ) async throws(GatewayError) -> Organization {
        guard settings.policy != .closed else {
            throw GatewayError(.permissionDenied, "This gateway's operators make organizations: ask them for one.")
        }
        // Charged whatever comes of it, so that nobody fills the gateway with organizations.
        let attempt = try house.parts.throttle.begin(name: "register", address: caller.address, for: .errand)
        try PasswordRules.check(
            registration.password,
            names: [registration.username, registration.email, registration.slug, registration.name],
            field: "admin_password"
        )
        guard try await house.directory.plan(settings.plan) != nil else {
            throw GatewayError(.notConfigured, "The plan \(settings.plan), which who registers is on, is missing.")
        }
        guard registration.slug != Organization.hostSlug,
            try await house.directory.organization(slug: registration.slug) == nil
        else { throw Reception.taken(registration.slug) }
        var organization = Organization(
            id: OrganizationID(house.parts.entropy.identifier()),
            slug: registration.slug,
            name: registration.name,
            subscription: .trial,
            plan: settings.plan
        )
        organization.awaitsApproval = settings.policy == .approval
        organization.subscriptionUntil = house.parts.entropy.now() + settings.trial
        try await make(organization, registration, turn: attempt.turn)
        try await house.parts.audit.append(
            [line("ORGANIZATION_REGISTERED", .success, of: organization.id, "anonymous", caller)],
            usage: []
        )
        house.forget()
        return organization
    }

    /// Makes an organization and its administrator in one: nobody leaves one behind whom nobody can log in to.
    private func make(
        _ organization: Organization,
        _ registration: Registration,
        turn: PasswordTurn
    ) async throws(GatewayError) {
        let place: AttemptLimit.Attempt
        do throws(GatewayError) { place = try registrations.begin(name: "all", address: nil) } catch {
            throw GatewayError(
                .rateLimited,
                "Too many organizations were registered in the last hour. Try again later.",
                retryAfter: error.retryAfter
            )
        }
        do throws(GatewayError) {
            let administrator = User(
                id: UserID(house.parts.entropy.identifier()),
                organization: organization.id,
                username: registration.username,
                email: registration.email,
                passwordHash: try await house.parts.passwords.hash(registration.password, turn: turn),
                role: .orgAdmin
            )
            try await house.directory.save(organization, with: administrator)
        } catch {
            registrations.giveBack(place)
            throw error
        }
    }

    private static func taken(_ slug: String) -> GatewayError {
        GatewayError(.conflict, "Another organization has the slug \(slug). Choose another one.")
    }
}
