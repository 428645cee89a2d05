import OrderedJSON

/// The way out to M-Pesa, as an organization.
///
/// Implemented by `Egress`.
package protocol Upstream: Sendable {
    /// Makes ready to send: finds the credential, gets an access token, fills in secrets and callback addresses.
    ///
    /// Nothing of the request itself has left when this returns or throws.
    /// - Throws: `notConfigured` when a credential is missing, `upstreamUnavailable` when no token can be had.
    func prepare(_ request: UpstreamRequest) async throws(GatewayError) -> PreparedRequest

    /// Sends once, and not at all when the request's `leaveBy` has passed before its first byte leaves.
    ///
    /// Never repeats a request by itself, with one exception that the evidence allows: when M-Pesa refuses the access
    /// token, nothing was processed, so the request is sent again with a newer one.
    ///
    /// Not cancelled with the caller's task: once money was asked for, the outcome is waited for and recorded.
    func send(_ request: PreparedRequest) async -> UpstreamOutcome
}

/// What to send, as the record holds it.
package struct UpstreamRequest: Sendable {
    /// As whom.
    package let organization: OrganizationID
    /// To which M-Pesa.
    package let environment: Environment
    /// By which of the organization's accounts.
    package let account: AccountName
    /// Where to, and which places the host fills.
    package let kind: OperationKind
    /// What the plugin wrote.
    package let template: RequestTemplate
    /// The callback addresses, by name.
    package let callbacks: [String: String]

    /// Gathers them.
    package init(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName = .main,
        kind: OperationKind,
        template: RequestTemplate,
        callbacks: [String: String]
    ) {
        self.organization = organization
        self.environment = environment
        self.account = account
        self.kind = kind
        self.template = template
        self.callbacks = callbacks
    }
}

/// A request that is ready to leave.
///
/// Holds secrets: it is never logged, stored or printed.
package struct PreparedRequest: Sendable, CustomStringConvertible {
    /// What it was made from.
    package let request: UpstreamRequest
    /// The whole body.
    package let body: Secret<[UInt8]>
    /// The access token.
    package let token: Secret<String>
    /// Which version of the organization's credentials it was made with.
    package let credentialVersion: Int
    /// What of it an answer must not repeat, beside the token.
    package let secrets: Secret<[String]>
    /// Its first byte leaves before this, or not at all; nil where any time will do.
    package var leaveBy: Uptime?

    /// Makes a prepared request.
    package init(
        request: UpstreamRequest,
        body: Secret<[UInt8]>,
        token: Secret<String>,
        credentialVersion: Int = 0,
        secrets: Secret<[String]> = Secret([])
    ) {
        self.request = request
        self.body = body
        self.token = token
        self.credentialVersion = credentialVersion
        self.secrets = secrets
    }

    /// The path alone.
    package var description: String { "request to \(request.kind.path)" }
}

/// What is known after sending.
package enum UpstreamOutcome: Sendable, Equatable {
    /// Not a byte of the request left, for this reason.
    case notSent(String)
    /// An HTTP answer came, whole.
    case answered(status: Int, body: [UInt8])
    /// The request left, or may have, and no whole answer came, for this reason.
    case unknown(String)
}
