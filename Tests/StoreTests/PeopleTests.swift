import Gateway
import Testing

@testable import Store

private func user(_ name: String, of organization: OrganizationID = ours, at time: Int64 = 0) -> User {
    User(
        id: UserID(Identifier(at: moment + .seconds(time), random: (UInt64(time), 1))),
        organization: organization,
        username: name,
        email: "\(name)@x",
        passwordHash: "h",
        role: .user
    )
}

private func key() -> APIKey {
    APIKey(
        id: APIKeyID(newID()),
        organization: ours,
        name: "k",
        prefix: "p",
        hash: [1],
        environment: .test,
        role: .user,
        scopes: nil
    )
}

struct `A row of people` {
    @Test func `is changed as it stands, not as somebody read it`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await store.change(asha.id, organization: ours) { $0.email = "new@x" } }
                group.addTask { _ = try await store.change(asha.id, organization: ours) { $0.role = .manager } }
                group.addTask { try await store.endSessions(of: asha.id, organization: ours) }
                try await group.waitForAll()
            }

            let found = try await store.user(asha.id, organization: ours)
            #expect(found?.email == "new@x" && found?.role == .manager)
            // A role that changes ends sessions, as logging out everywhere does; an address does not.
            #expect(found?.sessionEpoch == 2)
            #expect(try await store.change(asha.id, organization: theirs) { $0.email = "other@x" } == nil)
        }
    }

    @Test func `takes another hash while it has the one that was checked, and ends no session`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)

            #expect(try await !store.replace("other", by: "n", of: asha.id, organization: ours))
            #expect(try await !store.replace("h", by: "n", of: asha.id, organization: theirs))
            #expect(try await store.replace("h", by: "n", of: asha.id, organization: ours))
            #expect(try await !store.replace("h", by: "m", of: asha.id, organization: ours))
            let found = try await store.user(asha.id, organization: ours)
            #expect(found?.passwordHash == "n" && found?.sessionEpoch == asha.sessionEpoch)
        }
    }

    @Test func `is renamed for log-ins too`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            try await store.save(user("brian", at: 1))
            _ = try await store.change(asha.id, organization: ours) { $0.username = "aisha" }

            #expect(try await store.activeUsers(named: "aisha", after: nil, limit: 1).map(\.id) == [asha.id])
            #expect(try await store.activeUsers(named: "asha", after: nil, limit: 1).isEmpty)
            let error = await #expect(throws: GatewayError.self) {
                _ = try await store.change(asha.id, organization: ours) { $0.username = "brian" }
            }
            #expect(error?.code == .conflict)
        }
    }

    @Test func `that is a key stays revoked, whoever changes it`() async throws {
        try await withStore { (store) async throws in
            let key = key()
            try await store.save(key)
            _ = try await store.change(key.id, organization: ours) { $0.revokedAt = moment }
            let changed = try await store.change(key.id, organization: ours) { key in
                key.name = "other"
                key.scopes = ["a"]
                key.revokedAt = nil
            }

            #expect(changed?.revokedAt == moment && changed?.name == "other")
            #expect(try await store.apiKey(key.id, organization: ours) == changed)
        }
    }

    @Test func `is one of so many, however many are written at once`() async throws {
        try await withEachStore { store in
            let made = await withTaskGroup(of: GatewayError.Code?.self) { group in
                for number in 1...8 {
                    let one = user("u\(number)", at: Int64(number))
                    group.addTask {
                        do throws(GatewayError) { try await store.save(one, activeMax: 3) } catch { return error.code }
                        return nil
                    }
                }
                return await group.reduce(into: [GatewayError.Code?]()) { $0.append($1) }
            }
            #expect(made.count { $0 == nil } == 3 && made.count { $0 == .limitExceeded } == 5)
            let all = try await store.users(organization: ours, after: nil, limit: 10)
            #expect(all.count == 3)

            // Who is active already takes no more room, and who becomes so does.
            let first = try #require(all.first).id
            let set = { (isActive: Bool) async throws in
                _ = try await store.change(first, organization: ours, activeMax: 3) { $0.isActive = isActive }
            }
            try await set(true)
            try await set(false)
            try await store.save(user("late", at: 20), activeMax: 3)
            await #expect(throws: User.tooMany(3)) { try await set(true) }
            #expect(try await store.user(first, organization: ours)?.isActive == false)
        }
    }

    @Test func `that is a key is one of so many in force, however many are made at once`() async throws {
        try await withEachStore { store in
            let now = Timestamp(milliseconds: 1_000_000)
            var over = key()
            over.expiresAt = now
            try await store.save(over)
            let made = await withTaskGroup(of: GatewayError.Code?.self) { group in
                for _ in 1...8 {
                    let one = key()
                    group.addTask {
                        do throws(GatewayError) {
                            try await store.save(one, within: APIKey.Room(most: 2, now: now))
                        } catch { return error.code }
                        return nil
                    }
                }
                return await group.reduce(into: [GatewayError.Code?]()) { $0.append($1) }
            }

            #expect(made.count { $0 == nil } == 2 && made.count { $0 == .limitExceeded } == 6)
            #expect(try await store.apiKeys(organization: ours, limit: 20).count == 3)
        }
    }

    @Test func `has no link any more once its address is another`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            let link = OneTimeLink(
                id: newID(),
                organization: ours,
                user: asha.id,
                purpose: .forgotten,
                hash: [1],
                expiresAt: moment + .seconds(3600)
            )
            try await store.save(link)
            _ = try await store.change(asha.id, organization: ours) { $0.settling = nil }
            #expect(try await store.link(link.id, organization: ours) == link)

            _ = try await store.change(asha.id, organization: ours) { $0.email = "new@x" }

            #expect(try await store.link(link.id, organization: ours) == nil)
        }
    }

    @Test func `has the password that was set by a link, the link's end and its line in one commit, or none`()
        async throws
    {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            let link = OneTimeLink(
                id: newID(),
                organization: ours,
                user: asha.id,
                purpose: .reset,
                hash: [1],
                expiresAt: moment + .seconds(3600)
            )
            let line = { (action: String) in
                AuditRecord(
                    id: newID(),
                    organization: ours,
                    at: moment,
                    call: CallID(newID()),
                    subject: "user:\(asha.id)",
                    action: action,
                    door: "rest",
                    outcome: .success
                )
            }
            try await store.save(link)
            #expect(try await store.take(link, setting: "first", line("A")))
            #expect(try await !store.take(link, setting: "second", line("B")))

            let now = try #require(try await store.user(asha.id, organization: ours))
            #expect(now.passwordHash == "first" && now.sessionEpoch == 1 && now.version == 2)
            let lines = try await store.records(organization: ours, before: nil, limit: 10)
            #expect(lines.map(\.action) == ["A"])
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
            _ = try await store.change(asha.id, organization: ours) { $0.isActive = false }
            try await store.save(link)
            #expect(try await !store.take(link, setting: "third", line("C")))
            #expect(try await store.user(asha.id, organization: ours)?.passwordHash == "first")
        }
    }

    @Test func `that is an organization keeps what two change at once`() async throws {
        try await withStore { (store) async throws in
            try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
            try await store.save(Organization(id: ours, slug: "ours", name: "Ours", plan: "p"))
            async let closed = store.change(ours) { $0.isActive = false }
            async let renamed = store.change(ours) { $0.name = "Renamed" }
            _ = try await (closed, renamed)

            let found = try await store.organization(ours)
            #expect(found?.isActive == false && found?.name == "Renamed" && found?.slug == "ours")
            await #expect(throws: GatewayError.self) {
                try await store.save(Organization(id: ours, slug: "other", name: "Stale", plan: "p"))
            }
        }
    }
}

struct `A user name` {
    @Test(arguments: ["as\u{200B}ha", "asha\u{202E}", "a\nb", "a\u{0}b"])
    func `that is not plain to see is refused`(name: String) async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            let made = await #expect(throws: GatewayError.self) { try await store.save(user(name)) }
            let renamed = await #expect(throws: GatewayError.self) {
                _ = try await store.change(asha.id, organization: ours) { $0.username = name }
            }

            #expect(made?.code == .invalidArgument && renamed?.code == .invalidArgument)
            #expect(try await store.user(asha.id, organization: ours) == asha)
        }
    }

    @Test func `is the oldest active holder's without an organization, and everybody's with it`() async throws {
        try await withStore { (store) async throws in
            let organizations = (0..<13).map { OrganizationID(Identifier(high: 7, low: UInt64($0))) }
            var holders: [User] = []
            var told: [Bool] = []
            for (number, organization) in organizations.enumerated() {
                holders.append(user("admin", of: organization, at: Int64(number)))
                told.append(try await store.save(holders[number]))
            }

            #expect(told == [false] + [Bool](repeating: true, count: 12))
            #expect(try await store.activeUsers(named: "admin", after: nil, limit: 1) == [holders[0]])
            #expect(try await store.user(named: "admin", organization: organizations[12]) == holders[12])
            _ = try await store.change(holders[0].id, organization: organizations[0]) { $0.isActive = false }
            #expect(try await store.activeUsers(named: "admin", after: nil, limit: 1) == [holders[1]])
        }
    }
}

struct `A session` {
    @Test func `goes on once from each generation`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            var session = UserSession(
                id: newID(),
                user: asha.id,
                organization: ours,
                generation: 1,
                expiresAt: moment + .seconds(10)
            )
            try await store.begin(session, at: moment, sessionsMax: 5)
            #expect(try await store.session(session.id, of: asha.id, organization: ours)?.refreshedAt == nil)
            session.generation = 2
            session.refreshedAt = moment + .seconds(3)
            let next = session
            let done = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<5 { group.addTask { try await store.advance(next, from: 1) } }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }

            #expect(done == 1)
            #expect(try await store.session(session.id, of: asha.id, organization: ours) == session)
            #expect(try await store.sessions(of: asha.id, organization: ours) == [session])
            #expect(try await store.session(session.id, of: asha.id, organization: theirs) == nil)
            #expect(try await !store.endSession(session.id, of: asha.id, organization: theirs))
            try await store.endSessions(of: asha.id, organization: ours)
            #expect(try await store.session(session.id, of: asha.id, organization: ours) == nil)
        }
    }

    @Test func `is an agent's for good once it is, whatever is made of it later`() async throws {
        try await withEachStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha, activeMax: nil)
            let session = UserSession(
                id: newID(),
                user: asha.id,
                organization: ours,
                generation: 1,
                expiresAt: moment + .seconds(100)
            )
            try await store.begin(session, at: moment, sessionsMax: 5)
            func mark(_ seconds: Int, _ user: UserID, _ organization: OrganizationID) async throws -> Bool {
                try await store.markAgents(
                    session.id,
                    of: user,
                    organization: organization,
                    at: moment + .seconds(seconds)
                )
            }
            #expect(try await !mark(1, asha.id, theirs))
            #expect(try await !mark(1, UserID(newID()), ours))
            #expect(try await store.session(session.id, of: asha.id, organization: ours)?.agentSince == nil)
            let before = try await store.configurationVersion()

            #expect(try await mark(2, asha.id, ours))

            #expect(try await store.configurationChanges(after: before, limit: 10).map(\.organization) == [ours])
            #expect(try await mark(3, asha.id, ours))
            // Made of what was read before.
            var next = session
            next.generation = 2
            #expect(try await store.advance(next, from: 1))
            let found = try await store.session(session.id, of: asha.id, organization: ours)
            #expect(found?.agentSince == moment + .seconds(2) && found?.generation == 2)
            if let people = store as? any PeopleRepository {
                #expect(try await people.sessions(of: asha.id, organization: ours) == [found])
            }
            #expect(try await store.endSession(session.id, of: asha.id, organization: ours))
            #expect(try await !mark(4, asha.id, ours))
        }
    }

    @Test func `ends when it has expired, or when a user has too many`() async throws {
        try await withStore { (store) async throws in
            let asha = user("asha")
            try await store.save(asha)
            var ids: [Identifier] = []
            for number in 0..<5 {
                ids.append(Identifier(at: moment + .seconds(number), random: (1, UInt64(number))))
                let session = UserSession(
                    id: ids[number],
                    user: asha.id,
                    organization: ours,
                    generation: 1,
                    expiresAt: moment + .seconds(number == 2 ? 1 : 100)
                )
                try await store.begin(session, at: moment + .seconds(number), sessionsMax: 3)
            }
            var left: [Identifier] = []
            for id in ids where try await store.session(id, of: asha.id, organization: ours) != nil { left.append(id) }

            #expect(left == [ids[1], ids[3], ids[4]])
        }
    }
}
