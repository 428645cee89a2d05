/// Who may ask something of the host itself, what that costs, and the words it goes by.
///
/// The stages look at nothing else of an action (`Pipeline.perform`).
package struct ActionRules: Sendable {
    /// Names it in metrics, usage, errors and commands, such as `transactions.list`.
    package let name: String
    /// The word that audit uses.
    package let auditAction: String
    /// The least role.
    package let role: Role
    /// The scopes that a key must have, all of them.
    package let scopes: [String]
    /// The bucket its uses count in.
    package let bucket: String
    /// What a use costs in its bucket.
    package let cost: Int
    /// Whether only a person may ask it, by a session of their own: no key, however much it may, nor an agent
    /// (`isOpenToAgents`).
    package let isPersonal: Bool
    /// Whether an organization that may not call any more may still ask it, to see what became of its money.
    package let isOpenWhenSuspended: Bool
    /// Whose data it reaches.
    package let reach: Reach
    /// What is said of `isOpenToAgents`.
    private let saidOfAgents: Bool?
    /// Whether it shows what went through all of the organization's accounts: not to a key that is held to some.
    package let showsAllAccounts: Bool
    /// What the organization's plan must have for it; nil where every plan has it.
    package let feature: Feature?
    /// Whether it writes what its use adds to audit and usage (`Action.Use.lines`) in the commit that makes its change.
    ///
    /// Else that is a commit of its own before. No quota is taken for it.
    package let writesItsLines: Bool

    /// Whose data an action reaches.
    package enum Reach: Sendable {
        /// The organization's of the credential; of role `user`, as far as the action says, its own.
        case organization
        /// Any organization's, named by an argument: for super administrators of the host organization alone.
        case host
    }

    /// Describes an action; by default anybody's, of the bucket `read`.
    package init(
        _ name: String,
        auditAction: String,
        role: Role = .user,
        scopes: [String] = [],
        bucket: String = "read",
        cost: Int = 1,
        isPersonal: Bool = false,
        isOpenWhenSuspended: Bool = false,
        isOpenToAgents: Bool? = nil,
        reach: Reach = .organization,
        showsAllAccounts: Bool = false,
        feature: Feature? = nil,
        writesItsLines: Bool = false
    ) {
        self.name = name
        self.auditAction = auditAction
        self.role = role
        self.scopes = scopes
        self.bucket = bucket
        self.cost = cost
        self.isPersonal = isPersonal
        self.isOpenWhenSuspended = isOpenWhenSuspended
        saidOfAgents = isOpenToAgents
        self.reach = reach
        self.showsAllAccounts = showsAllAccounts
        self.feature = feature
        self.writesItsLines = writesItsLines
    }

    /// Whether it is about nothing but whoever asks: how they prove themselves, and what there is for them to call,
    /// without which no command finds the way there.
    package var isAboutOneself: Bool {
        name.hasPrefix("auth.") || name.hasPrefix("second_factor.") || name == ActionRules.listTools.name
    }

    /// Whether a person's log-in may ask it that a program has called with too: unless it is said otherwise, what is about
    /// oneself, and what shows or takes away, as an organization may that may not call any more.
    package var isOpenToAgents: Bool { saidOfAgents ?? (isAboutOneself || isOpenWhenSuspended) }

    /// Whether a use counts against nobody's limit but the caller's own: what an administrator does in person, and what
    /// people do about themselves.
    func isApart(for principal: Principal) -> Bool {
        guard case .user = principal.subject else { return false }
        return role >= .orgAdmin || isAboutOneself
    }

    /// The tools that the credential may use: it shows nothing but what the credential's own scopes open.
    package static let listTools = ActionRules(
        "tools.list",
        auditAction: "TOOLS_LISTED",
        isOpenWhenSuspended: true
    )
    /// What changes, as it changes.
    package static let listen = ActionRules("subscriptions.listen", auditAction: "SUBSCRIPTION_OPENED")
    /// Which kinds of resources the host itself has.
    package static let listTemplates = ActionRules("resources.templates", auditAction: "CONTEXT_READ")
    /// What this server is and can.
    package static let discover = ActionRules("server.discover", auditAction: "SERVER_DISCOVERED")
}
