import Gateway

/// From where people logged in: so many of each person, the newest.
extension Store {
    static func keep(_ place: KnownPlace, atMost placesMax: Int, in sql: any SQLSession) throws {
        let owner: [SQLValue] = [.text(place.organization.description), .text(place.user.description)]
        let name: [SQLValue] = [.text(place.network), .text(place.login)]
        try sql.execute(
            """
            DELETE FROM known_places WHERE organization_id = $1 AND user_id = $2 AND network = $3 AND login = $4
            """,
            owner + name
        )
        let oldest = try sql.first(
            """
            SELECT seen_ms FROM known_places WHERE organization_id = $1 AND user_id = $2
            ORDER BY seen_ms DESC LIMIT 1 OFFSET $3
            """,
            owner + [.integer(Int64(max(1, placesMax) - 1))]
        ) { $0.integer(0) ?? 0 }
        if let oldest {
            try sql.execute(
                "DELETE FROM known_places WHERE organization_id = $1 AND user_id = $2 AND seen_ms <= $3",
                owner + [.integer(oldest)]
            )
        }
        try sql.execute(
            "INSERT INTO known_places (organization_id, user_id, network, login, seen_ms) VALUES ($1, $2, $3, $4, $5)",
            owner + name + [.integer(place.seen.milliseconds)]
        )
    }

    package func knownPlaces(since earliest: Timestamp, limit: Int) async throws(GatewayError) -> [KnownPlace] {
        try await read { sql in
            try sql.query(
                """
                SELECT organization_id, user_id, network, login, seen_ms FROM known_places
                WHERE seen_ms > $1 ORDER BY seen_ms DESC LIMIT $2
                """,
                [.integer(earliest.milliseconds), .integer(Int64(max(1, limit)))]
            ) { row in
                guard let organization = row.text(0).flatMap({ OrganizationID($0) }),
                    let user = row.text(1).flatMap({ UserID($0) })
                else { throw SQLError(message: "a known place's row is damaged") }
                return KnownPlace(
                    organization: organization,
                    user: user,
                    network: row.text(2) ?? "",
                    login: row.text(3) ?? "",
                    seen: Timestamp(milliseconds: row.integer(4) ?? 0)
                )
            }
        }
    }
}
