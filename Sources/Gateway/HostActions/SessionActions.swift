import OrderedJSON

/// `auth.verify` and `auth.logout`: what a session that there is already may be asked.
package struct SessionActions: Sendable {
    private let logIns: LogIns

    /// Makes them over the sessions.
    package init(logIns: LogIns) { self.logIns = logIns }

    /// The actions.
    package var all: [Action] { [verify, logOut, health] }

    private var verify: Action {
        Action(
            ActionRules("auth.verify", auditAction: "CREDENTIAL_VERIFIED", isOpenWhenSuspended: true),
            title: "Whose a credential is",
            summary: "Who the credential belongs to, what it may do, and in which environment.",
            route: Route("GET", "/auth/verify"),
            output: .data([
                "type": "object", "required": ["subject", "name", "role", "environment", "organization"],
                "properties": [
                    "subject": ["type": "string"], "name": ["type": "string"], "role": ["type": "string"],
                    "environment": ["type": "string"], "organization": DirectoryDocuments.organizationSchema,
                    "scopes": ["type": "array", "items": ["type": "string"]], "user": DirectoryDocuments.userSchema,
                    "issuer": ["type": "string", "description": "Who issued the token, where the gateway did not."],
                    "issued_to": ["type": "string", "description": "Its subject."],
                ],
            ])
        ) { [logIns] use throws(GatewayError) in
            let principal = use.principal
            let (user, organization) = try await logIns.describe(principal)
            var document: JSONObject = [
                "subject": .string(principal.subjectText), "name": .string(principal.name),
                "role": .string(principal.role.rawValue), "environment": .string(principal.environment.rawValue),
                "organization": DirectoryDocuments.document(organization),
            ]
            document["scopes"] = principal.scopes.map { .array($0.sorted().map { .string($0) }) }
            document["user"] = user.map { DirectoryDocuments.document($0, of: organization) }
            document["issuer"] = principal.issued.map { .string($0.issuer) }
            document["issued_to"] = principal.issued.map { .string($0.subject) }
            return .data(.object(document), message: "The credential is good.")
        }
    }

    private var health: Action {
        Action(
            ActionRules("gateway.health", auditAction: "HEALTH_READ", isOpenWhenSuspended: true),
            title: "Whether the gateway serves",
            summary: "That it answers, and to whom; the management listener says what is wrong with its parts.",
            route: Route("GET", "/admin/health"),
            output: .data([
                "type": "object", "required": ["status"],
                "properties": ["status": ["const": "healthy"], "environment": ["type": "string"]],
            ])
        ) { use throws(GatewayError) in
            .data(["status": "healthy", "environment": .string(use.principal.environment.rawValue)])
        }
    }

    private var logOut: Action {
        Action(
            ActionRules("auth.logout", auditAction: "LOGOUT", isOpenWhenSuspended: true),
            title: "Log out",
            summary: "Ends every session of the user: all their tokens are void from now on.",
            route: Route("POST", "/auth/logout"),
            output: .data(["type": "null"])
        ) { [logIns] use throws(GatewayError) in
            try await logIns.logOut(use.principal)
            return .data(.null, message: "Logged out: every token of yours is void.")
        }
    }
}
