import Gateway

/// The safe of M-Pesa credentials, which can try them as well.
package struct DarajaCredentialSafe: CredentialSafe {
    private let credentials: Credentials
    private let upstream: DarajaUpstream
    private let entropy: Entropy

    /// Makes it of the secrets and the way to M-Pesa.
    package init(credentials: Credentials, upstream: DarajaUpstream, entropy: Entropy) {
        self.credentials = credentials
        self.upstream = upstream
        self.entropy = entropy
    }

    /// How often a change is made anew before it gives way.
    private static let triesMax = 10

    package func put(
        _ fields: [String: Secret<String>],
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String] {
        // Two who set different secrets at once are both heard: whoever comes second adds to what the first has set.
        for _ in 0..<DarajaCredentialSafe.triesMax {
            var (all, seen) = try await credentials.opened(of: organization, in: environment, account: account)
            for (name, secret) in fields { all[name] = secret.reveal().isEmpty ? nil : secret }
            guard !fields.isEmpty else { return all.keys.sorted() }
            do throws(GatewayError) {
                try await credentials.save(
                    all,
                    organization: organization,
                    environment: environment,
                    account: account,
                    from: seen,
                    at: entropy.now()
                )
                return all.keys.sorted()
            } catch  where error.code == .staleVersion || error.code == .conflict { continue }
        }
        throw GatewayError(.conflict, "Others are changing the credentials at this moment. Try again.")
    }

    package func fields(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> [String] {
        try await credentials.opened(of: organization, in: environment, account: account).fields.keys.sorted()
    }

    package func rotateKey(of organization: OrganizationID) async throws(GatewayError) -> Int {
        try await credentials.rotateDataKey(of: organization)
    }

    package func askProducts(
        of organization: OrganizationID,
        in environment: Environment,
        account: AccountName,
        shortCode: String
    ) async throws(GatewayError) -> [ProductFinding] {
        try await upstream.askProducts(of: organization, in: environment, account: account, shortCode: shortCode)
    }

    package func prove(
        consumerKey: Secret<String>,
        consumerSecret: Secret<String>,
        environment: Environment
    ) async throws(GatewayError) {
        try await upstream.prove(consumerKey: consumerKey, consumerSecret: consumerSecret, environment: environment)
    }
}
