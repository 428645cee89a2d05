import Gateway

extension Store: OnceRepository {
    package func take(_ claim: OnceClaim) async throws(GatewayError) -> OnceTaking {
        let place: [SQLValue] = [.text(claim.organization.description), .text(claim.id.description)]
        return try await write { session in
            let made = try session.sql.execute(
                """
                INSERT INTO answers (organization_id, question_id, digest, expires_ms) VALUES ($1, $2, $3, $4)
                ON CONFLICT (organization_id, question_id) DO UPDATE
                SET digest = excluded.digest, outcome = NULL, expires_ms = excluded.expires_ms
                WHERE answers.expires_ms <= $5
                """,
                place + [
                    .bytes(claim.digest), .integer(claim.expiresAt.milliseconds),
                    .integer(claim.takenAt.milliseconds),
                ]
            )
            if made == 1 { return .first }
            let earlier = try session.sql.first(
                "SELECT digest, outcome FROM answers WHERE organization_id = $1 AND question_id = $2",
                place
            ) { OnceTaking.earlier(digest: $0.bytes(0) ?? [], outcome: $0.text(1)) }
            return earlier ?? .earlier(digest: [], outcome: nil)
        }
    }

    package func claim(
        _ id: Identifier,
        organization: OrganizationID,
        at now: Timestamp
    ) async throws(GatewayError) -> OnceFound? {
        try await read { sql in
            try sql.first(
                """
                SELECT digest, outcome FROM answers
                WHERE organization_id = $1 AND question_id = $2 AND expires_ms > $3
                """,
                [.text(organization.description), .text(id.description), .integer(now.milliseconds)]
            ) { OnceFound(digest: $0.bytes(0) ?? [], outcome: $0.text(1)) }
        }
    }

    package func keep(
        _ outcome: String,
        of claim: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                "UPDATE answers SET outcome = $1 WHERE organization_id = $2 AND question_id = $3",
                [.text(outcome), .text(organization.description), .text(claim.description)]
            )
        }
    }

    package func giveBack(_ claim: Identifier, organization: OrganizationID) async throws(GatewayError) {
        try await write { session in
            try session.sql.execute(
                "DELETE FROM answers WHERE organization_id = $1 AND question_id = $2",
                [.text(organization.description), .text(claim.description)]
            )
        }
    }

    package func removeExpiredAnswers(at now: Timestamp) async throws(GatewayError) {
        let expired = try await read { sql in
            try sql.query(
                "SELECT organization_id, question_id FROM answers WHERE expires_ms <= $1 LIMIT 1000",
                [.integer(now.milliseconds)]
            ) { [.text($0.text(0) ?? ""), .text($0.text(1) ?? "")] as [SQLValue] }
        }
        guard !expired.isEmpty else { return }
        try await write { session in
            for place in expired {
                try session.sql.execute(
                    "DELETE FROM answers WHERE organization_id = $1 AND question_id = $2",
                    place
                )
            }
        }
    }
}
