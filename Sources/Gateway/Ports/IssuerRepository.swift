/// Whose tokens organizations take besides the gateway's own.
package protocol IssuerRepository: Sendable {
    /// The organization's issuers, in the order in which they were registered.
    func issuers(of organization: OrganizationID) async throws(GatewayError) -> [TokenIssuer]
    /// Writes a new one.
    /// - Throws: `conflict` when the organization has one of this address; `limitExceeded` past `TokenIssuer.countMax`.
    func save(_ issuer: TokenIssuer) async throws(GatewayError)
    /// Changes one as it stands now, and nothing of it that `change` leaves alone.
    ///
    /// - Parameter news: What of an issuer of the operator's the organizations are told that have accepted it, in the same
    ///   commit.
    /// - Returns: What it is then; nil when there is none.
    /// - Throws: `conflict` when others change it all the time.
    func changeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?,
        _ change: @escaping @Sendable (inout TokenIssuer) -> Void
    ) async throws(GatewayError) -> TokenIssuer?
    /// Forgets one; whether there was one.
    func removeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        telling news: IssuerNews?
    ) async throws(GatewayError) -> Bool
}

extension IssuerRepository {
    /// Changes one, of which nobody else is told.
    package func changeIssuer(
        _ id: Identifier,
        of organization: OrganizationID,
        _ change: @escaping @Sendable (inout TokenIssuer) -> Void
    ) async throws(GatewayError) -> TokenIssuer? {
        try await changeIssuer(id, of: organization, telling: nil, change)
    }

    /// Forgets one, of which nobody else is told.
    package func removeIssuer(_ id: Identifier, of organization: OrganizationID) async throws(GatewayError) -> Bool {
        try await removeIssuer(id, of: organization, telling: nil)
    }
}

/// What organizations that have accepted an issuer of the operator's are told of its change: a line of their audit each.
package struct IssuerNews: Sendable {
    /// How many organizations are told of one change, because one commit tells all of them.
    package static let toldMax = 10_000

    /// Makes a line, of what an issuer is to an organization: as it was, and as it is, nil where it is gone.
    package typealias Line =
        @Sendable (
            _ registration: TokenIssuer, _ before: TokenIssuer, _ now: TokenIssuer?
        ) -> AuditRecord

    private let line: Line

    /// States how a line is made.
    package init(_ line: @escaping Line) { self.line = line }

    /// The lines of those to whom a change makes a difference, among registrations that may be of others.
    package func lines(
        of before: TokenIssuer,
        to now: TokenIssuer?,
        among registrations: some Sequence<TokenIssuer>
    ) -> [AuditRecord] {
        registrations.filter { $0.accepted == before.id && before.standing(for: $0) != now?.standing(for: $0) }
            .map { line($0, before, now) }
    }
}

extension TokenIssuer {
    /// What of an issuer of the operator's makes a difference to whoever has accepted it.
    fileprivate struct Standing: Equatable {
        let isActive: Bool
        let keysURL: String?
        let algorithms: [SigningAlgorithm]
        let tenants: [String]
    }

    fileprivate func standing(for registration: TokenIssuer) -> Standing {
        Standing(
            isActive: isActive,
            keysURL: keysURL,
            algorithms: algorithms,
            tenants: shared?.tenants(of: registration.organization) ?? []
        )
    }
}
