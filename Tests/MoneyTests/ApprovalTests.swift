import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

struct `An approval` {
    static let payouts = [ApprovalRule(directions: [.outgoing], amountMin: 50, outcome: .approve)]

    @Test func `is the sending: whoever called need not call again`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.payouts)
            let reply = await desk.pay(key: "k")
            #expect(reply.state == .draft && house.upstream.sent.isEmpty)
            let listed = await desk.ask("approvals.list", as: desk.manager.token).data
            #expect(listed.arrayValue?.first?["transaction"]?["amount"] == 100)

            #expect(await desk.decide("approve", reply, as: desk.manager) == nil)
            await desk.gateway.releases.sendDue()

            #expect(try await house.record(reply).state == .accepted)
            #expect(await desk.decide("approve", reply, as: desk.other) == .conflict)
            #expect(await desk.pay(key: "k").record == reply.record && house.upstream.count("pay") == 1)
            #expect(await desk.ask("approvals.list", as: desk.manager.token).data == .array([]))
        }
    }

    @Test func `tells whoever calls at once by what rule it waits, for whom and until when`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(outcome: .approve, role: .orgAdmin, count: 2, within: .seconds(600))
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let reply = await desk.pay()
            guard case .success(let output) = reply.result else { throw Missing(what: "an answer") }

            let approval = try JSON(parsing: output)["approval"]
            #expect(approval?["reason"]?.stringValue?.contains("rule 1") == true && approval?["count"] == 2)
            #expect(approval?["role"] == "org_admin" && approval?["approved"] == 0)
            #expect(approval?["until_ms"] == .integer((house.clock.now + .seconds(600)).milliseconds))
        }
    }

    @Test func `is refused to whoever asked, to the owner of the key that did, to keys and to too low a role`()
        async throws
    {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.payouts)
            let own = await desk.pay("254711000001", as: desk.manager.token)
            #expect(await desk.decide("approve", own, as: desk.manager) == .permissionDenied)
            #expect(await desk.decide("approve", own, as: (desk.manager.user, house.key.text)) == .permissionDenied)
            let user = try await house.addPerson("user", role: .user, hasSecondFactor: true)
            #expect(await desk.decide("approve", own, as: user) == .notFound)

            let key = try await house.addKey(ownedBy: desk.manager.user.id)
            let byKey = await desk.pay("254711000002", as: key.text)
            #expect(await desk.decide("approve", byKey, as: desk.manager) == .permissionDenied)

            #expect(await desk.decide("approve", own, as: desk.other) == nil)
            #expect(await desk.decide("approve", byKey, as: desk.other) == nil)
        }
    }

    @Test func `needs a second factor`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.payouts)
            let without = try await house.addPerson("without", role: .orgAdmin)
            let reply = await desk.pay()

            #expect(await desk.decide("approve", reply, as: without) == .permissionDenied)
            #expect(try await house.record(reply).state == .draft)
        }
    }

    @Test func `is declined for good, and taken back by whoever asked`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.payouts)
            let declined = await desk.pay("254711000001", key: "d")
            let own = await desk.pay("254711000002", as: desk.manager.token, key: "o")

            #expect(await desk.decide("decline", declined, as: desk.manager) == nil)
            #expect(await desk.decide("decline", own, as: desk.manager) == nil)

            #expect(try await house.record(declined).hold?.withdrawal == .declined)
            #expect(try await house.record(own).hold?.withdrawal == .cancelled)
            #expect(await desk.decide("approve", declined, as: desk.other) == .approvalDeclined)
            #expect(await desk.decide("decline", declined, as: desk.other) == .conflict)
            #expect(await desk.pay("254711000001", key: "d").code == .approvalDeclined)
            #expect(await desk.pay("254711000002", as: desk.manager.token, key: "o").code == .withdrawn)
        }
    }

    @Test func `comes too late once its time is over`() async throws {
        try await House.with { (house) async throws in
            let rule = ApprovalRule(outcome: .approve, within: .seconds(600))
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let reply = await desk.pay(key: "k")
            house.clock.advance(.seconds(601))

            #expect(await desk.decide("approve", reply, as: desk.manager) == .approvalExpired)
            #expect(await desk.pay(key: "k").code == .approvalExpired && house.upstream.sent.isEmpty)
        }
    }

    @Test func `of another organization is not there`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.payouts)
            let reply = await desk.pay()
            let neighbour = try await house.neighbour()
            let theirs = try await house.addPerson(
                "theirs",
                role: .orgAdmin,
                hasSecondFactor: true,
                of: neighbour.organization
            )

            #expect(await desk.decide("approve", reply, as: theirs) == .notFound)
            #expect(await desk.ask("approvals.list", as: theirs.token).data == .array([]))
        }
    }
}

struct `What waits for people` {
    @Test func `is of both environments for a person, and of its own for a key`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            try await house.open(.live)
            desk.forget()
            let live = try await house.addKey(in: .live)
            let ids = [
                await desk.pay(), await desk.pay("254711000002", as: live.text),
            ]
            .map { $0.record.map { JSON.string("\($0)") } }
            let listed = { (who: Secret<String>) async -> Set<JSON?> in
                let found = await desk.ask("approvals.list", as: who).data.arrayValue ?? []
                return Set(found.map { $0["transaction"]?["id"] })
            }

            #expect(ids.allSatisfy { $0 != nil })
            #expect(await listed(desk.manager.token) == Set(ids))
            #expect(await listed(house.key.text) == [ids[0]])
            #expect(await listed(live.text) == [ids[1]])
            #expect(await desk.ask("approvals.show", ["id": ids[1] ?? ""], as: desk.manager.token).code == nil)
            #expect(await desk.ask("approvals.show", ["id": ids[1] ?? ""], as: house.key.text).code == .notFound)
        }
    }

    @Test func `is shown with its rule, who asked and how many must agree`() async throws {
        try await House.with { (house) async throws in
            let rules = [
                ApprovalRule(directions: [.incoming], outcome: .approve),
                ApprovalRule(directions: [.outgoing], outcome: .approve, role: .manager, count: 2),
            ]
            let desk = try await ApprovalDesk(in: house, rules: rules)
            let reply = await desk.pay()
            #expect(await desk.decide("approve", reply, as: desk.other) == nil)
            let id: JSON = ["id": .string("\(try #require(reply.record))")]

            let shown = await desk.ask("approvals.show", id, as: desk.manager.token).data
            #expect(shown["reason"]?.stringValue?.contains("rule 2") == true, "\(shown.text)")
            #expect(shown["made_by"] == .string("key:\(house.key.id)") && shown["count"] == 2)
            #expect(shown["role"] == "manager" && shown["until_ms"]?.integerValue ?? 0 > 0)
            #expect(shown["approved_by"] == [.string("user:\(desk.other.user.id)")])
            #expect(shown["transaction"]?["party"] == "254711000001" && shown["earlier_payments"] == 0)
        }
    }

    @Test func `is taken back by the key that asked for it, and by no other`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let (other, clerk) = (try await house.addKey(), try await house.addKey(role: .user))
            let theirs = try await house.neighbour()
            let reply = await desk.pay(key: "k")
            let id: JSON = ["id": .string("\(try #require(reply.record))")]
            for (who, code) in [
                (other, GatewayError.Code.permissionDenied), (clerk, .notFound), (theirs, .notFound),
            ] { #expect(await desk.ask("transactions.withdraw", id, as: who.text).code == code) }
            #expect(try await house.record(reply).state == .draft)

            #expect(await desk.ask("transactions.withdraw", id, as: house.key.text).data["state"] == "withdrawn")

            let record = try await house.record(reply)
            #expect(record.hold?.withdrawal == .cancelled && record.hold?.decidedBy == "key:\(house.key.id)")
            #expect(await desk.ask("transactions.withdraw", id, as: house.key.text).code == .conflict)
            #expect(await desk.decide("approve", reply, as: desk.manager) == .withdrawn)
            #expect(await desk.pay(key: "k").code == .withdrawn && house.upstream.sent.isEmpty)
        }
    }
}

struct `Approvals of several people` {
    private static let two = [ApprovalRule(directions: [.outgoing], outcome: .approve, count: 2)]

    @Test func `let it leave with the last, each counted once`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.two)
            let reply = await desk.pay()
            #expect(await desk.decide("approve", reply, as: desk.manager) == nil)
            #expect(await desk.decide("approve", reply, as: desk.manager) == .conflict)
            await desk.gateway.releases.sendDue()
            #expect(try await house.record(reply).state == .draft && house.upstream.sent.isEmpty)

            #expect(await desk.decide("approve", reply, as: desk.other) == nil)
            await desk.gateway.releases.sendDue()
            let record = try await house.record(reply)
            let both = [desk.manager, desk.other].map { "user:\($0.user.id)" }
            #expect(record.state == .accepted && record.hold?.approvers == both)
        }
    }

    @Test func `are not counted of whoever may not approve any more`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.two)
            let reply = await desk.pay()
            #expect(await desk.decide("approve", reply, as: desk.manager) == nil)
            _ = try await house.store.change(desk.manager.user.id, organization: house.organization) {
                $0.isActive = false
            }
            desk.forget()

            #expect(await desk.decide("approve", reply, as: desk.other) == nil)
            #expect(try await house.record(reply).state == .draft)
            #expect(await desk.decide("approve", reply, as: desk.administrator) == nil)
            #expect(try await house.record(reply).state == .released)
        }
    }

    @Test func `are looked at once more before it is sent`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.two)
            let reply = await desk.pay()
            for who in [desk.manager, desk.other] { #expect(await desk.decide("approve", reply, as: who) == nil) }
            _ = try await house.store.change(desk.manager.user.id, organization: house.organization) { $0.role = .user }
            desk.forget()
            await desk.gateway.releases.sendDue()

            #expect(try await house.record(reply).hold?.withdrawal == .obsolete && house.upstream.sent.isEmpty)
        }
    }

    @Test func `given at the same time let it leave once`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: Self.two)
            for number in 1...10 {
                let reply = await desk.pay("25471100000\(number)")
                async let first = desk.decide("approve", reply, as: desk.manager)
                async let second = desk.decide("approve", reply, as: desk.other)
                #expect(await [first, second] == [nil, nil])
                #expect(try await house.record(reply).state == .released)
            }
            await desk.gateway.releases.sendDue()
            #expect(house.upstream.count("pay") == 10)
        }
    }
}

struct `Whoever was made an approver a moment ago` {
    @Test func `waits a day, or for an administrator who did not make them one`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let settling = User.Settling(since: house.clock.now, by: "user:\(desk.administrator.user.id)")
            let new = try await house.addPerson("new", role: .manager, hasSecondFactor: true, settling: settling)
            let second = try await house.addPerson("second", role: .orgAdmin, hasSecondFactor: true)
            let (first, later) = (await desk.pay("254711000001"), await desk.pay("254711000002"))
            #expect(await desk.decide("approve", first, as: new) == .permissionDenied)

            let named: JSON = ["id": .string("\(new.user.id)")]
            for who in [desk.administrator, desk.manager, new] {
                #expect(await desk.ask("approvals.vouch", named, as: who.token).code == .permissionDenied)
            }
            #expect(await desk.ask("approvals.vouch", named, as: second.token).code == nil)
            #expect(await desk.decide("approve", first, as: new) == nil)
            #expect(try await house.record(later).state == .draft)
        }
    }

    @Test func `is no maker for whoever made them so, nor for anybody by another such`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let second = try await house.addPerson("second", role: .orgAdmin, hasSecondFactor: true)
            let settling = User.Settling(since: house.clock.now, by: "user:\(second.user.id)")
            let puppet = try await house.addPerson("puppet", role: .manager, hasSecondFactor: true, settling: settling)
            let further = User.Settling(since: house.clock.now, by: "user:\(puppet.user.id)")
            let next = try await house.addPerson("next", role: .manager, hasSecondFactor: true, settling: further)
            let own = await desk.pay("254711000001", as: puppet.token)
            let nexts = await desk.pay("254711000002", as: next.token)

            #expect(await desk.decide("approve", own, as: second) == .permissionDenied)
            #expect(await desk.decide("approve", nexts, as: second) == .permissionDenied)
            #expect(await desk.decide("approve", own, as: desk.manager) == nil)
        }
    }

    @Test func `may approve after a day`() async throws {
        try await House.with { (house) async throws in
            let desk = try await ApprovalDesk(in: house, rules: `An approval`.payouts)
            let by = "user:\(desk.administrator.user.id)"
            let settling = User.Settling(since: house.clock.now + .seconds(-86_399), by: by)
            let new = try await house.addPerson("new", role: .manager, hasSecondFactor: true, settling: settling)
            let reply = await desk.pay()
            #expect(await desk.decide("approve", reply, as: new) == .permissionDenied)

            house.clock.advance(.seconds(1))

            #expect(await desk.decide("approve", reply, as: new) == nil)
        }
    }
}
