/// Where the M-Pesa secrets of organizations' accounts are sealed: written, never read back by whoever asks.
package protocol CredentialSafe: Sendable {
    /// Seals secrets by field name beside those that there are; an empty one takes its field away.
    ///
    /// - Returns: The names of the fields that are set then.
    func put(
        _ fields: [String: Secret<String>],
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String]

    /// The names of the fields that are set.
    func fields(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String]

    /// Gives the organization a new data key and seals all of its secrets by it.
    ///
    /// - Returns: How many accounts' secrets were sealed.
    func rotateKey(of organization: OrganizationID) async throws(GatewayError) -> Int

    /// Asks M-Pesa for an access token with a consumer key and secret.
    ///
    /// - Throws: `upstreamRejected` where M-Pesa refuses them; `upstreamUnavailable` where it cannot be asked.
    func prove(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        environment: Environment
    ) async throws(GatewayError)

    /// Asks M-Pesa something that moves nothing, of each product of which there is such a question, by the secrets that
    /// an account has now.
    func askProducts(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName,
        shortCode: String
    ) async throws(GatewayError) -> [ProductFinding]
}

/// What M-Pesa says of one of its products.
package struct ProductFinding: Sendable, Equatable {
    /// How it stands.
    package enum State: String, Sendable, CaseIterable {
        /// It answers the app.
        case enabled
        /// M-Pesa refuses the app.
        case notEnabled = "not_enabled"
        /// It answers the app, and refuses a credential.
        case refused
        /// Nothing could be learned.
        case unknown
        /// There is no harmless question.
        case notAsked = "not_asked"
    }

    /// Its name, such as `stk_push`.
    package let product: String
    /// How it stands.
    package let state: State
    /// The credential that M-Pesa refuses.
    package let field: String?
    /// For people: what it means and who must act.
    package let message: String

    /// States it.
    package init(product: String, state: State, field: String? = nil, message: String) {
        self.product = product
        self.state = state
        self.field = field
        self.message = message
    }
}
