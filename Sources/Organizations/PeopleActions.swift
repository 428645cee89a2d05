import Gateway
import OrderedJSON

/// Inviting people, letting them set a new password, and their sessions.
struct PeopleActions: Sendable {
    let house: Administration

    var all: [Action] { [invite, reset, sessions, endSession, ownSessions, endOwnSession, removeFactor] }

    private static let missingUser = GatewayError(.notFound, "There is no user with this id.")
    private static let missingSession = GatewayError(.notFound, "There is no session with this id.")

    private static let sessionSchema: JSON = [
        "type": "object", "required": ["id", "began_at", "expires_at"],
        "properties": [
            "id": ["type": "string"], "began_at": ["type": "string"], "expires_at": ["type": "string"],
            "has_refresh_token": ["type": "boolean", "description": "Whether it goes on by a refresh token."],
            "refreshed": ["type": "integer", "description": "How often its token was refreshed."],
            "agent_since": [
                "type": "string",
                "description":
                    "Since when a program calls with it by MCP: from then on it does nothing that needs a person.",
            ],
        ],
    ]

    // MARK: Links

    private var invite: Action {
        Action(
            Administration.rules("users.invite", "USER_INVITED"),
            title: "Invite a user",
            summary: """
                Makes a person without a password and a link by which they set one, good for seven days and shown this \
                once. mail says whether it was sent to them; where it was not, hand it over yourself.
                """,
            route: Route("POST", "/admin/users/invitations", status: 201),
            arguments: ["username": Arguments.username, "email": Arguments.email, "role": Arguments.role],
            required: ["username", "email"],
            output: .data(Links.schema),
            shownOnce: ["token"],
            target: "user/id"
        ) { [house] use throws(GatewayError) in
            let role = use.role() ?? .user
            try UserActions.check(role, use)
            try await house.checkRoomForUser(use.membership)
            let user = User(
                id: UserID(house.parts.entropy.identifier()),
                organization: use.principal.organization,
                username: use.text("username") ?? "",
                email: use.text("email") ?? "",
                // Of no password: nothing that is typed has this hash.
                passwordHash: "!",
                role: role,
                settling: house.settling(use)
            )
            try await house.directory.save(user, activeMax: use.membership.ceilings.usersMax)
            return .data(
                try await Links(house: house).make(.invitation, for: user, use),
                message: "The user was invited."
            )
        }
    }

    private var reset: Action {
        Action(
            Administration.rules("users.reset_password", "PASSWORD_RESET_MADE"),
            title: "Let a user set a new password",
            summary: """
                A link, good for a day and shown this once, by which they set a new password. The old one is good until \
                then. mail says whether it was sent to them; where it was not, hand it over yourself.
                """,
            route: Route("POST", "/admin/users/{id}/password-reset", status: 201),
            arguments: ["id": Arguments.id],
            output: .data(Links.schema),
            shownOnce: ["token"],
            target: "user/id"
        ) { [house] use throws(GatewayError) in
            let user = try await find(use)
            try Administration.refuseOneself(user.id, use)
            guard user.isActive else {
                throw GatewayError(.conflict, "The user is not active. Make them active first.")
            }
            try await house.settle(user, use)
            return .data(try await Links(house: house).make(.reset, for: user, use), message: "The link was made.")
        }
    }

    /// A user whom the caller may change.
    private func find(_ use: Action.Use) async throws(GatewayError) -> User {
        guard let id = UserID(use.text("id") ?? ""),
            let user = try await house.directory.user(id, organization: use.principal.organization)
        else { throw PeopleActions.missingUser }
        guard user.role <= use.principal.role else {
            throw GatewayError(.permissionDenied, "A \(user.role.rawValue) is changed by one of that role only.")
        }
        return user
    }

    // MARK: Sessions

    private var sessions: Action {
        Action(
            Administration.rules("users.sessions", "SESSIONS_LISTED", writes: false, takesAway: true),
            title: "List a user's sessions",
            summary: "Each log-in that has not ended.",
            route: Route("GET", "/admin/users/{id}/sessions"),
            arguments: ["id": Arguments.id],
            output: .data(["type": "array", "items": PeopleActions.sessionSchema])
        ) { use throws(GatewayError) in try await list(try await find(use)) }
    }

    private var endSession: Action {
        Action(
            Administration.rules("users.end_session", "SESSION_ENDED", takesAway: true),
            title: "End a user's session",
            summary: "Its token is void from now on.",
            route: Route("DELETE", "/admin/users/{id}/sessions/{session_id}"),
            arguments: ["id": Arguments.id, "session_id": Arguments.id],
            output: .data(["type": "null"])
        ) { use throws(GatewayError) in try await end(use, of: try await find(use)) }
    }

    private static func own(_ name: String, _ audit: String) -> ActionRules {
        ActionRules(name, auditAction: audit, isPersonal: true, isOpenWhenSuspended: true)
    }

    private var ownSessions: Action {
        Action(
            PeopleActions.own("auth.sessions", "SESSIONS_LISTED"),
            title: "List one's own sessions",
            summary: "Each log-in of one's own that has not ended.",
            route: Route("GET", "/auth/sessions"),
            output: .data(["type": "array", "items": PeopleActions.sessionSchema])
        ) { use throws(GatewayError) in try await list(try await house.myself(use)) }
    }

    private var endOwnSession: Action {
        Action(
            PeopleActions.own("auth.end_session", "SESSION_ENDED"),
            title: "End one of one's own sessions",
            summary: "Its token is void from now on.",
            route: Route("DELETE", "/auth/sessions/{session_id}"),
            arguments: ["session_id": Arguments.id],
            output: .data(["type": "null"])
        ) { use throws(GatewayError) in try await end(use, of: try await house.myself(use)) }
    }

    private func list(_ user: User) async throws(GatewayError) -> Action.Answer {
        let now = house.parts.entropy.now()
        let found = try await house.parts.people.sessions(of: user.id, organization: user.organization)
        return .data(
            .array(
                found.filter { now < $0.expiresAt }
                    .map { session in
                        var document: JSONObject = [
                            "id": .string(session.id.description), "began_at": .string(session.id.time.description),
                            "expires_at": .string(session.expiresAt.description),
                            "has_refresh_token": .bool(session.refreshedAt != nil),
                            "refreshed": .integer(Int64(session.generation - 1)),
                        ]
                        document["agent_since"] = session.agentSince.map { .string($0.description) }
                        return .object(document)
                    }
            )
        )
    }

    private func end(_ use: Action.Use, of user: User) async throws(GatewayError) -> Action.Answer {
        guard let id = Identifier(use.text("session_id") ?? ""),
            try await house.directory.endSession(id, of: user.id, organization: user.organization)
        else { throw PeopleActions.missingSession }
        house.forget()
        return .data(.null, message: "The session was ended.")
    }

    // MARK: Second factors of others

    private var removeFactor: Action {
        Action(
            Administration.rules("users.remove_second_factor", "SECOND_FACTOR_REMOVED", takesAway: true),
            title: "Take a user's second factor away",
            summary: "For somebody who has lost it: they log in by their password, and set up another one.",
            route: Route("DELETE", "/admin/users/{id}/second-factor"),
            arguments: ["id": Arguments.id],
            output: .data(["type": "null"])
        ) { [house] use throws(GatewayError) in
            let user = try await find(use)
            try Administration.refuseOneself(user.id, use)
            try await house.settle(user, use)
            try await house.parts.people.removeFactor(of: user.id, organization: user.organization)
            try await house.directory.endSessions(of: user.id, organization: user.organization)
            house.forget()
            return .data(.null, message: "The second factor was taken away.")
        }
    }
}

extension Administration {
    /// What proves who somebody is they change by proving it, not by being an administrator: a session that was found is
    /// not enough.
    static func refuseOneself(_ user: UserID, _ use: Action.Use) throws(GatewayError) {
        guard case .user(user) = use.principal.subject else { return }
        throw GatewayError(
            .conflict,
            """
            Your own password is changed by auth.change_password and your own second factor by second_factor.remove, each with \
            your password; your own address by another administrator.
            """
        )
    }

    /// Whoever asks, as they are now.
    func myself(_ use: Action.Use) async throws(GatewayError) -> User {
        guard case .user(let id) = use.principal.subject,
            let user = try await directory.user(id, organization: use.principal.organization)
        else { throw GatewayError(.notFound, "There is no such user any more.") }
        return user
    }

    /// Whoever asks, once they have shown their password again: a session alone may have been found.
    ///
    /// - Throws: `invalidArgument` that names the argument; `rateLimited` after too many guesses.
    func proven(_ use: Action.Use, by argument: String = "password") async throws(GatewayError) -> User {
        let user = try await myself(use)
        let attempt = try parts.throttle.begin(passwordOf: user.id, address: use.address)
        let isRight: Bool
        do throws(GatewayError) {
            isRight = try await parts.passwords.verify(
                Secret(use.text(argument) ?? ""),
                against: user.passwordHash,
                turn: attempt.turn
            )
        } catch {
            parts.throttle.giveBack(attempt)
            throw error
        }
        guard isRight else { throw Administration.wrong(argument, "the password as it is now") }
        parts.throttle.giveBack(attempt)
        return user
    }
}
