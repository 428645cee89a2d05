import Gateway
import OrderedJSON

/// What no action is, because whoever asks has no credential: all there is, as documents show it.
///
/// Callbacks, health and metrics are not here: M-Pesa and machines call those, nobody reads of them in OpenAPI.
struct StandApart: Sendable {
    let name: String
    let title: String
    let summary: String
    let route: Route
    let tag: String
    /// Of the body; nil where there is none.
    let input: JSON?
    /// Of the whole answer.
    let output: JSON
    /// Members of the body that need not be seen whole, such as passwords: one line each, where others are names.
    let secrets: Set<String>
    /// Whether nothing can be asked without a body.
    let needsBody: Bool
    /// Answers it; nil for what shows the doors themselves.
    let answer: Answer?
    private let schema: CallSchemas.Schema?

    /// Answers a request with an envelope.
    typealias Answer = @Sendable (AuthRoutes, RequestReader, CallID) async throws(GatewayError) -> [UInt8]

    init(
        name: String,
        title: String,
        summary: String,
        route: Route,
        tag: String,
        input: JSON?,
        output: JSON,
        secrets: Set<String> = [],
        needsBody: Bool = true,
        answer: Answer? = nil
    ) {
        self.name = name
        self.title = title
        self.summary = summary
        self.route = route
        self.tag = tag
        self.input = input
        self.output = output
        self.secrets = secrets
        self.needsBody = needsBody
        self.answer = answer
        schema = input.map { CallSchemas.Schema($0, summary: summary) }
    }

    /// Every one of them.
    static let all = [logIn, refresh, forgot, reset, register, openAPI]

    /// The one at a place; nil where there is none.
    static func find(_ method: String, _ segments: some Collection<Substring>) -> StandApart? {
        all.first { entry in
            entry.route.segments.count == segments.count && entry.route.method == method
                && zip(entry.route.segments, segments).allSatisfy { $0 == .literal(String($1)) }
        }
    }

    static let logIn = StandApart(
        name: "auth.login",
        title: "Log in",
        summary: "Log in with user name and password; organization is a slug, which the oldest holder may leave out.",
        route: Route("POST", "/auth/login"),
        tag: "auth",
        input: [
            "type": "object", "required": ["username", "password"],
            "properties": [
                "username": ["type": "string"], "password": ["type": "string"],
                "organization": ["type": ["string", "null"]],
                "code": ["type": ["string", "null"], "description": "Of the second factor, where there is one."],
                "refresh": [
                    "type": "boolean",
                    "description": "Whether the token is a short one, with a refresh token beside it.",
                ],
            ],
        ],
        output: envelope(session),
        secrets: ["password"],
        answer: { auth, reader, call throws(GatewayError) in try await auth.logIn(reader, call) }
    )

    static let forgot = StandApart(
        name: "auth.forgot_password",
        title: "Ask for a new password",
        summary:
            "Tells the administrators, and mails a link where the operators let it; the answer tells nothing of the account.",
        route: Route("POST", "/auth/forgot-password"),
        tag: "auth",
        input: [
            "type": "object", "required": ["username"],
            "properties": [
                "username": ["type": "string", "minLength": 1, "maxLength": 128],
                "organization": ["type": ["string", "null"], "maxLength": 64],
            ],
        ],
        output: envelope(["type": "null"]),
        answer: { auth, reader, call throws(GatewayError) in try await auth.forgot(reader, call) }
    )

    static let reset = StandApart(
        name: "auth.reset_password",
        title: "Set a password by a link",
        summary: "With the token of an invitation or a reset, which counts once; every session of the user ends.",
        route: Route("POST", "/auth/reset-password"),
        tag: "auth",
        input: [
            "type": "object", "required": ["token", "new_password"],
            "properties": [
                "token": ["type": "string", "maxLength": 128], "new_password": ["type": "string", "maxLength": 128],
            ],
        ],
        output: envelope(["type": "null"]),
        secrets: ["new_password"],
        answer: { auth, reader, call throws(GatewayError) in try await auth.reset(reader, call) }
    )

    static let register = StandApart(
        name: "auth.register_organization",
        title: "Register an organization",
        summary: "With its first administrator; where the operators let strangers do so, at once or once they approve.",
        route: Route("POST", "/auth/register-organization", status: 201),
        tag: "auth",
        input: [
            "type": "object", "required": ["name", "slug", "admin_username", "admin_email", "admin_password"],
            "properties": [
                "name": ["type": "string", "minLength": 1, "maxLength": 128],
                "slug": ["type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"],
                "admin_username": ["type": "string", "pattern": "^[A-Za-z0-9._@+-]{1,128}$"],
                "admin_email": ["type": "string", "maxLength": 254, "pattern": "^[^ @]+@[^ @]+$"],
                "admin_password": ["type": "string", "maxLength": 128],
            ],
        ],
        output: envelope(DirectoryDocuments.organizationSchema),
        secrets: ["admin_password"],
        answer: { auth, reader, call throws(GatewayError) in try await auth.register(reader, call) }
    )

    static let refresh = StandApart(
        name: "auth.refresh",
        title: "Refresh a token",
        summary: """
            By refresh_token a new pair: each counts once, and one that is shown again later ends its session. Without a \
            body, replaces the access token in its last two hours; the old one is void from then on.
            """,
        route: Route("POST", "/auth/refresh"),
        tag: "auth",
        input: ["type": "object", "properties": ["refresh_token": ["type": "string", "maxLength": 256]]],
        output: envelope(session),
        secrets: ["refresh_token"],
        needsBody: false,
        answer: { auth, reader, call throws(GatewayError) in try await auth.refresh(reader, call) }
    )

    static let openAPI = StandApart(
        name: "openapi",
        title: "This document",
        summary: "With a credential, the operations that it may use; without one, with the tools of every plan.",
        route: Route("GET", "/openapi.json"),
        tag: "documents",
        input: nil,
        output: ["type": "object", "required": ["openapi", "info", "paths"]]
    )

    /// What is wrong with a body: its texts first, then its schema.
    func errors(in body: JSON) throws(GatewayError) -> [GatewayError.FieldError] {
        guard let schema else { return [] }
        let texts = PlainText.errors(in: body) { secrets.contains(String($0.dropFirst())) ? .line : .name }
        return texts.isEmpty ? try schema.errors(in: body) : texts
    }

    private static let session: JSON = [
        "type": "object", "required": ["token", "expires_at", "user"],
        "properties": [
            "token": ["type": "string"], "expires_at": ["type": "string", "format": "date-time"],
            "user": DirectoryDocuments.userSchema, "refresh_token": ["type": "string"],
            "refresh_expires_at": ["type": "string", "format": "date-time"],
        ],
    ]

    private static func envelope(_ data: JSON) -> JSON {
        OpenAPIDocument.envelope(data, beside: [])
    }
}
