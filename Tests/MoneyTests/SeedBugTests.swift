import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A payment` {
    @Test func `is durable before anything of it is sent, so that its callback finds it (seed's bug 2)`() async throws {
        try await House.with { (house) async throws in
            let found = Kept<[RecordState]>([])
            house.upstream.answer { request in
                let sent = try? await house.store.records(in: .sending, limit: 10)
                found.value = (sent ?? []).map(\.state)
                return .answered(status: 200, body: House.accepted.bytes)
            }
            #expect(await house.collect().code == nil)
            #expect(found.value == [.sending])
        }
    }

    @Test func `is the same one when it is asked for again with its key (seed's bug 10)`() async throws {
        try await House.with { (house) async throws in
            let first = await house.pay(key: "k")
            let again = await house.pay(key: "k")
            #expect(first.record != nil && again.record == first.record && again.isReplayed)
            #expect(house.upstream.count("pay") == 1)
        }
    }
}

struct `A callback's address` {
    @Test func `is known by its token alone, and another's says nothing (seed's bug 5)`() async throws {
        try await House.with { (house) async throws in
            let paid = try await house.record(await house.pay(key: "k"))
            let address = house.addresses.address(for: house.place(of: paid.id))
            let parts = address.split(separator: "/").suffix(2)
            let (organization, token) = (try #require(parts.first), try #require(parts.last))
            #expect(house.addresses.target(organization: organization, token: token)?.record == paid.id)

            let whole = String(token)
            let forged = [
                String(whole.dropLast()) + (whole.last == "0" ? "1" : "0"), paid.id.description,
                String(whole.dropLast()), "",
            ]
            for text in forged {
                #expect(house.addresses.target(organization: organization, token: Substring(text)) == nil)
            }
            let other = Substring(OrganizationID(house.clock.entropy.identifier()).description)
            #expect(house.addresses.target(organization: other, token: token) == nil)
        }
    }

    @Test func `has no word in it that Safaricom refuses (seed's bug 17)`() async throws {
        try await House.with { (house) async throws in
            let paid = RecordID(house.clock.entropy.identifier())
            let address = house.addresses.address(for: house.place(of: paid)).lowercased()
            for word in ["mpesa", "m-pesa", "safaricom"] { #expect(!address.contains(word)) }
        }
    }
}
