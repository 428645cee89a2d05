import Gateway
import OrderedJSON

extension Store {
    /// The name of no field: its row keeps the version of what was taken away whole, so that none is used twice.
    private static let noField = ""

    package func sealedCredential(
        organization: OrganizationID,
        environment: Environment,
        account: AccountName
    ) async throws(GatewayError) -> SealedCredential? {
        try await read { sql in
            var credential: SealedCredential?
            _ = try sql.query(
                """
                SELECT field, sealed, key_version, version FROM credentials
                WHERE organization_id = $1 AND environment = $2 AND account = $3 AND field <> $4
                """,
                [
                    .text(organization.description), .text(environment.rawValue), .text(account.description),
                    .text(Store.noField),
                ]
            ) { row in
                var known =
                    credential
                    ?? SealedCredential(
                        environment: environment,
                        account: account,
                        fields: [:],
                        keyVersion: 0,
                        version: 0
                    )
                known.fields[row.text(0) ?? ""] = row.bytes(1) ?? []
                known.keyVersion = Int(row.integer(2) ?? 0)
                known.version = Int(row.integer(3) ?? 0)
                credential = known
            }
            return credential
        }
    }

    package func save(
        _ credential: SealedCredential,
        organization: OrganizationID,
        at moment: Timestamp?
    ) async throws(GatewayError) {
        let scope: [SQLValue] = [
            .text(organization.description), .text(credential.environment.rawValue),
            .text(credential.account.description),
        ]
        let told: @Sendable (Int) -> [FeedEvent] = { version in
            guard let moment else { return [] }
            let (account, environment) = (credential.account, credential.environment)
            return [
                FeedEvent.changed(
                    secretsOf: account,
                    in: environment,
                    to: version,
                    of: organization,
                    at: moment
                )
            ]
        }
        try await change(of: organization, conflict: "The credential is being changed.", telling: told) { sql in
            let known = try sql.first(
                """
                SELECT version, field FROM credentials
                WHERE organization_id = $1 AND environment = $2 AND account = $3 LIMIT 1
                """,
                scope
            ) { (version: $0.integer(0) ?? 0, isThere: $0.text(1) != Store.noField) }
            let last = known?.version ?? 0
            let seen = known?.isThere == true ? last : 0
            // What others have written meanwhile is not written over.
            guard credential.version == 0 || max(0, credential.version) == Int(seen) else {
                throw GatewayError(.staleVersion, "The credentials were changed meanwhile. Read them again.")
            }
            try sql.execute(
                "DELETE FROM credentials WHERE organization_id = $1 AND environment = $2 AND account = $3",
                scope
            )
            let fields = credential.fields.isEmpty ? [Store.noField: []] : credential.fields
            for (field, sealed) in fields.sorted(by: { $0.key < $1.key }) {
                try sql.execute(
                    """
                    INSERT INTO credentials (organization_id, environment, account, field, sealed, key_version, version)
                    VALUES ($1, $2, $3, $4, $5, $6, $7)
                    """,
                    scope + [
                        .text(field), .bytes(sealed), .integer(Int64(credential.keyVersion)),
                        .integer(last + 1),
                    ]
                )
            }
            return Int(last) + 1
        }
    }

    package func wrappedKey(
        organization: OrganizationID,
        version: Int?
    ) async throws(GatewayError) -> WrappedKey? {
        try await read { sql in
            try sql.first(
                """
                SELECT version, master_key_id, wrapped FROM data_keys
                WHERE organization_id = $1 AND ($2 = 0 OR version = $3) ORDER BY version DESC LIMIT 1
                """,
                [.text(organization.description), .integer(Int64(version ?? 0)), .integer(Int64(version ?? 0))]
            ) { row in
                WrappedKey(version: Int(row.integer(0) ?? 0), masterKeyID: row.text(1) ?? "", bytes: row.bytes(2) ?? [])
            }
        }
    }

    package func add(_ key: WrappedKey, organization: OrganizationID) async throws(GatewayError) {
        try await change(of: organization, conflict: "This version of the data key exists.") { sql in
            try sql.execute(
                "INSERT INTO data_keys (organization_id, version, master_key_id, wrapped) VALUES ($1, $2, $3, $4)",
                [
                    .text(organization.description), .integer(Int64(key.version)), .text(key.masterKeyID),
                    .bytes(key.bytes),
                ]
            )
        }
    }
}
