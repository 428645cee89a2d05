import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `Whoever stands in for an approver` {
    /// Payouts ask the manager by name; the other one stands in for them after ten minutes.
    private struct Asked {
        let desk: ApprovalDesk
        let third: (user: User, token: Secret<String>)

        var manager: (user: User, token: Secret<String>) { desk.manager }
        var other: (user: User, token: Secret<String>) { desk.other }

        init(in house: House, count: Int = 1, named: [KeyPath<ApprovalDesk, UserID>] = [\.manager.user.id]) async throws
        {
            desk = try await ApprovalDesk(in: house)
            third = try await house.addPerson("third", role: .manager, hasSecondFactor: true)
            let desk = desk
            let people = Approvers(
                named: Set(named.map { desk[keyPath: $0] }),
                substitutes: [desk.other.user.id],
                answerWithin: .seconds(600)
            )
            let rule = ApprovalRule(
                directions: [.outgoing],
                outcome: .approve,
                count: count,
                within: .seconds(3_600),
                people: people
            )
            _ = try await house.store.change(house.organization) { $0.approvals.rules = [rule] }
            desk.forget()
        }

        func away(_ who: (user: User, token: Secret<String>), for seconds: Int64?) async -> ActionReply {
            var asked = JSONObject()
            asked["until_ms"] = seconds.map { .integer((desk.house.clock.now + .seconds($0)).milliseconds) }
            return await desk.ask("approvers.away", .object(asked), as: who.token)
        }

        /// Who was told since the last look.
        func told() async throws -> Set<String> {
            try await #require(desk.gateway.approvalLetters).catchUp()
            return Set(desk.mail.take().map(\.recipient))
        }
    }

    @Test func `decides once the time to answer is over, and is told so; nobody else ever`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house)
            let reply = await asked.desk.pay()
            #expect(try await asked.told() == ["manager@x.example"])
            #expect(await asked.desk.decide("approve", reply, as: asked.other) == .permissionDenied)
            let shown = await asked.desk.ask("approvals.list", as: asked.third.token).data[0]
            #expect(shown?["approvers"] == .array([.string("\(asked.manager.user.id)")]))
            #expect(shown?["substitutes_from_ms"] == .integer((house.clock.now + .seconds(600)).milliseconds))

            house.clock.advance(.seconds(599))
            await asked.desk.gateway.releases.sendDue()
            #expect(try await asked.told().isEmpty)
            #expect(await asked.desk.decide("approve", reply, as: asked.other) == .permissionDenied)
            house.clock.advance(.seconds(1))
            await asked.desk.gateway.releases.sendDue()
            #expect(try await asked.told() == ["manager@x.example", "other@x.example"])
            #expect(await asked.desk.decide("approve", reply, as: asked.third) == .permissionDenied)
            #expect(await asked.desk.decide("approve", reply, as: asked.desk.administrator) == .permissionDenied)
            #expect(await asked.desk.decide("approve", reply, as: asked.other) == nil)
            await asked.desk.gateway.releases.sendDue()
            #expect(try await house.record(reply).state == .accepted)
        }
    }

    @Test func `decides at once for who is away, and not once they are there again`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house)
            #expect(await asked.away(asked.manager, for: 3_000).code == nil)
            let (first, second) = (await asked.desk.pay("254711000001"), await asked.desk.pay("254711000002"))
            #expect(try await asked.told() == ["other@x.example"])
            let rules = await asked.desk.ask("approvals.rules", as: asked.third.token).data
            #expect(rules["away"]?[0]?["user"] == .string("\(asked.manager.user.id)"))
            #expect(await asked.desk.decide("approve", first, as: asked.other) == nil)

            #expect(await asked.away(asked.manager, for: nil).code == nil)
            #expect(await asked.desk.decide("approve", second, as: asked.other) == .permissionDenied)
            await asked.desk.gateway.releases.sendDue()
            #expect(try await house.record(first).state == .accepted)
        }
    }

    @Test func `decides for who asked for it themselves, and never about their own`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house)
            let managers = await asked.desk.pay("254711000001", as: asked.manager.token)
            #expect(await asked.desk.decide("approve", managers, as: asked.manager) == .permissionDenied)
            #expect(await asked.desk.decide("approve", managers, as: asked.other) == nil)
            let key = try await house.addKey(ownedBy: asked.other.user.id)
            let own = await asked.desk.pay("254711000002", as: key.text)
            house.clock.advance(.seconds(601))
            #expect(await asked.desk.decide("approve", own, as: asked.other) == .permissionDenied)
            #expect(await asked.desk.decide("approve", own, as: asked.manager) == nil)
        }
    }

    @Test func `stands in for one at a time`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house, count: 2, named: [\.manager.user.id, \.administrator.user.id])
            #expect(await asked.away(asked.manager, for: 3_000).code == nil)
            let reply = await asked.desk.pay()
            #expect(await asked.desk.decide("approve", reply, as: asked.other) == nil)
            #expect(try await house.record(reply).state == .draft)
            #expect(await asked.desk.decide("approve", reply, as: asked.third) == .permissionDenied)
            #expect(await asked.desk.decide("approve", reply, as: asked.desk.administrator) == nil)
            await asked.desk.gateway.releases.sendDue()
            #expect(try await house.record(reply).state == .accepted)
        }
    }

    @Test func `is away by their own word, with a second factor, for a while`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house)
            let plain = try await house.addPerson("plain", role: .manager)
            #expect(await asked.away(plain, for: 60).code == .permissionDenied)
            #expect(await asked.away((asked.manager.user, house.key.text), for: 60).code == .permissionDenied)
            #expect(await asked.away(asked.manager, for: 91 * 86_400).code == .invalidArgument)
            #expect(await asked.away(asked.manager, for: -1).code == .invalidArgument)
        }
    }

    @Test func `releases a batch as they approve a payment`() async throws {
        try await House.with { (house) async throws in
            let asked = try await Asked(in: house)
            let payments: JSON = [["phone": "254711000001", "amount": 10]]
            let made = await asked.desk.make("b-1", of: payments, as: house.key.text)
            #expect(made.state == nil && made.code == nil)
            func release(_ who: (user: User, token: Secret<String>)) async -> GatewayError.Code? {
                await asked.desk.ask("batches.release", ["id": "b-1"], as: who.token).code
            }
            #expect(await release(asked.third) == .permissionDenied)
            #expect(await release(asked.other) == .permissionDenied)
            #expect(try await asked.told() == ["manager@x.example"])
            house.clock.advance(.seconds(600))
            #expect(await release(asked.third) == .permissionDenied)
            #expect(await release(asked.other) == nil)
        }
    }

    @Test func `is set by a rule whose people there are, and are enough`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let (manager, other) = ("\(desk.manager.user.id)", "\(desk.other.user.id)")
            func set(_ rule: JSONObject) async -> ActionReply {
                var all: JSONObject = ["then": "approve", "direction": ["out"]]
                for (name, value) in rule { all[name] = value }
                return await desk.ask("approvals.set_rules", ["rules": [.object(all)]], as: desk.administrator.token)
            }
            for wrong: JSONObject in [
                ["approvers": []], ["approvers": ["nobody"]], ["approvers": [.string(manager)], "count": 2],
                ["approvers": [.string(manager)], "role": "org_admin"],
                ["approvers": [.string(manager)], "substitutes": [.string(other)], "answer_within_s": 86_400],
            ] {
                #expect(await set(wrong).code == .invalidArgument, "\(wrong)")
            }
            let right = await set(["approvers": [.string(manager)], "substitutes": [.string(other)]])
            #expect(right.code == nil && right.data["pending"] == nil)
            #expect(right.data["rules"]?[0]?["answer_within_s"] == 43_200)
            // Whoever is asked beside them, or sooner, lets more pass.
            let more: JSON = .array([.string(manager), .string(other)])
            #expect(await set(["approvers": more]).data["pending"] != nil)
            #expect(await set(["approvers": [.string(other)]]).data["pending"] != nil)
            let sooner: JSONObject = [
                "approvers": [.string(manager)], "substitutes": [.string(other)], "answer_within_s": 43_199,
            ]
            #expect(await set(sooner).data["pending"] != nil)
            #expect(await set(["approvers": [.string(manager)]]).data["pending"] == nil)
        }
    }

    @Test func `keeps what is written, on whichever store`() {
        let people = Approvers(
            named: [UserID(Identifier(high: 1, low: 1))],
            substitutes: [UserID(Identifier(high: 1, low: 2))],
            answerWithin: .seconds(90)
        )
        #expect(Approvers(.object(people.json), within: .zero) == people)
        #expect(Approvers.common(people, nil) == people)
        #expect(
            Approvers?.none.isAtLeast(nil) && !Approvers?.none.isAtLeast(people) && Approvers?(people).isAtLeast(nil)
        )
    }
}
