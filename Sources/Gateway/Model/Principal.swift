/// Who makes a call, and for whom: made from the credential by the first stage, and from nothing else.
package struct Principal: Sendable, Hashable {
    /// The person or the key.
    package enum Subject: Sendable, Hashable {
        /// Somebody who logged in.
        case user(UserID)
        /// A program with an API key.
        case apiKey(APIKeyID)
    }

    /// A person's session, as it is when they call.
    package struct LogIn: Sendable, Hashable {
        /// Names it.
        package let id: Identifier
        /// Whether a program has called with it at the door of MCP: from then on it is that one's, by every door.
        package let isAgents: Bool

        /// States it.
        package init(id: Identifier, isAgents: Bool) {
            self.id = id
            self.isAgents = isAgents
        }
    }

    /// Whose data the call may see and change.
    package let organization: OrganizationID
    /// Who it is.
    package let subject: Subject
    /// What to call them in audit: a user name, or a key's name.
    package let name: String
    /// What they may do.
    package let role: Role
    /// Which kinds of tool; nil means every kind the role allows.
    package let scopes: Set<String>?
    /// Which M-Pesa the call acts on.
    package let environment: Environment
    /// The subject as audit shows it: `user:<id>` or `key:<id>`; made once, because every call's audit line has it.
    package let subjectText: String
    /// Whether whoever it is proves themselves by a second factor when they log in; true of keys, which need none.
    package let hasSecondFactor: Bool
    /// What narrows a key further; nil for people, and for keys that nothing narrows.
    package let rules: KeyRules?
    /// Whose key it is: whoever made it, and whoever has seen a secret of it since; none for people, and for keys that the
    /// host made.
    package let holders: [UserID]
    /// By which log-in a person calls; nil for keys, and for what is done later in somebody's name.
    package private(set) var logIn: LogIn?
    /// By whose word it is that they call; nil for credentials of the gateway's own.
    package let issued: IssuedBearer?

    /// Makes a principal.
    package init(
        organization: OrganizationID,
        subject: Subject,
        name: String,
        role: Role,
        scopes: Set<String>?,
        environment: Environment,
        rules: KeyRules? = nil,
        holders: [UserID] = [],
        hasSecondFactor: Bool = true,
        logIn: LogIn? = nil,
        issued: IssuedBearer? = nil
    ) {
        self.organization = organization
        self.subject = subject
        self.name = name
        self.role = role
        self.scopes = scopes
        self.environment = environment
        self.rules = rules
        self.holders = holders
        self.hasSecondFactor = hasSecondFactor
        self.logIn = logIn
        self.issued = issued
        subjectText =
            switch subject {
            case .user(let id): "user:\(id)"
            case .apiKey(let id): "key:\(id)"
            }
    }

    /// By which of a person's sessions they call.
    package var session: Identifier? { logIn?.id }

    /// The same, by a log-in that is an agent's.
    func by(agents logIn: Identifier) -> Principal {
        var principal = self
        principal.logIn = LogIn(id: logIn, isAgents: true)
        return principal
    }

    /// Whoever a conversation is with: the subject, and of a token of an issuer whom that was issued to besides, because
    /// several may act as one key.
    package var bearerText: String {
        // No issuer's address has a bar in it.
        issued.map { "\(subjectText)|\($0.issuer)|\($0.subject)" } ?? subjectText
    }

    /// Whether they may see a record of their organization: the role `user` sees what it asked for itself, every other
    /// what anybody did; a key that is held to accounts sees what is theirs.
    ///
    /// What somebody may not see is to them as if it were not there.
    package func sees(_ record: Record) -> Bool {
        sees(madeBy: record.madeBy, account: record.accountName)
    }

    /// Whether they may see what somebody made for an account.
    package func sees(madeBy subject: String, account: AccountName) -> Bool {
        (maker.map { $0 == subject } ?? true) && (accounts?.contains(account) ?? true)
    }

    /// Whose records they see; nil for anybody's of the organization.
    package var maker: String? { role == .user ? subjectText : nil }

    /// The accounts that they may use and whose records they see; nil for every one.
    package var accounts: Set<AccountName>? { rules?.accounts }

    /// The subject's identifier.
    package var subjectIdentifier: Identifier {
        switch subject {
        case .user(let id): id.raw
        case .apiKey(let id): id.raw
        }
    }
}

extension Principal {
    /// All of a principal by which it is decided what they see: whoever looks at more of it in `Authorize` names it here.
    struct Rights: Hashable, Sendable {
        let role: Role
        let scopes: Set<String>?
        let isKey: Bool
        let tools: Set<String>?
        let isHeldToAccounts: Bool
        let isAgents: Bool

        init(_ principal: Principal) {
            role = principal.role
            scopes = principal.scopes
            isKey = if case .apiKey = principal.subject { true } else { false }
            tools = principal.rules?.tools
            isHeldToAccounts = principal.accounts != nil
            isAgents = principal.logIn?.isAgents ?? false
        }
    }
}

extension Principal.Subject {
    /// The subject that audit and records name so; nil for `host`, and for what is no name.
    package init?(_ text: String) {
        if text.hasPrefix("user:"), let id = UserID(String(text.dropFirst(5))) {
            self = .user(id)
        } else if text.hasPrefix("key:"), let id = APIKeyID(String(text.dropFirst(4))) {
            self = .apiKey(id)
        } else {
            return nil
        }
    }
}

/// A user as the store knows them.
package struct User: Sendable, Equatable {
    /// Names the user.
    package let id: UserID
    /// Whose user.
    package let organization: OrganizationID
    /// Unique within the organization.
    package var username: String
    /// Unique within the organization.
    package var email: String
    /// A PHC string; see `Cryptography`.
    package var passwordHash: String
    /// What they may do.
    package var role: Role
    /// False once they may no longer log in.
    package var isActive: Bool
    /// Counts up when sessions must end: password or role changed, logged out everywhere.
    ///
    /// Tokens carry it.
    package var sessionEpoch: Int
    /// Counts up with each change that somebody makes; the store's.
    package var version: Int
    /// Whether a code is asked when they log in; the store's, changed with the factor.
    package let hasSecondFactor: Bool
    /// That somebody else made them what they are, a short while ago; nil once that is long past or agreed to.
    package var settling: Settling?

    /// Somebody was made, or given more, or another way in, by somebody else.
    package struct Settling: Sendable, Equatable {
        /// When.
        package let since: Timestamp
        /// By whom, as `user:<id>`, or `host`.
        package let by: String

        /// States it.
        package init(since: Timestamp, by: String) {
            self.since = since
            self.by = by
        }
    }

    /// From when on they may let money leave; nil for at once.
    package var approvesFrom: Timestamp? { settling.map { $0.since + ApprovalPolicy.settling } }

    /// Makes a user.
    package init(
        id: UserID,
        organization: OrganizationID,
        username: String,
        email: String,
        passwordHash: String,
        role: Role,
        isActive: Bool = true,
        sessionEpoch: Int = 0,
        version: Int = 1,
        hasSecondFactor: Bool = false,
        settling: Settling? = nil
    ) {
        self.id = id
        self.organization = organization
        self.username = username
        self.email = email
        self.passwordHash = passwordHash
        self.role = role
        self.isActive = isActive
        self.sessionEpoch = sessionEpoch
        self.version = version
        self.hasSecondFactor = hasSecondFactor
        self.settling = settling
    }
}

extension User {
    /// The refusal of an active person past what the plan has room for.
    package static func tooMany(_ most: Int) -> GatewayError {
        GatewayError(
            .limitExceeded,
            "The organization's plan has room for \(most) people. Deactivate one who has left."
        )
    }
}
