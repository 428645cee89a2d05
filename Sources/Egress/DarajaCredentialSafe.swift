import Gateway

/// The safe of M-Pesa credentials, which can try them as well.
package struct DarajaCredentialSafe: CredentialSafe {
    private let credentials: Credentials
    private let upstream: DarajaUpstream

    /// Makes it of the secrets and the way to M-Pesa.
    package init(credentials: Credentials, upstream: DarajaUpstream) {
        self.credentials = credentials
        self.upstream = upstream
    }

    package func put(
        _ fields: [String: Secret<String>],
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [String] {
        var all = try await credentials.opened(of: organization, in: environment)
        for (name, secret) in fields { all[name] = secret.reveal().isEmpty ? nil : secret }
        if !fields.isEmpty { try await credentials.save(all, organization: organization, environment: environment) }
        return all.keys.sorted()
    }

    package func fields(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [String] {
        try await credentials.opened(of: organization, in: environment).keys.sorted()
    }

    package func prove(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        environment: Environment
    ) async throws(GatewayError) {
        try await upstream.prove(consumerKey: consumerKey, consumerSecret: consumerSecret, environment: environment)
    }
}
