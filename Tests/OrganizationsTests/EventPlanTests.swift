import OrderedJSON
import Testing

@testable import Gateway

struct `What a plan says of events` {
    private static let plan: JSON = [
        "name": "trade", "tools": ["fake_collect"], "ceilings": ["webhooks_max": 2], "event_days": 400,
    ]

    @Test func `is kept as it was said, within bounds, and told of beforehand when it is less`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            try await bureau.openShop()
            let set = await bureau.ask("plans.set", Self.plan, as: boss.token)
            #expect(set.data["event_days"] == 400 && set.data["ceilings"]?["webhooks_max"] == 2)
            #expect(await bureau.ask("plans.show", ["name": "trade"], as: boss.token).data == set.data)
            for days in [30, 3_651] as [Int64] {
                var wrong = Self.plan.objectValue ?? JSONObject()
                wrong["event_days"] = .integer(days)
                #expect(await bureau.ask("plans.set", .object(wrong), as: boss.token).code == .invalidArgument)
            }

            for (member, wrong) in [("tools", ["Fake Collect"]), ("features", ["No!"])] as [(String, JSON)] {
                let plan: JSON = .object(["name": "trade", "tools": [], member: wrong])
                let refusal = await bureau.ask("plans.set", plan, as: boss.token).error?.message
                #expect(refusal?.contains("\(member)[0]: ") == true && refusal?.contains("^") == false)
            }

            let less: JSON = [
                "name": "trade", "tools": ["fake_collect"], "ceilings": ["webhooks_max": 1], "preview": true,
            ]
            let told = await bureau.ask("plans.set", less, as: boss.token).data["losses"]?[0]?["loses"]
            #expect(told?.arrayValue?.count == 2 && told?[0]?.stringValue?.hasPrefix("events for 400 days") == true)
            let plain = await bureau.ask("plans.set", ["name": "trade", "tools": []], as: boss.token)
            #expect(plain.data["event_days"] == nil && plain.data["ceilings"]?["webhooks_max"] == nil)
        }
    }

    @Test func `bounds its organizations' endpoints, in each environment`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            try await bureau.openShop()
            #expect(await bureau.ask("plans.set", Self.plan, as: boss.token).code == nil)
            let integrator = try await Integrator(bureau)
            for number in 1...2 { _ = try await integrator.make("https://example.com/\(number)") }
            let more: JSON = ["url": "https://example.com"]
            #expect(await integrator.ask("webhooks.create", more).code == .limitExceeded)
            // What one organization has of its own counts more than its plan.
            let own: JSON = ["org_id": .string(bureau.shop.id.description), "ceilings": ["webhooks_max": 3]]
            #expect(await bureau.ask("organizations.update", own, as: boss.token).code == nil)
            #expect(await integrator.ask("webhooks.create", more).code == nil)
            #expect(await integrator.ask("webhooks.create", more).code == .limitExceeded)
        }
    }

    @Test func `and of all else that is left out shows in the preview of a change`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            var plan = Self.plan.objectValue ?? JSONObject()
            plan["price"] = ["month_cents": 500_000]
            #expect(await bureau.ask("plans.set", .object(plan), as: boss.token).code == nil)
            plan["preview"] = true
            #expect(await bureau.ask("plans.set", .object(plan), as: boss.token).data["changes"] == [])

            let less: JSON = ["name": "trade", "tools": ["fake_collect"], "preview": true]
            let changes = await bureau.ask("plans.set", less, as: boss.token).data["changes"]?.arrayValue ?? []
            #expect(changes.map { $0["member"] } == ["ceilings", "event_days", "price"], "\(changes)")
            #expect(changes.last?["was"]?["month_cents"] == 500_000 && changes.last?["becomes"]?["month_cents"] == 0)
            #expect(changes.dropFirst().first?["becomes"] == .null)
        }
    }

    @Test func `names what gives it no tool, as a word that was mistyped does`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            try await bureau.openShop()
            let named = { (tools: JSON) async -> String? in
                await bureau.ask("plans.set", ["name": "other", "tools": tools], as: boss.token).message
            }
            #expect(await named(["fake_collect"]) == "The plan was set.")
            let note = await named(["fake_colect", "gone_*", "fake_collect"])
            #expect(note?.contains(" by fake_colect, gone_* now") == true, "\(note ?? "")")
        }
    }
}
