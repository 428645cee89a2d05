import CSQLite
import Foundation
import Gateway
import Testing

@testable import Store

struct `The audit` {
    @Test func `is whole, and belongs to its organization`() async throws {
        try await withStore { (store) async throws in
            for number in 0..<20 { try await store.append([makeLine("A\(number)")], usage: []) }
            try store.enqueue(makeLine("B"), usage: nil)
            try await store.append([makeLine("C", theirs)], usage: [])

            try await eventually {
                try await store.records(organization: ours, before: nil, limit: 100).count == 21
            }
            #expect(try await store.records(organization: theirs, before: nil, limit: 100).map(\.action) == ["C"])
            #expect(try await store.firstBrokenAuditLine(organization: ours) == nil)
        }
    }

    @Test func `finds a caller's lines in one page, however many others have since`() async throws {
        try await withStore { (store) async throws in
            try await store.append([makeLine("RARE", subject: "key:rare")], usage: [])
            try await store.append((0..<6_000).map { _ in makeLine("OFTEN") }, usage: [])
            var filter = AuditFilter(limit: 10)
            filter.subject = "key:rare"

            let page = try await store.page(filter, organization: ours)
            filter.subject = "key:nobody"
            let none = try await store.page(filter, organization: ours)

            #expect(page.lines.map(\.action) == ["RARE"] && page.next == nil)
            #expect(none.lines.isEmpty && none.next == nil)
        }
    }

    @Test(arguments: [
        "UPDATE audit SET subject = 'key:2' WHERE sequence = 3", "DELETE FROM audit WHERE sequence = 3",
        "UPDATE audit SET sequence = sequence + 100 WHERE sequence = 3", "DELETE FROM audit WHERE sequence = 5",
        "DELETE FROM audit",
    ])
    func `shows what was changed, taken out or moved`(tampering: String) async throws {
        try await withSQLiteStore { (store, path) async throws in
            for number in 0..<5 { try await store.append([makeLine("A\(number)")], usage: []) }
            var handle: OpaquePointer?
            #expect(sqlite3_open(path, &handle) == SQLITE_OK)
            #expect(sqlite3_exec(handle, tampering, nil, nil, nil) == SQLITE_OK)
            sqlite3_close(handle)

            #expect(try await store.firstBrokenAuditLine(organization: ours) != nil)
        }
    }
}

struct `The directory` {
    @Test func `keeps organizations, plans, users, keys and profiles`() async throws {
        try await withStore { (store) async throws in
            let organization = Organization(
                id: ours,
                slug: "ours",
                name: "Ours",
                subscription: .active,
                plan: "p",
                limitOverrides: ["money": RateLimit(units: 5, per: .seconds(1), burst: 9)]
            )
            let plan = Plan(
                name: "p",
                tools: ["a"],
                organizationLimits: ["read": RateLimit(units: 1, per: .seconds(2))],
                principalLimits: [:]
            )
            let user = User(
                id: UserID(newID()),
                organization: ours,
                username: "u",
                email: "u@x",
                passwordHash: "h",
                role: .manager
            )
            let key = APIKey(
                id: APIKeyID(newID()),
                organization: ours,
                name: "k",
                prefix: "p",
                hash: [1, 2],
                environment: .live,
                role: .user,
                scopes: ["a", "b"]
            )
            try await store.save(plan)
            try await store.save(organization)
            try await store.save(user)
            try await store.save(key)

            #expect(try await store.organization(ours) == organization)
            #expect(try await store.organization(slug: "ours") == organization)
            #expect(try await store.plan("p") == plan)
            #expect(try await store.user(user.id, organization: ours) == user)
            #expect(try await store.user(named: "u", organization: ours) == user)
            #expect(try await store.apiKey(key.id, organization: ours) == key)
            #expect(try await store.user(user.id, organization: theirs) == nil)
            #expect(try await store.apiKey(key.id, organization: theirs) == nil)
            #expect(try await store.configurationVersion() == 4)
        }
    }

    @Test func `says whose configuration was changed, in the order of the changes`() async throws {
        try await withEachStore { (store) async throws in
            try await store.save(Plan(name: "p", tools: [], organizationLimits: [:], principalLimits: [:]))
            let begin = try await store.configurationVersion()
            try await store.save(Organization(id: theirs, slug: "theirs", name: "Theirs", plan: "p"))
            try await store.save(Organization(id: ours, slug: "ours", name: "Ours", plan: "p"))
            _ = try await store.change(theirs) { $0.name = "Other" }

            let changes = try await store.configurationChanges(after: begin, limit: 10)
            #expect(changes.map(\.organization) == [ours, theirs])
            #expect(changes.map(\.version) == [begin + 2, begin + 3])
            #expect(try await store.configurationVersion() == begin + 3)
            #expect(try await store.configurationChanges(after: begin, limit: 1) == [changes[0]])
            try await store.save(Plan(name: "q", tools: [], organizationLimits: [:], principalLimits: [:]))
            let last = try await store.configurationChanges(after: begin + 3, limit: 10)
            #expect(last == [ConfigurationChange(version: begin + 4, organization: nil)])
        }
    }

    @Test func `counts a token that is refreshed, and one that too many sessions end, as a change`() async throws {
        try await withEachStore { (store) async throws in
            let user = User(
                id: UserID(newID()),
                organization: ours,
                username: "u",
                email: "u@x",
                passwordHash: "h",
                role: .user
            )
            try await store.save(user)
            func session(_ id: Identifier) -> UserSession {
                UserSession(
                    id: id,
                    user: user.id,
                    organization: ours,
                    generation: 1,
                    expiresAt: moment + .seconds(60)
                )
            }
            let (first, second) = (newID(), newID())
            let begin = try await store.configurationVersion()
            try await store.begin(session(first), at: moment, sessionsMax: 1)
            #expect(try await store.configurationVersion() == begin)

            var refreshed = session(first)
            refreshed.generation = 2
            #expect(try await store.advance(refreshed, from: 1))
            #expect(try await store.configurationVersion() == begin + 1)
            try await store.begin(session(second), at: moment, sessionsMax: 1)
            #expect(try await store.configurationVersion() == begin + 2)
        }
    }

    @Test func `refuses a second user of a name`() async throws {
        try await withStore { (store) async throws in
            func user() -> User {
                User(
                    id: UserID(newID()),
                    organization: ours,
                    username: "u",
                    email: "\(newID())@x",
                    passwordHash: "h",
                    role: .user
                )
            }
            try await store.save(user())

            let error = await #expect(throws: GatewayError.self) { try await store.save(user()) }
            #expect(error?.code == .conflict)
        }
    }
}

struct `Opening a store` {
    @Test func `refuses a schema that is newer than the program`() async throws {
        try await withSQLiteStore { (store, path) async throws in
            store.shutdown()
            var handle: OpaquePointer?
            sqlite3_open(path, &handle)
            sqlite3_exec(handle, "INSERT INTO migrations (number, checksum) VALUES (999, 'x')", nil, nil, nil)
            sqlite3_close(handle)

            let error = await #expect(throws: GatewayError.self) { try await Store.open(.sqlite(path: path)) }
            #expect(error?.detail?.contains("newer gateway") ?? false)
        }
    }

    @Test func `refuses an address that is none, without repeating it`() {
        let error = #expect(throws: GatewayError.self) { try DatabaseURL("mysql://user:secret@host/db") }

        #expect(!(error?.message.contains("secret") ?? true))
    }
}
