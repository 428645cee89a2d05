import OrderedJSON
import Synchronization

/// The keys of issuers, as they publish them: fetched when a token asks for one, and kept for a while.
///
/// Only for an issuer that an organization has registered, and at most once each `againAfter`, whatever tokens say: a
/// stranger who makes up key ids makes nobody fetch more often. While an issuer does not answer, the last keys it had
/// count on; a key that it no longer has counts until its keys are fetched anew.
final class IssuerKeys: Sendable {
    /// What bounds it.
    struct Settings: Sendable {
        /// For how long keys count before they are fetched anew.
        ///
        /// Default 10 minutes.
        var freshFor: Duration = .seconds(600)
        /// How long after an attempt the next one is made.
        ///
        /// Default 30 s: a new key of an issuer counts within that.
        var againAfter: Duration = .seconds(30)
        /// For how long the last keys count while the issuer does not answer.
        ///
        /// Default a day.
        var keptFor: Duration = .seconds(86_400)
        /// Of how many issuers keys are kept.
        ///
        /// Default 1,000; those that were not asked for longest are forgotten.
        var issuersMax = 1_000
        /// How many issuers are asked at once.
        ///
        /// Default 32.
        var fetchesMax = 32
        /// How many of one organization are asked at once, so that its issuers which hang keep no other's keys away.
        ///
        /// Default 2.
        var organizationFetchesMax = 2
        /// How many keys of one issuer are read.
        ///
        /// Default 50.
        var keysMax = 50

        /// The defaults.
        init() {}
    }

    /// Registrations, as they stood: one that is changed begins anew.
    ///
    /// Of the operator's, only what they say of keys counts: an organization more or less among theirs changes no key, and
    /// would have all the others wait for them.
    private struct Place: Hashable {
        let organization: OrganizationID
        let issuer: Identifier
        let version: Int?
        let keysURL: String?
        let algorithms: [SigningAlgorithm]

        init(_ issuer: TokenIssuer) {
            (organization, self.issuer) = (issuer.organization, issuer.id)
            version = issuer.shared == nil ? issuer.version : nil
            (keysURL, algorithms) = (issuer.keysURL, issuer.algorithms)
        }
    }

    private struct Known: Sendable {
        let id: String?
        let key: any VerificationKey
    }

    private struct Entry {
        var keys: [Known] = []
        var fetchedAt: Uptime?
        var triedAt: Uptime?
        var fetch: Task<Void, Never>?
    }

    /// What to do for a token.
    private enum Way {
        case found(any VerificationKey)
        case fetching(Task<Void, Never>)
        case missing
        case away
    }

    private let documents: any IssuerDocuments
    private let makes: any VerificationKeys
    private let entropy: Entropy
    private let settings: Settings
    private let entries = Mutex<[Place: Entry]>([:])

    init(_ ports: IssuedTokenPorts, entropy: Entropy, settings: Settings = Settings()) {
        documents = ports.documents
        makes = ports.keys
        self.entropy = entropy
        self.settings = settings
    }

    /// The key by which a token is signed, of those that its issuer has; nil where it has none of this id for this
    /// algorithm.
    ///
    /// - Throws: `unavailable` where the issuer's keys cannot be had.
    func key(_ id: String?, _ algorithm: SigningAlgorithm, of issuer: TokenIssuer) async throws(GatewayError)
        -> (any VerificationKey)?
    {
        let place = Place(issuer)
        var way = entries.withLock { self.way(place, id, algorithm, issuer, mayFetch: true, in: &$0) }
        if case .fetching(let fetch) = way {
            await fetch.value
            way = entries.withLock { self.way(place, id, algorithm, issuer, mayFetch: false, in: &$0) }
        }
        switch way {
        case .found(let key): return key
        case .missing, .fetching: return nil
        case .away:
            throw GatewayError(
                .unavailable,
                "The keys of the token's issuer cannot be had. Try again later.",
                retryAfter: settings.againAfter
            )
        }
    }

    private func way(
        _ place: Place,
        _ id: String?,
        _ algorithm: SigningAlgorithm,
        _ issuer: TokenIssuer,
        mayFetch: Bool,
        in entries: inout [Place: Entry]
    ) -> Way {
        let now = entropy.uptime()
        let entry = entries[place] ?? Entry()
        let age = entry.fetchedAt.map { now - $0 }
        let key = age.map { $0 < settings.keptFor } ?? false ? IssuerKeys.key(id, algorithm, in: entry.keys) : nil
        if let key, let age, age < settings.freshFor { return .found(key) }
        if let fetch = entry.fetch {
            // Whoever is known waits for nobody.
            if let key { return .found(key) }
            return .fetching(fetch)
        }
        let wasTried = entry.triedAt.map { now - $0 < settings.againAfter } ?? false
        let asked = entries.filter { $0.value.fetch != nil }.keys
        let own = asked.count { $0.organization == place.organization }
        let isFull = asked.count >= settings.fetchesMax || own >= settings.organizationFetchesMax
        guard mayFetch, !wasTried, !isFull else {
            if let key { return .found(key) }
            return age.map { $0 < settings.keptFor } ?? false ? .missing : .away
        }
        return .fetching(begin(place, entry, issuer, now, in: &entries))
    }

    private func begin(
        _ place: Place,
        _ entry: Entry,
        _ issuer: TokenIssuer,
        _ now: Uptime,
        in entries: inout [Place: Entry]
    ) -> Task<Void, Never> {
        if entries[place] == nil, entries.count >= settings.issuersMax {
            let idle = entries.filter { $0.value.fetch == nil }
            let oldest = idle.min { ($0.value.triedAt ?? now) < ($1.value.triedAt ?? now) }
            if let oldest { entries[oldest.key] = nil }
        }
        var entry = entry
        entry.triedAt = now
        let fetch = Task { await self.fetch(issuer, for: place) }
        entry.fetch = fetch
        entries[place] = entry
        return fetch
    }

    /// One token's key: without an id it must be the only one of its algorithm.
    private static func key(
        _ id: String?,
        _ algorithm: SigningAlgorithm,
        in keys: [Known]
    ) -> (any VerificationKey)? {
        let fitting = keys.filter { $0.key.algorithm == algorithm && (id == nil || $0.id == id) }
        return fitting.count == 1 ? fitting[0].key : nil
    }

    // MARK: Fetching

    private func fetch(_ issuer: TokenIssuer, for place: Place) async {
        let keys = await keys(of: issuer)
        let now = entropy.uptime()
        entries.withLock { entries in
            entries[place]?.fetch = nil
            guard let keys else { return }
            entries[place]?.keys = keys
            entries[place]?.fetchedAt = now
        }
    }

    /// Nil where they cannot be had.
    private func keys(of issuer: TokenIssuer) async -> [Known]? {
        guard let url = await keysURL(of: issuer),
            let document = await document(at: url, issuer), let all = document["keys"]?.arrayValue,
            all.count <= settings.keysMax
        else { return nil }
        var keys: [Known] = []
        for document in all {
            // Each key is for one algorithm, whatever a token says.
            guard let algorithm = IssuerKeys.algorithm(of: document), issuer.algorithms.contains(algorithm),
                let key = await makes.key(document, for: algorithm)
            else { continue }
            keys.append(Known(id: document["kid"]?.stringValue, key: key))
        }
        return keys
    }

    /// Where an issuer's keys are: where the registration says, or else its own metadata, which must be its own.
    private func keysURL(of issuer: TokenIssuer) async -> String? {
        if let url = issuer.keysURL { return url }
        for url in IssuerKeys.metadata(of: issuer.url) {
            guard let document = await document(at: url, issuer),
                document["issuer"]?.stringValue.map({ $0.utf8.elementsEqual(issuer.url.utf8) }) ?? false,
                let found = document["jwks_uri"]?.stringValue,
                TokenIssuer.isAddress(found, in: issuer.environment)
            else { continue }
            return found
        }
        return nil
    }

    private func document(at url: String, _ issuer: TokenIssuer) async -> JSON? {
        guard let bytes = await documents.document(at: url, in: issuer.environment) else { return nil }
        return try? JSON(parsing: bytes, limits: JSONLimits(depthMax: 16))
    }

    /// Where an issuer's metadata may be: RFC 8414, then OpenID Connect's, which has it behind the path.
    static func metadata(of issuer: String) -> [String] {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        guard let scheme = base.firstRange(of: "://") else { return [] }
        let end = base[scheme.upperBound...].firstIndex(of: "/") ?? base.endIndex
        let (host, path) = (base[..<end], base[end...])
        return [host + "/.well-known/oauth-authorization-server" + path, base + "/.well-known/openid-configuration"]
            .map { String($0) }
    }

    /// What a published key is for; nil for what is no key to verify by.
    static func algorithm(of key: JSON) -> SigningAlgorithm? {
        if let use = key["use"], use != "sig" { return nil }
        if let operations = key["key_ops"]?.arrayValue, !operations.contains("verify") { return nil }
        let fits: [SigningAlgorithm]
        switch (key["kty"]?.stringValue, key["crv"]?.stringValue) {
        case ("RSA", _): fits = [.rs256, .ps256]
        case ("EC", "P-256"): fits = [.es256]
        case ("EC", "P-384"): fits = [.es384]
        case ("OKP", "Ed25519"): fits = [.edDSA]
        default: return nil
        }
        guard let named = key["alg"] else { return fits.first }
        return named.stringValue.flatMap { SigningAlgorithm(named: $0) }.flatMap { fits.contains($0) ? $0 : nil }
    }
}
