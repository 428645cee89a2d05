import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Store
import Synchronization
import Testing

struct `The audit` {
    @Test func `is searched by who, what, outcome and time, a page at a time`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let other = try await bureau.person("other", .orgAdmin, of: bureau.shop)
            for number in 0..<3 { _ = try await bureau.makeKey(["name": .string("k\(number)")], by: admin) }
            let middle = bureau.clock.now
            bureau.clock.advance(.seconds(10))
            _ = await bureau.ask("keys.create", ["name": "x", "environment": "moon"], as: other.token)
            try await bureau.store.append([], usage: [])
            let read = { (arguments: JSON) async -> [JSON] in
                await bureau.ask("audit.list", arguments, as: admin.token).data.arrayValue ?? []
            }

            let made = await read(["action": "KEY_CREATED", "outcome": "SUCCESS"])
            #expect(made.count == 3 && made.allSatisfy { $0["subject"] == .string("user:\(admin.user.id)") })
            let failed = await read(["action": "KEY_CREATED", "outcome": "FAILED"])
            #expect(failed.count == 1 && failed.first?["subject"] == .string("user:\(other.user.id)"))
            let late = await read(["from_ms": .integer(middle.milliseconds + 5000), "action": "KEY_CREATED"])
            #expect(late.count == 1)
            let early = await read(["until_ms": .integer(middle.milliseconds + 5000), "outcome": "SUCCESS", "limit": 2])
            #expect(early.count == 2)
            let page = await bureau.ask(
                "audit.list",
                ["action": "KEY_CREATED", "outcome": "SUCCESS", "limit": 2],
                as: admin.token
            )
            guard case .success(.data(_, _, let beside)) = page.result else { return }
            let next = try JSON(parsing: try #require(beside.first { $0.name == "next_before" }?.value))
            let rest = await read(["action": "KEY_CREATED", "outcome": "SUCCESS", "before": next])
            #expect(rest.count == 1 && rest.first?["id"] == made.last?["id"])
            #expect(await read(["action": "KEY_CREATED", "outcome": "SUCCESS", "offset": 2]).count == 1)
        }
    }

    @Test func `of the host itself is read by its super administrators and nobody else`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let pretender = try await bureau.person("pretender", .superAdmin, of: bureau.shop)
            let line = AuditRecord(
                id: bureau.clock.entropy.identifier(),
                organization: nil,
                at: bureau.clock.now,
                call: CallID(bureau.clock.entropy.identifier()),
                subject: "operator",
                action: "PLUGIN_INSTALLED",
                door: "host",
                outcome: .success,
                detail: "{\"plugin\":\"stk-push\"}"
            )
            try await bureau.store.append([line], usage: [])

            let read = await bureau.ask("audit.host", ["action": "PLUGIN_INSTALLED"], as: boss.token)
            let refused = await bureau.ask("audit.host", as: pretender.token)

            #expect(read.data.arrayValue?.map { $0["detail"]?["plugin"] } == ["stk-push"])
            #expect(refused.code == .permissionDenied)
            #expect(try await bureau.audit(bureau.host).first?.action == "HOST_AUDIT_READ")
        }
    }

    @Test func `is summed up, and shows what has to do with security and failed log-ins`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = try await bureau.makeKey(by: admin)
            _ = try? await bureau.logIns.logIn(
                username: "admin",
                password: Secret("wrong"),
                organization: "shop",
                LogIns.Caller(call: CallID(bureau.clock.entropy.identifier()), address: "192.0.2.1")
            )
            try await bureau.store.append([], usage: [])
            #expect(await bureau.ask("users.list", as: admin.token).code == nil)

            let summary = await bureau.ask("audit.activity_summary", as: admin.token).data.arrayValue ?? []
            #expect(summary.first { $0["action"] == "KEY_CREATED" }?["succeeded"] == 1)
            let events = await bureau.ask("audit.security_events", ["days": 1], as: admin.token).data.arrayValue ?? []
            #expect(Set(events.map { $0["action"]?.stringValue ?? "" }) == ["KEY_CREATED", "LOGIN_FAILED"])
            let failed = await bureau.ask("audit.failed_logins", ["hours": 1], as: admin.token)
            #expect(failed.data.arrayValue?.count == 1)
        }
    }
}

struct `An audit's file` {
    private struct Export {
        var lines: [String]
        let heads: JSON
        let keys: [VerifyingKey]

        func verdict(_ lines: [String]? = nil, continues: Bool = false) throws -> AuditFile.Verdict {
            let text = (lines ?? self.lines).joined(separator: "\n") + "\n"
            return try AuditFile.verify(Array(text.utf8), heads: [heads], keys: keys, continues: continues)
        }
    }

    private func export(_ bureau: Bureau) async throws -> Export {
        let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
        for _ in 0..<4 { _ = try await bureau.makeKey(by: admin) }
        try await bureau.store.append([], usage: [])
        let heads = await bureau.ask("audit.heads", as: admin.token)
        #expect(heads.code == nil)
        let bytes = try await bureau.ask("audit.export", as: admin.token).saved()
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.removeFirst().hasPrefix("{\"audit_export\""))
        let keys = try #require(VerifyingKey.all(pem: Array(bureau.auditKey.utf8)))
        return Export(lines: lines, heads: heads.data, keys: keys)
    }

    @Test func `proves itself by signed heads and a public key alone`() async throws {
        try await Bureau.with { (bureau) async throws in
            let export = try await export(bureau)

            let verdict = try export.verdict()

            #expect(verdict.lines == export.lines.count && verdict.lines >= 8)
            #expect(verdict.faults.isEmpty, "\(verdict.faults)")
            let other = try #require(SigningKey())
            let strangers = try #require(VerifyingKey.all(pem: other.publicPEM))
            #expect(throws: GatewayError.self) {
                try AuditFile.verify(
                    Array(export.lines.joined(separator: "\n").utf8),
                    heads: [export.heads],
                    keys: strangers
                )
            }
        }
    }

    @Test func `that was changed, thinned out, reordered or cut off is found out`() async throws {
        try await Bureau.with { (bureau) async throws in
            let export = try await export(bureau)
            let whole = export.lines
            func faults(_ change: (inout [String]) -> Void) throws -> [String] {
                var lines = whole
                change(&lines)
                return try export.verdict(lines).faults
            }

            let subject = whole[2].replacing("KEY_CREATED", with: "KEY_REVOKED")
            #expect(subject != whole[2])
            #expect(try faults { $0[2] = subject }.contains { $0.contains("was changed") })
            #expect(try faults { $0.remove(at: 3) }.contains { $0.contains("was removed") })
            #expect(try faults { $0.swapAt(1, 2) }.contains { $0.contains("another order") })
            #expect(try faults { $0.insert($0[2], at: 3) }.contains { $0.contains("twice") })
            #expect(try faults { $0.removeLast(4) }.contains { $0.contains("cut off") })
            #expect(try faults { $0.removeAll() }.contains { $0.contains("cut off") })
            #expect(try faults { $0[1] = "{}" }.contains { $0.contains("no line") })
            // The first lines are gone, unless somebody says that another file has them.
            #expect(try faults { $0.removeFirst(2) }.contains { $0.contains("begins with line 3") })
            let rest = try export.verdict(Array(whole.dropFirst(2)), continues: true)
            #expect(rest.faults.isEmpty && rest.remarks.contains { $0.contains("begins with line 3") })
        }
    }

    private func lines(_ bureau: Bureau, _ arguments: JSON, as person: Person) async throws -> [String] {
        let bytes = try await bureau.ask("audit.export", arguments, as: person.token).saved()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func line(_ id: Identifier, of organization: Organization) -> AuditRecord {
        AuditRecord(
            id: id,
            organization: organization.id,
            at: id.time,
            call: CallID(id),
            subject: "host",
            action: "X",
            door: "host",
            outcome: .success
        )
    }

    @Test func `is vouched for by heads that were handed outside, a line for each organization`() async throws {
        try await Bureau.with { (bureau) async throws in
            for organization in [bureau.host, bureau.shop, bureau.shop, bureau.shop] {
                let line = line(bureau.clock.entropy.identifier(), of: organization)
                try await bureau.store.append([line], usage: [])
            }
            let taken = Mutex<[UInt8]>([])
            var settings = AuditHeadKeeper.Settings()
            settings.page = 1
            let keeper = AuditHeadKeeper(
                bureau.gateway.ports,
                reading: bureau.store,
                signer: bureau.signer,
                settings: settings
            ) { (lines) async throws(GatewayError) in taken.withLock { $0 += lines } }

            try await keeper.hand()

            let lines = taken.withLock { $0 }.split(separator: UInt8(ascii: "\n"))
            let documents = try lines.map { try JSON(parsing: Array($0)) }
            let (host, shop) = (JSON.string(bureau.host.id.description), JSON.string(bureau.shop.id.description))
            #expect(documents.count == 2 && Set(documents.map { $0["organization_id"] }) == [host, shop])
            let own = try #require(documents.first { $0["organization_id"] == shop })
            let export = try await export(bureau)
            for (count, isWhole) in [(export.lines.count, true), (3, true), (2, false)] {
                let file = Array(export.lines.prefix(count).joined(separator: "\n").utf8)
                let verdict = try AuditFile.verify(file, heads: [own], keys: export.keys)
                #expect(verdict.faults.isEmpty == isWhole, "\(verdict.faults)")
            }
        }
    }

    @Test func `loses nothing to a line that was put together before others and written after them`() async throws {
        try await Bureau.onEachStore { (bureau, _) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let early = bureau.clock.entropy.identifier()
            let keys = try #require(VerifyingKey.all(pem: Array(bureau.auditKey.utf8)))
            for _ in 0..<3 {
                let later = self.line(bureau.clock.entropy.identifier(), of: bureau.shop)
                try await bureau.store.append([later], usage: [])
            }
            let first = try await lines(bureau, [:], as: admin)

            try await bureau.store.append([self.line(early, of: bureau.shop)], usage: [])
            let heads = await bureau.ask("audit.heads", as: admin.token).data
            let last = try JSON(parsing: try #require(first.last))
            let place = "\(last["writer"]?.stringValue ?? "")/\(last["sequence"]?.integerValue ?? 0)"

            for after in [last["audit_id"]?.stringValue ?? "", place] {
                let second = try await lines(bureau, ["after": .string(after)], as: admin)
                #expect(second.contains { $0.contains(early.description) })
                let file = Array((first + second).joined(separator: "\n").utf8)
                #expect(try AuditFile.verify(file, heads: [heads], keys: keys).faults.isEmpty)
            }
            let wrong = await bureau.ask("audit.export", ["after": "pg-1"], as: admin.token)
            #expect(wrong.code == .invalidArgument)
        }
    }

    @Test func `ends where the chains ended as it began`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for _ in 0..<600 {
                try await bureau.store.append(
                    [self.line(bureau.clock.entropy.identifier(), of: bureau.shop)],
                    usage: []
                )
            }
            let saved = Mutex<[UInt8]>([])
            try await bureau.ask("audit.export", as: admin.token).stream()
                .write { piece throws(GatewayError) in
                    saved.withLock { $0 += piece }
                    let id = bureau.clock.entropy.identifier()
                    try await bureau.store.append([self.line(id, of: bureau.shop)], usage: [])
                }

            let written = String(decoding: saved.withLock { $0 }, as: UTF8.self).split(separator: "\n")
            #expect(written.count == 601, "the first says where it ends")
        }
    }

    /// Lines that the host writes, of half a kilobyte each.
    private func lines(_ count: Int, of bureau: Bureau, _ id: Identifier? = nil) -> [AuditRecord] {
        (0..<count)
            .map { _ in
                AuditRecord(
                    id: id ?? bureau.clock.entropy.identifier(),
                    organization: bureau.shop.id,
                    at: bureau.clock.now,
                    call: CallID(bureau.clock.entropy.identifier()),
                    subject: "host",
                    action: "X",
                    door: "host",
                    outcome: .success,
                    detail: String(repeating: "x", count: 500)
                )
            }
    }

    @Test func `ends where the audit ended when it was begun, whatever is written meanwhile`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            // Its number in the chain comes long after its id.
            let early = bureau.clock.entropy.identifier()
            bureau.clock.advance(.milliseconds(1))
            try await bureau.store.append(lines(1200, of: bureau), usage: [])

            let reply = await bureau.ask("audit.export", as: admin.token)
            let pieces = Mutex<[[UInt8]]>([])
            try await reply.stream()
                .write { piece throws(GatewayError) in
                    let count = pieces.withLock { pieces in
                        pieces.append(piece)
                        return pieces.count
                    }
                    guard count < 100 else { throw GatewayError(.conflict, "It never ends.") }
                    bureau.clock.advance(.milliseconds(1))
                    try await bureau.store.append(
                        lines(1, of: bureau, count == 1 ? early : nil) + lines(600, of: bureau),
                        usage: []
                    )
                }

            let file = Array(pieces.withLock { $0 }.joined())
            let verdict = try AuditFile.verify(file, heads: [], keys: [])
            #expect(verdict.faults.isEmpty, "\(verdict.faults)")
            #expect((1200..<1210).contains(verdict.lines))
            // One that broke off is known by its own first line, without a head.
            let broken = try AuditFile.verify(Array(file.prefix(file.count / 2)), heads: [], keys: [])
            #expect(broken.faults.contains { $0.contains("broke off") })
        }
    }
}
