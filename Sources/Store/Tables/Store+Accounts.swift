import Gateway
import OrderedJSON

extension Store {
    private static let accountColumns = "account, detail, is_default, retired_ms, version"

    private static func account(_ environment: Environment, _ row: any SQLRow) throws -> MPesaAccount {
        guard let name = row.text(0).flatMap({ AccountName($0) }) else {
            throw SQLError(message: "an account is damaged")
        }
        return MPesaAccount(
            name: name,
            profile: try DirectoryCoding.profile(environment, JSON(parsing: row.text(1) ?? "")),
            isDefault: row.integer(2) == 1,
            retiredAt: row.integer(3).map { Timestamp(milliseconds: $0) },
            version: Int(row.integer(4) ?? 1)
        )
    }

    package func accounts(
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [MPesaAccount] {
        try await read { sql in
            try sql.query(
                """
                SELECT \(Store.accountColumns) FROM accounts
                WHERE organization_id = $1 AND environment = $2 ORDER BY account
                """,
                [.text(organization.description), .text(environment.rawValue)]
            ) { try Store.account(environment, $0) }
        }
    }

    package func save(_ account: MPesaAccount, organization: OrganizationID) async throws(GatewayError) {
        let scope: [SQLValue] = [.text(organization.description), .text(account.profile.environment.rawValue)]
        try await change(of: organization, conflict: "Another account has the name \(account.name).") { sql in
            let known =
                try sql.first(
                    "SELECT COUNT(*) FROM accounts WHERE organization_id = $1 AND environment = $2",
                    scope
                ) { $0.integer(0) ?? 0 } ?? 0
            guard known < MPesaAccount.countMax else {
                throw GatewayError(.limitExceeded, "An organization has at most \(MPesaAccount.countMax) accounts.")
            }
            try sql.execute(
                """
                INSERT INTO accounts
                    (organization_id, environment, account, detail, is_default, retired_ms, version)
                VALUES ($1, $2, $3, $4, $5, $6, 1)
                """,
                scope + [
                    .text(account.name.description), .text(DirectoryCoding.detail(of: account.profile)),
                    .flag(known == 0), account.retiredAt.map { .integer($0.milliseconds) } ?? .null,
                ]
            )
        }
    }

    package func change(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment,
        _ change: @escaping @Sendable (inout MPesaAccount) -> Void
    ) async throws(GatewayError) -> MPesaAccount? {
        let place: [SQLValue] = [
            .text(organization.description), .text(environment.rawValue), .text(account.description),
        ]
        return try await exchange(of: organization, conflict: "The account is being changed.") { sql in
            let found = try sql.first(
                """
                SELECT \(Store.accountColumns) FROM accounts
                WHERE organization_id = $1 AND environment = $2 AND account = $3
                """,
                place
            ) { try Store.account(environment, $0) }
            guard let old = found else { return .some(nil) }
            var new = old
            change(&new)
            new.isDefault = old.isDefault
            if new == old { return .some(old) }
            new.version = old.version + 1
            let changed = try sql.execute(
                """
                UPDATE accounts SET detail = $1, retired_ms = $2, version = $3
                WHERE organization_id = $4 AND environment = $5 AND account = $6 AND version = $7
                """,
                [
                    .text(DirectoryCoding.detail(of: new.profile)),
                    new.retiredAt.map { .integer($0.milliseconds) } ?? .null, .integer(Int64(new.version)),
                ] + place + [.integer(Int64(old.version))]
            )
            return changed == 1 ? .some(new) : nil
        }
    }

    package func makeDefault(
        _ account: AccountName,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Bool {
        let scope: [SQLValue] = [.text(organization.description), .text(environment.rawValue)]
        return try await change(of: organization, conflict: "The accounts are being changed.") { sql in
            let found = try sql.first(
                """
                SELECT version FROM accounts
                WHERE organization_id = $1 AND environment = $2 AND account = $3 AND retired_ms IS NULL
                """,
                scope + [.text(account.description)]
            ) { $0.integer(0) }
            guard found != nil else { return false }
            // Both at once, so that there is always one.
            try sql.execute(
                """
                UPDATE accounts SET is_default = CASE account WHEN $1 THEN 1 ELSE 0 END, version = version + 1
                WHERE organization_id = $2 AND environment = $3 AND (is_default = 1 OR account = $4)
                """,
                [.text(account.description)] + scope + [.text(account.description)]
            )
            return true
        }
    }
}
