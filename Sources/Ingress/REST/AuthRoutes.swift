import Gateway
import OrderedJSON

/// `/auth/login|logout|refresh|verify`, in the seed's words.
struct AuthRoutes: Sendable {
    let accounts: Accounts
    let pipeline: Pipeline

    func serve(
        _ reader: RequestReader,
        action: Substring,
        call: CallID
    ) async throws(GatewayError) -> [UInt8]? {
        switch (reader.request.method, action) {
        case (.POST, "login"):
            let session = try await logIn(try reader.object(), AuthRoutes.caller(reader, call))
            return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Logged in.")
        case (.POST, "refresh"):
            guard case .token(let token) = reader.credential else { throw AuthRoutes.needsToken }
            let session = try await accounts.refresh(token, AuthRoutes.caller(reader, call))
            return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Refreshed.")
        case (.POST, "logout"):
            try await pipeline.perform(.logOut, try reader.action(call)) { principal, _ throws(GatewayError) in
                try await accounts.logOut(principal)
            }
            return RESTReply.envelope(Array("null".utf8), message: "Logged out: every token of yours is void.")
        case (.GET, "verify"):
            let document = try await pipeline.perform(.verify, try reader.action(call)) {
                principal,
                _ throws(GatewayError) in
                let (user, organization) = try await accounts.describe(principal)
                return AuthRoutes.document(principal, user, organization)
            }
            return RESTReply.envelope(document.bytes, message: "The credential is good.")
        default: return nil
        }
    }

    private static let needsToken = GatewayError(
        .unauthenticated,
        "Send the access token that is to be refreshed as Authorization: Bearer."
    )

    private static func caller(_ reader: RequestReader, _ call: CallID) -> Accounts.Caller {
        Accounts.Caller(call: call, address: reader.request.address)
    }

    private func logIn(_ body: JSON, _ caller: Accounts.Caller) async throws(GatewayError) -> Accounts.Session {
        var errors: [GatewayError.FieldError] = []
        for name in ["username", "password"] where body[name]?.stringValue == nil {
            errors.append(.init(pointer: "/" + name, message: "\(name): is required, as text."))
        }
        let slug = body["organization"] ?? .null
        if !slug.isNull, slug.stringValue == nil {
            errors.append(.init(pointer: "/organization", message: "organization: expected text."))
        }
        guard errors.isEmpty, let username = body["username"]?.stringValue, let password = body["password"]?.stringValue
        else { throw GatewayError(.invalidArgument, "A login needs username and password.", errors: errors) }
        return try await accounts.logIn(
            username: username,
            password: Secret(password),
            organization: slug.stringValue,
            caller
        )
    }

    private static func document(_ session: Accounts.Session) -> JSON {
        [
            "token": .string(session.token.reveal()), "expires_at": .string(session.expiresAt.description),
            "user": user(session.user, session.organization),
        ]
    }

    private static func user(_ user: User, _ organization: Organization) -> JSON {
        [
            "id": .string(user.id.description), "username": .string(user.username), "email": .string(user.email),
            "role": .string(user.role.rawValue), "organization": document(organization),
        ]
    }

    private static func document(_ organization: Organization) -> JSON {
        [
            "id": .string(organization.id.description), "name": .string(organization.name),
            "slug": .string(organization.slug), "subscription_status": .string(organization.subscription.rawValue),
            "subscription_plan": .string(organization.plan),
        ]
    }

    private static func document(_ principal: Principal, _ user: User?, _ organization: Organization) -> JSON {
        var document: JSONObject = [
            "subject": .string(principal.subjectText), "name": .string(principal.name),
            "role": .string(principal.role.rawValue), "environment": .string(principal.environment.rawValue),
            "organization": self.document(organization),
        ]
        document["scopes"] = principal.scopes.map { .array($0.sorted().map { .string($0) }) }
        document["user"] = user.map { self.user($0, organization) }
        return .object(document)
    }
}
