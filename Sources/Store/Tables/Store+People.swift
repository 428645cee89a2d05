import Gateway

extension Store: PeopleRepository {
    private static func owner(_ user: UserID, _ organization: OrganizationID) -> [SQLValue] {
        [.text(organization.description), .text(user.description)]
    }

    // MARK: Sessions

    package func sessions(of user: UserID, organization: OrganizationID) async throws(GatewayError) -> [UserSession] {
        try await read { sql in
            try sql.query(
                """
                SELECT session_id, generation, expires_ms, refreshed_ms, agent_ms FROM sessions
                WHERE organization_id = $1 AND user_id = $2 ORDER BY session_id
                """,
                Store.owner(user, organization)
            ) { row in
                guard let id = row.text(0).flatMap({ Identifier($0) }) else {
                    throw SQLError(message: "a session's row is damaged")
                }
                return UserSession(
                    id: id,
                    user: user,
                    organization: organization,
                    generation: Int(row.integer(1) ?? 0),
                    expiresAt: Timestamp(milliseconds: row.integer(2) ?? 0),
                    refreshedAt: row.integer(3).map { Timestamp(milliseconds: $0) },
                    agentSince: row.integer(4).map { Timestamp(milliseconds: $0) }
                )
            }
        }
    }

    package func endSession(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool {
        try await write { session in
            let ended = try session.sql.execute(
                "DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND session_id = $3",
                Store.owner(user, organization) + [.text(id.description)]
            )
            guard ended == 1 else { return false }
            try Store.countChange(of: organization, in: session.sql)
            return true
        }
    }

    package func markAgents(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID,
        at moment: Timestamp
    ) async throws(GatewayError) -> Bool {
        // Whoever has looked at it before, in whatever process, looks again.
        try await change(of: organization, conflict: "The session is being changed.") { sql in
            try sql.execute(
                """
                UPDATE sessions SET agent_ms = COALESCE(agent_ms, $1)
                WHERE organization_id = $2 AND user_id = $3 AND session_id = $4
                """,
                [.integer(moment.milliseconds)] + Store.owner(user, organization) + [.text(id.description)]
            ) == 1
        }
    }

    // MARK: Links

    package func save(_ link: OneTimeLink) async throws(GatewayError) {
        try await write { session in
            // A stranger who asks for another's link voids none that an administrator made.
            let isStrangers = link.purpose == .forgotten
            try session.sql.execute(
                """
                DELETE FROM one_time_links WHERE organization_id = $1 AND user_id = $2
                \(isStrangers ? "AND purpose = 'forgotten'" : "")
                """,
                Store.owner(link.user, link.organization)
            )
            try session.sql.execute(
                """
                INSERT INTO one_time_links (organization_id, user_id, link_id, purpose, hash, expires_ms)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                Store.owner(link.user, link.organization) + [
                    .text(link.id.description), .text(link.purpose.rawValue), .bytes(link.hash),
                    .integer(link.expiresAt.milliseconds),
                ]
            )
        }
    }

    package func link(_ id: Identifier, organization: OrganizationID) async throws(GatewayError) -> OneTimeLink? {
        try await read { sql in
            try sql.first(
                """
                SELECT user_id, purpose, hash, expires_ms FROM one_time_links
                WHERE organization_id = $1 AND link_id = $2
                """,
                [.text(organization.description), .text(id.description)]
            ) { row in
                guard let user = row.text(0).flatMap({ UserID($0) }),
                    let purpose = row.text(1).flatMap(OneTimeLink.Purpose.init(rawValue:))
                else { throw SQLError(message: "a link's row is damaged") }
                return OneTimeLink(
                    id: id,
                    organization: organization,
                    user: user,
                    purpose: purpose,
                    hash: row.bytes(2) ?? [],
                    expiresAt: Timestamp(milliseconds: row.integer(3) ?? 0)
                )
            }
        }
    }

    package func take(
        _ link: OneTimeLink,
        setting passwordHash: String,
        _ line: AuditRecord
    ) async throws(GatewayError) -> Bool {
        let owner = Store.owner(link.user, link.organization)
        return try await write { session in
            let taken = try session.sql.execute(
                "DELETE FROM one_time_links WHERE organization_id = $1 AND user_id = $2 AND link_id = $3",
                owner + [.text(link.id.description)]
            )
            guard taken == 1 else { return false }
            let changed = try session.sql.execute(
                """
                UPDATE users SET password_hash = $1, session_epoch = session_epoch + 1, version = version + 1
                WHERE organization_id = $2 AND user_id = $3 AND is_active = 1
                """,
                [.text(passwordHash)] + owner
            )
            guard changed == 1 else { return false }
            try session.sql.execute("DELETE FROM one_time_links WHERE organization_id = $1 AND user_id = $2", owner)
            session.add([line])
            try Store.countChange(of: link.organization, in: session.sql)
            return true
        }
    }

    // MARK: Second factors

    package func factor(of user: UserID, organization: OrganizationID) async throws(GatewayError) -> SecondFactor? {
        try await read { sql in
            try sql.first(
                """
                SELECT sealed, used_step, recovery, is_confirmed FROM second_factors
                WHERE organization_id = $1 AND user_id = $2
                """,
                Store.owner(user, organization)
            ) { row in
                SecondFactor(
                    user: user,
                    organization: organization,
                    sealed: row.bytes(0) ?? [],
                    usedStep: row.integer(1) ?? 0,
                    recovery: (row.text(2) ?? "").split(separator: " ").map(String.init),
                    isConfirmed: row.integer(3) == 1
                )
            }
        }
    }

    package func begin(_ factor: SecondFactor) async throws(GatewayError) {
        let owner = Store.owner(factor.user, factor.organization)
        try await change(of: factor.organization, conflict: "A second factor is set up already. Take it away first.") {
            sql in
            try sql.execute(
                "DELETE FROM second_factors WHERE organization_id = $1 AND user_id = $2 AND is_confirmed = 0",
                owner
            )
            try sql.execute(
                """
                INSERT INTO second_factors (organization_id, user_id, sealed, used_step, recovery, is_confirmed)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                owner + [
                    .bytes(factor.sealed), .integer(factor.usedStep),
                    .text(factor.recovery.joined(separator: " ")), .flag(factor.isConfirmed),
                ]
            )
        }
    }

    package func change(
        _ factor: SecondFactor,
        from step: Int64,
        endingAllBut session: Identifier?
    ) async throws(GatewayError) -> Bool {
        let owner = Store.owner(factor.user, factor.organization)
        return try await change(of: factor.organization, conflict: "The second factor is being changed.") { sql in
            let changed = try sql.execute(
                """
                UPDATE second_factors SET used_step = $1, recovery = $2, is_confirmed = $3
                WHERE organization_id = $4 AND user_id = $5 AND used_step = $6
                """,
                [
                    .integer(factor.usedStep), .text(factor.recovery.joined(separator: " ")),
                    .flag(factor.isConfirmed),
                ] + owner + [.integer(step)]
            )
            guard changed == 1 else { return false }
            try sql.execute(
                "UPDATE users SET has_second_factor = $1 WHERE organization_id = $2 AND user_id = $3",
                [.flag(factor.isConfirmed)] + owner
            )
            if let session {
                try sql.execute(
                    "DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND session_id <> $3",
                    owner + [.text(session.description)]
                )
            }
            return true
        }
    }

    package func removeFactor(of user: UserID, organization: OrganizationID) async throws(GatewayError) {
        let owner = Store.owner(user, organization)
        try await change(of: organization, conflict: "The second factor is being changed.") { sql in
            try sql.execute("DELETE FROM second_factors WHERE organization_id = $1 AND user_id = $2", owner)
            try sql.execute(
                "UPDATE users SET has_second_factor = 0 WHERE organization_id = $1 AND user_id = $2",
                owner
            )
        }
    }
}
