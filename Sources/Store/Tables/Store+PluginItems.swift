import Gateway
import OrderedJSON

/// Collections: values of plugins, each organization's own.
extension Store {
    private static let itemPlace = "organization_id = $1 AND environment = $2 AND plugin = $3 AND collection = $4"

    private static func place(_ collection: PluginCollection) -> [SQLValue] {
        let owner = collection.owner
        return [
            .text(owner.organization.description), .text(owner.environment.rawValue), .text(owner.plugin),
            .text(collection.name),
        ]
    }

    private static func item(_ row: any SQLRow) throws -> PluginItem {
        PluginItem(
            key: row.text(0) ?? "",
            value: try JSON(parsing: row.text(1) ?? "null"),
            version: row.integer(2) ?? 0
        )
    }

    package func item(_ key: String, in collection: PluginCollection) async throws(GatewayError) -> PluginItem? {
        try await read { sql in
            try sql.first(
                "SELECT item_key, value, version FROM plugin_items WHERE \(Store.itemPlace) AND item_key = $5",
                Store.place(collection) + [.text(key)],
                Store.item
            )
        }
    }

    package func items(
        in collection: PluginCollection,
        prefix: String,
        after: String?,
        limit: Int
    ) async throws(GatewayError) -> [PluginItem] {
        // Neither a range nor LIKE means the same on both engines: one compares bytes, one by the collation; one of their
        // LIKEs takes capital and small letters for alike.
        let length = Int64(prefix.unicodeScalars.count)
        return try await read { sql in
            try sql.query(
                """
                SELECT item_key, value, version FROM plugin_items
                WHERE \(Store.itemPlace) AND item_key > $5 AND substr(item_key, 1, $6) = $7
                ORDER BY item_key LIMIT $8
                """,
                Store.place(collection)
                    + [.text(after ?? ""), .integer(length), .text(prefix), .integer(Int64(limit))],
                Store.item
            )
        }
    }

    package func put(
        _ key: String,
        _ value: JSON,
        over version: Int64?,
        in collection: PluginCollection,
        at now: Timestamp,
        itemsMax: Int
    ) async throws(GatewayError) -> Int64 {
        let text = SQLValue.text(String(decoding: value.bytes, as: UTF8.self))
        let conflict = GatewayError(.conflict, "The value \(key) has another version.")
        return try await write { [rooms] session in
            let sql = session.sql
            let known = try sql.first(
                "SELECT version FROM plugin_items WHERE \(Store.itemPlace) AND item_key = $5",
                Store.place(collection) + [.text(key)]
            ) { $0.integer(0) ?? 0 }
            guard version == nil || version == (known ?? 0) else { throw conflict }
            guard let known else {
                try Store.takeRoom(in: collection, itemsMax: itemsMax, rooms, sql)
                let isNew = try sql.execute(
                    """
                    INSERT INTO plugin_items (organization_id, environment, plugin, collection, item_key, version,
                        value, updated_at) VALUES ($1, $2, $3, $4, $5, 1, $6, $7) ON CONFLICT DO NOTHING
                    """,
                    Store.place(collection) + [.text(key), text, .integer(now.milliseconds)]
                )
                guard isNew == 1 else { throw conflict }
                return 1
            }
            let changed = try sql.execute(
                """
                UPDATE plugin_items SET version = version + 1, value = $1, updated_at = $2
                WHERE organization_id = $3 AND environment = $4 AND plugin = $5 AND collection = $6
                    AND item_key = $7 AND version = $8
                """,
                [text, .integer(now.milliseconds)] + Store.place(collection) + [.text(key), .integer(known)]
            )
            guard changed == 1 else { throw conflict }
            return known + 1
        }
    }

    private static func room(_ collection: PluginCollection) -> String {
        let owner = collection.owner
        return "items|\(owner.organization)|\(owner.environment.rawValue)|\(owner.plugin)|\(collection.name)"
    }

    private static func takeRoom(
        in collection: PluginCollection,
        itemsMax: Int,
        _ rooms: Rooms,
        _ sql: any SQLSession
    ) throws {
        let hasRoom = try rooms.take(room(collection), of: itemsMax) {
            try sql.first("SELECT COUNT(*) FROM plugin_items WHERE \(itemPlace)", place(collection)) {
                Int($0.integer(0) ?? 0)
            } ?? 0
        }
        guard hasRoom else {
            throw GatewayError(
                .limitExceeded,
                "The collection \(collection.name) holds \(itemsMax) values, and may hold no more."
            )
        }
    }

    package func delete(
        _ key: String,
        over version: Int64?,
        in collection: PluginCollection
    ) async throws(GatewayError) {
        try await write { [rooms] session in
            var statement = "DELETE FROM plugin_items WHERE \(Store.itemPlace) AND item_key = $5"
            var values = Store.place(collection) + [.text(key)]
            if let version {
                statement += " AND version = $6"
                values.append(.integer(version))
            }
            let deleted = try session.sql.execute(statement, values)
            if deleted == 1 { rooms.giveBack(Store.room(collection)) }
            guard deleted == 1 || version == nil else {
                throw GatewayError(.conflict, "The value \(key) has another version.")
            }
        }
    }
}
