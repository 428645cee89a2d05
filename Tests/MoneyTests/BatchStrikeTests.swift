import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `Rows of a batch that are struck` {
    private let wrong = "This one has left the house."

    private func agreeing(_ house: House, _ count: Int = 2) async throws {
        let rule = ApprovalRule(directions: [.outgoing], outcome: .approve, count: count)
        try await house.set { $0.rules = [rule] }
        house.doorkeeper.holdAll(
            until: house.clock.now + .seconds(3_600),
            asking: Hold.Asked(role: .manager, count: count)
        )
    }

    @Test func `leave a rest that nobody has agreed to yet, and end as withdrawn with who struck them`() async throws {
        try await House.forBatches { (house) async throws in
            try await agreeing(house)
            _ = await house.batch("b", of: House.payments(3))
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))
            let batches = house.gateway.batches
            let agreed = try await batches.release("b", by: first)
            #expect(agreed.state == .draft && agreed.approvers == [first.subjectText])

            let struck = try await batches.strike("b", rows: [2], by: second, because: wrong)
            #expect(struck.approvers.isEmpty && struck.version == agreed.version + 1 && struck.state == .draft)
            #expect(struck.items == 2 && struck.total == 200)
            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["total_payments"] == 2 && shown["total_amount"] == 200 && shown["approved_by"] == nil)
            #expect(shown["struck"]?[0]?["by"] == .string(second.subjectText) && shown["struck"]?[0]?["rows"] == 1)
            #expect(shown["counts"]?["withdrawn"] == 1 && shown["struck"]?[0]?["amount"] == 100, "\(shown.text)")
            let item = try await house.items("b")[1]
            #expect(item.state == .withdrawn && item.hold?.decidedBy == second.subjectText)
            #expect(item.meaning?.contains(second.subjectText) == true && item.meaning?.contains(wrong) == true)
            let saved = String(decoding: try await house.saved("batches.result", ["id": "b"]), as: UTF8.self)
            #expect(saved.contains(wrong) && saved.contains(second.subjectText))

            #expect(try await batches.release("b", by: second).state == .draft, "the first has not agreed to the rest")
            #expect(try await batches.release("b", by: first).state == .running)
            for _ in 0..<2 {
                await house.sendBatches()
                try await house.payAll("b")
            }
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 2)
            #expect(await house.ask("batches.show", ["id": "b"]).data["status"] == "COMPLETED")
        }
    }

    @Test func `are nobody's double any more`() async throws {
        try await House.forBatches { (house) async throws in
            let paid = try #require(await house.pay(phone: "254711010001").record)
            try await house.callback(paid, says: ["verdict": "failed", "code": "1", "charge_again": "yes"])
            house.clock.advance(.seconds(61))
            try await agreeing(house)
            let twice: JSON = ["phone": "254711010001", "amount": 100]
            let rows: JSON = .array([twice, twice] + (House.payments(2).arrayValue ?? []).suffix(1))
            #expect(await house.batch("b", of: rows, ["confirmed_rows": [1, 2]]).code == nil)
            let struck = try await house.items("b").prefix(2).map(\.id)
            try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            #expect(try await Set(house.record(paid).disputes.map(\.other)) == Set(struck))

            _ = try await house.gateway.batches.strike("b", rows: [1, 2], by: house.releaser("first"), because: wrong)
            for id in [paid] + struck {
                let record = try await house.record(id)
                #expect(!record.isDisputed && Set(record.closedDisputes.map(\.kind)) == [.possibleDouble])
            }
        }
    }

    @Test func `make what people agree to another one, which nobody agrees to unseen`() async throws {
        try await House.forBatches { (house) async throws in
            try await agreeing(house)
            _ = await house.batch("b", of: House.payments(3))
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))
            let batches = house.gateway.batches
            let seen = try #require(await house.ask("batches.show", ["id": "b"]).data["sha256"]?.stringValue)
            #expect(try await batches.release("b", by: first, seeing: seen).approvers.count == 1)
            #expect(await house.ask("batches.show", ["id": "b"]).data["sha256"] == .string(seen), "it says the same")

            let struck = try await batches.strike("b", rows: [2], by: second, because: wrong)
            let shown = await house.ask("batches.show", ["id": "b"]).data["sha256"]?.stringValue
            #expect(shown == struck.agreed && shown != seen && shown?.count == 64)
            await #expect(throws: GatewayError.self) { try await batches.release("b", by: first, seeing: seen) }
            #expect(try await batches.release("b", by: first, seeing: shown).state == .draft)
            #expect(try await batches.release("b", by: second, seeing: shown).state == .running)
        }
    }

    @Test func `are told to whoever made it, with who struck them and why, and not to whoever struck their own`()
        async throws
    {
        try await House.forBatches { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            let (maker, token) = try await house.addPerson("wanjiru", role: .manager, hasSecondFactor: true)
            let mine = house.person(maker, hasSecondFactor: true)
            _ = await desk.make("b", of: House.payments(3), as: token)
            _ = await desk.make("own", of: House.payments(3, amount: 7), as: token)
            try await desk.gateway.approvalLetters?.catchUp()
            _ = desk.mail.take()
            let who = try await house.releaser()
            _ = try await house.gateway.batches.strike("b", rows: [1], by: who, because: wrong)
            _ = try await house.gateway.batches.strike("own", rows: [1], by: mine, because: wrong)
            try await desk.gateway.approvalLetters?.catchUp()

            let letters = desk.mail.take().filter { $0.subject == "Rows of a batch were struck" }
            #expect(letters.count == 1)
            let text = letters.first?.text.reveal() ?? ""
            #expect(text.contains(wrong) && text.contains(who.subjectText) && text.contains("batch b."), "\(text)")
        }
    }

    @Test func `are told to everybody who is asked, once more`() async throws {
        try await House.forBatches { (house) async throws in
            let desk = try await ApprovalDesk(in: house)
            _ = await house.batch("b", of: House.payments(3), door: .mcp)
            try await desk.gateway.approvalLetters?.catchUp()
            let asked = desk.mail.take().count { $0.subject == "A batch waits for you" }
            _ = try await house.gateway.batches.strike("b", rows: [1], by: try await house.releaser(), because: wrong)
            try await desk.gateway.approvalLetters?.catchUp()

            let letters = desk.mail.take().filter { $0.subject == "A batch waits for you" }
            #expect(asked > 0 && letters.count >= asked)
            #expect(letters.allSatisfy { $0.text.reveal().contains("2 payments, 200 KES") })
            #expect(letters.allSatisfy { $0.text.reveal().contains(wrong) })
        }
    }

    @Test func `are struck by a person who may let it leave, never by its maker where another must, a key or an agent`()
        async throws
    {
        try await House.forBatches { (house) async throws in
            let desk = try await ApprovalDesk(
                in: house,
                rules: [ApprovalRule(directions: [.outgoing], outcome: .approve)]
            )
            _ = await desk.make("b", of: House.payments(3), as: house.key.text)
            let arguments: JSON = ["id": "b", "rows": [1], "reason": "No."]
            #expect(await desk.ask("batches.strike", arguments, as: house.key.text).code != nil)
            let (clerk, _) = try await house.addPerson("clerk", role: .user, hasSecondFactor: true)
            for who in [house.person(clerk, hasSecondFactor: true), try await house.weak()] {
                await #expect(throws: GatewayError.self) {
                    try await house.gateway.batches.strike("b", rows: [1], by: who, because: "No.")
                }
            }

            let (maker, token) = try await house.addPerson("otieno", role: .manager, hasSecondFactor: true)
            _ = await desk.make("own", of: House.payments(3, amount: 7), as: token)
            await #expect(throws: GatewayError.self) {
                let own = house.person(maker, hasSecondFactor: true)
                return try await house.gateway.batches.strike("own", rows: [1], by: own, because: "No.")
            }
            for id in ["own", "b"] { #expect(try await house.batch(id).strikes.isEmpty) }
            #expect(try await house.items("b").allSatisfy { $0.state == .draft })
        }
    }

    @Test func `are struck by no program that made the batch with somebody's log-in`() async throws {
        try await House.forBatches { (house) async throws in
            let rule = ApprovalRule(directions: [.outgoing], outcome: .allow, agentMax: 1_000)
            let desk = try await ApprovalDesk(in: house, rules: [rule])
            let (user, agents) = desk.manager
            let own = try await house.logIn(user)
            _ = await desk.make("b", of: House.payments(2), as: agents, door: .mcp)
            let arguments: JSON = ["id": "b", "rows": [1], "reason": "Not this one."]
            #expect(await desk.ask("batches.strike", arguments, as: agents).code == .permissionDenied)
            #expect(await desk.ask("batches.strike", arguments, as: own).code == nil)
            #expect(try await house.items("b").map(\.state) == [.withdrawn, .draft])
        }
    }

    @Test func `wait in it, each once, and are never all of it`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            _ = await house.batch("b", of: House.payments(3))
            let (batches, who) = (house.gateway.batches, try await house.releaser())
            func refused(_ rows: Set<Int>) async -> GatewayError.Code? {
                do {
                    _ = try await batches.strike("b", rows: rows, by: who, because: "No.")
                    return nil
                } catch { return error.code }
            }

            #expect(await refused([1, 2, 3]) == .invalidArgument)
            #expect(await refused([3, 9]) == .conflict)
            #expect(await refused([3]) == nil)
            #expect(await refused([3]) == .conflict)
            #expect(try await house.batch("b").strikes.count == 1)
            _ = try await batches.release("b", by: who)
            #expect(await refused([2]) == .conflict, "it runs")
            await house.sendBatches()
            _ = try await batches.pause("b", by: who, because: "A look.")
            #expect(await refused([1]) == .conflict, "it has left")
            #expect(await refused([2]) == nil)
        }
    }

    @Test func `lessen what a paused one may pay, and it is resumed anew`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 3)
            await house.sendBatches()
            let who = try await house.releaser()
            _ = try await house.gateway.batches.pause("b", by: who, because: "A look.")
            let struck = try await house.gateway.batches.strike("b", rows: [2], by: who, because: wrong)
            #expect(struck.state == .paused && struck.total == 200 && struck.items == 2)
            _ = try await house.gateway.batches.resume("b", by: who)
            for _ in 0..<3 {
                try await house.payAll("b")
                await house.sendBatches()
            }
            #expect(try await house.items("b").map(\.state) == [.succeeded, .withdrawn, .succeeded])
            #expect(try await house.batch("b").state == .completed && house.upstream.count("pay") == 2)
        }
    }

    @Test func `change nothing of what its order stands for`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            _ = try await house.gateway.batches.strike("b", rows: [1], by: try await house.releaser(), because: wrong)
            let again = await house.batch("b", of: House.payments(2))
            #expect(again.output["is_earlier"] == true && again.output["total_payments"] == 1)
            #expect(await house.batch("b", of: House.payments(3)).code == .idempotencyKeyReused)
        }
    }

    @Test(arguments: [[.number(1e30)], [1, .number(1e20)]] as [JSON])
    func `are no rows past what a number holds, and nobody's word is lost for them`(rows: JSON) async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let token = try await house.addPerson("wambui", role: .manager, hasSecondFactor: true).token
            let asked: JSON = ["id": "b", "rows": rows, "reason": "no"]
            #expect(await house.ask("batches.strike", asked, as: token).code == .invalidArgument)
            #expect(try await house.batch("b").strikes.isEmpty)
        }
    }
}

extension House {
    /// A manager without a second factor.
    fileprivate func weak() async throws -> Principal { person(try await addPerson("weak", role: .manager).user) }
}
