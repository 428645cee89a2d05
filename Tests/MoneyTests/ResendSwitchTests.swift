import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `An organization's switch for payouts that M-Pesa does not know` {
    @Test func `is felt by the next visit, and by no cache later`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            _ = try #require(await house.pay().record)
            house.clock.advance(.seconds(31 * 60))
            // What the organization is has just been remembered.
            _ = try await house.gateway.directory.membership(of: house.organization)

            try await house.resends(true)
            try await house.tellNotFound()

            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `is felt when it is switched off again`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            _ = try #require(await house.pay().record)
            house.clock.advance(.seconds(31 * 60))
            try await house.resends(true)
            _ = try await house.gateway.directory.membership(of: house.organization)

            try await house.resends(false)
            try await house.tellNotFound()

            #expect(house.upstream.count("pay") == 1)
        }
    }
}

extension House {
    /// Does what `organization.update` does once it is allowed.
    fileprivate func resends(_ isOn: Bool) async throws {
        _ = try await store.change(organization) { $0.resendsNotFound = isOn }
        gateway.directory.forget()
    }

    /// M-Pesa is asked about what is due, and says that it knows no such payout.
    fileprivate func tellNotFound() async throws {
        upstream.answer(with: ["verdict": "accepted"])
        await gateway.sweeper.sweep()
        let question = try await newest("pay_query")
        try await callback(question.id, says: ["verdict": "not_found", "code": "nf"])
        await gateway.sweeper.sweep()
    }
}
