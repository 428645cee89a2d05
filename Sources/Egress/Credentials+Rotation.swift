import Cryptography
import Gateway

/// Changing keys while payments run: nothing is ever sealed by a key that is not yet kept, or opened by one that is gone.
extension Credentials {
    /// Wraps every data key anew by the newest master key.
    ///
    /// Some in each commit; whoever reads meanwhile finds each by one key or the other. Killed in the middle it is begun
    /// again, and does what is left. Older keys are needed until it has returned.
    /// - Parameters:
    ///   - atOnce: How many are wrapped in one commit.
    ///   - reach: Is told of each commit; tests end the process there.
    /// - Returns: How many were wrapped.
    /// - Throws: `internalFault` for one that no known key opens.
    package func rewrapDataKeys(
        atOnce: Int = 100,
        reach: () throws(GatewayError) -> Void = {}
    ) async throws(GatewayError) -> Int {
        var count = 0
        let newest = masters.newest
        while true {
            let left = try await directory.wrappedKeys(notBy: newest.id, limit: atOnce)
            guard !left.isEmpty else { return count }
            var changes: [Rewrapping] = []
            for (organization, key) in left {
                let bytes = try unwrap(key, of: organization)
                let new = try wrapped(bytes, version: key.version, of: organization, by: newest)
                changes.append(Rewrapping(organization: organization, old: key, new: new))
            }
            try await directory.rewrap(changes)
            count += changes.count
            try reach()
        }
    }

    /// How many data keys an older master key is still needed for.
    package func dataKeysLeft() async throws(GatewayError) -> Int {
        try await directory.countWrappedKeys(notBy: masters.newest.id)
    }

    /// Gives an organization a new data key, and seals all of its secrets by it.
    ///
    /// Those that are changed meanwhile are sealed by the new one already; killed in the middle, what is left opens by the
    /// key before, and doing it again seals it.
    /// - Returns: How many accounts' and webhook endpoints' secrets were sealed.
    package func rotateDataKey(of organization: OrganizationID) async throws(GatewayError) -> Int {
        let last = try await directory.wrappedKey(organization: organization, version: nil)?.version ?? 0
        try await add(SecureRandom.bytes(32), version: last + 1, of: organization)
        var count = 0
        for environment in Environment.allCases {
            var names = Set(
                try await directory.accounts(organization: organization, environment: environment).map(\.name)
            )
            // Secrets may have been set before there was a short code.
            names.insert(.main)
            for name in names.sorted() where try await seal(organization, environment, name) { count += 1 }
            for served in try await webhooks.webhooks(of: organization, environment: environment)
            where try await seal(served.endpoint) { count += 1 }
        }
        return count
    }

    /// Seals an account's secrets by the newest data key; whether there are any.
    private func seal(
        _ organization: OrganizationID,
        _ environment: Environment,
        _ account: AccountName
    ) async throws(GatewayError) -> Bool {
        for _ in 0..<Credentials.triesMax {
            let (fields, seen) = try await opened(of: organization, in: environment, account: account)
            guard seen >= 0 else { return false }
            do throws(GatewayError) {
                try await save(
                    fields,
                    organization: organization,
                    environment: environment,
                    account: account,
                    from: seen
                )
                return true
            } catch  where error.code == .staleVersion || error.code == .conflict { continue }
        }
        throw GatewayError(.conflict, "Others are changing the credentials at this moment. Try again.")
    }

    /// Seals what an endpoint's events are signed with by the newest data key; false for one that is gone.
    private func seal(_ endpoint: WebhookEndpoint) async throws(GatewayError) -> Bool {
        for _ in 0..<Credentials.triesMax {
            let found = try await webhooks.webhook(
                endpoint.id,
                organization: endpoint.organization,
                environment: endpoint.environment
            )
            guard var next = found?.endpoint else { return false }
            var secrets: [WebhookSecret] = []
            for secret in next.secrets {
                let bytes = try await open(secret, of: next.id, organization: next.organization)
                let (sealed, version) = try await seal(
                    bytes,
                    form: secret.form,
                    of: next.id,
                    organization: next.organization
                )
                secrets.append(
                    WebhookSecret(
                        form: secret.form,
                        sealed: sealed,
                        keyVersion: version,
                        publicKey: secret.publicKey,
                        endsAt: secret.endsAt
                    )
                )
            }
            next.secrets = secrets
            next.version += 1
            if try await webhooks.change(next, begins: false, telling: []) { return true }
        }
        throw GatewayError(.conflict, "Others are changing a webhook endpoint at this moment. Try again.")
    }

    private static let triesMax = 10

    /// Keeps a data key, wrapped by the newest master key; also where that was changed while it was written.
    func add(_ bytes: [UInt8], version: Int, of organization: OrganizationID) async throws(GatewayError) {
        let master = masters.newest
        let key = try wrapped(bytes, version: version, of: organization, by: master)
        try await directory.add(key, organization: organization)
        let newest = masters.newest
        guard newest.id != master.id else { return }
        let new = try wrapped(bytes, version: version, of: organization, by: newest)
        try await directory.rewrap([Rewrapping(organization: organization, old: key, new: new)])
    }

    private func wrapped(
        _ bytes: [UInt8],
        version: Int,
        of organization: OrganizationID,
        by master: MasterKeys.Key
    ) throws(GatewayError) -> WrappedKey {
        let place = keyPlace(organization, version)
        let sealed = try seal(bytes, key: master.bytes.reveal(), place: place)
        return WrappedKey(version: version, masterKeyID: master.id, bytes: sealed)
    }
}
