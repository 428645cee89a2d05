import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What an organization owns` {
    private func save(_ bureau: Bureau, _ arguments: JSON, as person: Person) async throws -> [JSON] {
        let reply = await bureau.ask("organization.export", arguments, as: person.token)
        guard case .success(.file(_, _, let bytes)) = reply.result else { throw reply.error ?? .fault("no file") }
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    @Test func `is saved part by part, without a secret and without anybody else's`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = try await bureau.person("stranger", .orgAdmin, of: bureau.host)
            let key = try await bureau.makeKey(by: admin)
            for amount in 1...3 { #expect(await bureau.collect(Int64(amount), as: key.text).code == nil) }
            try await bureau.store.append([], usage: [])

            var all = ""
            for part in bureau.store.ownedParts {
                let rows = try await save(bureau, ["part": .string(part)], as: admin)
                all += rows.map(\.text).joined()
                if part == "records" { #expect(rows.count == 3 && rows.first?["amount"] == 1) }
                if part == "users" { #expect(rows.map { $0["username"] } == ["admin"]) }
                if part == "usage" { #expect(!rows.isEmpty) }
            }
            #expect(!all.contains("hash of") && !all.contains(bureau.host.id.description))
            #expect(
                await bureau.ask("organization.export", ["part": "audit"], as: admin.token).code == .invalidArgument
            )
            let page = try await bureau.store.owned("records", of: bureau.shop.id, after: nil, limit: 2)
            let rest = try await bureau.store.owned("records", of: bureau.shop.id, after: page.next, limit: 2)
            #expect(page.rows.count == 2 && rest.rows.count == 1 && rest.next == nil)
        }
    }

    @Test func `is erased once it is closed and nothing is open, and its money and audit are kept`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            #expect(await bureau.collect(1, as: key.text).code == nil)
            let id = JSON.string(bureau.shop.id.description)
            let erase: JSON = ["org_id": id, "slug": "shop"]
            #expect(await bureau.ask("organizations.erase", erase, as: boss.token).code == .conflict)
            let close: JSON = ["org_id": id, "is_active": false]
            #expect(await bureau.ask("organizations.update", close, as: boss.token).code == nil)
            // What M-Pesa has not answered yet.
            #expect(await bureau.ask("organizations.erase", erase, as: boss.token).code == .conflict)
            #expect(await bureau.ask("organizations.erase", ["org_id": id, "slug": "x"], as: boss.token).code != nil)
            try await bureau.store.erase(bureau.shop.id)

            let user = try await bureau.store.user(admin.user.id, organization: bureau.shop.id)
            #expect(user?.isActive == false && user?.username.hasPrefix("erased-") == true)
            #expect(try await bureau.store.apiKeys(organization: bureau.shop.id, limit: 10).isEmpty)
            #expect(try await bureau.store.profile(organization: bureau.shop.id, environment: .test) == nil)
            #expect(try await bureau.store.owned("records", of: bureau.shop.id, after: nil, limit: 5).rows.count == 1)
            #expect(try await bureau.audit(bureau.shop).contains { $0.action == "KEY_CREATED" })
            #expect(try await bureau.store.firstBrokenAuditLine(organization: bureau.shop.id) == nil)
            // The host's own people and rows are untouched.
            #expect(await bureau.ask("organizations.list", as: boss.token).code == nil)
        }
    }
}
