import Foundation
import GatewayTesting
import JSONSchema
import OrderedJSON
import Testing

@testable import Gateway

struct `The types of events` {
    /// Holds events to the schema of their type and of any event, and to the fields that the catalogue names.
    private func hold(_ events: [JSON]) throws {
        let any = try JSONSchema(compiling: FeedEvent.schema)
        for event in events {
            let kind = try #require(event["type"]?.stringValue.flatMap(FeedEvent.Kind.init(rawValue:)))
            #expect(any.violations(in: event).isEmpty, "\(event)")
            #expect(try JSONSchema(compiling: kind.form.schema).violations(in: event).isEmpty, "\(event)")
            let known = Set(kind.form.fields.map(\.name))
            #expect(known.isSuperset(of: (event["data"]?.objectValue ?? JSONObject()).map(\.key)), "\(event)")
        }
    }

    /// The events of a house, which hold, and must be of all these types.
    private func told(in house: House, _ kinds: Set<FeedEvent.Kind>) async throws {
        let events = await house.ask("events.list", ["limit": 500]).data.arrayValue ?? []
        try hold(events)
        let types = Set(events.compactMap { $0["type"]?.stringValue })
        #expect(types.isSuperset(of: kinds.map(\.rawValue)), "\(types.sorted())")
    }

    private func document() throws -> [String] {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let text = try String(contentsOf: root.appending(path: "docs/events.md"), encoding: .utf8)
        return text.components(separatedBy: "\n## ")
    }

    /// The rows of the table below a heading.
    private func rows(below heading: String) throws -> [String] {
        let part = try #require(try document().first { $0.hasPrefix(heading + "\n") })
        return part.components(separatedBy: "\n").filter { $0.hasPrefix("| `") }
    }

    private func names(_ fields: [FeedEvent.Field]) -> String {
        fields.map { "`\($0.name)`" }.joined(separator: ", ")
    }

    private func row(of form: FeedEvent.Form) -> String {
        let types = form.kinds.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        let (always, others) = (form.fields.filter(\.isRequired), form.fields.filter { !$0.isRequired })
        return "| `\(form.rawValue)` | \(types) | \(names(always)) | \(names(others)) |"
    }

    @Test(arguments: FeedEvent.Kind.allCases)
    func `have an example each, which its schema takes`(_ kind: FeedEvent.Kind) throws {
        try hold([kind.example])
    }

    @Test func `take no event that lacks what its type holds, nor one of another type's`() throws {
        let any = try JSONSchema(compiling: FeedEvent.schema)
        for kind in FeedEvent.Kind.allCases {
            for field in kind.form.fields where field.isRequired {
                var (event, data) = (try #require(kind.example.objectValue), kind.example["data"]?.objectValue)
                data?[field.name] = nil
                event["data"] = .object(data ?? JSONObject())
                #expect(!any.accepts(.object(event)), "\(kind.rawValue) without \(field.name)")
            }
        }
        var wrong = try #require(FeedEvent.Kind.planChanged.example.objectValue)
        wrong["type"] = "key.revoked"
        #expect(!any.accepts(.object(wrong)))
    }

    @Test func `are those of docs, which says of each what it holds`() throws {
        let row = { (kind: FeedEvent.Kind) in "| `\(kind.rawValue)` | \(kind.form.subject) | \(kind.words) |" }
        #expect(try rows(below: "Types").sorted() == FeedEvent.Kind.common.map(row).sorted())
        let operators = FeedEvent.Kind.allCases.filter(\.isOperators)
        #expect(try rows(below: "What whoever runs the gateway is told") == operators.map(row))
        #expect(try rows(below: "Schemas") == FeedEvent.Form.allCases.map(row(of:)))
        let told = try rows(below: "What `data` holds")
            .flatMap { row in
                row.components(separatedBy: "|")[1].matches(of: /`([a-z0-9_]+)`/).map { String($0.output.1) }
            }
        #expect(Set(told) == Set(FeedEvent.Form.allCases.flatMap(\.fields).map(\.name)))
        let example = try document()[0].components(separatedBy: "```")[1].dropFirst("json".count)
        #expect(try JSON(parsing: String(example)) == FeedEvent.Kind.succeeded.example)
    }

    @Test func `hold what is told of transactions, keys, plans and secrets`() async throws {
        try await House.with { (house) async throws in
            let late = try #require(await house.collect(phone: "254711000001").record)
            try await house.callback(late, says: ["verdict": "expired", "code": "1037"])
            try await house.callback(late, says: ["verdict": "succeeded", "receipt": "R1AAAAAAAA", "amount": 100])
            let lost = try #require(await house.collect(phone: "254711000002").record)
            try await house.callback(lost, says: ["verdict": "failed", "code": "1"])
            let paid = try #require(await house.pay(phone: "254711000003").record)
            try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R3AAAAAAAA", "amount": 100])
            let (gone, now) = (try await house.addKey(), house.clock.now)
            _ = try await house.store.change(gone.id, organization: house.organization) { $0.revokedAt = now }
            try await house.store.save(Plan(name: "more", tools: ["**"], organizationLimits: [:], principalLimits: [:]))
            _ = try await house.store.change(house.organization, at: now) { $0.plan = "more" }

            try await told(in: house, [.succeeded, .expired, .lateSuccess, .failed, .keyRevoked, .planChanged])
            let secrets = FeedEvent.changed(
                secretsOf: .main,
                in: .test,
                to: 2,
                of: house.organization,
                at: now
            )
            let plan = Plan(name: "all", tools: ["**"], organizationLimits: [:], principalLimits: [:])
            try hold([secrets.document, FeedEvent.changed(plan, of: house.organization, at: now).document])
            var news = PluginNews(.rolledBack, of: "p", by: "host", at: now)
            (news.version, news.generation, news.digest) = ("1.0.0", 1, "5f")
            (news.was, news.why) = ("1.1.0", "4 crashes")
            try hold([FeedEvent.about(news, of: house.organization).document])
        }
    }

    @Test func `hold what is told of what waits for people`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(outcome: .approve, within: .seconds(4_000))
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let reply = await desk.pay(as: desk.manager.token)
            house.clock.advance(.seconds(3_100))
            await desk.gateway.releases.sendDue()
            #expect(await desk.decide("decline", reply, as: desk.other) == nil)
            let released = await desk.pay("254711000002", as: desk.manager.token)
            #expect(await desk.decide("approve", released, as: desk.other) == nil)

            try await told(in: house, [.approvalRequested, .approvalDue, .approvalDecided, .withdrawn])
        }
    }

    @Test func `hold what is told of limits, for those who manage the organization`() async throws {
        try await House.with { (house) async throws in
            let key = try await house.addKey(role: .user)
            try await house.set {
                $0.limits = [
                    MoneyLimit(directions: [.outgoing], dayMax: 200), MoneyLimit(subject: "key:\(key.id)", dayCount: 1),
                    MoneyLimit(isPerReceiver: true, dayCount: 1),
                ]
            }
            _ = await house.pay(phone: "254711000001", amount: 170)
            _ = await house.call("fake_collect", ["phone": "254711000002", "amount": 5], as: key)
            _ = await house.pay(phone: "254711000003", amount: 40)
            _ = await house.pay(phone: "254711000004", amount: 30)

            try await told(in: house, [.limitNear, .limitReached])
            let events = await house.ask("events.list").data.arrayValue ?? []
            #expect(events.map { $0["type"] } == ["limit.near", "limit.reached", "limit.reached"])
            let sum = events.first?["data"]
            #expect(sum?["directions"] == "out" && sum?["amount"] == 170 && sum?["amount_max"] == 200)
            #expect(sum?["of"] == nil && sum?["count"] == 1 && sum?["count_max"] == nil && sum?["limit"] == "day")
            let own = events.first { $0["data"]?["of"] != nil }?["data"]
            #expect(own?["of"] == .string("key:\(key.id)") && own?["count_max"] == 1 && own?["amount_max"] == nil)
            #expect(await house.ask("events.list", as: key.text).data == [])
        }
    }

    @Test func `hold what is told of tasks, in the commit that ends one`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let clerk = try await house.addKey(role: .user)
            try await house.hold(to: [.main])
            let (good, bad, unwanted) = (try await house.dig(), try await house.dig(), try await house.dig())
            _ = await house.ask("tasks.cancel", ["id": unwanted])
            digger.does { invocation in
                guard case .goesOn(let id) = invocation.task, .string(id.description) == good else {
                    return .init(status: AnswerStatus.notFound.rawValue, payload: [])
                }
                return Digger.found
            }
            await house.gateway.tasks.workOnDue()
            try await house.hold(to: nil)

            try await told(in: house, [.taskSucceeded, .taskFailed, .taskCancelled])
            let events = await house.ask("events.list", ["limit": 500]).data.arrayValue ?? []
            func one(_ type: JSON) -> JSON? { events.first { $0["type"] == type } }
            #expect(one("task.succeeded")?["subject"] == good && one("task.succeeded")?["sequence"] == 1)
            #expect(one("task.failed")?["subject"] == bad && one("task.failed")?["data"]?["code"] == "not_found")
            #expect(one("task.cancelled")?["subject"] == unwanted && one("task.cancelled")?["data"]?["code"] == nil)
            #expect(one("task.succeeded")?["data"]?["account"] == "main")
            #expect(events.count == 3)
            #expect(await house.ask("events.list", as: clerk.text).data == [], "role user is told of its own")
        }
    }

    @Test func `hold what is told of batches, also where an answer pauses one`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("a", 2)
            let who = try await house.releaser()
            _ = try await house.gateway.batches.pause("a", by: who, because: "Wait.")
            _ = try await house.gateway.batches.resume("a", by: who)
            for _ in 1...2 {
                await house.sendBatches()
                try await house.payAll("a")
            }
            await house.sendBatches()
            try await told(in: house, [.batchRequested, .batchReleased, .batchPaused, .batchCompleted])

            try await house.run("b", 2, amount: 70)
            await house.sendBatches()
            for item in try await house.items("b") where item.state == .accepted {
                try await house.callback(item.id, says: ["verdict": "failed", "code": "1"])
            }
            try await told(in: house, [.batchPaused])
            let events = await house.ask("events.list", ["limit": 500]).data.arrayValue ?? []
            let paused = events.filter { $0["data"]?["item"] != nil }
            let batch = try await house.batch("b")
            #expect(paused.count == 1 && paused.first?["sequence"] == .integer(Int64(batch.version)))
            #expect(paused.first?["data"]?["items"] == 2 && paused.first?["data"]?["amount"] == .integer(batch.total))
            #expect(paused.first?["data"]?["made_by"]?.stringValue != nil)
        }
    }
}
