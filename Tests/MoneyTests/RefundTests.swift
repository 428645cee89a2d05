import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// A payment of 100 that has come in, and what is done with it.
private struct Paid {
    let house: House
    let id: RecordID

    init(in house: House, phone: String = "254711000001") async throws {
        self.house = house
        id = try #require(await house.collect(phone: phone).record)
        let said: JSON = ["verdict": "succeeded", "receipt": .string("R" + phone), "amount": 100, "code": "0"]
        try await house.callback(id, says: said)
    }

    func refund(_ amount: Int64? = nil, by name: String? = nil, unmoved: [RecordID] = []) async -> ToolReply {
        var arguments: JSONObject = ["original": .string(name ?? id.description)]
        arguments["amount"] = amount.map { .integer($0) }
        if !unmoved.isEmpty { arguments["unmoved"] = .array(unmoved.map { .string($0.description) }) }
        let key = house.clock.entropy.identifier().description
        return await house.call("fake_refund", .object(arguments), key: key)
    }

    /// Begins one and lets M-Pesa say that it succeeded.
    func refunded(_ amount: Int64) async throws -> RecordID {
        let record = try #require(await refund(amount).record)
        try await succeed(record, amount)
        return record
    }

    func succeed(_ refund: RecordID, _ amount: Int64) async throws {
        let receipt = "U" + refund.description
        let said: JSON = ["verdict": "succeeded", "receipt": .string(receipt), "amount": .integer(amount), "code": "0"]
        try await house.callback(refund, says: said)
    }

    /// Begins one of which M-Pesa never says anything.
    func lost(_ amount: Int64) async throws -> RecordID {
        let record = try #require(await refund(amount).record)
        house.clock.advance(.seconds(40 * 86_400))
        await house.gateway.sweeper.sweep()
        #expect(try await house.record(record).state == .manual)
        return record
    }

    /// Begins one and lets M-Pesa say that it failed.
    func failed(_ amount: Int64) async throws -> RecordID {
        let record = try #require(await refund(amount).record)
        try await house.callback(record, says: ["verdict": "failed", "code": "2006"])
        return record
    }

    var record: Record { get async throws { try await house.record(id) } }
}

struct `A refund` {
    @Test func `that a person calls failed keeps its sum until its caller names it`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let lost = try await paid.lost(60)
            let token = try await house.addPerson("ann", role: .manager).token
            let said = await house.ask(
                "transactions.resolve",
                ["id": .string(lost.description), "outcome": "failed", "evidence": "not in the statement"],
                as: token
            )
            #expect(said.code == nil)

            #expect(await paid.refund(50).code == .invalidArgument)
            #expect(await paid.refund(40).code == nil)
        }
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let lost = try await paid.lost(60)
            let token = try await house.addPerson("ann", role: .manager).token
            _ = await house.ask(
                "transactions.resolve",
                ["id": .string(lost.description), "outcome": "failed", "evidence": "not in the statement"],
                as: token
            )
            #expect(await paid.refund(100, unmoved: [lost]).code == nil)
        }
    }

    @Test func `that a person calls done gives back its sum`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let lost = try await paid.lost(60)
            let token = try await house.addPerson("ann", role: .manager).token
            var arguments: JSONObject = [
                "id": .string(lost.description), "outcome": "succeeded", "evidence": "statement, line 4", "amount": 60,
            ]
            let own = try #require(try await paid.record.receipt)
            arguments["receipt"] = .string(own)
            #expect(await house.ask("transactions.resolve", .object(arguments), as: token).code == .invalidArgument)
            arguments["receipt"] = "U60"
            #expect(await house.ask("transactions.resolve", .object(arguments), as: token).code == nil)

            #expect(try await paid.record.reversedAmount == 60)
            #expect(await paid.refund(41).code == .invalidArgument)
        }
    }

    @Test func `gives back a part, then the rest, and no more (seed's bug 4)`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let part = try await paid.refunded(40)
            var original = try await paid.record
            #expect(original.state == .succeeded && original.reversedAmount == 40)

            #expect(await paid.refund(61).code == .invalidArgument)
            // What is left, where no amount is named.
            let rest = try #require(await paid.refund().record)
            #expect(try await house.record(rest).intent.amount == Shillings(60))
            try await paid.succeed(rest, 60)

            original = try await paid.record
            #expect(original.state == .reversed && original.reversedAmount == 100 && !original.isDisputed)
            #expect(original.reversals.map(\.id) == [part, rest])
            #expect(await paid.refund(1).code == .conflict)
            #expect(house.upstream.count("refund") == 2)
        }
    }

    @Test(arguments: ["R254711000001", "r254711000001", "F1"])
    func `finds what it gives back by its receipt and by M-Pesa's id (seed's bug 18)`(name: String) async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)

            let record = try #require(await paid.refund(40, by: name).record)

            #expect(try await house.record(record).intent.original == paid.id)
        }
    }

    @Test func `is refused for a payout, a refund and what is nobody's`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let payout = try #require(await house.pay().record)
            try await house.callback(
                payout,
                says: ["verdict": "succeeded", "receipt": "P1", "amount": 100, "code": "0"]
            )
            let part = try await paid.refunded(40)
            for (name, code) in [
                (payout.description, GatewayError.Code.notSupported), ("P1", .notSupported),
                (part.description, .notSupported), ("NOSUCH", .notFound), ("", .invalidArgument),
            ] { #expect(await paid.refund(10, by: name).code == code, "\(name)") }
            #expect(house.upstream.count("refund") == 1)
        }
    }

    @Test func `is refused for what was paid in the other environment, by whatever it is named`() async throws {
        try await House.with(environment: .live) { (house) async throws in
            let paid = try await Paid(in: house)
            try await house.open(.test)
            let tester = try await house.addKey(in: .test)

            for name in [paid.id.description, "R254711000001", "F1"] {
                let refund: JSON = ["original": .string(name), "amount": 10]
                #expect(await house.call("fake_refund", refund, as: tester, key: name).code == .notFound, "\(name)")
            }
            #expect(house.upstream.count("refund") == 0)
            #expect(await paid.refund(10, by: "R254711000001").code == nil)
        }
    }

    @Test func `waits for one that is open`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let first = try #require(await paid.refund(40).record)

            let second = await paid.refund(10)

            #expect(second.code == .conflict && second.record == first)
        }
    }

    @Test func `of which nothing was heard keeps its sum, until somebody says that it did not move`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let lost = try await paid.lost(40)
            #expect(await paid.refund(61).code == .invalidArgument)
            #expect(await paid.refund(61, unmoved: [paid.id]).code == .invalidArgument)

            let second = try #require(await paid.refund(100, unmoved: [lost]).record)
            try await paid.succeed(second, 100)
            #expect(try await !paid.record.isDisputed)
            try await paid.succeed(lost, 40)

            let original = try await paid.record
            #expect(original.state == .reversed && original.reversedAmount == 140)
            #expect(original.disputes.map(\.kind) == [.reversedTooMuch])
            let late = try await house.record(lost)
            #expect(late.state == .succeeded && late.disputes.map(\.kind) == [.reversedTooMuch])
        }
    }

    @Test func `that was begun beside another one is committed by one of them alone`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)

            let replies = await withTaskGroup(of: ToolReply.self) { group in
                for _ in 0..<8 { group.addTask { await paid.refund(60) } }
                return await group.reduce(into: []) { $0.append($1) }
            }

            #expect(replies.count { $0.code == nil } == 1)
            #expect(replies.count { $0.code == .conflict } == 7)
            #expect(house.upstream.count("refund") == 1)
            #expect(try await paid.record.reversals.count == 1)
        }
    }

    @Test func `that M-Pesa calls made before is done where it is whole and the only one`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let whole = try #require(await paid.refund().record)
            try await house.callback(whole, says: ["verdict": "duplicate", "code": "R000001"])
            #expect(try await house.record(whole).state == .succeeded)
            #expect(try await paid.record.state == .reversed)

            let other = try await Paid(in: house, phone: "254711000002")
            let part = try #require(await other.refund(40).record)
            try await house.callback(part, says: ["verdict": "duplicate", "code": "R000001"])
            let found = try await house.record(part)
            #expect(!found.state.isEnded && found.isDisputed && found.code == "R000001")
            #expect(try await other.record.state == .succeeded)
        }
    }

    @Test func `that failed keeps its sum once M-Pesa says that it was paid after all`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let first = try await paid.failed(100)
            try await house.callback(first, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])
            #expect(try await house.record(first).disputes.map(\.kind) == [.noReceipt])

            let refused = await paid.refund(100)
            #expect(refused.code == .invalidArgument && house.upstream.count("refund") == 1)

            let second = try #require(await paid.refund(100, unmoved: [first]).record)
            #expect(try await house.record(second).state == .accepted)
        }
    }

    @Test(arguments: [false, true])
    func `that M-Pesa calls paid is counted again, whatever was said or known of it before`(isLost: Bool)
        async throws
    {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let first = try await isLost ? paid.lost(40) : paid.failed(40)
            let second = try #require(await paid.refund(60, unmoved: isLost ? [first] : []).record)
            try await paid.succeed(second, 60)

            try await house.callback(first, says: ["verdict": "unknown", "code": "0", "charge_again": "no"])

            #expect(await paid.refund(40).code == .invalidArgument)
            #expect(await paid.refund(40, unmoved: [first]).code == nil)
            #expect(house.upstream.count("refund") == 3)
        }
    }

    @Test func `that never left, or failed, leaves room for the next, however many did`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            house.upstream.answer { _ in .notSent("M-Pesa cannot be reached") }
            for _ in 0..<Record.reversalsMax { #expect(await paid.refund().code == .upstreamUnavailable) }

            house.upstream.accept()
            let last = try #require(await paid.refund().record)
            #expect(try await paid.record.reversals.map(\.id) == [last])
            try await house.callback(last, says: ["verdict": "failed", "code": "2006"])
            let next = try #require(await paid.refund().record)
            // A mark that is gone comes back with what M-Pesa says of it.
            try await paid.succeed(last, 100)

            let original = try await paid.record
            #expect(original.reversals.map(\.id) == [next, last] && original.state == .reversed)
        }
    }

    @Test func `may name what did not move once more, after it did not leave itself`() async throws {
        try await House.with { (house) async throws in
            let paid = try await Paid(in: house)
            let lost = try await paid.lost(40)
            let stranger = try await Paid(in: house, phone: "254711000002").lost(40)
            house.upstream.answer { _ in .notSent("M-Pesa cannot be reached") }
            #expect(await paid.refund(100, unmoved: [lost]).code == .upstreamUnavailable)

            house.upstream.accept()
            #expect(await paid.refund(100, unmoved: [lost, stranger]).code == .invalidArgument)
            #expect(await paid.refund(100, unmoved: [lost]).code == nil)
        }
    }
}
