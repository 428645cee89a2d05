import Gateway
import OrderedJSON

extension Store: PluginDataRepository {
    // MARK: Timers

    package func add(_ timer: PluginTimer, timersMax: Int) async throws(GatewayError) {
        let owner = timer.owner
        try await write { session in
            let count = try session.sql.first(
                "SELECT COUNT(*) FROM plugin_timers WHERE organization_id = $1 AND plugin = $2",
                [.text(owner.organization.description), .text(owner.plugin)]
            ) { Int($0.integer(0) ?? 0) }
            guard count ?? 0 < timersMax else {
                throw GatewayError(.limitExceeded, "The plugin has \(timersMax) open timers, and may have no more.")
            }
            try session.sql.execute(
                """
                INSERT INTO plugin_timers (organization_id, timer_id, environment, plugin, name, data, principal,
                    due_at, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
                """,
                [
                    .text(owner.organization.description), .text(timer.id.description),
                    .text(owner.environment.rawValue), .text(owner.plugin), .text(timer.name),
                    .text(String(decoding: timer.data.bytes, as: UTF8.self)),
                    .text(String(decoding: PrincipalCoding.json(timer.scheduledBy).bytes, as: UTF8.self)),
                    .integer(timer.dueAt.milliseconds),
                ]
            )
        }
    }

    package func removeTimer(_ id: Identifier, of owner: PluginOwner) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                """
                DELETE FROM plugin_timers
                WHERE organization_id = $1 AND timer_id = $2 AND plugin = $3 AND environment = $4
                """,
                [
                    .text(owner.organization.description), .text(id.description), .text(owner.plugin),
                    .text(owner.environment.rawValue),
                ]
            )
        }
    }

    /// How many owners, and how many plugins, can be left out of one reading.
    private static let busyMax = (owners: 32, plugins: 8)

    package func dueTimers(
        at now: Timestamp,
        limit: Int,
        except busy: BusyTimers
    ) async throws(GatewayError) -> [PluginTimer] {
        var values: [SQLValue] = [.integer(now.milliseconds)]
        var clause = ""
        if busy != BusyTimers() {
            let owners = busy.owners.map { "\($0.organization) \($0.environment.rawValue) \($0.plugin)" }
            clause = """
                AND organization_id || ' ' || environment || ' ' || plugin NOT IN (\(values.places(owners, Self.busyMax.owners)))
                AND plugin NOT IN (\(values.places(Array(busy.plugins), Self.busyMax.plugins)))
                """
        }
        values.append(.integer(Int64(limit)))
        let (condition, bound) = (clause, values)
        let rows = try await read { sql in
            try sql.query(
                """
                SELECT organization_id, timer_id, environment, plugin, name, data, principal, due_at, attempt
                FROM plugin_timers WHERE due_at <= $1 \(condition) ORDER BY due_at LIMIT $\(bound.count)
                """,
                bound
            ) { Reading($0, Store.timer) }
        }
        return await readableDue(
            "timer",
            rows,
            at: now,
            puttingOff: """
                UPDATE plugin_timers SET due_at = $1 WHERE organization_id = $2 AND timer_id = $3 AND due_at <= $4
                """
        )
    }

    package func take(_ timers: [PluginTimer], until: Timestamp) async throws(GatewayError) -> [PluginTimer] {
        guard !timers.isEmpty else { return [] }
        return try await write { session in
            try timers.filter { timer in
                // Whoever moves the time on has the timer; another that saw it too changes nothing.
                try session.sql.execute(
                    """
                    UPDATE plugin_timers SET due_at = $1, attempt = attempt + 1
                    WHERE organization_id = $2 AND timer_id = $3 AND due_at = $4
                    """,
                    [
                        .integer(until.milliseconds), .text(timer.owner.organization.description),
                        .text(timer.id.description), .integer(timer.dueAt.milliseconds),
                    ]
                ) == 1
            }
        }
    }

    private static func timer(_ row: any SQLRow) throws -> PluginTimer {
        guard let organization = OrganizationID(row.text(0) ?? ""), let id = Identifier(row.text(1) ?? ""),
            let environment = Gateway.Environment(rawValue: row.text(2) ?? ""),
            let principal = PrincipalCoding.principal(
                try JSON(parsing: row.text(6) ?? "{}"),
                organization: organization,
                environment: environment
            )
        else { throw SQLError(message: "a timer's row is damaged") }
        return PluginTimer(
            id: id,
            owner: PluginOwner(organization: organization, environment: environment, plugin: row.text(3) ?? ""),
            name: row.text(4) ?? "",
            data: try JSON(parsing: row.text(5) ?? "null"),
            scheduledBy: principal,
            dueAt: Timestamp(milliseconds: row.integer(7) ?? 0),
            attempt: Int(row.integer(8) ?? 0) + 1
        )
    }

    package func postpone(
        _ timer: PluginTimer,
        to due: Timestamp,
        attempts: Int
    ) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                "UPDATE plugin_timers SET due_at = $1, attempt = $2 WHERE organization_id = $3 AND timer_id = $4",
                [
                    .integer(due.milliseconds), .integer(Int64(attempts)),
                    .text(timer.owner.organization.description), .text(timer.id.description),
                ]
            )
        }
    }

    // MARK: Exports

    package func add(_ export: PluginExport, exportsMax: Int) async throws(GatewayError) {
        let owner = export.owner
        try await write { session in
            let count = try session.sql.first(
                "SELECT COUNT(*) FROM exports WHERE organization_id = $1 AND plugin = $2",
                [.text(owner.organization.description), .text(owner.plugin)]
            ) { Int($0.integer(0) ?? 0) }
            guard count ?? 0 < exportsMax else {
                throw GatewayError(.limitExceeded, "The plugin has \(exportsMax) exports, and may have no more.")
            }
            try session.sql.execute(
                """
                INSERT INTO exports (organization_id, export_id, environment, plugin, name, media_type, bytes, parts,
                    closed, expires_at, made_by, maker, accounts)
                VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8, $9, $10)
                """,
                [
                    .text(owner.organization.description), .text(export.id.description),
                    .text(owner.environment.rawValue), .text(owner.plugin), .text(export.name),
                    .text(export.mediaType), .integer(export.expiresAt.milliseconds), .text(export.madeBy),
                    .optional(export.purview.maker), .optional(Store.text(of: export.purview.accounts)),
                ]
            )
        }
    }

    package func append(
        _ bytes: [UInt8],
        to export: Identifier,
        of owner: PluginOwner,
        bytesMax: Int
    ) async throws(GatewayError) -> Int {
        try await write { session in
            let (length, parts) = try Store.openExport(export, of: owner, session.sql)
            guard length + bytes.count <= bytesMax else {
                throw GatewayError(.limitExceeded, "An export may hold \(bytesMax) bytes.")
            }
            try session.sql.execute(
                "INSERT INTO export_parts (organization_id, export_id, part, bytes) VALUES ($1, $2, $3, $4)",
                [
                    .text(owner.organization.description), .text(export.description), .integer(Int64(parts)),
                    .bytes(bytes),
                ]
            )
            try session.sql.execute(
                "UPDATE exports SET bytes = $1, parts = $2 WHERE organization_id = $3 AND export_id = $4",
                [
                    .integer(Int64(length + bytes.count)), .integer(Int64(parts + 1)),
                    .text(owner.organization.description), .text(export.description),
                ]
            )
            return length + bytes.count
        }
    }

    private static func openExport(
        _ export: Identifier,
        of owner: PluginOwner,
        _ sql: any SQLSession
    ) throws -> (length: Int, parts: Int) {
        let found = try sql.first(
            """
            SELECT bytes, parts, closed FROM exports
            WHERE organization_id = $1 AND export_id = $2 AND plugin = $3 AND environment = $4
            """,
            [
                .text(owner.organization.description), .text(export.description), .text(owner.plugin),
                .text(owner.environment.rawValue),
            ]
        ) { (Int($0.integer(0) ?? 0), Int($0.integer(1) ?? 0), $0.integer(2) ?? 0) }
        guard let found else { throw GatewayError(.notFound, "There is no such export.") }
        guard found.2 == 0 else { throw GatewayError(.conflict, "The export is closed.") }
        return (found.0, found.1)
    }

    package func exportedBytes(of owner: PluginOwner) async throws(GatewayError) -> Int {
        try await read { sql in
            // A sum is no 64-bit integer on PostgreSQL: a hundred numbers are added here.
            try sql.query(
                "SELECT bytes FROM exports WHERE organization_id = $1 AND plugin = $2",
                [.text(owner.organization.description), .text(owner.plugin)]
            ) { Int($0.integer(0) ?? 0) }
            .reduce(0, +)
        }
    }

    package func closeExport(_ export: Identifier, of owner: PluginOwner) async throws(GatewayError) -> Int {
        try await write { session in
            let (length, _) = try Store.openExport(export, of: owner, session.sql)
            try session.sql.execute(
                "UPDATE exports SET closed = 1 WHERE organization_id = $1 AND export_id = $2",
                [.text(owner.organization.description), .text(export.description)]
            )
            return length
        }
    }

    package func export(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Gateway.Environment,
        now: Timestamp
    ) async throws(GatewayError) -> PluginExport? {
        try await read { sql in
            try sql.first(
                """
                SELECT plugin, name, media_type, expires_at, made_by, maker, accounts, bytes, parts FROM exports
                WHERE organization_id = $1 AND export_id = $2 AND environment = $3 AND closed = 1 AND expires_at > $4
                """,
                [
                    .text(organization.description), .text(id.description), .text(environment.rawValue),
                    .integer(now.milliseconds),
                ]
            ) { row in
                PluginExport(
                    id: id,
                    owner: PluginOwner(organization: organization, environment: environment, plugin: row.text(0) ?? ""),
                    name: row.text(1) ?? "",
                    mediaType: row.text(2) ?? "",
                    expiresAt: Timestamp(milliseconds: row.integer(3) ?? 0),
                    madeBy: row.text(4) ?? "",
                    purview: Purview(maker: row.text(5), accounts: Store.accounts(in: row.text(6))),
                    bytes: Int(row.integer(7) ?? 0),
                    parts: Int(row.integer(8) ?? 0)
                )
            }
        }
    }

    package func part(
        _ part: Int,
        of export: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [UInt8]? {
        try await ownedFile(export.description, part: part, of: organization)
    }

    package func removeExpiredExports(at now: Timestamp) async throws(GatewayError) {
        let expired = try await read { sql in
            try sql.query(
                "SELECT organization_id, export_id FROM exports WHERE expires_at <= $1 LIMIT 100",
                [.integer(now.milliseconds)]
            ) { ($0.text(0) ?? "", $0.text(1) ?? "") }
        }
        guard !expired.isEmpty else { return }
        try await write { session in
            for (organization, export) in expired {
                for table in ["export_parts", "exports"] {
                    try session.sql.execute(
                        "DELETE FROM \(table) WHERE organization_id = $1 AND export_id = $2",
                        [.text(organization), .text(export)]
                    )
                }
            }
        }
    }
}

/// A principal in a row: what it may do stays what it was when it scheduled something.
enum PrincipalCoding {
    static func json(_ principal: Principal) -> JSON {
        var object: JSONObject = [
            "subject": .string(principal.subjectText), "name": .string(principal.name),
            "role": .string(principal.role.rawValue),
        ]
        object["scopes"] = principal.scopes.map { .array($0.sorted().map { .string($0) }) }
        return .object(object)
    }

    static func principal(
        _ json: JSON,
        organization: OrganizationID,
        environment: Gateway.Environment
    ) -> Principal? {
        let parts = (json["subject"]?.stringValue ?? "").split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let role = Role(rawValue: json["role"]?.stringValue ?? "") else { return nil }
        let subject: Principal.Subject
        switch parts[0] {
        case "user":
            guard let id = UserID(parts[1]) else { return nil }
            subject = .user(id)
        case "key":
            guard let id = APIKeyID(parts[1]) else { return nil }
            subject = .apiKey(id)
        default: return nil
        }
        return Principal(
            organization: organization,
            subject: subject,
            name: json["name"]?.stringValue ?? "",
            role: role,
            scopes: json["scopes"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) },
            environment: environment
        )
    }
}
