import Gateway

/// What organizations use of their quotas: a row for a month and what is counted, changed in the commit that uses it.
enum QuotaCounts {
    /// Takes a claim's units in the transaction that is open, with the notes of what that reaches.
    ///
    /// - Returns: What is used then; nil when there are not so many left.
    static func take(_ claim: QuotaClaim, in session: WriteSession) throws -> Int? {
        guard claim.units <= claim.limit else { return nil }
        return try count(
            claim,
            """
            INSERT INTO quota_counts (organization_id, month, counted, used, noted) VALUES ($1, $2, $3, $4, 0)
            ON CONFLICT (organization_id, month, counted) DO UPDATE SET used = quota_counts.used + excluded.used
            WHERE quota_counts.used + excluded.used <= $5
            RETURNING used, noted
            """,
            [.integer(Int64(claim.limit))],
            in: session
        )
    }

    /// Takes uses back; what has been told of the quota stays told.
    static func giveBack(_ units: Int = 1, to place: QuotaPlace, in session: WriteSession) throws {
        let count = SQLValue.integer(Int64(units))
        try session.sql.execute(
            """
            UPDATE quota_counts SET used = used - $1
            WHERE organization_id = $2 AND month = $3 AND counted = $4 AND used >= $5
            """,
            [count] + values(of: place) + [count]
        )
    }

    private static func count(
        _ claim: QuotaClaim,
        _ statement: String,
        _ more: [SQLValue],
        in session: WriteSession
    ) throws -> Int? {
        let place = values(of: claim.place)
        let counted = try session.sql.first(statement, place + [.integer(Int64(claim.units))] + more) { row in
            (used: Int(row.integer(0) ?? 0), noted: Int(row.integer(1) ?? 0))
        }
        guard let counted else { return nil }
        let notes = claim.reached(by: counted.used, noted: counted.noted)
        if let most = notes.map(\.percent).max() {
            try session.sql.execute(
                """
                UPDATE quota_counts SET noted = $1 WHERE organization_id = $2 AND month = $3 AND counted = $4
                """,
                [.integer(Int64(most))] + place
            )
            session.add(notes.map(\.line))
            session.tell(notes.map(\.event))
        }
        return counted.used
    }

    static func values(of place: QuotaPlace) -> [SQLValue] {
        [.text(place.organization.description), .integer(Int64(place.month.number)), .text(place.counted)]
    }
}

extension Store: QuotaRepository {
    package func used(_ place: QuotaPlace) async throws(GatewayError) -> Int {
        try await read { sql in
            try sql.first(
                "SELECT used FROM quota_counts WHERE organization_id = $1 AND month = $2 AND counted = $3",
                QuotaCounts.values(of: place)
            ) { Int($0.integer(0) ?? 0) } ?? 0
        }
    }

    package func used(of organization: OrganizationID, in month: Month) async throws(GatewayError) -> [String: Int] {
        try await read { sql in
            let rows = try sql.query(
                "SELECT counted, used FROM quota_counts WHERE organization_id = $1 AND month = $2",
                [.text(organization.description), .integer(Int64(month.number))]
            ) { (($0.text(0) ?? ""), Int($0.integer(1) ?? 0)) }
            return Dictionary(rows) { $1 }
        }
    }

    package func take(_ claim: QuotaClaim) async throws(GatewayError) -> Int? {
        try await write { session in try QuotaCounts.take(claim, in: session) }
    }

    package func giveBack(_ units: Int, to place: QuotaPlace) async throws(GatewayError) {
        try await write { session in try QuotaCounts.giveBack(units, to: place, in: session) }
    }

    package func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        givingBack claim: QuotaClaim
    ) async throws(GatewayError) {
        try await write { session in
            try QuotaCounts.giveBack(claim.units, to: claim.place, in: session)
            session.add([line])
            for one in usage { session.add(one) }
        }
    }

    package func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        taking claim: QuotaClaim
    ) async throws(GatewayError) -> Int? {
        do {
            return try await database.write { session in
                guard let used = try QuotaCounts.take(claim, in: session) else { throw Undo<Int?>(outcome: nil) }
                session.add([line])
                for one in usage { session.add(one) }
                return used
            }
        } catch let undo as Undo<Int?> {
            return undo.outcome
        } catch {
            throw Store.unavailable(error)
        }
    }
}

extension Store: KeyUseRepository {
    package func note(_ uses: [KeyUses.Use]) async throws(GatewayError) {
        try await write { session in
            for use in uses {
                try session.sql.execute(
                    """
                    UPDATE api_keys SET last_used_ms = $1
                    WHERE organization_id = $2 AND key_id = $3 AND (last_used_ms IS NULL OR last_used_ms < $4)
                    """,
                    [
                        .integer(use.at.milliseconds), .text(use.organization.description),
                        .text(use.key.description), .integer(use.at.milliseconds),
                    ]
                )
            }
        }
    }
}
