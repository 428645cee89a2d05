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

struct `An item that M-Pesa does not know` {
    /// What is done with its batch before M-Pesa says so.
    enum Deed: CaseIterable {
        case nothing
        case pause
        case cancel
    }

    @Test(arguments: Deed.allCases) func `is sent again while its batch runs, and not otherwise`(deed: Deed)
        async throws
    {
        try await House.forBatches { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            try await house.run("b", 1)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 1)
            try await house.resends(true)
            house.clock.advance(.seconds(31 * 60))
            let (batches, who) = (house.gateway.batches, try await house.releaser())
            switch deed {
            case .nothing: break
            case .pause: _ = try await batches.pause("b", by: who, because: "A look.")
            case .cancel: _ = try await batches.cancel("b", by: who, because: "A wrong list.")
            }
            await house.gateway.batchRunner.sendDue()

            try await house.tellNotFound()

            #expect(house.upstream.count("pay") == (deed == .nothing ? 2 : 1))
            let item = try #require(try await house.items("b").first)
            #expect(item.state == (deed == .nothing ? .accepted : .reconciling))
            let said = try await house.store.events(of: item.id, organization: house.organization, limit: 20)
                .compactMap(\.meaning)
            #expect(deed == .nothing || said.contains { $0.hasPrefix("Not sent again: its batch b is") }, "\(said)")
        }
    }
}

extension `An item that M-Pesa does not know` {
    @Test func `is not sent again where its batch is paused while that is made ready`() async throws {
        try await House.forBatches { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            try await house.run("b", 1)
            await house.sendBatches()
            try await house.resends(true)
            house.clock.advance(.seconds(31 * 60))
            let who = try await house.releaser()
            let question = try await house.asked()
            house.upstream.whenPrepared {
                _ = try? await house.gateway.batches.pause("b", by: who, because: "A look.")
            }
            try await house.callback(question.id, says: ["verdict": "not_found", "code": "nf"])
            for _ in 1...3 {
                await house.gateway.sweeper.sweep()
                house.clock.advance(.seconds(6))
            }

            #expect(try await house.batch("b").state == .paused && house.upstream.count("pay") == 1)
            #expect(try await house.items("b").map(\.state) == [.reconciling])
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
        let question = try await asked()
        try await callback(question.id, says: ["verdict": "not_found", "code": "nf"])
        await gateway.sweeper.sweep()
    }

    /// The question that M-Pesa is asked about what is due.
    fileprivate func asked() async throws -> Record {
        upstream.answer(with: ["verdict": "accepted"])
        await gateway.sweeper.sweep()
        return try await newest("pay_query")
    }
}
