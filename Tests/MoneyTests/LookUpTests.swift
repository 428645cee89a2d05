import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `A look-up tool` {
    @Test func `of another plugin shows nothing of a transaction that this one has just shown`() async throws {
        try await House.with { (house) async throws in
            try house.registry.publish(FakePlugin.make(id: "stranger"))
            let record = try #require(await house.collect().record)
            try await house.callback(record, says: ["verdict": "succeeded", "receipt": "RAB12", "amount": 100])
            let id: JSON = ["id": .string(record.description)]

            #expect(await house.call("fake_stranger_collect_status", id).code == .notFound)
            #expect(await house.call("fake_collect_status", id).record == record)
            #expect(await house.call("fake_stranger_collect_status", id).code == .notFound)
        }
    }
}

struct `A transaction` {
    private func show(_ id: String, in house: House, as key: APIKeyText? = nil) async -> (id: String?, by: String?) {
        let shown = await house.ask("transactions.show", ["id": .string(id)], as: key?.text).data
        return (shown["transaction"]?["id"]?.stringValue, shown["found_by"]?.stringValue)
    }

    @Test func `is found by our id, M-Pesa's, its receipt in any case, and the key that it was asked for with`()
        async throws
    {
        try await House.with { (house) async throws in
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "ws_1"]])
            let record = try #require(await house.collect(key: "order-17").record)
            try await house.callback(record, says: ["verdict": "succeeded", "receipt": "RAB12", "amount": 100])

            let names = [
                (record.description, "id"), ("ws_1", "external_id"), ("rab12", "receipt"),
                ("order-17", "idempotency_key"),
            ]
            for (name, by) in names {
                let found = await show(name, in: house)
                #expect(found.id == record.description && found.by == by, "\(name)")
            }
        }
    }

    @Test func `is found by none of them in another organization, nor by a user who did not begin it`() async throws {
        try await House.with { (house) async throws in
            let theirs = try await house.neighbour()
            let mine = try await house.addKey(role: .user)
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "ws_1"]])
            let record = try #require(await house.collect(key: "order-17").record)
            try await house.callback(record, says: ["verdict": "succeeded", "receipt": "RAB12", "amount": 100])

            for name in [record.description, "ws_1", "RAB12", "order-17"] {
                for key in [theirs, mine] {
                    let found = await house.ask("transactions.show", ["id": .string(name)], as: key.text)
                    let unknown = await house.ask("transactions.show", ["id": "nothing"], as: key.text)
                    #expect(found.code == .notFound && found.error == unknown.error, "\(name)")
                }
            }
        }
    }

    @Test func `is not found by a key that another caller's call was given by the host`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            #expect(await show(record.description, in: house).by == "id")
            #expect(await show("call:", in: house).id == nil)
            #expect(await show("", in: house).id == nil)
        }
    }
}
