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
}
