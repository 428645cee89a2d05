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
            try sql.query("SELECT organization_id, slug, plan, detail, version FROM organizations " + clause, values) {
                row in
                try DirectoryCoding.organization(row)
            }
        }
    }

    package func save(_ organization: Organization) async throws(GatewayError) {
        try Store.check(names: ["slug": organization.slug, "name": organization.name])
        let values = DirectoryCoding.values(of: organization)
        try await change(of: organization.id, conflict: Store.taken(organization)) { sql in
            try Store.insert(organization: values, in: sql)
            try Store.check(plan: organization.plan, in: sql)
        }
    }

    package func save(_ organization: Organization, with user: User) async throws(GatewayError) {
        try Store.check(names: ["slug": organization.slug, "name": organization.name])
        try Store.check(names: ["username": user.username, "email": user.email])
        let values = DirectoryCoding.values(of: organization)
        try await change(of: organization.id, conflict: Store.taken(organization)) { sql in
            try Store.insert(organization: values, in: sql)
            try Store.insert(user, in: sql)
            try Store.check(plan: organization.plan, in: sql)
        }
    }

    private static func taken(_ organization: Organization) -> String {
        "Another organization has the slug \(organization.slug)."
    }

    private static func insert(organization values: [SQLValue], in sql: any SQLSession) throws {
        try sql.execute(
            "INSERT INTO organizations (organization_id, slug, plan, detail, version) VALUES ($1, $2, $3, $4, $5)",
            values
        )
    }

    package func change(
        _ id: OrganizationID,
        at moment: Timestamp?,
        _ change: @escaping @Sendable (inout Organization) -> Void
    ) async throws(GatewayError) -> Organization? {
        try await telling(of: id, conflict: "Another organization has this slug.") { sql in
            let found = try sql.first(
                "SELECT organization_id, slug, plan, detail, version FROM organizations WHERE organization_id = $1",
                [.text(id.description)]
            ) { (try DirectoryCoding.organization($0), $0.text(3) ?? "") }
            guard let (old, detail) = found else { return .some(nil) }
            var new = old
            change(&new)
            if new == old { return .some((old, [])) }
            new.version = old.version + 1
            try Store.check(names: ["slug": new.slug, "name": new.name])
            let changed = try sql.execute(
                """
                UPDATE organizations SET slug = $1, plan = $2, detail = $3, version = $4
                WHERE organization_id = $5 AND slug = $6 AND plan = $7 AND detail = $8 AND version = $9
                """,
                DirectoryCoding.values(of: new).dropFirst() + [
                    .text(id.description), .text(old.slug), .text(old.plan), .text(detail),
                    .integer(Int64(old.version)),
                ]
            )
            guard changed == 1 else { return nil }
            if new.plan != old.plan { try Store.check(plan: new.plan, in: sql) }
            return .some((new, moment.map { FeedEvent.about(new, from: old, at: $0) } ?? []))
        }
    }

    /// Refuses, and so undoes, what has put an organization on a plan that there is not, and keeps that one until the commit:
    /// nobody is put on one that is taken away meanwhile.
    ///
    /// After the organization's row was written, as `holdChanges` asks: who held changes first and waited for a row would
    /// wait for whoever has the row and waits for changes.
    private static func check(plan name: String, in sql: any SQLSession) throws {
        try holdChanges(in: sql)
        guard try sql.first("SELECT 1 FROM plans WHERE name = $1", [.text(name)], { $0.integer(0) }) != nil else {
            throw Organization.noPlan(name)
        }
    }

    package func plan(_ name: String) async throws(GatewayError) -> Plan? {
        try await read { sql in
            try sql.first("SELECT detail, version FROM plans WHERE name = $1", [.text(name)]) { row in
                try DirectoryCoding.plan(name, JSON(parsing: row.text(0) ?? ""), version: row.integer(1))
            }
        }
    }

    package func save(_ plan: Plan) async throws(GatewayError) {
        try await change(conflict: "Another plan has this name.") { sql in try Store.insert(plan, in: sql) }
    }

    /// Writes a plan over whatever there is of this name.
    static func insert(_ plan: Plan, in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO plans (name, detail) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET detail = excluded.detail, version = plans.version + 1
            """,
            [.text(plan.name), .text(DirectoryCoding.detail(of: plan))]
        )
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

    package func save(_ key: APIKey, within room: APIKey.Room?) async throws(GatewayError) {
        try Store.check(names: ["name": key.name])
        let values = DirectoryCoding.values(of: key)
        try await change(of: key.organization, conflict: "Another key has this id.") { sql in
            try sql.execute(
                """
                INSERT INTO api_keys (\(DirectoryCoding.keyColumns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                    $11, $12, $13, $14, $15, $16)
                """,
                values
            )
            guard let room else { return }
            try Store.holdChanges(in: sql)
            let inForce = try sql.first(
                """
                SELECT COUNT(*) FROM api_keys
                WHERE organization_id = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)
                """,
                [.text(key.organization.description), .integer(room.now.milliseconds)]
            ) { $0.integer(0) ?? 0 }
            guard (inForce ?? 0) <= room.most else { throw APIKey.tooMany(room.most) }
        }
    }

    package func change(
        _ id: APIKeyID,
        organization: OrganizationID,
        _ change: @escaping @Sendable (inout APIKey) -> Void
    ) async throws(GatewayError) -> APIKey? {
        try await telling(of: organization, conflict: "The key is being changed.") { sql in
            let found = try sql.first(
                "SELECT \(DirectoryCoding.keyColumns) FROM api_keys WHERE organization_id = $1 AND key_id = $2",
                [.text(organization.description), .text(id.description)],
                DirectoryCoding.apiKey
            )
            guard let old = found else { return .some(nil) }
            var new = old
            change(&new)
            if new == old { return .some((old, [])) }
            new.version = old.version + 1
            try Store.check(names: ["name": new.name])
            // What was revoked is never good again, whoever writes it.
            new.revokedAt = old.revokedAt ?? new.revokedAt
            let changed = try sql.execute(
                """
                UPDATE api_keys SET name = $1, hash = $2, role = $3, scopes = $4, expires_ms = $5, revoked_ms = $6,
                    rules = $7, previous_hash = $8, previous_until_ms = $9, version = $10
                WHERE organization_id = $11 AND key_id = $12 AND version = $13
                """,
                DirectoryCoding.changeable(of: new) + [
                    .text(organization.description), .text(id.description), .integer(Int64(old.version)),
                ]
            )
            return changed == 1 ? .some((new, FeedEvent.about(new, from: old))) : nil
        }
    }

    package func configurationVersion() async throws(GatewayError) -> Int64 {
        try await read { sql in
            try sql.first("SELECT value FROM configuration WHERE name = 'version'", []) { $0.integer(0) ?? 0 } ?? 0
        }
    }

    /// Refuses names that hold what is not seen, or what turns the direction of reading.
    static func check(names: [String: String]) throws(GatewayError) {
        let errors = names.sorted { $0.key < $1.key }
            .compactMap { field, name in
                PlainText.name.expectation(for: name)
                    .map { GatewayError.FieldError(pointer: "/" + field, message: "\(field): expected \($0).") }
            }
        guard let first = errors.first else { return }
        throw GatewayError(.invalidArgument, first.message, errors: errors)
    }

    package func configurationChanges(
        after version: Int64,
        limit: Int
    ) async throws(GatewayError) -> [ConfigurationChange] {
        try await read { sql in
            try sql.query(
                """
                SELECT organization_id, version FROM configuration_changes
                WHERE version > $1 ORDER BY version LIMIT $2
                """,
                [.integer(version), .integer(Int64(max(1, limit)))]
            ) { row in
                ConfigurationChange(
                    version: row.integer(1) ?? 0,
                    organization: row.text(0).flatMap { OrganizationID($0) }
                )
            }
        }
    }

    /// Lets one change of the directory after another count what there is: it holds the row that each of them counts up
    /// in the end.
    ///
    /// After the change's own rows were written, as every change holds them first.
    static func holdChanges(in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO configuration (name, value) VALUES ('version', 1)
            ON CONFLICT (name) DO UPDATE SET value = configuration.value
            """,
            []
        )
    }

    /// Counts the configuration version up, and says whose change made it; in the transaction of the change.
    static func countChange(of organization: OrganizationID?, in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO configuration (name, value) VALUES ('version', 1)
            ON CONFLICT (name) DO UPDATE SET value = configuration.value + 1
            """,
            []
        )
        let version = try sql.first("SELECT value FROM configuration WHERE name = 'version'", []) { $0.integer(0) }
        try sql.execute(
            """
            INSERT INTO configuration_changes (organization_id, version) VALUES ($1, $2)
            ON CONFLICT (organization_id) DO UPDATE SET version = excluded.version
            """,
            // No organization is called nothing: what stands there concerns everybody.
            [.text(organization?.description ?? ""), .integer((version ?? 0) ?? 0)]
        )
    }

    /// Runs a change of the directory and counts the configuration version up with it: for everybody, unless the
    /// organization is named that alone is concerned.
    @discardableResult
    func change<Result: Sendable>(
        of organization: OrganizationID? = nil,
        conflict: String,
        within limit: Duration? = nil,
        telling told: @escaping @Sendable (Result) -> [FeedEvent] = { _ in [] },
        noting lines: @escaping @Sendable (Result) -> [AuditRecord] = { _ in [] },
        _ job: @escaping @Sendable (any SQLSession) throws -> Result
    ) async throws(GatewayError) -> Result {
        do {
            return try await database.write(within: limit ?? database.settings.waitMax) { session in
                let result = try job(session.sql)
                session.tell(told(result))
                session.add(lines(result))
                try Store.countChange(of: organization, in: session.sql)
                return result
            }
        } catch let error as SQLError where error.isUniqueViolation {
            throw GatewayError(.conflict, conflict)
        } catch {
            throw Store.unavailable(error)
        }
    }

    /// Runs a change of a row as it stands, again where another came in between: the row is written only while it is
    /// what the change was made of.
    ///
    /// - Parameter job: Answers nil where the row was no longer that.
    func exchange<Row: Sendable>(
        of organization: OrganizationID? = nil,
        conflict: String,
        _ job: @escaping @Sendable (any SQLSession) throws -> Row??
    ) async throws(GatewayError) -> Row? {
        for _ in 0..<exchangesMax {
            if let done = try await change(of: organization, conflict: conflict, job) { return done }
        }
        throw GatewayError(.conflict, "Others are changing the same at this moment. Try again.")
    }

    /// The same of a row whose change the feed tells of, in the same commit.
    private func telling<Row: Sendable>(
        of organization: OrganizationID,
        conflict: String,
        _ job: @escaping @Sendable (any SQLSession) throws -> (row: Row, told: [FeedEvent])??
    ) async throws(GatewayError) -> Row? {
        for _ in 0..<exchangesMax {
            let done = try await change(
                of: organization,
                conflict: conflict,
                telling: { ($0 ?? nil)?.told ?? [] },
                job
            )
            if let done { return done?.row }
        }
        throw GatewayError(.conflict, "Others are changing the same at this moment. Try again.")
    }

    /// The same of a row whose change stands in the audit of others, in the same commit.
    func noting<Row: Sendable>(
        of organization: OrganizationID,
        conflict: String,
        _ job: @escaping @Sendable (any SQLSession) throws -> (row: Row, lines: [AuditRecord])??
    ) async throws(GatewayError) -> Row? {
        for _ in 0..<exchangesMax {
            let done = try await change(
                of: organization,
                conflict: conflict,
                noting: { ($0 ?? nil)?.lines ?? [] },
                job
            )
            if let done { return done?.row }
        }
        throw GatewayError(.conflict, "Others are changing the same at this moment. Try again.")
    }

    /// How often a change is made anew before it gives way.
    private var exchangesMax: Int { 10 }
}
