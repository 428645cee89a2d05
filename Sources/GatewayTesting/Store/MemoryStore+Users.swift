import Gateway

extension MemoryStore {
    package func user(_ id: UserID, organization: OrganizationID) async throws(GatewayError) -> User? {
        try await read { $0.directory.user(id, organization) }
    }

    package func user(named username: String, organization: OrganizationID) async throws(GatewayError) -> User? {
        try await read { tables in
            tables.directory.users.values.first { $0.organization == organization && $0.username == username }
        }
    }

    package func activeUsers(
        named username: String,
        after id: UserID?,
        limit: Int
    ) async throws(GatewayError) -> [User] {
        try await read { tables in
            let found = tables.directory.users.values.filter { user in
                user.username == username && user.isActive && id.map { user.id.raw > $0.raw } ?? true
            }
            return Array(found.sorted { $0.id.raw < $1.id.raw }.prefix(limit))
        }
    }

    package func users(
        organization: OrganizationID,
        after username: String?,
        limit: Int
    ) async throws(GatewayError) -> [User] {
        try await read { tables in
            let found = tables.directory.users.values.filter { user in
                user.organization == organization && username.map { user.username > $0 } ?? true
            }
            return Array(found.sorted { $0.username < $1.username }.prefix(limit))
        }
    }

    @discardableResult
    package func save(_ user: User, activeMax: Int?) async throws(GatewayError) -> Bool {
        try await write { tables in
            let others = tables.directory.users.values
            let isTaken = others.contains {
                $0.organization == user.organization
                    && ($0.id == user.id || $0.username == user.username || $0.email == user.email)
            }
            guard !isTaken else { throw GatewayError(.conflict, "Another user has this name or address.") }
            if user.isActive { try tables.directory.check(user.organization, activeMax: activeMax) }
            let isShared = others.contains { $0.username == user.username && $0.isActive }
            tables.directory.countChange(of: user.organization)
            tables.directory.users[user.id] = user
            return isShared
        }
    }

    package func replace(
        _ passwordHash: String,
        by newHash: String,
        of id: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard var user = tables.directory.user(id, organization), user.passwordHash == passwordHash else {
                return false
            }
            user.passwordHash = newHash
            tables.directory.users[id] = user
            return true
        }
    }

    package func change(
        _ id: UserID,
        organization: OrganizationID,
        activeMax: Int?,
        _ change: @escaping @Sendable (inout User) -> Void
    ) async throws(GatewayError) -> User? {
        try await write { tables in
            guard let old = tables.directory.user(id, organization) else { return nil }
            var new = old
            change(&new)
            if new.isActive && !old.isActive { try tables.directory.check(organization, activeMax: activeMax) }
            if new.role != old.role || new.passwordHash != old.passwordHash || new.isActive != old.isActive {
                new.sessionEpoch = old.sessionEpoch + 1
            }
            tables.directory.countChange(of: organization)
            tables.directory.users[id] = new
            return new
        }
    }

    package func begin(_ beginning: SessionBeginning) async throws(GatewayError) -> Bool {
        let session = beginning.session
        return try await write { tables in
            let user = tables.directory.user(session.user, session.organization)
            if beginning.hasSecondFactor == false, user?.hasSecondFactor ?? false { return false }
            var own = tables.directory.sessions.values.filter {
                $0.user == session.user && $0.expiresAt > beginning.now
            }
            own.append(session)
            let kept = own.sorted { $0.id < $1.id }.suffix(beginning.sessionsMax)
            if kept.count < own.count { tables.directory.countChange(of: session.organization) }
            tables.directory.sessions = tables.directory.sessions.filter { $0.value.user != session.user }
            for session in kept { tables.directory.sessions[session.id] = session }
            if let place = beginning.place {
                var places = (tables.directory.places[session.user] ?? []).filter { !$0.isSame(as: place) }
                places.append(place)
                tables.directory.places[session.user] = places.suffix(beginning.placesMax)
            }
            return true
        }
    }

    package func knownPlaces(since earliest: Timestamp, limit: Int) async throws(GatewayError) -> [KnownPlace] {
        try await read { tables in
            let all = tables.directory.places.values.flatMap { $0 }.filter { $0.seen > earliest }
            return Array(all.sorted { $0.seen > $1.seen }.prefix(limit))
        }
    }

    package func session(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> UserSession? {
        try await read { tables in
            tables.directory.sessions[id].flatMap { $0.user == user && $0.organization == organization ? $0 : nil }
        }
    }

    package func endSession(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID
    ) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard let session = tables.directory.sessions[id], session.user == user,
                session.organization == organization
            else { return false }
            tables.directory.countChange(of: organization)
            tables.directory.sessions[id] = nil
            return true
        }
    }

    package func advance(_ session: UserSession, from generation: Int) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard let known = tables.directory.sessions[session.id], known.generation == generation else {
                return false
            }
            tables.directory.countChange(of: session.organization)
            tables.directory.sessions[session.id] = session.ofAgent(since: known.agentSince)
            return true
        }
    }

    package func markAgents(
        _ id: Identifier,
        of user: UserID,
        organization: OrganizationID,
        at moment: Timestamp
    ) async throws(GatewayError) -> Bool {
        try await write { tables in
            guard let session = tables.directory.sessions[id], session.user == user,
                session.organization == organization
            else { return false }
            tables.directory.countChange(of: organization)
            tables.directory.sessions[id] = session.ofAgent(since: session.agentSince ?? moment)
            return true
        }
    }

    package func endSessions(of id: UserID, organization: OrganizationID) async throws(GatewayError) {
        try await write { tables in
            guard tables.directory.user(id, organization) != nil else { return }
            tables.directory.countChange(of: organization)
            tables.directory.users[id]?.sessionEpoch += 1
            tables.directory.sessions = tables.directory.sessions.filter { $0.value.user != id }
        }
    }
}

extension UserSession {
    fileprivate func ofAgent(since moment: Timestamp?) -> UserSession {
        UserSession(
            id: id,
            user: user,
            organization: organization,
            generation: generation,
            expiresAt: expiresAt,
            refreshedAt: refreshedAt,
            agentSince: moment
        )
    }
}

extension MemoryDirectory {
    func user(_ id: UserID, _ organization: OrganizationID) -> User? {
        users[id].flatMap { $0.organization == organization ? $0 : nil }
    }
}

extension MemoryDirectory {
    /// Refuses one more who is active.
    fileprivate func check(_ organization: OrganizationID, activeMax: Int?) throws(GatewayError) {
        guard let activeMax else { return }
        let active = users.values.count { $0.organization == organization && $0.isActive }
        guard active < activeMax else { throw User.tooMany(activeMax) }
    }
}
