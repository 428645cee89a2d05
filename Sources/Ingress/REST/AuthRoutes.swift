import Gateway
import HTTPServer
import OrderedJSON

/// `/auth/login` and `/auth/refresh`, in the seed's words: they make a credential, so nobody has one yet.
struct AuthRoutes: Sendable {
    let logIns: LogIns
    let desk: (any FrontDesk)?

    func logIn(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try reader.object()
        let errors = try StandApart.logIn.errors(in: body)
        guard errors.isEmpty, let username = body["username"]?.stringValue, let password = body["password"]?.stringValue
        else { throw GatewayError(.invalidArgument, "A login needs username and password.", errors: errors) }
        let session = try await logIns.logIn(
            username: username,
            password: Secret(password),
            organization: body["organization"]?.stringValue,
            code: body["code"]?.stringValue,
            withRefresh: body["refresh"]?.boolValue ?? false,
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
            message: desk?.mailsForgotten == true
                ? """
                If there is such an account, a letter with a link goes to its address. Where none comes, an administrator \
                sees this in the audit, and can make a link (users.reset_password).
                """
                : """
                If there is such an account, its administrators see this in the audit, and can make a link for it \
                (users.reset_password); where none of them can log in, the gateway's operators can \
                (organizations.reset_password).
                """
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
        let session: LogIns.Session
        if let text = try AuthRoutes.refreshToken(reader) {
            session = try await logIns.refresh(by: text, AuthRoutes.caller(reader, call))
        } else {
            guard case .token(let token) = reader.credential else { throw AuthRoutes.needsToken }
            session = try await logIns.refresh(token, AuthRoutes.caller(reader, call))
        }
        return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Refreshed.")
    }

    /// The refresh token in a body; nil where there is none: an access token is refreshed without one, whatever else is
    /// sent with it.
    private static func refreshToken(_ reader: RequestReader) throws(GatewayError) -> Secret<String>? {
        let body: JSON
        do throws(GatewayError) { body = try reader.object() } catch {
            guard case .token = reader.credential else { throw error }
            return nil
        }
        guard body["refresh_token"] != nil else { return nil }
        let errors = try StandApart.refresh.errors(in: body)
        guard errors.isEmpty, let text = body["refresh_token"]?.stringValue else {
            throw GatewayError(.invalidArgument, "refresh_token: expected a refresh token.", errors: errors)
        }
        return Secret(text)
    }

    private static let needsToken = GatewayError(
        .unauthenticated,
        "Send a refresh token as refresh_token, or the access token that is to be refreshed as Authorization: Bearer."
    )

    private static func caller(_ reader: RequestReader, _ call: CallID) -> LogIns.Caller {
        LogIns.Caller(call: call, address: reader.request.address)
    }

    private static func document(_ session: LogIns.Session) -> JSON {
        var document: JSONObject = [
            "token": .string(session.token.reveal()), "expires_at": .string(session.expiresAt.description),
            "user": DirectoryDocuments.document(session.user, of: session.organization),
        ]
        document["refresh_token"] = session.refresh.map { .string($0.token.reveal()) }
        document["refresh_expires_at"] = session.refresh.map { .string($0.expiresAt.description) }
        return .object(document)
    }
}
