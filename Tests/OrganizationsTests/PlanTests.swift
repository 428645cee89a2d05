import GatewayTesting
import OrderedJSON
import Organizations
import Testing

@testable import Gateway

struct `A plan's features` {
    @Test func `are read by its organizations, and a plan that is set without them has all there are`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            try await bureau.openShop()
            let plan: JSON = ["name": "trade", "tools": ["fake_collect"], "features": ["reports", "batches"]]

            let set = await bureau.ask("plans.set", plan, as: boss.token)

            #expect(set.data["features"] == ["batches", "reports"], "\(String(describing: set.error))")
            #expect(await bureau.ask("organization.show", as: admin.token).data["features"] == ["batches", "reports"])
            let wrong: JSON = ["name": "trade", "tools": [], "features": ["No\u{200B}"]]
            #expect(await bureau.ask("plans.set", wrong, as: boss.token).code == .invalidArgument)
            _ = await bureau.ask("plans.set", ["name": "trade", "tools": []], as: boss.token)
            #expect(await bureau.ask("organization.show", as: admin.token).data["features"] == Self.all)
        }
    }

    private static let all: JSON = .array(Feature.allCases.map { .string($0.rawValue) })

    @Test func `are refused by name where a plan does not have them, and absent from what its callers see`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            try await bureau.openShop()
            let second: JSON = ["account": "till", "environment": "test", "business_short_code": "600111"]
            let asked: [(Feature, String, JSON)] = [
                (.reports, "usage.statistics", [:]), (.reports, "audit.activity_summary", [:]),
                (.auditExport, "audit.export", [:]), (.auditExport, "audit.heads", [:]),
                (.accounts, "accounts.create", second),
            ]
            var plan = Bureau.tradePlan()
            plan.features = ["batches"]
            try await bureau.setPlan(plan)

            for (feature, action, arguments) in asked {
                let reply = await bureau.ask(action, arguments, as: admin.token)
                #expect(reply.code == .permissionDenied, "\(action)")
                #expect(reply.error?.message.contains("the feature \(feature.rawValue)") == true, "\(action)")
            }
            let principal = try await bureau.principal(admin.token)
            let poor = bureau.pipeline.view(
                of: bureau.actions,
                for: principal,
                try await bureau.gateway.directory.membership(of: bureau.shop.id)
            )
            #expect(!poor.actions.contains { $0.rules.feature != nil })
            plan.features = nil
            try await bureau.setPlan(plan)
            for (_, action, arguments) in asked {
                #expect(await bureau.ask(action, arguments, as: admin.token).code == nil, "\(action)")
            }
            let rich = bureau.pipeline.view(
                of: bureau.actions,
                for: principal,
                try await bureau.gateway.directory.membership(of: bureau.shop.id)
            )
            #expect(rich.actions.count { $0.rules.feature != nil } == 9)
        }
    }

    @Test func `are named by the preview of a change that takes them away`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            try await bureau.openShop()
            let less: JSON = [
                "name": "trade", "tools": ["fake_*", "fake_collect", "fake_pay"],
                "features": ["accounts", "audit_export", "exports"], "preview": true,
            ]

            let told = await bureau.ask("plans.set", less, as: boss.token)

            #expect(told.data["losses"] == [["slug": "shop", "loses": ["the feature reports"]]])
        }
    }

    @Test func `say whether tools may make files`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            try await bureau.openShop()
            var grants = Catalogue.Needs()
            grants.services = ["exports"]
            let request = ServiceRequest(
                service: "export.open",
                body: ["name": "a.csv", "mime_type": "text/csv"],
                plugin: "fake",
                grants: grants,
                principal: try await bureau.principal(admin.token)
            )
            #expect(try await bureau.gateway.services.answer(request)["export"] != nil)
            var plan = Bureau.tradePlan()
            plan.features = ["reports"]
            try await bureau.setPlan(plan)

            await #expect(throws: Feature.exports.missing) { _ = try await bureau.gateway.services.answer(request) }
        }
    }
}

struct `A month's quota` {
    @Test func `of money is exact, and at 80 and 100 per cent leaves a line each once`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["money": 10])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            let replies = await withTaskGroup(of: GatewayError?.self) { group in
                for amount in 1...14 { group.addTask { await bureau.collect(Int64(amount), as: key.text).error } }
                return await group.reduce(into: [GatewayError?]()) { $0.append($1) }
            }

            let spent = replies.compactMap { $0 }
            #expect(spent.count == 4 && spent.allSatisfy { $0.code == .rateLimited && $0.retryAfter != nil })
            #expect(await bureau.ask("transactions.list", as: key.text).data.arrayValue?.count == 10)
            let notes = try await bureau.audit(bureau.shop).filter { $0.action == "QUOTA_REACHED" }
            #expect(notes.count == 2)
            #expect(notes.contains { ($0.detail ?? "").contains("\"percent\":80") })
            // What repeats a payment is no other payment.
            #expect(await bureau.collect(100, as: key.text).code == .rateLimited)
            bureau.clock.advance(.seconds(31 * 86_400))
            let next = try await bureau.logIn(admin.user)
            let fresh = try await bureau.makeKey(by: next)
            #expect(await bureau.collect(100, as: fresh.text).code == nil)
        }
    }

    @Test func `of money gives back what never left, each once`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["money": 2])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            bureau.upstream.answer { _ in .notSent("M-Pesa cannot be reached") }
            for amount in 1...5 {
                #expect(await bureau.collect(Int64(amount), as: key.text).code == .upstreamUnavailable)
            }

            bureau.upstream.accept()
            for amount in 6...7 { #expect(await bureau.collect(Int64(amount), as: key.text).code == nil) }

            #expect(await bureau.collect(8, as: key.text).code == .rateLimited)
            let month = Month(of: bureau.clock.now)
            #expect(try await bureau.store.used(of: bureau.shop.id, in: month) == ["money": 2])
        }
    }

    @Test func `of reads is taken in blocks, goes on after a restart, and is told`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["read": 5])))
            let manager = try await bureau.person("manager", .manager, of: bureau.shop)

            var left: [Int] = []
            for _ in 0..<3 {
                let call = await bureau.call("fake_ask", as: manager.token)
                if let quota = call.rate { left.append(quota.remaining) }
            }
            #expect(left == [4, 3, 2])
            await bureau.quotas.giveBack(all: true)
            let other = Quotas(repository: bureau.store, entropy: bureau.clock.entropy, logger: .quiet)
            let membership = DirectoryCache.Membership(
                organization: bureau.shop,
                plan: Bureau.tradePlan(Ceilings(quotas: ["read": 5]))
            )
            #expect(try await other.states(of: membership).map(\.used) == [3])
            for _ in 0..<2 { #expect(await bureau.call("fake_ask", as: manager.token).code == nil) }
            #expect(await bureau.call("fake_ask", as: manager.token).code == .rateLimited)
            // What became of one's money is seen all the same.
            #expect(await bureau.ask("transactions.list", as: manager.token).code == nil)
        }
    }

    @Test func `of administration counts what is begun, and never keeps a key from being revoked`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["administration": 2])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            _ = try await bureau.makeKey(by: admin)

            let third = await bureau.ask("keys.create", ["name": "x", "environment": "test"], as: admin.token)

            #expect(third.code == .rateLimited)
            #expect(await bureau.ask("keys.revoke", ["id": key.id], as: admin.token).code == nil)
            #expect(await bureau.ask("keys.list", as: admin.token).data.arrayValue?.count == 2)
        }
    }
}

struct `A change that is refused in its work` {
    @Test func `gives back what it took of the month's administration`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["administration": 1])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let nobody: JSON = ["id": "nobody", "role": "manager"]
            let month = Month(of: bureau.clock.now)

            for _ in 0..<3 { #expect(await bureau.ask("users.update", nobody, as: admin.token).code == .notFound) }

            #expect(try await bureau.store.used(of: bureau.shop.id, in: month) == ["administration": 0])
            _ = try await bureau.makeKey(by: admin)
            #expect(try await bureau.store.used(of: bureau.shop.id, in: month) == ["administration": 1])
            #expect(await bureau.ask("users.update", nobody, as: admin.token).code == .rateLimited)
        }
    }
}

struct `A change of a plan` {
    @Test func `says beforehand who would lose what, and changes nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for _ in 0..<3 { _ = try await bureau.makeKey(by: admin) }
            let plan: JSON = [
                "name": "trade", "tools": ["fake_*", "fake_collect"],
                "organization_limits": [
                    "money": [
                        "units": 1, "per_seconds": 60, "besides": [["units": 9, "per_seconds": 86_400, "burst": 9]],
                    ]
                ],
                "ceilings": ["quotas": ["money": 100], "amounts": ["in": 70], "keys_max": 1], "preview": true,
            ]

            let preview = await bureau.ask("plans.set", plan, as: boss.token)

            let losses = try #require(preview.data["losses"]?.arrayValue)
            #expect(preview.data["organizations"] == 1 && losses.first?["slug"] == "shop")
            let lost = (losses.first?["loses"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(lost.count == 6 && lost.contains("the tool fake_pay"), "\(lost)")
            #expect(lost.contains { $0.hasPrefix("the organization: any number of money calls, for 9 in ") }, "\(lost)")
            #expect(try await bureau.store.plan("trade") == Bureau.tradePlan())
            let move = await bureau.ask(
                "organizations.update",
                ["org_id": .string(bureau.shop.id.description), "plan": "standard", "preview": true],
                as: boss.token
            )
            #expect(move.data["losses"]?[0]?["loses"]?.arrayValue?.isEmpty == false)
            #expect(try await bureau.store.organization(bureau.shop.id)?.plan == "trade")
        }
    }

    @Test func `keeps limits of several periods, of which none has others beside it`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let day: JSON = ["units": 9, "per_seconds": 86_400, "burst": 9]
            func set(_ besides: JSON) async -> JSON {
                let read: JSON = ["units": 2, "per_seconds": 1, "burst": 2, "besides": besides]
                let plan: JSON = ["name": "paced", "tools": [], "organization_limits": ["read": read]]
                return await bureau.ask("plans.set", plan, as: boss.token).data["organization_limits"] ?? .null
            }

            #expect(await set([["units": 1, "per_seconds": 9, "besides": []]]) == .null)
            #expect(await set([day, day, day]) == .null)
            #expect(await set([day])["read"]?["besides"] == [day])
            let shown = await bureau.ask("plans.show", ["name": "paced"], as: boss.token)
            #expect(shown.data["organization_limits"]?["read"]?["besides"] == [day])
        }
    }

    @Test func `is made of what was seen, and felt by another process within two seconds`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let manager = try await bureau.person("manager", .manager, of: bureau.shop)
            #expect(await bureau.call("fake_ask", as: manager.token).code == nil)
            var plan = Bureau.tradePlan()
            plan.tools = ["fake_collect"]

            let changed = try await bureau.store.set(plan, from: 1)

            #expect(changed.version == 2)
            bureau.clock.advance(.seconds(2))
            #expect(await bureau.call("fake_ask", as: manager.token).code == .notFound)
            let stale: JSON = ["name": "trade", "tools": ["fake_*"], "version": 1]
            #expect(await bureau.ask("plans.set", stale, as: boss.token).code == .staleVersion)
            let fresh: JSON = ["name": "trade", "tools": ["fake_*"], "version": 2]
            #expect(await bureau.ask("plans.set", fresh, as: boss.token).data["version"] == 3)
            let told = try await bureau.store.feed(lane: FeedReader.lane, after: 0, limit: 10).map(\.event)
            #expect(told.map(\.kind) == [.planChanged] && told.first?.organization == bureau.shop.id)
        }
    }

    @Test func `never gives a tool of money by a wildcard`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let manager = try await bureau.person("manager", .manager, of: bureau.shop)
            for tools: JSON in [["*"], ["fake_*"], ["fake_collec*"]] {
                #expect(await bureau.ask("plans.set", ["name": "trade", "tools": tools], as: boss.token).code == nil)
                #expect(await bureau.collect(100, as: manager.token).code == .notFound, "\(tools.text)")
            }
        }
    }

    @Test func `that takes it away waits until nobody is on it`() async throws {
        try await Bureau.with { (bureau) async throws in
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            #expect(await bureau.ask("plans.delete", ["name": "standard"], as: boss.token).code == .conflict)
            #expect(await bureau.ask("plans.delete", ["name": "host"], as: boss.token).code == .conflict)
            _ = await bureau.ask("plans.set", ["name": "gold", "tools": []], as: boss.token)
            let names = { () async in
                await bureau.ask("plans.list", as: boss.token).data.arrayValue?.compactMap { $0["name"]?.stringValue }
            }
            #expect(await names() == ["gold", "host", "standard"])
            #expect(await bureau.ask("plans.delete", ["name": "gold"], as: boss.token).code == nil)
            #expect(await names() == ["host", "standard"])
            #expect(await bureau.ask("plans.delete", ["name": "gold"], as: boss.token).code == .notFound)
        }
    }
}

struct `What a plan has room for` {
    @Test func `keep people and keys within the plan, or within what the organization has instead`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(usersMax: 2, keysMax: 1)))
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let user = { (name: String) -> JSON in
                ["username": .string(name), "email": .string(name + "@x.example")]
            }
            #expect(await bureau.ask("users.create", user("one"), as: admin.token).code == nil)
            #expect(await bureau.ask("users.create", user("two"), as: admin.token).code == .limitExceeded)
            let same: JSON = ["id": admin.id, "is_active": true]
            #expect(await bureau.ask("users.update", same, as: admin.token).code == nil)
            _ = try await bureau.makeKey(by: admin)
            #expect(
                await bureau.ask("keys.create", ["name": "b", "environment": "test"], as: admin.token).code
                    == .limitExceeded
            )
            let wider = await bureau.ask(
                "organizations.update",
                ["org_id": .string(bureau.shop.id.description), "ceilings": ["users_max": 3]],
                as: boss.token
            )
            #expect(wider.data["ceilings"]?["users_max"] == 3)
            #expect(await bureau.ask("users.create", user("two"), as: admin.token).code == nil)
        }
    }

    @Test func `lets so many calls run at once, and shows and previews how many`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(callsMax: 2)))
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            let manager = try await bureau.person("manager", .manager, of: bureau.shop)
            let call = CallID(bureau.clock.entropy.identifier())
            let entry = bureau.registry.snapshot.entry("fake_pay", organization: bureau.shop.id, call: call)
            let tool = try #require(entry).tool
            let enter = {
                try bureau.pipeline.concurrency.enter(tool, organization: bureau.shop.id, Ceilings(callsMax: 2))
            }
            let place = try #require(try enter())
            #expect(await bureau.collect(100, as: manager.token).code == nil)
            _ = try enter()

            #expect(await bureau.collect(101, as: manager.token).code == .rateLimited)
            bureau.pipeline.concurrency.leave(place)
            // A call gives its place back, whatever became of it.
            for amount in 101...105 { #expect(await bureau.collect(Int64(amount), as: manager.token).code == nil) }

            let plan = await bureau.ask("plans.show", ["name": "trade"], as: boss.token).data
            #expect(plan["ceilings"]?["calls_max"] == 2)
            let less: JSON = [
                "name": "trade", "tools": plan["tools"] ?? [], "ceilings": ["calls_max": 1], "preview": true,
            ]
            let losses = await bureau.ask("plans.set", less, as: boss.token).data.text
            #expect(losses.contains("calls at once above 1"), "\(losses)")
        }
    }

    @Test func `leave an organization's own switch of a tool to it alone`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let off = await bureau.ask("organization.update", ["disabled_tools": ["fake_pay"]], as: admin.token)
            #expect(off.data["disabled_tools"] == ["fake_pay"])
            let pay: JSON = ["phone": "254711000001", "amount": 5]
            #expect(await bureau.call("fake_pay", pay, as: admin.token).error == Authorize.noSuchTool("fake_pay"))
            let version = try #require(off.data["version"])
            let stale: JSON = ["disabled_tools": [], "version": 1]
            #expect(await bureau.ask("organization.update", stale, as: admin.token).code == .staleVersion)
            let on: JSON = ["disabled_tools": [], "version": version]
            #expect(await bureau.ask("organization.update", on, as: admin.token).code == nil)
            #expect(await bureau.call("fake_pay", pay, as: admin.token).code == nil)
        }
    }
}
