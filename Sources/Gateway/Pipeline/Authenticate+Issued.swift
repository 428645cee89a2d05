import Cryptography
import Synchronization

/// Tokens that others have issued for this gateway.
extension Authenticate {
    /// What they are taken by.
    final class Issued: Sendable {
        let resource: ProtectedResource
        let keys: IssuerKeys
        /// Organizations' issuers, an empty list of one that has none among them.
        let issuers: ConfiguredCache<OrganizationID, [TokenIssuer]>
        let directory: any DirectoryRepository
        /// The operator's organization, once it was looked for.
        private let host = Mutex<OrganizationID?>(nil)

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

        /// What a registration stands for: the issuer itself, or the operator's that the organization accepts, as that
        /// stands now; nil where nothing of it counts.
        func standing(of registration: TokenIssuer) async throws(GatewayError) -> TokenIssuer? {
            guard registration.isActive, registration.shared == nil else { return nil }
            guard let id = registration.accepted else { return registration }
            let found = try await operatorsIssuers().first { $0.id == id }
            guard let found, found.isActive, found.shared != nil, found.organization != registration.organization,
                found.environment == registration.environment, found.url.utf8.elementsEqual(registration.url.utf8)
            else { return nil }
            return found
        }

        /// Whether one of the operator's is as it was.
        func isUnchanged(_ mark: SharedMark) async throws(GatewayError) -> Bool {
            try await operatorsIssuers().contains { $0.id == mark.issuer && $0.version == mark.version && $0.isActive }
        }

        private func operatorsIssuers() async throws(GatewayError) -> [TokenIssuer] {
            var id = host.withLock { $0 }
            if id == nil {
                id = try await directory.organization(slug: Organization.hostSlug)?.id
                host.withLock { [id] in $0 = id }
            }
            guard let id else { return [] }
            return try await issuers(of: id)
        }
    }

    /// Which issuer of the operator's a token was taken by, as it stood then: it changes in another organization than the
    /// token's.
    struct SharedMark: Sendable {
        let issuer: Identifier
        let version: Int
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
        let registration = try await issued.issuers(of: organization)
            .first { $0.isActive && $0.shared == nil && $0.url.utf8.elementsEqual(token.issuer.utf8) }
        guard let registration, let issuer = try await issued.standing(of: registration),
            issuer.algorithms.contains(token.algorithm),
            let subject = token.subject(by: issuer, in: organization),
            let id = registration.key(of: subject, by: issuer)
        else { throw Authenticate.refusal }
        let refusal = Authenticate.refusal.naming(organization, "issuer:\(registration.id)")
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
            principal(of: stored, by: IssuedBearer(issuer: token.issuer, subject: subject), for: token.scopes),
            until: ends.compactMap { $0 }.min(),
            notedAt: entropy.uptime(),
            mark: issuer.shared == nil ? nil : SharedMark(issuer: issuer.id, version: issuer.version)
        )
    }

    /// A key, held to what the token was issued for: the scopes that both have.
    private func principal(of key: APIKey, by bearer: IssuedBearer, for granted: Set<String>) -> Principal {
        let whole = principal(of: key)
        let scopes = whole.scopes.map { $0.intersection(granted) } ?? granted.subtracting(TokenIssuer.namedScopes)
        return Principal(
            organization: whole.organization,
            subject: whole.subject,
            name: whole.name,
            role: whole.role,
            scopes: scopes,
            environment: whole.environment,
            rules: whole.rules,
            holders: whole.holders,
            issued: bearer
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
        var urls: [String] = []
        for registration in try await issued.issuers(of: organization)
        where try await issued.standing(of: registration) != nil { urls.append(registration.url) }
        return urls.isEmpty ? nil : (name, urls)
    }
}
