import Gateway
import HTTPServer
import OrderedJSON

/// `/auth/login` and `/auth/refresh`, in the seed's words: they make a credential, so nobody has one yet.
struct AuthRoutes: Sendable {
    let accounts: Accounts
    let desk: (any FrontDesk)?

    func logIn(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try reader.object()
        let errors = try StandApart.logIn.errors(in: body)
        guard errors.isEmpty, let username = body["username"]?.stringValue, let password = body["password"]?.stringValue
        else { throw GatewayError(.invalidArgument, "A login needs username and password.", errors: errors) }
        let session = try await accounts.logIn(
            username: username,
            password: Secret(password),
            organization: body["organization"]?.stringValue,
            code: body["code"]?.stringValue,
            AuthRoutes.caller(reader, call)
        )
        return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Logged in.")
    }

    func forgot(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try AuthRoutes.body(reader, StandApart.forgot)
        try await desk?
            .forgot(
                username: body["username"]?.stringValue ?? "",
                organization: body["organization"]?.stringValue,
                AuthRoutes.caller(reader, call)
            )
        return RESTReply.envelope(
            Array("null".utf8),
            message: "If there is such an account, its administrators see this, and can make a link for it."
        )
    }

    func reset(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try AuthRoutes.body(reader, StandApart.reset)
        try await desk?
            .reset(
                token: Secret(body["token"]?.stringValue ?? ""),
                password: Secret(body["new_password"]?.stringValue ?? ""),
                AuthRoutes.caller(reader, call)
            )
        return RESTReply.envelope(Array("null".utf8), message: "The password was set. Log in with it.")
    }

    func register(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try AuthRoutes.body(reader, StandApart.register)
        let text = { (name: String) in body[name]?.stringValue ?? "" }
        guard let desk else { throw GatewayError(.notFound, "There is nothing at this path.") }
        let organization = try await desk.register(
            Registration(
                name: text("name"),
                slug: text("slug"),
                username: text("admin_username"),
                email: text("admin_email"),
                password: Secret(text("admin_password"))
            ),
            AuthRoutes.caller(reader, call)
        )
        var document = DirectoryDocuments.document(organization).objectValue ?? JSONObject()
        document["awaits_approval"] = .bool(organization.awaitsApproval)
        return RESTReply.envelope(
            JSON.object(document).bytes,
            message: organization.awaitsApproval
                ? "The organization was registered, and waits to be let in." : "The organization was registered."
        )
    }

    private static func body(_ reader: RequestReader, _ route: StandApart) throws(GatewayError) -> JSON {
        let body = try reader.object()
        let errors = try route.errors(in: body)
        guard let first = errors.first else { return body }
        throw GatewayError(.invalidArgument, "The request is not valid: \(first.message)", errors: errors)
    }

    func refresh(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        guard case .token(let token) = reader.credential else { throw AuthRoutes.needsToken }
        let session = try await accounts.refresh(token, AuthRoutes.caller(reader, call))
        return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Refreshed.")
    }

    private static let needsToken = GatewayError(
        .unauthenticated,
        "Send the access token that is to be refreshed as Authorization: Bearer."
    )

    private static func caller(_ reader: RequestReader, _ call: CallID) -> Accounts.Caller {
        Accounts.Caller(call: call, address: reader.request.address)
    }

    private static func document(_ session: Accounts.Session) -> JSON {
        [
            "token": .string(session.token.reveal()), "expires_at": .string(session.expiresAt.description),
            "user": DirectoryDocuments.document(session.user, of: session.organization),
        ]
    }
}
