/// What a caller showed to prove who they are.
///
/// Read by the first stage alone.
package enum Credential: Sendable {
    /// An API key or an access token, as it came in `Authorization: Bearer` or `X-API-Key`.
    case token(Secret<String>)
    /// Nothing was shown.
    case none
}

/// By which way a call came in.
package enum Door: String, Sendable {
    /// Plain HTTP.
    case rest
    /// The Model Context Protocol.
    case mcp
}
