import Cryptography
import Gateway
import OrderedJSON

/// The organization's people: list, create, update, deactivate; and one's own password.
struct UserActions: Sendable {
    let house: Administration

    var all: [Action] { [list, create, update, deactivate, changePassword] }

    private static let made: JSON = [
        "type": "object", "required": ["user", "must_name_organization"],
        "properties": [
            "user": DirectoryDocuments.userSchema,
            "must_name_organization": [
                "type": "boolean", "description": "Whether they must say their organization's slug when they log in.",
            ],
            "password": ["type": "string", "description": "Made because none was given; shown this once."],
        ],
    ]

    // MARK: List

    private var list: Action {
        Action(
            Administration.rules("users.list", "USERS_LISTED", writes: false, takesAway: true),
            title: "List people",
            summary: "The organization's users by name, active or not; after is the last name of the page before.",
            route: Route("GET", "/admin/users"),
            arguments: ["limit": Arguments.limit, "after": Arguments.username],
            output: .data(["type": "array", "items": DirectoryDocuments.userSchema])
        ) { [house] use throws(GatewayError) in
            let users = try await house.directory.users(
                organization: use.principal.organization,
                after: use.text("after"),
                limit: use.limit
            )
            return .data(.array(users.map { DirectoryDocuments.document($0) }))
        }
    }

    // MARK: Create

    private var create: Action {
        Action(
            Administration.rules("users.create", "USER_CREATED"),
            title: "Create a user",
            summary: "A person of the organization. Without a password one is made and shown this once.",
            route: Route("POST", "/admin/users", status: 201),
            arguments: [
                "username": Arguments.username, "email": Arguments.email, "role": Arguments.role,
                "password": Arguments.password,
            ],
            required: ["username", "email"],
            output: .data(UserActions.made),
            sensitive: [JSONPointer(tokens: ["password"])],
            shownOnce: ["password"],
            target: "user/id"
        ) { [house] use throws(GatewayError) in
            let role = use.role() ?? .user
            try UserActions.check(role, use)
            try await house.checkRoomForUser(use.membership)
            if let password = use.text("password") {
                let names = [use.text("username") ?? "", use.text("email") ?? "", use.membership.organization.slug]
                try PasswordRules.check(Secret(password), names: names)
            }
            let person = NewPerson(
                username: use.text("username") ?? "",
                email: use.text("email") ?? "",
                password: use.text("password").map { Secret($0) },
                role: role,
                settling: house.settling(use),
                activeMax: use.membership.ceilings.usersMax
            )
            let made = try await house.make(person, of: use.principal.organization)
            return .data(.object(made), message: "The user was created.")
        }
    }

    /// Nobody makes somebody who may do more than they themselves.
    static func check(_ role: Role, _ use: Action.Use) throws(GatewayError) {
        guard role <= use.principal.role, role != .superAdmin || use.membership.organization.isHost else {
            throw GatewayError(
                .permissionDenied,
                "A \(use.principal.role.rawValue) cannot give the role \(role.rawValue)."
            )
        }
    }

    // MARK: Update

    private var update: Action {
        Action(
            Administration.rules("users.update", "USER_UPDATED"),
            title: "Update a user",
            summary: """
                Changes what is given and leaves the rest. Sessions of the user end where role, password or standing \
                changes.
                """,
            route: Route("PUT", "/admin/users/{id}"),
            arguments: [
                "id": Arguments.id, "email": Arguments.email, "role": Arguments.role,
                "password": Arguments.password, "is_active": ["type": "boolean"], "version": Arguments.version,
            ],
            output: .data(DirectoryDocuments.userSchema),
            sensitive: [JSONPointer(tokens: ["password"])]
        ) { [house] use throws(GatewayError) in
            let role = use.role()
            if let role { try UserActions.check(role, use) }
            if use.text("password") != nil || use.text("email") != nil, let id = UserID(use.text("id") ?? "") {
                try Administration.refuseOneself(id, use)
            }
            var hash: String?
            if let password = use.text("password") {
                try PasswordRules.check(Secret(password), names: [use.membership.organization.slug])
                hash = try await house.hash(Secret(password), of: use.principal.organization)
            }
            let (email, isActive, newHash) = (use.text("email"), use.flag("is_active"), hash)
            let settling = house.settling(use)
            let user = try await change(use) { user in
                // Whoever is given more, or another way in, lets no money leave on that person's word alone.
                let isGivenMore = role.map { $0 > user.role } ?? false || isActive == true && !user.isActive
                if isGivenMore || newHash != nil || email.map({ $0 != user.email }) ?? false {
                    user.settling = settling
                }
                if let email { user.email = email }
                if let role { user.role = role }
                if let isActive { user.isActive = isActive }
                if let newHash { user.passwordHash = newHash }
            }
            return .data(DirectoryDocuments.document(user), message: "The user was updated.")
        }
    }

    private var deactivate: Action {
        Action(
            Administration.rules("users.deactivate", "USER_DELETED", takesAway: true),
            title: "Deactivate a user",
            summary: """
                They may not log in any more, their sessions end, and what they asked for that waits is withdrawn. What they \
                did stays in the audit. With preview nothing is changed, and the answer says which payments and batches that \
                would be.
                """,
            route: Route("DELETE", "/admin/users/{id}"),
            arguments: ["id": Arguments.id, "preview": Arguments.preview],
            output: .data(["anyOf": [DirectoryDocuments.userSchema, DraftLosses.preview]])
        ) { use throws(GatewayError) in
            if use.flag("preview") ?? false {
                let organization = use.principal.organization
                guard let id = UserID(use.text("id") ?? ""),
                    let user = try await house.directory.user(id, organization: organization)
                else { throw GatewayError(.notFound, "There is no user with this id.") }
                try UserActions.check(user, use)
                return try await DraftLosses(house: house).preview(of: "user:\(id)", in: organization)
            }
            let user = try await change(use) { $0.isActive = false }
            return .data(DirectoryDocuments.document(user), message: "The user was deactivated.")
        }
    }

    /// Changes a user whom the caller may change, unless nobody would be left to administer the organization.
    private func change(
        _ use: Action.Use,
        _ change: @escaping @Sendable (inout User) -> Void
    ) async throws(GatewayError) -> User {
        let organization = use.principal.organization
        let missing = GatewayError(.notFound, "There is no user with this id.")
        guard let id = UserID(use.text("id") ?? ""),
            let before = try await house.directory.user(id, organization: organization)
        else { throw missing }
        try UserActions.check(before, use)
        var wished = before
        change(&wished)
        let isHost = use.membership.organization.isHost
        let stays = wished.isActive && wished.role >= Administration.leastAdministrator(host: isHost)
        if !stays, try await !house.hasAdministrator(organization, host: isHost, but: id) { throw UserActions.lastOne }
        let sight = Sight(use)
        let most = use.membership.ceilings.usersMax
        let changed = try await house.directory.change(id, organization: organization, activeMax: most) { user in
            if sight.meets(user.version) { change(&user) }
        }
        guard let after = changed else { throw missing }
        house.forget()
        try sight.check()
        guard try await house.hasAdministrator(organization, host: isHost) else {
            // Two who take each other's role at once are both undone: somebody always stays.
            _ = try await house.directory.change(id, organization: organization) { user in
                user.role = before.role
                user.isActive = before.isActive
            }
            house.forget()
            throw UserActions.lastOne
        }
        return after
    }

    private static func check(_ user: User, _ use: Action.Use) throws(GatewayError) {
        guard user.role <= use.principal.role else {
            throw GatewayError(.permissionDenied, "A \(user.role.rawValue) is changed by one of that role only.")
        }
    }

    private static let lastOne = GatewayError(
        .conflict,
        "Nobody would be left to administer the organization. Make somebody else an administrator first."
    )

    // MARK: One's own password

    private var changePassword: Action {
        Action(
            ActionRules(
                "auth.change_password",
                auditAction: "PASSWORD_CHANGED",
                isPersonal: true,
                isOpenWhenSuspended: true
            ),
            title: "Change one's own password",
            summary: "Every session of the user ends, this one too: log in again with the new one.",
            route: Route("POST", "/auth/change-password"),
            arguments: [
                "current_password": Arguments.currentPassword,
                "new_password": Arguments.password,
            ],
            required: ["current_password", "new_password"],
            output: .data(["type": "null"]),
            sensitive: [JSONPointer(tokens: ["current_password"]), JSONPointer(tokens: ["new_password"])]
        ) { [house] use throws(GatewayError) in
            let named = try await house.myself(use)
            try PasswordRules.check(
                Secret(use.text("new_password") ?? ""),
                names: [named.username, named.email, use.membership.organization.slug],
                field: "new_password"
            )
            let user = try await house.proven(use, by: "current_password")
            let hash = try await house.hash(Secret(use.text("new_password") ?? ""), of: user.organization)
            let changed = try await house.directory.change(user.id, organization: use.principal.organization) { now in
                // What an administrator set meanwhile stays; that ends an epoch, and a hash of the same password does not.
                let isSame = now.passwordHash == user.passwordHash || now.sessionEpoch == user.sessionEpoch
                if now.isActive, isSame { now.passwordHash = hash }
            }
            house.forget()
            guard changed?.passwordHash == hash else {
                throw GatewayError(.unauthenticated, "The account was changed meanwhile. Log in again.")
            }
            return .data(.null, message: "The password was changed. Log in again.")
        }
    }
}

/// Somebody to be made.
package struct NewPerson: Sendable {
    let username: String
    let email: String
    /// Nil to have one made.
    let password: Secret<String>?
    let role: Role
    /// By whom they are made; nil for the first of an organization.
    let settling: User.Settling?
    /// How many people of the organization may be active then; nil for any number.
    let activeMax: Int?

    /// States whom.
    package init(
        username: String,
        email: String,
        password: Secret<String>?,
        role: Role,
        settling: User.Settling? = nil,
        activeMax: Int? = nil
    ) {
        self.settling = settling
        self.activeMax = activeMax
        self.username = username
        self.email = email
        self.password = password
        self.role = role
    }

    /// Makes them; the answer holds the password that was made for them, if one was.
    ///
    /// - Throws: `conflict` when another of the organization has the name or address.
    package func make(
        of organization: OrganizationID,
        in directory: any DirectoryRepository,
        _ passwords: any Passwords,
        _ entropy: Entropy
    ) async throws(GatewayError) -> JSONObject {
        let made = password == nil ? CrockfordBase32.encode(SecureRandom.bytes(15)) : nil
        let user = User(
            id: UserID(entropy.identifier()),
            organization: organization,
            username: username,
            email: email,
            passwordHash: try await passwords.hash(
                password ?? Secret(made ?? ""),
                turn: Administration.turn(of: organization)
            ),
            role: role,
            settling: settling
        )
        let mustName = try await directory.save(user, activeMax: activeMax)
        var document: JSONObject = [
            "user": DirectoryDocuments.document(user), "must_name_organization": .bool(mustName),
        ]
        document["password"] = made.map { .string($0) }
        return document
    }
}

extension Administration {
    /// That somebody is made what they are by whoever asks, now.
    func settling(_ use: Action.Use) -> User.Settling {
        User.Settling(since: parts.entropy.now(), by: use.principal.subjectText)
    }

    /// Keeps that somebody was given another way in by whoever asks.
    func settle(_ user: User, _ use: Action.Use) async throws(GatewayError) {
        let settling = settling(use)
        _ = try await directory.change(user.id, organization: user.organization) { $0.settling = settling }
    }

    /// Makes a person of an organization.
    func make(_ person: NewPerson, of organization: OrganizationID) async throws(GatewayError) -> JSONObject {
        try await person.make(of: organization, in: directory, parts.passwords, parts.entropy)
    }

    /// Who waits for hashes together: one organization's many keep no other waiting.
    static func turn(of organization: OrganizationID) -> PasswordTurn {
        PasswordTurn(name: "organization|\(organization)", isKnown: true)
    }

    func hash(_ password: Secret<String>, of organization: OrganizationID) async throws(GatewayError) -> String {
        try await parts.passwords.hash(password, turn: Administration.turn(of: organization))
    }

    /// Refuses another active person where the plan has no room for them, before a hash is made; the commit counts again.
    func checkRoomForUser(_ membership: DirectoryCache.Membership) async throws(GatewayError) {
        guard let most = membership.ceilings.usersMax else { return }
        guard try await activeUsers(of: membership.organization.id) < most else { throw User.tooMany(most) }
    }

    static func leastAdministrator(host: Bool) -> Role { host ? .superAdmin : .orgAdmin }

    /// Whether somebody active administers an organization, other than one.
    func hasAdministrator(
        _ organization: OrganizationID,
        host: Bool,
        but one: UserID? = nil
    ) async throws(GatewayError) -> Bool {
        let least = Administration.leastAdministrator(host: host)
        var after: String?
        while true {
            let users = try await directory.users(organization: organization, after: after, limit: 100)
            if users.contains(where: { $0.isActive && $0.role >= least && $0.id != one }) { return true }
            guard users.count == 100, let last = users.last else { return false }
            after = last.username
        }
    }
}
