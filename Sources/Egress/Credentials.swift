import Cryptography
import Gateway

/// Organizations' secrets, sealed in the store and opened only here.
///
/// Envelope encryption: the master key wraps a data key for each organization, the data key seals each field. The
/// associated data names organization, environment, account, field and key version, so no sealed byte opens anywhere else.
package final class Credentials: Sendable {
    private struct Key: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
        let account: AccountName
    }

    let directory: any DirectoryRepository
    let webhooks: any WebhookRepository
    let masters: MasterKeys
    private let configuration: ConfigurationWatch
    private let opened: ConfiguredCache<Key, DarajaCredential>

    /// Opens secrets under master keys of 32 bytes.
    ///
    /// What was opened is remembered for as long as the watch says.
    package init(
        directory: any DirectoryRepository,
        webhooks: any WebhookRepository,
        masters: MasterKeys,
        configuration: ConfigurationWatch
    ) {
        self.directory = directory
        self.webhooks = webhooks
        self.masters = masters
        self.configuration = configuration
        opened = ConfiguredCache(configuration, perOrganization: 2)
    }

    /// The secrets of one of the organization's accounts.
    /// - Throws: `notConfigured` when there are none; `internalFault` when they do not open.
    package func credential(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName = .main
    ) async throws(GatewayError) -> DarajaCredential {
        let key = Key(organization: organization, environment: environment, account: account)
        if let known = try await opened.value(for: key) { return known }
        let stamp = opened.stamp
        let sealed = try await directory.sealedCredential(
            organization: organization,
            environment: environment,
            account: account
        )
        guard let sealed else {
            throw GatewayError(
                .notConfigured,
                """
                The organization's account \(account) has no M-Pesa credentials for \(environment.rawValue). An \
                administrator must add them.
                """
            )
        }
        let fields = try await open(sealed, of: organization)
        guard let consumerKey = fields["consumer_key"], let consumerSecret = fields["consumer_secret"] else {
            throw GatewayError(
                .notConfigured,
                "The organization's M-Pesa credentials lack consumer_key or consumer_secret. An administrator must add them."
            )
        }
        let credential = DarajaCredential(
            consumerKey: consumerKey,
            consumerSecret: consumerSecret,
            passkey: fields["lipa_na_mpesa_passkey"],
            initiatorPassword: fields["initiator_password"],
            securityCredential: fields["security_credential"],
            version: sealed.version
        )
        opened.set(credential, for: key, of: organization, since: stamp)
        return credential
    }

    /// The organization's secrets by field name, as they are now, and of which version; none, of version -1, where there
    /// are none.
    func opened(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName = .main
    ) async throws(GatewayError) -> (fields: [String: Secret<String>], version: Int) {
        let sealed = try await directory.sealedCredential(
            organization: organization,
            environment: environment,
            account: account
        )
        guard let sealed else { return ([:], -1) }
        return (try await open(sealed, of: organization), sealed.version)
    }

    private func open(
        _ sealed: SealedCredential,
        of organization: OrganizationID
    ) async throws(GatewayError) -> [String: Secret<String>] {
        let dataKey = try await dataKey(of: organization, version: sealed.keyVersion)
        var fields: [String: Secret<String>] = [:]
        for (name, bytes) in sealed.fields {
            let place = place(organization, sealed, name, sealed.keyVersion)
            let plain = try open(bytes, key: dataKey, place: place)
            fields[name] = Secret(String(decoding: plain, as: UTF8.self))
        }
        return fields
    }

    /// Seals and keeps secrets by field name.
    ///
    /// Space around them is removed: pasted passkeys often carry some.
    ///
    /// - Parameters:
    ///   - seen: The version that they were made of; 0 for whatever there is.
    ///   - moment: When, for the feed; nil where it is not told.
    /// - Throws: `staleVersion` when others have written meanwhile.
    package func save(
        _ fields: [String: Secret<String>],
        organization: OrganizationID,
        environment: Environment,
        account: AccountName = .main,
        from seen: Int = 0,
        at moment: Timestamp? = nil
    ) async throws(GatewayError) {
        let (dataKey, version) = try await newestDataKey(of: organization)
        var sealed = SealedCredential(
            environment: environment,
            account: account,
            fields: [:],
            keyVersion: version,
            version: seen
        )
        for (name, secret) in fields {
            let text = Credentials.trimmed(secret.reveal())
            sealed.fields[name] = try seal(
                Array(text.utf8),
                key: dataKey,
                place: place(organization, sealed, name, version)
            )
        }
        try await directory.save(sealed, organization: organization, at: moment)
        configuration.forget()
    }

    /// The organization's newest data key and its version; a new one where there is none.
    func newestDataKey(of organization: OrganizationID) async throws(GatewayError) -> ([UInt8], version: Int) {
        if let wrapped = try await directory.wrappedKey(organization: organization, version: nil) {
            return (try unwrap(wrapped, of: organization), wrapped.version)
        }
        let made = SecureRandom.bytes(32)
        try await add(made, version: 1, of: organization)
        return (made, 1)
    }

    func dataKey(of organization: OrganizationID, version: Int) async throws(GatewayError) -> [UInt8] {
        guard let wrapped = try await directory.wrappedKey(organization: organization, version: version) else {
            throw GatewayError.fault("data key \(version) of \(organization) is missing")
        }
        return try unwrap(wrapped, of: organization)
    }

    func unwrap(_ wrapped: WrappedKey, of organization: OrganizationID) throws(GatewayError) -> [UInt8] {
        guard let master = masters.key(wrapped.masterKeyID) else {
            throw GatewayError.fault("data key of \(organization) is wrapped by master key \(wrapped.masterKeyID)")
        }
        return try open(wrapped.bytes, key: master.bytes.reveal(), place: keyPlace(organization, wrapped.version))
    }

    /// The first account's is as it was when there was no other.
    private func place(
        _ organization: OrganizationID,
        _ sealed: SealedCredential,
        _ field: String,
        _ version: Int
    ) -> String {
        let account = sealed.account == .main ? "" : "\(sealed.account)/"
        return "credential/\(organization)/\(sealed.environment.rawValue)/\(account)\(field)/\(version)"
    }

    func keyPlace(_ organization: OrganizationID, _ version: Int) -> String {
        "data-key/\(organization)/\(version)"
    }

    func seal(_ bytes: [UInt8], key: [UInt8], place: String) throws(GatewayError) -> [UInt8] {
        do { return try AESGCM.seal(bytes, key: key, associatedData: Array(place.utf8)) } catch {
            throw GatewayError.fault("\(error.reason) of \(place)")
        }
    }

    func open(_ bytes: [UInt8], key: [UInt8], place: String) throws(GatewayError) -> [UInt8] {
        do { return try AESGCM.open(bytes, key: key, associatedData: Array(place.utf8)) } catch {
            throw GatewayError.fault("\(error.reason) of \(place)")
        }
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace = { (character: Character) in character.isWhitespace || character.isNewline }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
