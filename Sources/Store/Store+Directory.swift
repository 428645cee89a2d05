import Gateway
import OrderedJSON

extension Store: DirectoryRepository {
    // MARK: Organizations and plans

    package func organization(_ id: OrganizationID) async throws(GatewayError) -> Organization? {
        try await organizations("WHERE organization_id = $1", [.text(id.description)]).first
    }

    package func organization(slug: String) async throws(GatewayError) -> Organization? {
        try await organizations("WHERE slug = $1", [.text(slug)]).first
    }

    package func organizations(after slug: String?, limit: Int) async throws(GatewayError) -> [Organization] {
        try await organizations(
            "WHERE slug > $1 ORDER BY slug LIMIT $2",
            [.text(slug ?? ""), .integer(Int64(max(1, limit)))]
        )
    }

    private func organizations(_ clause: String, _ values: [SQLValue]) async throws(GatewayError) -> [Organization] {
        try await read { sql in
            try sql.query("SELECT organization_id, slug, plan, detail FROM organizations " + clause, values) { row in
                try DirectoryCoding.organization(row)
            }
        }
    }

    package func save(_ organization: Organization) async throws(GatewayError) {
        let values: [SQLValue] = [
            .text(organization.id.description), .text(organization.slug), .text(organization.plan),
            .text(DirectoryCoding.detail(of: organization)),
        ]
        try await change(conflict: "Another organization has the slug \(organization.slug).") { sql in
            try sql.execute(
                """
                INSERT INTO organizations (organization_id, slug, plan, detail) VALUES ($1, $2, $3, $4)
                ON CONFLICT (organization_id) DO UPDATE
                SET slug = excluded.slug, plan = excluded.plan, detail = excluded.detail
                """,
                values
            )
        }
    }

    package func plan(_ name: String) async throws(GatewayError) -> Plan? {
        try await read { sql in
            try sql.first("SELECT detail FROM plans WHERE name = $1", [.text(name)]) { row in
                try DirectoryCoding.plan(name, JSON(parsing: row.text(0) ?? ""))
            }
        }
    }

    package func save(_ plan: Plan) async throws(GatewayError) {
        let values: [SQLValue] = [.text(plan.name), .text(DirectoryCoding.detail(of: plan))]
        try await change(conflict: "Another plan has this name.") { sql in
            try sql.execute(
                "INSERT INTO plans (name, detail) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET detail = excluded.detail",
                values
            )
        }
    }

    // MARK: Users

    package func user(_ id: UserID, organization: OrganizationID) async throws(GatewayError) -> User? {
        try await users(
            "WHERE organization_id = $1 AND user_id = $2",
            [.text(organization.description), .text(id.description)]
        )
        .first
    }

    package func users(named username: String, limit: Int) async throws(GatewayError) -> [User] {
        try await users(
            """
            WHERE (organization_id, user_id) IN
                (SELECT organization_id, user_id FROM logins WHERE username = $1 LIMIT $2)
            """,
            [.text(username), .integer(Int64(max(1, limit)))]
        )
    }

    package func users(
        organization: OrganizationID,
        after username: String?,
        limit: Int
    ) async throws(GatewayError) -> [User] {
        try await users(
            "WHERE organization_id = $1 AND username > $2 ORDER BY username LIMIT $3",
            [.text(organization.description), .text(username ?? ""), .integer(Int64(max(1, limit)))]
        )
    }

    private func users(_ clause: String, _ values: [SQLValue]) async throws(GatewayError) -> [User] {
        try await read { sql in
            try sql.query("SELECT \(DirectoryCoding.userColumns) FROM users " + clause, values, DirectoryCoding.user)
        }
    }

    package func save(_ user: User) async throws(GatewayError) {
        let values = DirectoryCoding.values(of: user)
        let login: [SQLValue] = [
            .text(user.username), .text(user.organization.description), .text(user.id.description),
        ]
        try await change(conflict: "Another user of the organization has this name or address.") { sql in
            try sql.execute(
                """
                INSERT INTO users (\(DirectoryCoding.userColumns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                ON CONFLICT (organization_id, user_id) DO UPDATE SET username = excluded.username,
                    email = excluded.email, password_hash = excluded.password_hash, role = excluded.role,
                    is_active = excluded.is_active, failed_logins = excluded.failed_logins,
                    locked_until_ms = excluded.locked_until_ms, session_epoch = excluded.session_epoch
                """,
                values
            )
            try sql.execute("DELETE FROM logins WHERE organization_id = $1 AND user_id = $2", Array(login.dropFirst()))
            try sql.execute("INSERT INTO logins (username, organization_id, user_id) VALUES ($1, $2, $3)", login)
        }
    }

    // MARK: Keys

    package func apiKey(_ id: APIKeyID, organization: OrganizationID) async throws(GatewayError) -> APIKey? {
        try await apiKeys(
            "WHERE organization_id = $1 AND key_id = $2",
            [.text(organization.description), .text(id.description)]
        )
        .first
    }

    package func apiKeys(organization: OrganizationID, limit: Int) async throws(GatewayError) -> [APIKey] {
        try await apiKeys(
            "WHERE organization_id = $1 ORDER BY key_id DESC LIMIT $2",
            [.text(organization.description), .integer(Int64(max(1, limit)))]
        )
    }

    private func apiKeys(_ clause: String, _ values: [SQLValue]) async throws(GatewayError) -> [APIKey] {
        try await read { sql in
            try sql.query(
                "SELECT \(DirectoryCoding.keyColumns) FROM api_keys " + clause,
                values,
                DirectoryCoding.apiKey
            )
        }
    }

    package func save(_ key: APIKey) async throws(GatewayError) {
        let values = DirectoryCoding.values(of: key)
        try await change(conflict: "Another key has this id.") { sql in
            try sql.execute(
                """
                INSERT INTO api_keys (\(DirectoryCoding.keyColumns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                ON CONFLICT (organization_id, key_id) DO UPDATE SET name = excluded.name, role = excluded.role,
                    scopes = excluded.scopes, expires_ms = excluded.expires_ms, revoked_ms = excluded.revoked_ms
                """,
                values
            )
        }
    }

    package func configurationVersion() async throws(GatewayError) -> Int64 {
        try await read { sql in
            try sql.first("SELECT value FROM configuration WHERE name = 'version'", []) { $0.integer(0) ?? 0 } ?? 0
        }
    }

    /// Runs a change of the directory and counts the configuration version up with it.
    func change(
        conflict: String,
        within limit: Duration? = nil,
        _ job: @escaping @Sendable (any SQLSession) throws -> Void
    ) async throws(GatewayError) {
        do {
            try await database.write(within: limit ?? database.settings.waitMax) { session in
                try job(session.sql)
                try session.sql.execute(
                    """
                    INSERT INTO configuration (name, value) VALUES ('version', 1)
                    ON CONFLICT (name) DO UPDATE SET value = configuration.value + 1
                    """,
                    []
                )
            }
        } catch let error as SQLError where error.isUniqueViolation {
            throw GatewayError(.conflict, conflict)
        } catch {
            try await write { _ in throw error }
        }
    }
}
