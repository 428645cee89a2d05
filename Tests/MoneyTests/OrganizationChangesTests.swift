import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `An operator's change of an organization` {
    @Test func `is felt by the next visit, and by no cache later`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            _ = try #require(await house.pay().record)
            house.clock.advance(.seconds(31 * 60))
            // What the organization is has just been remembered.
            _ = try await house.gateway.directory.membership(of: house.organization)

            _ = try await house.changes.set([.resendsNotFound: true], of: "shop", by: house.operator)
            try await house.tellNotFound()
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `is felt when it is switched off again`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            _ = try #require(await house.pay().record)
            house.clock.advance(.seconds(31 * 60))
            _ = try await house.changes.set([.resendsNotFound: true], of: "shop", by: house.operator)
            _ = try await house.gateway.directory.membership(of: house.organization)

            let shown = try await house.changes.set([.resendsNotFound: false], of: "shop", by: house.operator)
            try await house.tellNotFound()

            #expect(shown["resends_not_found"] == false)
            #expect(house.upstream.count("pay") == 1)
        }
    }

    @Test func `leaves the rest of the organization as it is, and stands in its audit`() async throws {
        try await House.with { (house) async throws in
            _ = try await house.store.change(house.organization) { $0.requiresIdempotencyKey = true }

            _ = try await house.changes.set([.resendsNotFound: true], of: "shop", by: house.operator)

            let organization = try #require(try await house.store.organization(house.organization))
            #expect(organization.requiresIdempotencyKey && organization.resendsNotFound)
            let lines = try await house.store.records(organization: house.organization, before: nil, limit: 2)
            #expect(lines.map(\.outcome) == [.success, .begun])
            #expect(lines.allSatisfy { $0.subject == "operator" && $0.action == "ORGANIZATION_CHANGED" })
            #expect(lines.first?.detail == #"{"resends_not_found":{"from":false,"to":true}}"#)
        }
    }

    @Test func `of one that does not exist changes nothing`() async throws {
        try await House.with { (house) async throws in
            await #expect(throws: GatewayError.self) {
                _ = try await house.changes.set([.resendsNotFound: true], of: "nobody", by: house.operator)
            }
            #expect(try await house.store.organization(house.organization)?.resendsNotFound == false)
        }
    }
}

extension House {
    fileprivate var changes: OrganizationChanges {
        gateway.organizationChanges
    }

    fileprivate var `operator`: Accounts.Caller {
        Accounts.Caller(call: CallID(clock.entropy.identifier()), address: nil)
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
