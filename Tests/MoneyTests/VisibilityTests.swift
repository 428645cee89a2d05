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

extension House {
    fileprivate func status(_ record: RecordID, as key: APIKeyText) async -> ToolReply {
        await call("fake_collect_status", ["id": .string(record.description)], as: key)
    }
}
