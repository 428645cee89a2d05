import Gateway

/// Users and their sessions.
///
/// A row is never written whole from what was read before: what counts is counted by the engine, and a change is made
/// to the row that the change was made of.
extension Store {
    package func user(_ id: UserID, organization: OrganizationID) async throws(GatewayError) -> User? {
        try await read { sql in try Store.user(id, organization, in: sql) }
    }

    package func user(named username: String, organization: OrganizationID) async throws(GatewayError) -> User? {
        try await users(
            "WHERE organization_id = $1 AND username = $2",
            [.text(organization.description), .text(username)]
        )
        .first
    }

    package func activeUsers(
        named username: String,
        after id: UserID?,
        limit: Int
    ) async throws(GatewayError) -> [User] {
        let columns = DirectoryCoding.userColumns.split(separator: ",")
            .map { "users." + $0.filter { !$0.isWhitespace } }.joined(separator: ", ")
        let values: [SQLValue] = [.text(username), .text(id?.description ?? ""), .integer(Int64(max(1, limit)))]
        return try await read { sql in
            // Ids sort by the time at which they were made, so the oldest holder comes first.
            try sql.query(
                """
                SELECT \(columns) FROM logins
                JOIN users ON users.organization_id = logins.organization_id AND users.user_id = logins.user_id
                WHERE logins.username = $1 AND logins.user_id > $2 AND users.is_active = 1
                ORDER BY logins.user_id LIMIT $3
                """,
                values,
                DirectoryCoding.user
            )
        }
    }

    package func users(
        organization: OrganizationID,
        after username: String?,
        limit: Int
    ) async throws(GatewayError) -> [User] {
        try await users(
            "WHERE organization_id = $1 AND username > $2 ORDER BY username LIMIT $3",
            [.text(organization.description), .text(username ?? ""), .integer(Int64(max(1, limit)))]
        )
    }

    private func users(_ clause: String, _ values: [SQLValue]) async throws(GatewayError) -> [User] {
        try await read { sql in
            try sql.query("SELECT \(DirectoryCoding.userColumns) FROM users " + clause, values, DirectoryCoding.user)
        }
    }

    private static func user(
        _ id: UserID,
        _ organization: OrganizationID,
        in sql: any SQLSession
    ) throws -> User? {
        try sql.first(
            "SELECT \(DirectoryCoding.userColumns) FROM users WHERE organization_id = $1 AND user_id = $2",
            [.text(organization.description), .text(id.description)],
            DirectoryCoding.user
        )
    }

    @discardableResult
    package func save(_ user: User, activeMax: Int?) async throws(GatewayError) -> Bool {
        try Store.check(names: ["username": user.username, "email": user.email])
        try await change(of: user.organization, conflict: "Another user of the organization has this name or address.")
        { sql in
            try Store.insert(user, in: sql)
            if user.isActive { try Store.check(user.organization, activeMax: activeMax, in: sql) }
        }
        let oldest = try await activeUsers(named: user.username, after: nil, limit: 1).first
        return oldest.map { $0.id != user.id } ?? false
    }

    /// Refuses, and so undoes, what has made more people active than may be.
    ///
    /// Asked after the row was written, so that of two that are written at once the second counts the first.
    private static func check(_ organization: OrganizationID, activeMax: Int?, in sql: any SQLSession) throws {
        guard let activeMax else { return }
        try holdChanges(in: sql)
        let active = try sql.first(
            "SELECT COUNT(*) FROM users WHERE organization_id = $1 AND is_active = 1",
            [.text(organization.description)]
        ) { $0.integer(0) ?? 0 }
        guard (active ?? 0) <= activeMax else { throw User.tooMany(activeMax) }
    }

    static func insert(_ user: User, in sql: any SQLSession) throws {
        try sql.execute(
            """
            INSERT INTO users (\(DirectoryCoding.userColumns))
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """,
            DirectoryCoding.values(of: user)
        )
        try Store.writeLogin(of: user, in: sql)
    }

    private static func writeLogin(of user: User, in sql: any SQLSession) throws {
        let login: [SQLValue] = [
            .text(user.username), .text(user.organization.description), .text(user.id.description),
        ]
        try sql.execute("DELETE FROM logins WHERE organization_id = $1 AND user_id = $2", Array(login.dropFirst()))
        try sql.execute("INSERT INTO logins (username, organization_id, user_id) VALUES ($1, $2, $3)", login)
    }

    package func replace(
        _ passwordHash: String,
        by newHash: String,
        of id: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool {
        try await write { session in
            try session.sql.execute(
                "UPDATE users SET password_hash = $1 WHERE organization_id = $2 AND user_id = $3 AND password_hash = $4",
                [.text(newHash), .text(organization.description), .text(id.description), .text(passwordHash)]
            ) == 1
        }
    }

    package func change(
        _ id: UserID,
        organization: OrganizationID,
        activeMax: Int?,
        _ change: @escaping @Sendable (inout User) -> Void
    ) async throws(GatewayError) -> User? {
        let taken = "Another user of the organization has this name or address."
        return try await exchange(of: organization, conflict: taken) { sql in
            guard let old = try Store.user(id, organization, in: sql) else { return .some(nil) }
            var new = old
            change(&new)
            if new == old { return .some(old) }
            new.version = old.version + 1
            try Store.check(names: ["username": new.username, "email": new.email])
            let endsSessions =
                new.role != old.role || new.passwordHash != old.passwordHash || new.isActive != old.isActive
            new.sessionEpoch = old.sessionEpoch + (endsSessions ? 1 : 0)
            let key = 2
            // A second factor is changed with its own row.
            let set = DirectoryCoding.values(of: new).dropFirst(key).dropLast(3) + DirectoryCoding.settling(of: new)
            let was = DirectoryCoding.values(of: old).dropLast(3)
            let changed = try sql.execute(
                """
                UPDATE users SET username = $1, email = $2, password_hash = $3, role = $4, is_active = $5,
                    session_epoch = $6, version = $7, settling_ms = $8, settling_by = $9
                WHERE organization_id = $10 AND user_id = $11 AND username = $12 AND email = $13
                    AND password_hash = $14 AND role = $15 AND is_active = $16 AND session_epoch = $17
                    AND version = $18
                """,
                Array(set) + was
            )
            guard changed == 1 else { return nil }
            if new.isActive && !old.isActive { try Store.check(organization, activeMax: activeMax, in: sql) }
            if new.username != old.username { try Store.writeLogin(of: new, in: sql) }
            // A link was made for who they were then, and mailed to where they were: whoever holds it does not become who
            // they are now.
            if endsSessions || new.email != old.email {
                try sql.execute(
                    "DELETE FROM one_time_links WHERE organization_id = $1 AND user_id = $2",
                    [.text(organization.description), .text(id.description)]
                )
            }
            return .some(new)
        }
    }

    // MARK: Sessions

    package func begin(_ beginning: SessionBeginning) async throws(GatewayError) -> Bool {
        let session = beginning.session
        let owner: [SQLValue] = [.text(session.organization.description), .text(session.user.description)]
        return try await write { write in
            let sql = write.sql
            if beginning.hasSecondFactor == false {
                let hasOne = try sql.first(
                    "SELECT has_second_factor FROM users WHERE organization_id = $1 AND user_id = $2",
                    owner
                ) { $0.integer(0) == 1 }
                if hasOne ?? false { return false }
            }
            try sql.execute(
                "DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND expires_ms <= $3",
                owner + [.integer(beginning.now.milliseconds)]
            )
            try Store.endOldest(beginning, owner, in: sql)
            try sql.execute(
                """
                INSERT INTO sessions (organization_id, user_id, session_id, generation, expires_ms, refreshed_ms)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                owner + [
                    .text(session.id.description), .integer(Int64(session.generation)),
                    .integer(session.expiresAt.milliseconds),
                    session.refreshedAt.map { .integer($0.milliseconds) } ?? .null,
                ]
            )
            if let place = beginning.place { try Store.keep(place, atMost: beginning.placesMax, in: sql) }
            return true
        }
    }

    private static func endOldest(
        _ beginning: SessionBeginning,
        _ owner: [SQLValue],
        in sql: any SQLSession
    ) throws {
        let oldest = try sql.first(
            """
            SELECT session_id FROM sessions WHERE organization_id = $1 AND user_id = $2
            ORDER BY session_id DESC LIMIT 1 OFFSET $3
            """,
            owner + [.integer(Int64(max(1, beginning.sessionsMax) - 1))]
        ) { $0.text(0) ?? "" }
        guard let oldest else { return }
        try sql.execute(
            "DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND session_id <= $3",
            owner + [.text(oldest)]
        )
        try Store.countChange(of: beginning.session.organization, in: sql)
    }

    package func session(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> UserSession? {
        try await read { sql in
            try sql.first(
                """
                SELECT generation, expires_ms, refreshed_ms, agent_ms FROM sessions
                WHERE organization_id = $1 AND user_id = $2 AND session_id = $3
                """,
                [.text(organization.description), .text(user.description), .text(id.description)]
            ) { row in
                UserSession(
                    id: id,
                    user: user,
                    organization: organization,
                    generation: Int(row.integer(0) ?? 0),
                    expiresAt: Timestamp(milliseconds: row.integer(1) ?? 0),
                    refreshedAt: row.integer(2).map { Timestamp(milliseconds: $0) },
                    agentSince: row.integer(3).map { Timestamp(milliseconds: $0) }
                )
            }
        }
    }

    package func advance(_ session: UserSession, from generation: Int) async throws(GatewayError) -> Bool {
        // The token before it is void from now on, in every process.
        try await change(of: session.organization, conflict: "The session is being changed.") { sql in
            try sql.execute(
                """
                UPDATE sessions SET generation = $1, expires_ms = $2, refreshed_ms = $3
                WHERE organization_id = $4 AND user_id = $5 AND session_id = $6 AND generation = $7
                """,
                [
                    .integer(Int64(session.generation)), .integer(session.expiresAt.milliseconds),
                    session.refreshedAt.map { .integer($0.milliseconds) } ?? .null,
                    .text(session.organization.description), .text(session.user.description),
                    .text(session.id.description), .integer(Int64(generation)),
                ]
            ) == 1
        }
    }

    package func endSessions(of id: UserID, organization: OrganizationID) async throws(GatewayError) {
        let owner: [SQLValue] = [.text(organization.description), .text(id.description)]
        try await change(of: organization, conflict: "The user is being changed.") { sql in
            try sql.execute(
                "UPDATE users SET session_epoch = session_epoch + 1 WHERE organization_id = $1 AND user_id = $2",
                owner
            )
            try sql.execute("DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2", owner)
        }
    }
}
