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

    /// Every one of them.
    static let all = [logIn, refresh, openAPI]

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
            ],
        ],
        output: envelope(session)
    )

    static let refresh = StandApart(
        name: "auth.refresh",
        title: "Refresh a token",
        summary: "Replace a token in its last two hours; the old one is void from then on.",
        route: Route("POST", "/auth/refresh"),
        tag: "auth",
        input: nil,
        output: envelope(session)
    )

    static let openAPI = StandApart(
        name: "openapi",
        title: "This document",
        summary: "With a credential, the operations that it may use; without one, the product's.",
        route: Route("GET", "/openapi.json"),
        tag: "documents",
        input: nil,
        output: ["type": "object", "required": ["openapi", "info", "paths"]]
    )

    /// What is wrong with a body.
    func errors(in body: JSON) throws(GatewayError) -> [GatewayError.FieldError] {
        guard let input else { return [] }
        return try CallSchemas.Schema(input, summary: summary).errors(in: body)
    }

    private static let session: JSON = [
        "type": "object", "required": ["token", "expires_at", "user"],
        "properties": [
            "token": ["type": "string"], "expires_at": ["type": "string", "format": "date-time"],
            "user": DirectoryDocuments.userSchema,
        ],
    ]

    private static func envelope(_ data: JSON) -> JSON {
        OpenAPIDocument.envelope(data, beside: [])
    }
}
