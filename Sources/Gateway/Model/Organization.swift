import OrderedJSON

/// Which M-Pesa a call acts on.
///
/// Every row, key and credential knows its environment.
package enum Environment: String, Sendable, Hashable, CaseIterable {
    /// Safaricom's sandbox, or the simulator.
    case test
    /// Real money.
    case live

    /// By which of the two it is; a raw value's own hash would walk its text, in the key of every cache.
    package func hash(into hasher: inout Hasher) {
        switch self {
        case .test: hasher.combine(false)
        case .live: hasher.combine(true)
        }
    }
}

/// What a person may do, least first.
package enum Role: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Uses tools within the plan.
    case user
    /// Also sees what others of the organization did.
    case manager
    /// Also administers the organization's users, keys and credentials.
    case orgAdmin = "org_admin"
    /// Administers every organization.
    case superAdmin = "super_admin"

    /// Orders from least to most.
    package static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .user: 0
        case .manager: 1
        case .orgAdmin: 2
        case .superAdmin: 3
        }
    }
}

/// Whether an organization pays, or may try.
package enum Subscription: String, Sendable, Hashable, CaseIterable {
    /// Trying it out.
    case trial
    /// Paying.
    case active
    /// Stopped for now: nothing new may be started; callbacks and queries for what is open go on.
    case suspended
    /// Ended.
    case cancelled

    /// Whether new calls may be made.
    package var admitsCalls: Bool { self == .trial || self == .active }
}

extension Organization {
    /// Why it may make no calls now; nil when it may.
    package func refusal(at now: Timestamp) -> GatewayError? {
        if awaitsApproval {
            return GatewayError(
                .organizationSuspended,
                "The organization waits to be let in by whoever runs this gateway."
            )
        }
        guard subscription.admitsCalls else {
            return GatewayError(
                .organizationSuspended,
                "The organization's subscription is \(subscription.rawValue). Renew it to go on."
            )
        }
        guard let subscriptionUntil, subscriptionUntil + .seconds(86_400 * graceDays) <= now else { return nil }
        return GatewayError(
            .organizationSuspended,
            "The organization's \(subscription == .trial ? "trial" : "subscription") ended at \(subscriptionUntil). "
                + "Renew it to go on."
        )
    }
}

/// Who must prove themselves by a second factor, besides whoever wants to.
package enum SecondFactorPolicy: String, Sendable, Hashable, CaseIterable {
    /// Nobody must.
    case nobody
    /// Who administers the organization must.
    case administrators
    /// Everybody must.
    case everybody

    /// Whether somebody of a role must.
    package func asks(_ role: Role) -> Bool {
        switch self {
        case .nobody: false
        case .administrators: role >= .orgAdmin
        case .everybody: true
        }
    }
}

/// Whose data, credentials and limits a call uses.
package struct Organization: Sendable, Equatable {
    /// Names it in the store.
    package let id: OrganizationID
    /// Names it to people: `[a-z0-9][a-z0-9-]{0,62}`, unique.
    package var slug: String
    /// What people call it.
    package var name: String
    /// False once it was closed.
    package var isActive: Bool
    /// Whether it pays.
    package var subscription: Subscription
    /// The plan it is on.
    package var plan: String
    /// Limits that replace the plan's for this organization alone, by bucket.
    package var limitOverrides: [String: RateLimit]
    /// Whether money calls must carry an idempotency key.
    package var requiresIdempotencyKey: Bool
    /// The slug of the organization that runs the gateway: its super administrators administer every other; it has no
    /// tools, and is never suspended.
    package static let hostSlug = "host"
    /// The refusal of a plan that there is not, or not any more.
    package static func noPlan(_ name: String) -> GatewayError {
        GatewayError(.conflict, "There is no plan \(name) any more. Choose another one.")
    }
    /// Whether it is the one that runs the gateway.
    package var isHost: Bool { slug == Organization.hostSlug }
    /// Whether a payout that M-Pesa says it does not know may be sent once more, with the same id in it.
    ///
    /// Off unless switched on.
    package var resendsNotFound: Bool
    /// Ceilings that replace the plan's for this organization alone.
    package var ceilings: Ceilings
    /// Tools of its plan that it does not want, by name: nobody of it finds them.
    package var disabledTools: Set<String>
    /// When trial or subscription ends; nil for never.
    package var subscriptionUntil: Timestamp?
    /// For how many days calls are let through after that.
    package var graceDays: Int
    /// Whether it registered itself, and nobody who runs the gateway has let it in yet.
    package var awaitsApproval: Bool
    /// Who of it must prove themselves by a second factor.
    package var secondFactor: SecondFactorPolicy
    /// Below which address M-Pesa calls back for it; nil for the host's.
    package var callbackBaseURL: BaseURL?
    /// What of its calls waits for people, and what is stopped.
    package var approvals: ApprovalPolicy
    /// Counts up with each change; the store's.
    package var version: Int

    /// Makes an organization.
    package init(
        id: OrganizationID,
        slug: String,
        name: String,
        isActive: Bool = true,
        subscription: Subscription = .trial,
        plan: String,
        limitOverrides: [String: RateLimit] = [:],
        requiresIdempotencyKey: Bool = false,
        resendsNotFound: Bool = false,
        ceilings: Ceilings = Ceilings(),
        disabledTools: Set<String> = [],
        secondFactor: SecondFactorPolicy = .nobody,
        subscriptionUntil: Timestamp? = nil,
        graceDays: Int = 7,
        awaitsApproval: Bool = false,
        callbackBaseURL: BaseURL? = nil,
        approvals: ApprovalPolicy = ApprovalPolicy(),
        version: Int = 1
    ) {
        self.id = id
        self.slug = slug
        self.name = name
        self.isActive = isActive
        self.subscription = subscription
        self.plan = plan
        self.limitOverrides = limitOverrides
        self.requiresIdempotencyKey = requiresIdempotencyKey
        self.resendsNotFound = resendsNotFound
        self.ceilings = ceilings
        self.disabledTools = disabledTools
        self.secondFactor = secondFactor
        self.subscriptionUntil = subscriptionUntil
        self.graceDays = graceDays
        self.awaitsApproval = awaitsApproval
        self.callbackBaseURL = callbackBaseURL
        self.approvals = approvals
        self.version = version
    }
}

/// What a plugin is told of the organization: its short code and settings, never a secret.
///
/// See docs/abi.md, section 3.
package struct Profile: Sendable, Equatable {
    /// Which M-Pesa.
    package let environment: Environment
    /// Five to seven digits.
    ///
    /// For a till: the store (head office) number.
    package var shortCode: String
    /// `paybill` or `till`.
    package var shortCodeType: String
    /// The till number customers see; for tills only.
    package var tillNumber: String?
    /// The organization's name.
    package var organizationName: String
    /// Settings for plugins, by plugin id: an object each.
    package var settings: JSONObject

    /// Makes a profile.
    package init(
        environment: Environment,
        shortCode: String,
        shortCodeType: String,
        tillNumber: String? = nil,
        organizationName: String,
        settings: JSONObject = JSONObject()
    ) {
        self.environment = environment
        self.shortCode = shortCode
        self.shortCodeType = shortCodeType
        self.tillNumber = tillNumber
        self.organizationName = organizationName
        self.settings = settings
    }
}

/// The secrets with which an organization speaks to Daraja in one environment.
package struct DarajaCredential: Sendable {
    /// Of the Daraja app.
    ///
    /// Not secret by itself, yet not shown.
    package let consumerKey: Secret<String>
    /// Of the Daraja app.
    package let consumerSecret: Secret<String>
    /// For STK push; nil when the organization does not collect.
    package let passkey: Secret<String>?
    /// The password of the API operator that pays out and asks; nil when the organization does neither.
    package let initiatorPassword: Secret<String>?
    /// That password as Safaricom's portal encrypted it, for organizations that keep only this.
    package let securityCredential: Secret<String>?
    /// Counts up with each change, so that caches can tell.
    package let version: Int

    /// Makes a credential.
    package init(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        passkey: Secret<String>?,
        initiatorPassword: Secret<String>? = nil,
        securityCredential: Secret<String>? = nil,
        version: Int
    ) {
        self.consumerKey = consumerKey
        self.consumerSecret = consumerSecret
        self.passkey = passkey
        self.initiatorPassword = initiatorPassword
        self.securityCredential = securityCredential
        self.version = version
    }
}
