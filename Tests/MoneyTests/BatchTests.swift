import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A batch that is made` {
    @Test func `is refused whole, with every wrong row named (seed's bug 6)`() async throws {
        try await House.forBatches { (house) async throws in
            let payments: JSON = [
                ["phone": "254711000001", "amount": 100], ["phone": "254711000002", "amount": 0],
                ["phone": "254711000003", "amount": 10.5], ["phone": "254711000004\u{7}", "amount": 100],
            ]

            let error = await house.batch("b", of: payments).refused

            #expect(error?.code == .invalidArgument && error?.message.hasPrefix("3 of 4 rows") == true)
            let places = error?.errors.map(\.pointer) ?? []
            #expect(places == ["/payments/1/amount", "/payments/2/amount", "/payments/3/phone"])
            #expect(error?.errors.allSatisfy { $0.message.hasPrefix("row ") } == true)
            let found = try await house.store.batch(try #require(BatchID("b")), organization: house.organization)
            #expect(found == nil && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is the same one when it is sent again, and its id stands for nothing else`() async throws {
        try await House.forBatches { (house) async throws in
            let first = await house.batch("b", of: House.payments(3))
            #expect(first.output["state"] == "draft" && first.output["total_amount"] == 300)

            let again = await house.batch("b", of: House.payments(3))
            #expect(again.isReplayed && again.output["batch_id"] == "b")
            #expect(await house.batch("b", of: House.payments(4)).code == .idempotencyKeyReused)
            #expect(try await house.items("b").count == 3)
        }
    }

    @Test func `is known by its payments and its key where nobody names it`() async throws {
        try await House.forBatches { (house) async throws in
            let payments: JSON = ["payments": House.payments(2)]
            let (first, again) = (
                await house.call("fake_pay_many", payments), await house.call("fake_pay_many", payments)
            )
            #expect(first.output["batch_id"] != nil && first.output["batch_id"] == again.output["batch_id"])

            let keyed = await house.call("fake_pay_many", ["payments": House.payments(1, amount: 70)], key: "k")
            let other = await house.call("fake_pay_many", ["payments": House.payments(3)], key: "k")
            #expect(keyed.code == nil && other.code == .idempotencyKeyReused)
        }
    }

    @Test func `is asked about when another one has the same payments`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("a", of: House.payments(2))

            #expect(await house.batch("b", of: House.payments(2)).code == .conflict)
            #expect(await house.batch("b", of: House.payments(2), ["repeats": "c"]).code == .invalidArgument)
            let confirmed = await house.batch("b", of: House.payments(2), ["repeats": "a"])
            #expect(confirmed.output["repeats"] == "a" && confirmed.output["confirmed_rows"] == 2)
        }
    }

    @Test func `is asked about rows that repeat one another, or what was paid in the last days`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.pay(phone: "254711010001", amount: 100, key: "k")
            house.clock.advance(.seconds(2 * 86_400))
            let payments: JSON = [
                ["phone": "254711010001", "amount": 100], ["phone": "254711010002", "amount": 50],
                ["phone": "254711010002", "amount": 50],
            ]

            let error = await house.batch("b", of: payments).refused
            #expect(error?.code == .conflict && error?.errors.map(\.pointer) == ["/payments/0", "/payments/2"])

            let asked: JSONObject = ["confirmed_rows": [1, 3]]
            #expect(await house.batch("b", of: payments, door: .mcp, asked).code == .permissionDenied)
            #expect(await house.batch("b", of: payments, asked).output["confirmed_rows"] == 2)
        }
    }

    @Test func `keeps nothing when it is only checked`() async throws {
        try await House.forBatches { (house) async throws in
            let good = await house.batch("b", of: House.payments(2), ["validate_only": true])
            #expect(good.output["state"] == "checked" && good.output["errors"] == [])
            let bad = await house.batch("b", of: [["phone": "1", "amount": 0]], ["validate_only": true])
            #expect(bad.output["errors"]?.arrayValue?.first?["row"] == 1)
            let found = try await house.store.batch(try #require(BatchID("b")), organization: house.organization)
            #expect(found == nil)
        }
    }

    @Test func `is told of bad rows and of those that repeat at once where it is only checked`() async throws {
        try await House.forBatches { (house) async throws in
            let payments: JSON = [
                ["phone": "254711000001", "amount": 100], ["phone": "254711000002", "amount": 0],
                ["phone": "254711000001", "amount": 100],
            ]

            let checked = await house.batch("b", of: payments, ["validate_only": true]).output

            let errors = checked["errors"]?.arrayValue ?? []
            #expect(errors.compactMap { $0["row"]?.integerValue } == [2, 3], "\(checked.text)")
            #expect(checked["total_payments"] == 3 && checked["total_amount"] == 200)
            #expect(checked["next"]?.stringValue?.contains("total_amount is of the 2 of 3 that are good") == true)
            // What is to be kept is refused for what is wrong with it first.
            #expect(await house.batch("b", of: payments).refused?.errors.map(\.pointer) == ["/payments/1/amount"])
        }
    }

    @Test func `uses as much of the quota as it has payments, or is not made`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.store.save(
                Plan(
                    name: "all",
                    tools: ["**"],
                    organizationLimits: [:],
                    principalLimits: [:],
                    ceilings: Ceilings(quotas: [Ceilings.Counted.money: 3])
                )
            )
            #expect(await house.batch("a", of: House.payments(4)).code == .rateLimited)
            #expect(await house.batch("b", of: House.payments(3)).code == nil)
            #expect(await house.pay(key: "k").code == .rateLimited)

            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser(), because: "Not now.")
            await house.sendBatches()
            #expect(await house.pay(key: "k").code == nil)
        }
    }
}

struct `A batch that waits for a person` {
    @Test func `sends nothing before it is released, and then each payment once (seed's bug 9)`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(3))
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            let who = try await house.releaser()
            #expect(try await house.gateway.batches.release("b", by: who).state == .running)
            await house.sendBatches()
            #expect(try await house.batch("b").endedAt == nil)
            #expect(house.upstream.count("pay") == 3)
            try await house.payAll("b")
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .completed && batch.endedAt != nil && batch.releasedBy == who.subjectText)
            #expect(try await house.items("b").allSatisfy { $0.state == .succeeded })
            #expect(house.upstream.count("pay") == 3)
        }
    }

    @Test func `leaves at once where its maker says so and is no agent`() async throws {
        try await House.forBatches { (house) async throws in
            let own = await house.batch("a", of: House.payments(1), ["release": true])
            #expect(own.output["state"] == "running")
            let agents = await house.batch("b", of: House.payments(2, amount: 70), door: .mcp, ["release": true])
            #expect(agents.output["state"] == "draft" && agents.output["releaser"] == "person")
        }
    }

    @Test func `is let go by the rules as they are then, by whom they ask for`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let (admin, _) = try await house.addPerson("admin", role: .orgAdmin, hasSecondFactor: true)
            let batches = house.gateway.batches
            let boss = house.person(admin, hasSecondFactor: true)
            func ask(_ count: Int) async throws {
                let rule = ApprovalRule(directions: [.outgoing], outcome: .approve, role: .orgAdmin, count: count)
                _ = try await house.store.change(house.organization) { $0.approvals.rules = [rule] }
            }

            try await ask(1)
            let manager = try await house.releaser()
            for who in [manager, house.person(admin)] {
                await #expect(throws: GatewayError.self) { try await batches.release("b", by: who) }
            }
            #expect(try await batches.release("b", by: boss).state == .running)
            _ = try await batches.pause("b", by: boss, because: "A look.")
            await #expect(throws: GatewayError.self) { try await batches.resume("b", by: manager) }
            try await ask(2)
            #expect(try await batches.resume("b", by: boss).state == .paused && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is released by somebody else than its maker where a rule asks for that`() async throws {
        try await House.forBatches { (house) async throws in
            house.doorkeeper.holdAll(until: house.clock.now + .seconds(3_600))
            let maker = try await house.addPerson("otieno", role: .manager)
            _ = await house.gateway.pipeline.serve(
                ToolCall(
                    id: CallID(house.clock.entropy.identifier()),
                    door: .rest,
                    credential: .token(maker.token),
                    tool: "fake_pay_many",
                    arguments: ["batch_id": "b", "payments": House.payments(1), "release": true]
                )
            )
            #expect(try await house.batch("b").state == .draft)

            await #expect(throws: GatewayError.self) {
                try await house.gateway.batches.release("b", by: house.person(maker.user))
            }
            #expect(try await house.gateway.batches.release("b", by: try await house.releaser()).state == .running)
        }
    }

    @Test func `is withdrawn by itself when nobody releases it in time`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            await house.sendBatches(after: .seconds(8 * 86_400))
            await house.sendBatches()

            let batch = try await house.batch("b")
            #expect(batch.state == .cancelled && batch.withdrawal == .expired && batch.endedAt != nil)
            #expect(try await house.items("b").allSatisfy { $0.state == .withdrawn })
        }
    }

    @Test func `has no item that leaves by itself`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(1))
            let item = try #require(try await house.items("b").first)

            #expect(await house.refusal(of: item)?.code == .conflict)
            await #expect(throws: GatewayError.self) { try await house.withdraw(item) }
            house.clock.advance(.seconds(200 * 86_400))
            await house.gateway.releases.sendDue()
            #expect(try await house.record(item.id).state == .draft)
        }
    }
}
