import Gateway

/// Sees to it that every record with a party has its digest under the host's key: once after the migration that brings
/// the column, and again when the key is another.
enum PartyIndex {
    private static let name = "party_key"
    /// How many records one transaction writes.
    private static let sliceMax = 1_000

    private static let digest = SQLStatement(
        "UPDATE records SET party_digest = $1 WHERE organization_id = $2 AND record_id = $3"
    )

    private struct Place: Sendable {
        var organization = ""
        var record = ""
    }

    static func bringUpToDate(_ parties: PartyDigests, on database: Database) async throws {
        let mark = parties.mark
        let known = try await database.read(within: database.settings.openMax) { sql in
            try sql.first("SELECT value FROM configuration WHERE name = '\(name)'", []) { $0.integer(0) ?? 0 }
        }
        if known == mark { return }
        var place: Place? = Place()
        while let after = place {
            place = try await database.write(within: database.settings.openMax) { session in
                try write(after: after, parties, in: session)
            }
        }
        _ = try await database.write(within: database.settings.openMax) { session in
            try session.sql.execute(
                """
                INSERT INTO configuration (name, value) VALUES ('\(name)', $1)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """,
                [.integer(mark)]
            )
        }
    }

    /// Answers where the slice ended; nil when it was the last.
    private static func write(after place: Place, _ parties: PartyDigests, in session: WriteSession) throws -> Place? {
        let rows = try session.sql.query(
            """
            SELECT organization_id, record_id, environment, party FROM records
            WHERE (organization_id, record_id) > ($1, $2)
            ORDER BY organization_id, record_id LIMIT $3
            """,
            [.text(place.organization), .text(place.record), .integer(Int64(sliceMax))]
        ) { row in (row.text(0) ?? "", row.text(1) ?? "", row.text(2) ?? "", row.text(3)) }
        for (organization, record, environment, party) in rows {
            guard let party, let owner = OrganizationID(organization), let part = Environment(rawValue: environment)
            else { continue }
            let number = parties.digest(of: party, organization: owner, environment: part)
            try session.send(digest) { row in
                row.bind(number)
                row.bind(owner)
                row.bind(record)
            }
        }
        guard rows.count == sliceMax, let last = rows.last else { return nil }
        return Place(organization: last.0, record: last.1)
    }
}
