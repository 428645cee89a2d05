/// Whose tokens organizations take besides the gateway's own.
package protocol IssuerRepository: Sendable {
    /// The organization's issuers, in the order in which they were registered.
    func issuers(of organization: OrganizationID) async throws(GatewayError) -> [TokenIssuer]
    /// Writes a new one.
    /// - Throws: `conflict` when the organization has one of this address; `limitExceeded` past `TokenIssuer.countMax`.
    func save(_ issuer: TokenIssuer) async throws(GatewayError)
    /// Changes one as it stands now, and nothing of it that `change` leaves alone.
    ///
    /// - Returns: What it is then; nil when there is none.
    /// - Throws: `conflict` when others change it all the time.
    func changeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        _ change: @escaping @Sendable (inout TokenIssuer) -> Void
    ) async throws(GatewayError) -> TokenIssuer?
    /// Forgets one; whether there was one.
    func removeIssuer(_ id: Identifier, of organization: OrganizationID) async throws(GatewayError) -> Bool
}
