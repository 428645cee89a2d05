import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A payment's life` {
    @Test func `goes from the call to the callback`() async throws {
        try await House.with { (house) async throws in
            let reply = await house.collect(key: "k1")
            let record = try await house.record(reply)
            #expect(record.state == .accepted)

            try await house.callback(
                record.id,
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )
            let again = await house.collect(key: "k1")

            #expect(try await house.record(record.id).state == .succeeded)
            #expect(again.isReplayed && again.shown["status"] == "SUCCESS")
            #expect(house.upstream.count("collect") == 1)
        }
    }
}

struct `A call that was admitted before its organization was closed` {
    @Test func `sends nothing once that is being erased`() async throws {
        try await House.with { (house) async throws in
            #expect(try await house.store.closeForErasing(house.organization))

            let reply = await house.collect()

            #expect(reply.code == .organizationSuspended && reply.record == nil)
            #expect(house.upstream.sent.isEmpty)
        }
    }
}
