import Foundation
import Gateway
import Testing

@testable import Store

struct `The schema` {
    private func texts(_ question: String, in store: Store) async throws -> [String] {
        try await store.database.read { sql in try sql.query(question, []) { $0.text(0) ?? "" } }
    }

    @Test func `is the one that docs/schema.sql shows`() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let golden = try String(contentsOf: root.appending(path: "docs/schema.sql"), encoding: .utf8)

        try await withSQLiteStore { store, _ in
            let statements = try await texts(
                """
                SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'
                ORDER BY tbl_name, type DESC, name
                """,
                in: store
            )

            let shown = statements.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") + ";\n" }
            #expect(shown.joined() == golden)
        }
    }

    /// Tables of organizations that are neither handed out nor taken away with them, and why.
    private static let kept: [String: String] = [
        "answers": "expire", "audit": "has a file of its own, and stays", "audit_heads": "the audit's",
        "configuration_changes": "a number", "external_ids": "the records'",
        "guards": "end", "idempotency": "ends", "money_counts": "numbers",
        "quota_counts": "numbers", "receipts": "the records'",
        "unique_keys": "the records'",
    ]

    @Test func `hands out or takes away what an organization owns, or says why not`() async throws {
        try await withSQLiteStore { store, _ in
            let owned = try await texts(
                """
                SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
                WHERE m.type = 'table' AND c.name = 'organization_id' ORDER BY m.name
                """,
                in: store
            )

            let known = Set(store.ownedParts).union(Store.erased.map(\.table)).union(Self.kept.keys)
            #expect(Set(owned) == known)
        }
    }

    /// What an operator asks, of the SQLite that they have: Debian 12's takes whole rows of some tables for broken.
    @Test func `is whole by SQLite's own check, with a row in every table`() async throws {
        try await withSQLiteStore { store, _ in
            let tables = try await texts(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migrations'",
                in: store
            )
            for table in tables {
                let columns = try await texts("SELECT name FROM pragma_table_info('\(table)')", in: store)
                try await store.database.write { session in
                    try session.sql.execute("DELETE FROM \(table)", [])
                    try session.sql.execute(
                        "INSERT INTO \(table) VALUES (\(columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")))",
                        columns.map { _ in .integer(1) }
                    )
                }
            }

            #expect(tables.count > 40)
            #expect(try await texts("PRAGMA integrity_check", in: store) == ["ok"])
            #expect(try await texts("PRAGMA quick_check", in: store) == ["ok"])
        }
    }

    @Test func `has the same tables, columns and indexes on both engines`() async throws {
        var found: [[String]] = []
        try await withStore { store in
            let isPostgres = store.database.words == .postgres
            let columns = try await texts(
                isPostgres
                    ? """
                    SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'YES' THEN '' ELSE '!' END
                    FROM information_schema.columns WHERE table_schema = 'public'
                    """
                    : """
                    SELECT m.name || '.' || c.name || CASE WHEN c."notnull" OR c.pk THEN '!' ELSE '' END
                    FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
                    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
                    """,
                in: store
            )
            let indexes = try await texts(
                isPostgres
                    ? """
                    SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
                        AND indexname NOT IN (SELECT conname FROM pg_constraint)
                    """
                    : "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
                in: store
            )
            found.append(columns.sorted() + indexes.sorted())
        }

        #expect(found.count == 2 && found.first == found.last && found.allSatisfy { $0.count > 150 })
    }
}
