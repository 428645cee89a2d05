import Gateway
import HTTPServer
import OrderedJSON

/// `/auth/login` and `/auth/refresh`, in the seed's words: they make a credential, so nobody has one yet.
struct AuthRoutes: Sendable {
    let accounts: Accounts

    func logIn(_ reader: RequestReader, _ call: CallID) async throws(GatewayError) -> [UInt8] {
        let body = try reader.object()
        let errors = try StandApart.logIn.errors(in: body)
        guard errors.isEmpty, let username = body["username"]?.stringValue, let password = body["password"]?.stringValue
        else { throw GatewayError(.invalidArgument, "A login needs username and password.", errors: errors) }
        let session = try await accounts.logIn(
            username: username,
            password: Secret(password),
            organization: body["organization"]?.stringValue,
            AuthRoutes.caller(reader, call)
        )
        return RESTReply.envelope(AuthRoutes.document(session).bytes, message: "Logged in.")
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
