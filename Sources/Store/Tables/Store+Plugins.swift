import Gateway
import OrderedJSON

extension Store: PluginRepository {
    package func installedPlugins() async throws(GatewayError) -> [InstalledPlugin] {
        try await read { sql in
            let plugins = try sql.query(
                "SELECT plugin_id, declared, last_generation, note FROM plugins ORDER BY plugin_id",
                []
            ) { row in
                InstalledPlugin(
                    id: row.text(0) ?? "",
                    declared: row.text(1),
                    lastGeneration: Int(row.integer(2) ?? 0),
                    note: row.text(3),
                    versions: []
                )
            }
            return try plugins.map { plugin in
                var plugin = plugin
                plugin.versions = try Store.versions(of: plugin.id, sql)
                return plugin
            }
        }
    }

    private static func versions(of plugin: String, _ sql: any SQLSession) throws -> [InstalledVersion] {
        try sql.query(
            """
            SELECT generation, role, digest, entry, share, organizations, promoted_at FROM plugin_versions
            WHERE plugin_id = $1 ORDER BY generation
            """,
            [.text(plugin)]
        ) { row in
            let organizations = try JSON(parsing: row.text(5) ?? "[]").arrayValue ?? []
            return InstalledVersion(
                generation: Int(row.integer(0) ?? 0),
                role: InstalledVersion.Role(rawValue: row.text(1) ?? "") ?? .standby,
                digest: row.text(2) ?? "",
                entry: try JSON(parsing: row.text(3) ?? "{}"),
                share: Int(row.integer(4) ?? 0),
                organizations: organizations.compactMap { $0.stringValue.flatMap { OrganizationID($0) } },
                promotedAt: row.integer(6).map { Timestamp(milliseconds: $0) }
            )
        }
    }

    package func save(
        _ plugin: InstalledPlugin,
        binaries: [String: [UInt8]],
        telling news: PluginNews? = nil
    ) async throws(GatewayError) {
        // A library may have many megabytes.
        try await change(
            conflict: "The plugin is being changed.",
            within: database.settings.openMax,
            telling: { $0 as [FeedEvent] }
        ) { sql in
            for (digest, bytes) in binaries.sorted(by: { $0.key < $1.key }) {
                try sql.execute(
                    "INSERT INTO plugin_binaries (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
                    [.text(digest), .bytes(bytes)]
                )
            }
            try sql.execute(
                """
                INSERT INTO plugins (plugin_id, declared, last_generation, note) VALUES ($1, $2, $3, $4)
                ON CONFLICT (plugin_id) DO UPDATE SET declared = excluded.declared,
                    last_generation = excluded.last_generation, note = excluded.note
                """,
                [
                    .text(plugin.id), .optional(plugin.declared), .integer(Int64(plugin.lastGeneration)),
                    .optional(plugin.note),
                ]
            )
            try sql.execute("DELETE FROM plugin_versions WHERE plugin_id = $1", [.text(plugin.id)])
            for version in plugin.versions { try Store.add(version, of: plugin.id, sql) }
            try Store.forgetBinaries(sql)
            return try Store.told(news, sql)
        }
    }

    /// What the organization that runs the gateway is told; nothing before there is one.
    private static func told(_ news: PluginNews?, _ sql: any SQLSession) throws -> [FeedEvent] {
        guard let news else { return [] }
        return
            try sql.query(
                "SELECT organization_id FROM organizations WHERE slug = $1",
                [.text(Organization.hostSlug)]
            ) { $0.text(0).flatMap { OrganizationID($0) } }
            .compactMap { $0.map { FeedEvent.about(news, of: $0) } }
    }

    private static func add(_ version: InstalledVersion, of plugin: String, _ sql: any SQLSession) throws {
        let organizations = JSON.array(version.organizations.map { .string($0.description) })
        try sql.execute(
            """
            INSERT INTO plugin_versions
                (plugin_id, generation, role, digest, entry, share, organizations, promoted_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .text(plugin), .integer(Int64(version.generation)), .text(version.role.rawValue),
                .text(version.digest), .text(String(decoding: version.entry.bytes, as: UTF8.self)),
                .integer(Int64(version.share)), .text(String(decoding: organizations.bytes, as: UTF8.self)),
                .optional(version.promotedAt?.milliseconds),
            ]
        )
    }

    private static func forgetBinaries(_ sql: any SQLSession) throws {
        try sql.execute("DELETE FROM plugin_binaries WHERE digest NOT IN (SELECT digest FROM plugin_versions)", [])
    }

    package func removeInstalledPlugin(_ id: String, telling news: PluginNews) async throws(GatewayError) {
        try await change(conflict: "The plugin is being changed.", telling: { $0 as [FeedEvent] }) { sql in
            try sql.execute("DELETE FROM plugin_versions WHERE plugin_id = $1", [.text(id)])
            let removed = try sql.execute("DELETE FROM plugins WHERE plugin_id = $1", [.text(id)])
            try Store.forgetBinaries(sql)
            return removed == 1 ? try Store.told(news, sql) : []
        }
    }

    package func pluginBinaries() async throws(GatewayError) -> Set<String> {
        try await read { sql in Set(try sql.query("SELECT digest FROM plugin_binaries", []) { $0.text(0) ?? "" }) }
    }

    package func pluginBinary(_ digest: String) async throws(GatewayError) -> [UInt8]? {
        try await read(within: database.settings.openMax) { sql in
            try sql.first("SELECT bytes FROM plugin_binaries WHERE digest = $1", [.text(digest)]) { $0.bytes(0) ?? [] }
        }
    }

    package func openRecords(of plugin: String) async throws(GatewayError) -> [String: Int] {
        try await read { sql in
            let open = RecordCoding.open.enumerated()
                .map { index, condition in
                    """
                    SELECT operation, COUNT(*) FROM records WHERE \(condition) AND plugin = $\(index + 1)
                    GROUP BY operation
                    """
                }
            let rows = try sql.query(
                open.joined(separator: " UNION ALL "),
                RecordCoding.open.map { _ in .text(plugin) }
            ) { row in (row.text(0) ?? "", Int(row.integer(1) ?? 0)) }
            return Dictionary(rows, uniquingKeysWith: +)
        }
    }
}
