import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `The role user` {
    @Test func `sees by a look-up tool what it asked for itself, and another's as if it were not there`() async throws {
        try await House.with { (house) async throws in
            let own = try await house.addKey(role: .user)
            let foreign = try #require(await house.collect().record)
            try await house.callback(foreign, says: ["verdict": "failed", "code": "1"])
            // Somebody who may see it has just done so.
            #expect(await house.status(foreign, as: house.key).code == nil)

            let refused = await house.status(foreign, as: own)
            let nobodys = await house.status(RecordID(house.clock.entropy.identifier()), as: own)

            #expect(refused.code == .notFound && refused.result == nobodys.result)
            #expect(await house.status(foreign, as: house.key).code == nil)
        }
    }

    @Test func `asks M-Pesa nothing about what is another's`() async throws {
        try await House.with { (house) async throws in
            let own = try await house.addKey(role: .user)
            let foreign = try #require(await house.collect().record)
            house.clock.advance(.seconds(60))

            _ = await house.status(foreign, as: own)
            #expect(house.upstream.count("collect_query") == 0)
            _ = await house.status(foreign, as: house.key)

            #expect(house.upstream.count("collect_query") == 1)
        }
    }

    @Test func `is shown nothing of a colleague's call whose key it repeats, and pays nothing`() async throws {
        try await House.with { (house) async throws in
            let own = try await house.addKey(role: .user)
            let arguments: JSON = ["phone": "254711000001", "amount": 100]
            let paid = try await house.record(await house.call("fake_pay", arguments, as: house.key, key: "march"))

            let same = await house.call("fake_pay", arguments, as: own, key: "march")
            let other = await house.call("fake_pay", ["phone": "254711000001", "amount": 7], as: own, key: "march")

            #expect(same.code == .conflict && other.code == .idempotencyKeyReused)
            for reply in [same, other] { #expect(reply.record == nil && !reply.isReplayed) }
            #expect(house.upstream.count("pay") == 1)
            #expect(try await house.store.records(matching: RecordFilter(limit: 9), of: house).map(\.id) == [paid.id])
        }
    }

    @Test func `is shown its own call again by its key`() async throws {
        try await House.with { (house) async throws in
            let own = try await house.addKey(role: .user)
            let arguments: JSON = ["phone": "254711000001", "amount": 100]
            let first = await house.call("fake_pay", arguments, as: own, key: "march")
            let again = await house.call("fake_pay", arguments, as: own, key: "march")

            #expect(again.isReplayed && again.record == first.record && first.record != nil)
            let above = await house.call("fake_pay", arguments, as: house.key, key: "march")
            #expect(above.isReplayed && above.record == first.record)
        }
    }

    @Test func `is not told by its id whose open call stands in the way`() async throws {
        try await House.with { (house) async throws in
            let own = try await house.addKey(role: .user)
            let first = await house.collect(key: "one")
            let arguments: JSON = ["phone": "254711000001", "amount": 100]

            let met = await house.call("fake_collect", arguments, as: own, key: "two")
            let seen = await house.call("fake_collect", arguments, as: house.key, key: "three")

            #expect(met.code == .conflict && met.record == nil)
            #expect(seen.code == .conflict && seen.record == first.record)
        }
    }

    @Test func `sees its own, and so does everybody above it`() async throws {
        let (organization, id) = (OrganizationID(Identifier(high: 1, low: 1)), APIKeyID(Identifier(high: 1, low: 2)))
        func principal(_ role: Role, _ id: APIKeyID) -> Principal {
            Principal(
                organization: organization,
                subject: .apiKey(id),
                name: "k",
                role: role,
                scopes: nil,
                environment: .test
            )
        }
        try await House.with { (house) async throws in
            let record = try await house.record(await house.collect())
            let other = APIKeyID(Identifier(high: 1, low: 3))

            #expect(principal(.user, house.key.id).sees(record))
            #expect(!principal(.user, other).sees(record))
            #expect(principal(.manager, id).sees(record) && principal(.orgAdmin, id).sees(record))
        }
    }
}

struct `Whoever shows no credential` {
    @Test func `is told of the tools that every plan has, as soon as a plan is made or changed`() async throws {
        try await House.with { (house) async throws in
            let all = Set(house.registry.snapshot.sorted.map(\.tool.name))
            let names: @Sendable () async -> Set<String> = {
                Set(await house.gateway.commonTools.view().tools.map(\.tool.name))
            }
            #expect(await names() == all && all.contains("fake_pay"))

            try await house.store.save(house.plan("few", ["fake_*"]))
            house.gateway.configuration.forget()
            let few = await names()
            // What a wildcard never grants, not every plan has.
            #expect(few.contains("fake_collect_status") && few.isSubset(of: all) && !few.contains("fake_pay"))

            try await house.store.save(house.plan(Organization.hostSlug, []))
            house.gateway.configuration.forget()
            #expect(await names() == few)
            try await house.store.save(house.plan("none", []))
            house.gateway.configuration.forget()
            #expect(await names().isEmpty)
            _ = try await house.store.removePlan("none")
            house.gateway.configuration.forget()
            #expect(await names() == few)

            // Where only whoever runs the gateway has a plan, nobody has a tool.
            _ = try await house.store.change(house.organization) { $0.plan = Organization.hostSlug }
            for name in ["few", "all"] { #expect(try await house.store.removePlan(name)) }
            house.gateway.configuration.forget()
            #expect(await names().isEmpty)
        }
    }

    @Test func `is told the same while nothing changes, and while the store is away`() async throws {
        try await House.with { (house) async throws in
            let first = await house.gateway.commonTools.view()
            #expect(await house.gateway.commonTools.view() === first)
            // Another plan that has all is no reason to make a document anew.
            try await house.store.save(house.plan("more", ["**"]))
            house.gateway.configuration.forget()
            #expect(await house.gateway.commonTools.view() === first)

            let next = house.another()
            house.store.shutdown()
            house.clock.advance(.seconds(60))
            #expect(await house.gateway.commonTools.view() === first)
            #expect(await next.commonTools.view().tools.isEmpty)
        }
    }
}

extension House {
    fileprivate func plan(_ name: String, _ tools: [String]) -> Plan {
        Plan(name: name, tools: tools, organizationLimits: [:], principalLimits: [:])
    }

    fileprivate func status(_ record: RecordID, as key: APIKeyText) async -> ToolReply {
        await call("fake_collect_status", ["id": .string(record.description)], as: key)
    }
}
