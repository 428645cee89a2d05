import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `A limit of an organization` {
    private static let out: Set<OperationDirection> = [.outgoing]

    private func desk(in house: House, _ limits: [MoneyLimit], rules: [ApprovalRule] = []) async throws -> ApprovalDesk
    {
        let desk = try await ApprovalDesk(in: house, rules: rules)
        _ = try await house.store.change(house.organization) { $0.approvals.limits = limits }
        desk.forget()
        return desk
    }

    @Test func `refuses at once what may not be made now, whatever else was`() async throws {
        try await House.with { (house) async throws in
            let limits = [
                MoneyLimit(directions: Self.out, callMax: 500),
                MoneyLimit(directions: Self.out, receivers: ["254711000001", "254711000002"]),
            ]
            let desk = try await desk(in: house, limits)

            #expect(await desk.pay("254711000001", amount: 501).code == .limitExceeded)
            #expect(await desk.pay("254711000003").code == .limitExceeded)
            #expect(await desk.pay("254711000001", amount: 500).code == nil)
            #expect(await desk.pay("254711000003", amount: 900, tool: "fake_collect").code == nil)
            #expect(house.upstream.sent.count == 2)
        }
    }

    @Test func `holds in its hours of Nairobi`() async throws {
        try await House.with { (house) async throws in
            let hour = Int((house.clock.now.milliseconds / 3_600_000 + 3) % 24)
            let inside = try await desk(in: house, [MoneyLimit(hours: hour..<hour + 1)])
            #expect(await inside.pay("254711000001").code == nil)
            let outside = hour == 23 ? 0..<23 : hour + 1..<24
            _ = try await house.store.change(house.organization) { $0.approvals.limits = [MoneyLimit(hours: outside)] }
            inside.forget()
            #expect(await inside.pay("254711000002").code == .limitExceeded)
        }
    }

    @Test func `counts what adds up over a day, exactly, and of everybody together`() async throws {
        try await House.with { (house) async throws in
            let desk = try await desk(in: house, [MoneyLimit(directions: Self.out, dayMax: 250, dayCount: 3)])
            let replies = await withTaskGroup(of: GatewayError.Code?.self) { group in
                for number in 1...6 { group.addTask { await desk.pay("25471100000\(number)").code } }
                return await group.reduce(into: []) { $0.append($1) }
            }

            #expect(replies.count { $0 == nil } == 2 && replies.count { $0 == .limitExceeded } == 4)
            #expect(await desk.pay("254711000009", amount: 50).code == nil)
            #expect(await desk.pay("254711000008", amount: 1).code == .limitExceeded)
            #expect(house.upstream.count("pay") == 3)
            house.clock.advance(.seconds(86_400))
            #expect(await desk.pay("254711000007").code == nil)
        }
    }

    @Test func `counts each receiver apart, and one key's calls alone`() async throws {
        try await House.with { (house) async throws in
            let key = try await house.addKey()
            let limits = [
                MoneyLimit(directions: Self.out, isPerReceiver: true, dayCount: 1),
                MoneyLimit(subject: "key:\(key.id)", dayMax: 100),
            ]
            let desk = try await desk(in: house, limits)

            #expect(await desk.pay("254711000001").code == nil)
            #expect(await desk.pay("254711000001", amount: 30).code == .limitExceeded)
            #expect(await desk.pay("254711000002", as: key.text).code == nil)
            #expect(await desk.pay("254711000003", amount: 1, as: key.text).code == .limitExceeded)
            #expect(await desk.pay("254711000003").code == nil)
        }
    }

    @Test func `of a person counts what their keys do`() async throws {
        try await House.with { (house) async throws in
            let (maker, token) = try await house.addPerson("otieno", role: .manager, hasSecondFactor: true)
            let key = try await house.addKey(ownedBy: maker.id)
            let limit = MoneyLimit(directions: Self.out, subject: "user:\(maker.id)", dayMax: 250)
            let desk = try await desk(in: house, [limit])

            #expect(await desk.pay("254711000001", as: key.text).code == nil)
            #expect(await desk.pay("254711000002", as: token).code == nil)
            #expect(await desk.pay("254711000003", as: key.text).code == .limitExceeded)
            #expect(await desk.pay("254711000004").code == nil)
        }
    }

    @Test func `of a person counts what keys do whose secret they have seen`() async throws {
        try await House.with { (house) async throws in
            let (maker, _) = try await house.addPerson("otieno", role: .manager, hasSecondFactor: true)
            let (reader, token) = try await house.addPerson("akinyi", role: .manager, hasSecondFactor: true)
            let key = try await house.addKey(ownedBy: maker.id)
            let limit = MoneyLimit(directions: Self.out, subject: "user:\(reader.id)", dayMax: 250)
            let desk = try await desk(in: house, [limit])
            #expect(await desk.pay("254711000001", amount: 900, as: key.text).code == nil)

            _ = try await house.store.change(key.id, organization: house.organization) { $0.knownTo = [reader.id] }
            desk.forget()
            #expect(await desk.pay("254711000002", amount: 200, as: key.text).code == nil)
            #expect(await desk.pay("254711000003", as: token).code == .limitExceeded)
            #expect(await desk.pay("254711000004", as: key.text).code == .limitExceeded)
        }
    }

    @Test func `is not above what its plan allows for a day`() async throws {
        try await House.with { (house) async throws in
            let desk = try await desk(in: house, [MoneyLimit(directions: Self.out, dayMax: 900)])
            try await house.store.save(
                Plan(
                    name: "all",
                    tools: ["**"],
                    organizationLimits: [:],
                    principalLimits: [:],
                    ceilings: Ceilings(dayAmounts: [.outgoing: 250])
                )
            )
            desk.forget()
            #expect(await desk.pay("254711000001", amount: 251).code == .limitExceeded)
            #expect(await desk.pay("254711000001", amount: 200).code == nil)
            #expect(await desk.pay("254711000002", amount: 51).code == .limitExceeded)
            #expect(await desk.pay("254711000003", amount: 900, tool: "fake_collect").code == nil)
        }
    }

    @Test func `is given back what M-Pesa says has not moved, or never left, and counts it again when it has`()
        async throws
    {
        try await House.with { (house) async throws in
            let desk = try await desk(in: house, [MoneyLimit(directions: Self.out, dayCount: 1)])
            house.upstream.answer { _ in .notSent("There was no connection.") }
            #expect(await desk.pay("254711000001").code == .upstreamUnavailable)
            house.upstream.accept()
            let failed = try await house.record(await desk.pay("254711000002"))
            #expect(await desk.pay("254711000003").code == .limitExceeded)

            try await house.callback(failed.id, says: ["verdict": "failed", "code": "2006"])
            let second = try await house.record(await desk.pay("254711000003"))
            try await house.callback(second.id, says: ["verdict": "failed", "code": "2006"])
            try await house.callback(failed.id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            #expect(await desk.pay("254711000004").code == .limitExceeded)
        }
    }

    @Test func `keeps a draft from leaving that would be past it, and it stays a draft`() async throws {
        try await House.with { (house) async throws in
            let limits = [MoneyLimit(directions: Self.out, dayMax: 150)]
            let desk = try await desk(in: house, limits, rules: `An approval`.payouts)
            let (first, second) = (await desk.pay("254711000001"), await desk.pay("254711000002"))
            #expect(first.state == .draft && second.state == .draft)
            #expect(await desk.decide("approve", first, as: desk.manager) == nil)
            #expect(await desk.decide("approve", second, as: desk.manager) == .limitExceeded)
            #expect(try await house.record(second).state == .draft)

            try await house.withdraw(try await house.record(first))
            #expect(await desk.decide("approve", second, as: desk.manager) == nil)
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(second).state == .accepted)
        }
    }

    @Test func `that lets more pass waits for another administrator, one that lets less pass does not`() async throws {
        try await House.with { (house) async throws in
            let desk = try await desk(in: house, [MoneyLimit(directions: Self.out, dayMax: 150)])
            func set(_ most: Int) async -> JSON {
                let limits: JSON = ["rules": [], "limits": [["direction": ["out"], "day_max": .integer(Int64(most))]]]
                return await desk.ask("approvals.set_rules", limits, as: desk.administrator.token).data
            }
            #expect(await set(100)["pending"] == nil)
            #expect(await set(101)["pending"] != nil)
            let none: JSON = ["rules": [], "limits": []]
            #expect(await desk.ask("approvals.set_rules", none, as: desk.administrator.token).data["pending"] != nil)
            #expect(await desk.pay("254711000001", amount: 101).code == .limitExceeded)
        }
    }
}
