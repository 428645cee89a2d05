import Cryptography

/// Tokens that others have issued for this gateway.
extension Authenticate {
    /// What they are taken by.
    final class Issued: Sendable {
        let resource: ProtectedResource
        let keys: IssuerKeys
        /// Organizations' issuers, an empty list of one that has none among them.
        let issuers: ConfiguredCache<OrganizationID, [TokenIssuer]>
        let directory: any DirectoryRepository

        init(
            _ ports: IssuedTokenPorts,
            directory: any DirectoryRepository,
            entropy: Entropy,
            configuration: ConfigurationWatch
        ) {
            resource = ports.resource
            keys = IssuerKeys(ports, entropy: entropy)
            issuers = ConfiguredCache(configuration)
            self.directory = directory
        }

        /// An organization's issuers, as they stand now.
        func issuers(of organization: OrganizationID) async throws(GatewayError) -> [TokenIssuer] {
            if let known = try await issuers.value(for: organization) { return known }
            let stamp = issuers.stamp
            let found = try await directory.issuers(of: organization)
            issuers.set(found, for: organization, of: organization, since: stamp)
            return found
        }
    }

    /// For how long a token counts without a look at its issuer's keys: what an issuer takes back of them is felt
    /// within this and the time for which they are fresh.
    private static let believedFor = Duration.seconds(300)

    /// Who shows a token that somebody else issued.
    ///
    /// The order is the price: its form, for whom it was issued and by whom, its algorithm, its times and its subject are
    /// looked at before any key is, and a stranger's token goes no further.
    func bearer(of token: IssuedToken, by issued: Issued, now: Timestamp) async throws(GatewayError) -> Known {
        guard let organization = issued.resource.organization(of: token.audiences), token.isInTime(at: now) else {
            throw Authenticate.refusal
        }
        let issuer = try await issued.issuers(of: organization)
            .first { $0.isActive && $0.url.utf8.elementsEqual(token.issuer.utf8) }
        guard let issuer, issuer.algorithms.contains(token.algorithm), let id = issuer.key(of: token.subject) else {
            throw Authenticate.refusal
        }
        let refusal = Authenticate.refusal.naming(organization, "issuer:\(issuer.id)")
        guard let key = try await issued.keys.key(token.keyID, token.algorithm, of: issuer),
            key.verifies(token.signature, of: token.signed)
        else { throw refusal }
        guard let stored = try await directory.apiKey(id, organization: organization),
            stored.isInForce(at: now), stored.environment == issuer.environment
        else { throw refusal }
        uses?.note(stored.id, of: organization, at: now)
        let more = stored.pending.flatMap { now < $0.from ? $0.from : nil }
        let ends = [
            stored.expiresAt, more, token.expiresAt + IssuedToken.skew, now + Authenticate.believedFor,
        ]
        return Known(
            principal(of: stored, by: token),
            until: ends.compactMap { $0 }.min(),
            notedAt: entropy.uptime()
        )
    }

    /// A key, held to what the token was issued for: the scopes that both have.
    private func principal(of key: APIKey, by token: IssuedToken) -> Principal {
        let whole = principal(of: key)
        let scopes =
            whole.scopes.map { $0.intersection(token.scopes) } ?? token.scopes.subtracting(TokenIssuer.namedScopes)
        return Principal(
            organization: whole.organization,
            subject: whole.subject,
            name: whole.name,
            role: whole.role,
            scopes: scopes,
            environment: whole.environment,
            rules: whole.rules,
            holders: whole.holders,
            issued: IssuedBearer(issuer: token.issuer, subject: token.subject)
        )
    }
}

/// What those who have no credential yet are told of where to get one (RFC 9728).
package struct ResourceIssuers: Sendable {
    private let issued: Authenticate.Issued

    init(_ issued: Authenticate.Issued) { self.issued = issued }

    /// What the gateway is called.
    package var resource: ProtectedResource { issued.resource }

    /// The name of the resource at a path, and who issues tokens for it; nil where nobody does.
    package func at(path: String) async throws(GatewayError) -> (name: String, issuers: [String])? {
        guard let (name, organization) = issued.resource.at(path: path) else { return nil }
        let urls = try await issued.issuers(of: organization).filter(\.isActive).map(\.url)
        return urls.isEmpty ? nil : (name, urls)
    }
}
