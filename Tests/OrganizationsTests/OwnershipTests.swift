import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Store

struct `What an organization owns` {
    /// A part as it is saved: its rows.
    private func save(_ bureau: Bureau, _ part: String, as person: Person) async throws -> [JSON] {
        let reply = await bureau.ask("organization.export", ["part": .string(part)], as: person.token)
        let members = try Tape.members(of: try await reply.saved())
        return try members.filter { $0.name.hasPrefix(part + "/") }
            .flatMap { String(decoding: $0.bytes, as: UTF8.self).split(separator: "\n") }
            .map { try JSON(parsing: String($0)) }
    }

    @Test func `is saved as one archive, without a secret and without anybody else's`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = try await bureau.person("stranger", .orgAdmin, of: bureau.host)
            let key = try await bureau.makeKey(by: admin)
            for amount in 1...3 { #expect(await bureau.collect(Int64(amount), as: key.text).code == nil) }
            let file = try await bureau.export(of: bureau.shop)
            try await bureau.store.append([], usage: [])

            let bytes = try await bureau.ask("organization.export", as: admin.token).saved()
            let members = try Tape.members(of: bytes)

            let folders = Set(members.map { String($0.name.prefix { $0 != "/" }) })
            #expect(folders.isSuperset(of: ["organizations", "users", "records", "usage", "audit", "files"]))
            #expect(members.first { $0.name == "files/\(file)" }?.bytes == Array("a,b".utf8))
            let manifest = try JSON(parsing: try #require(members.last?.bytes))
            #expect(members.last?.name == "manifest.json" && manifest["rows"]?["records"] == 3)
            let all = String(decoding: bytes, as: UTF8.self)
            #expect(!all.contains("hash of") && !all.contains(bureau.host.id.description))
            #expect(try await save(bureau, "records", as: admin).map { $0["amount"] } == [1, 2, 3])
            #expect(try await save(bureau, "users", as: admin).map { $0["username"] } == ["admin"])
            let ends = try await bureau.audit(bureau.shop).filter { $0.action == "ORGANIZATION_EXPORT_ENDED" }
            #expect(ends.count == 3 && ends.allSatisfy { $0.outcome == .success })
        }
    }

    @Test func `is saved with what a record was planned to be, what became true, and its sums`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            bureau.upstream.answer { _ in .notSent("no way out") }
            #expect(await bureau.collect(7, as: admin.token).code != nil)
            try await bureau.gateway.rollups.catchUp()

            let plan = try await save(bureau, "records", as: admin).first?["plan"]?.stringValue
            let events = try await save(bureau, "feed", as: admin)
            let sums = try await save(bureau, "rollups", as: admin)

            #expect(try JSON(parsing: try #require(plan))["body"] != nil)
            #expect(events.map { $0["kind"] } == ["transaction.failed"])
            #expect(events.first?["payload"]?.stringValue?.contains("fake_collect") == true)
            #expect(sums.map { $0["outcome"] } == ["rejected"] && sums.first?["amount"] == 7)
        }
    }

    @Test func `ends where it ended when it was begun, however much more is made meanwhile`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for amount in 1...3 { #expect(await bureau.collect(Int64(amount), as: admin.token).code == nil) }

            let reply = await bureau.ask("organization.export", as: admin.token)
            let bytes = Mutex<[UInt8]>([])
            let next = Mutex<Int64>(10)
            try await reply.stream()
                .write { piece in
                    bytes.withLock { $0 += piece }
                    let amount = next.withLock { next in
                        next += 1
                        return next
                    }
                    _ = await bureau.collect(amount, as: admin.token)
                }

            let members = try Tape.members(of: bytes.withLock { $0 })
            let manifest = try JSON(parsing: try #require(members.last?.bytes))
            #expect(manifest["rows"]?["records"] == 3)
            #expect(manifest["audit_ends"]?.arrayValue?.count == 1)
        }
    }

    @Test func `is read a page at a time, each once the one before was taken`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let owner = PluginOwner(organization: bureau.shop.id, environment: .test, plugin: "example.fake")
            let file = PluginExport(
                id: bureau.clock.entropy.identifier(),
                owner: owner,
                name: "a",
                mediaType: "text/csv",
                expiresAt: bureau.clock.now + .seconds(3600),
                madeBy: ""
            )
            try await bureau.store.add(file, exportsMax: 10)
            let piece = [UInt8](repeating: 0x78, count: 1 << 20)
            for _ in 1...4 {
                _ = try await bureau.store.append(piece, to: file.id, of: owner, bytesMax: 8 << 20)
            }
            _ = try await bureau.store.closeExport(file.id, of: owner)

            let reply = await bureau.ask("organization.export", ["part": "exports"], as: admin.token)
            let largest = Mutex(0)
            try await reply.stream().write { piece in largest.withLock { $0 = max($0, piece.count) } }

            #expect(largest.withLock { $0 } == 1 << 20)
        }
    }

    @Test(arguments: ["organization.export", "audit.export"], ["session", "organization"])
    func `is saved no further once whoever asked may not go on`(action: String, ended: String) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(["role": "org_admin"], by: admin)
            let line = try #require(try await bureau.audit(bureau.shop).first)
            let lines = (1...1200)
                .map { _ in
                    AuditRecord(
                        id: bureau.clock.entropy.identifier(),
                        organization: bureau.shop.id,
                        at: line.at,
                        call: line.call,
                        subject: "host",
                        action: "X",
                        door: "host",
                        outcome: .success,
                        detail: String(repeating: "x", count: 500)
                    )
                }
            try await bureau.store.append(lines, usage: [])
            let isKeys = action == "audit.export"

            let reply = await bureau.ask(action, as: isKeys ? key.text : admin.token)
            let pieces = Mutex(0)
            await #expect(throws: GatewayError.self) {
                try await reply.stream()
                    .write { _ throws(GatewayError) in
                        guard
                            pieces.withLock({
                                $0 += 1; return $0
                            }) == 1
                        else { return }
                        if ended == "organization" { return try await bureau.erase(bureau.shop) }
                        // A key by its own revocation, a person by that of their session.
                        let other = try await bureau.otherAdministrator()
                        let done =
                            isKeys
                            ? await bureau.ask("keys.revoke", ["id": key.id], as: other.token)
                            : await bureau.ask("users.deactivate", ["id": admin.id], as: other.token)
                        if let error = done.error { throw error }
                    }
            }

            let end = try await bureau.audit(bureau.shop).first { $0.action.hasSuffix("EXPORT_ENDED") }
            #expect(end?.outcome == .failed && end?.code == "unauthenticated")
        }
    }

    @Test func `is saved twice at once, and again once that has ended or was given up`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let stranger = try await bureau.person("stranger", .orgAdmin, of: bureau.host)
            var held = [await bureau.ask("organization.export", as: admin.token)]
            held.append(await bureau.ask("organization.export", as: admin.token))

            #expect(await bureau.ask("organization.export", as: admin.token).code == .rateLimited)
            #expect(await bureau.ask("organization.export", as: stranger.token).code == nil)
            held = []
            #expect(await bureau.ask("organization.export", as: admin.token).code == nil)
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
            let kept = try await bureau.store.owned(
                "records",
                of: bureau.shop.id,
                after: nil,
                until: bureau.clock.now,
                limit: 5
            )
            #expect(kept.rows.count == 1)
            #expect(try await bureau.audit(bureau.shop).contains { $0.action == "KEY_CREATED" })
            #expect(try await bureau.store.firstBrokenAuditLine(organization: bureau.shop.id) == nil)
            // The host's own people and rows are untouched.
            #expect(await bureau.ask("organizations.list", as: boss.token).code == nil)
        }
    }

    @Test func `is erased with its settings, which hold addresses and people's phone numbers`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till: JSON = ["name": "k", "environment": "test"]
            #expect(await bureau.ask("keys.create", till, as: admin.token, key: "once").code == nil)
            let id = bureau.shop.id
            _ = try await bureau.store.change(id) { shop in
                shop.approvals = ApprovalPolicy(limits: [MoneyLimit(receivers: ["254711000001"])])
                shop.callbackBaseURL = BaseURL("https://shop.example")
                shop.disabledTools = ["fake_pay"]
                shop.limitOverrides = ["read": RateLimit(units: 7, per: .seconds(60))]
                shop.isActive = false
            }
            bureau.gateway.directory.forget()

            let erase: JSON = ["org_id": .string(id.description), "slug": "shop"]
            #expect(await bureau.ask("organizations.erase", erase, as: boss.token).code == nil)

            let left = try #require(try await bureau.store.organization(id))
            #expect(left.name == "Erased" && left.slug == "shop" && !left.isActive)
            #expect(left.approvals == ApprovalPolicy() && left.callbackBaseURL == nil)
            #expect(left.disabledTools.isEmpty && left.limitOverrides.isEmpty)
            let rows = try await bureau.store.read { sql in
                try sql.query("SELECT detail FROM organizations", []) { $0.text(0) ?? "" }
                    + sql.query("SELECT organization_id FROM answers", []) { $0.text(0) ?? "" }
            }
            #expect(!rows.contains { $0.contains("254711000001") || $0.contains(id.description) })
        }
    }
}
