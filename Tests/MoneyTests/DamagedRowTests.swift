import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

extension House {
    /// Puts what nobody can read in the place of a text of a record.
    fileprivate func damage(_ column: String, of id: RecordID) throws {
        let garbled = "{\"half\": "
        try DatabaseHolder(database).execute("UPDATE records SET \(column) = '\(garbled)' WHERE record_id = '\(id)'")
    }

    /// A manager says that it failed; answers why not, where that is refused.
    fileprivate func says(failed record: RecordID) async throws -> GatewayError.Code? {
        let token = try await addPerson("ben", role: .manager).token
        let said: JSON = [
            "id": .string("\(record)"), "outcome": "failed", "evidence": "statement of 26 November, line 4",
        ]
        return await ask("transactions.resolve", said, as: token).code
    }
}

struct `A row of a batch of which the store cannot read a part` {
    @Test(arguments: ["plan", "detail"])
    func `is never sent, is named once, and keeps no other from leaving and its batch from no end`(column: String)
        async throws
    {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3)
            let damaged = try await house.items("b")[1].id
            try house.damage(column, of: damaged)
            for _ in 0..<2 { await house.sendBatches() }

            #expect(try await house.items("b").map(\.state) == [.accepted, .withdrawn, .accepted])
            let named = column == "plan" ? "sequence 2" : "row 2"
            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["reason"]?.stringValue?.contains(named) == true, "\(shown.text)")
            #expect(shown["counts"]?["withdrawn"] == 1)
            let version = try await house.batch("b").version
            try await house.payAll("b")
            await house.sendBatches()
            let ended = try await house.batch("b")
            #expect(ended.state == .completed && ended.endedAt != nil && ended.version == version + 1)
            #expect(ended.reason?.contains(named) == true && house.upstream.count("pay") == 2)
            let told = try await house.store.feed(lane: FeedReader.lane, after: 0, limit: 100).map(\.event)
            #expect(told.count { $0.kind == .withdrawn && $0.subject == "\(damaged)" } == 1)
            let listed = await house.ask("batches.items", ["id": "b"]).data.arrayValue ?? []
            #expect(listed.map { $0["transaction"]?["status"] } == ["SUCCESS", "CANCELLED", "SUCCESS"])
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `ends with a batch that is stopped`(column: String) async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            try house.damage(column, of: try await house.items("b")[0].id)
            let who = try await house.releaser()
            _ = try await house.gateway.batches.cancel("b", by: who, because: "The wrong list.")
            for _ in 0..<2 { await house.sendBatches() }

            #expect(try await house.items("b").allSatisfy { $0.state == .withdrawn })
            #expect(try await house.batch("b").endedAt != nil && house.upstream.sent.isEmpty)
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `is a person's business where it had left, by whose word its batch ends`(column: String) async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 2)
            await house.sendBatches()
            let (first, damaged) = (try await house.items("b")[0].id, try await house.items("b")[1].id)
            let paid: JSON = ["verdict": "succeeded", "amount": 100, "receipt": "R1"]
            try await house.callback(first, says: paid)
            try house.damage(column, of: damaged)
            house.upstream.answer { _ in .unknown("the connection was cut") }
            house.clock.advance(.seconds(40 * 86_400))
            await house.gateway.sweeper.sweep()
            #expect(try await house.record(damaged).state == .manual)
            await house.sendBatches()
            #expect(try await house.batch("b").endedAt == nil)

            #expect(try await house.says(failed: damaged) == nil)
            await house.sendBatches(after: .seconds(61))
            #expect(try await house.batch("b").endedAt != nil && house.upstream.count("pay") == 2)
        }
    }

    @Test func `keeps nobody from letting its batch leave, whatever others have paid`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            try house.damage("plan", of: try await house.items("b")[0].id)
            #expect(await house.pay(phone: "254711010001", key: "other").code == nil)
            let released = try await house.gateway.batches.release("b", by: try await house.releaser())
            for _ in 0..<2 { await house.sendBatches() }

            #expect(released.state == .running && house.upstream.count("pay") == 2)
            #expect(try await house.items("b").map(\.state) == [.withdrawn, .accepted])
        }
    }

    @Test func `is not tried again`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            try house.damage("plan", of: try await house.items("b")[0].id)
            house.clock.advance(.seconds(61))
            _ = try await house.gateway.batches.resume("b", by: try await house.releaser())

            #expect(try await house.items("b").count == 1)
        }
    }
}

extension `A row of a batch of which the store cannot read a part` {
    @Test func `is a manager's business where nobody can read how it stands, and its batch waits for that alone`()
        async throws
    {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3)
            let damaged = try await house.items("b")[1].id
            try house.damage("state", of: damaged)
            for _ in 0..<2 { await house.sendBatches() }
            #expect(try await house.items("b").map(\.state) == [.accepted, .manual, .accepted])
            #expect(house.upstream.count("pay") == 2)
            for place in [0, 2] {
                let item = try await house.items("b")[place].id
                let paid: JSON = ["verdict": "succeeded", "amount": 100, "receipt": .string("R\(place)")]
                try await house.callback(item, says: paid)
            }
            await house.sendBatches(after: .seconds(61))
            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["ended_ms"] == nil && shown["counts"]?["needs_person"] == 1, "\(shown.text)")
            let explained = await house.ask("transactions.explain", ["id": .string("\(damaged)")]).data
            #expect(explained["why"]?.stringValue?.contains("can no longer be read") == true, "\(explained.text)")

            #expect(try await house.says(failed: damaged) == nil)
            await house.sendBatches(after: .seconds(61))
            #expect(try await house.batch("b").endedAt != nil && house.upstream.count("pay") == 2)
        }
    }

    @Test(arguments: ["class", "direction"])
    func `is withdrawn and named where what is lost is a word of it`(column: String) async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3)
            try house.damage(column, of: try await house.items("b")[1].id)
            for _ in 0..<2 { await house.sendBatches() }

            #expect(try await house.items("b").map(\.state) == [.accepted, .withdrawn, .accepted])
            let shown = await house.ask("batches.show", ["id": "b"]).data
            #expect(shown["reason"]?.stringValue?.contains("row 2") == true, "\(shown.text)")
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `is paid by no other batch, nor is any row beside it that it may have paid`(column: String) async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 2)
            await house.sendBatches()
            let (failed, open) = (try await house.items("b")[0].id, try await house.items("b")[1].id)
            try await house.callback(failed, says: ["verdict": "failed", "code": "17"])
            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser("a"), because: "Enough.")
            // What is open may pay any row once nobody can read which; of what has failed nobody knows what speaks against it.
            try house.damage(column, of: column == "plan" ? open : failed)

            let only: JSON = ["id": "b", "validate_only": true]
            #expect(await house.ask("batches.retry", only).code == .conflict)
        }
    }
}

struct `A payment of which the store cannot read a part` {
    @Test(arguments: ["plan", "detail"])
    func `is never sent where it waits for people, and ends in its time`(column: String) async throws {
        try await House.with { (house) async throws in
            let id = try await house.held { await house.pay() }.id
            try house.damage(column, of: id)
            let explained = await house.ask("transactions.explain", ["id": .string("\(id)")]).data
            #expect(explained["why"]?.stringValue?.contains("can no longer be read") == true, "\(explained.text)")
            house.clock.advance(.seconds(2 * 3_600))
            await house.gateway.releases.sendDue()

            #expect(try await house.record(id).state == .withdrawn && house.upstream.sent.isEmpty)
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `is withdrawn where somebody lets it leave`(column: String) async throws {
        try await House.with { (house) async throws in
            let id = try await house.held { await house.pay() }.id
            try house.damage(column, of: id)
            try? await house.release(try await house.record(id))

            #expect(try await house.record(id).state == .withdrawn && house.upstream.sent.isEmpty)
        }
    }

    @Test func `is not written anew once it has ended, and so never refunded by what is left of it`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"])
            try house.damage("detail", of: id)
            try? await house.callback(id, says: ["verdict": "failed", "code": "1"])

            #expect(try await house.record(id).isDamaged)
            let refund = await house.call("fake_refund", ["original": .string("\(id)")], key: "r")
            #expect(refund.refused?.code == .conflict && house.upstream.count("refund") == 0)
        }
    }

    @Test(arguments: ["plan", "detail"])
    func `is not refunded: how much of it went back may be what is lost`(column: String) async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"])
            try house.damage(column, of: id)
            let refund = await house.call("fake_refund", ["original": .string("\(id)")], key: "r")

            #expect(refund.refused?.code == .conflict && house.upstream.count("refund") == 0)
        }
    }

    @Test func `keeps no other from being asked about`() async throws {
        try await House.with { (house) async throws in
            let one = try #require(await house.pay(key: "one").record)
            let other = try #require(await house.pay(phone: "254711000002", key: "two").record)
            try house.damage("plan", of: one)
            house.clock.advance(.seconds(25))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(other).queries == 1)
        }
    }
}

struct `A payment that has ended and of which the store cannot read a part` {
    private func paid(_ receipt: String) -> JSON {
        ["verdict": "succeeded", "receipt": .string(receipt), "amount": 100, "code": "0"]
    }

    @Test func `keeps no late success of another from being kept, which may be the same payment`() async throws {
        try await House.forBatches { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "expired", "code": "1037"])
            house.clock.advance(.seconds(61))
            let second = try #require(await house.collect().record)
            try await house.callback(second, says: ["verdict": "failed", "code": "1"])
            try house.damage("plan", of: second)
            try await house.callback(first, says: paid("R1"))

            let record = try await house.record(first)
            #expect(record.state == .succeeded && record.disputes == [Dispute(.possibleDouble, other: second)])
            #expect(try await house.record(second).disputes.isEmpty)
        }
    }

    @Test(arguments: ["succeeded", "failed"])
    func `keeps nothing from being kept that M-Pesa says of its reversal`(verdict: String) async throws {
        try await House.forBatches { (house) async throws in
            let id = try #require(await house.collect().record)
            try await house.callback(id, says: paid("R1"))
            let arguments: JSON = ["original": .string("\(id)"), "amount": 100]
            let back = try #require(await house.call("fake_refund", arguments, key: "back").record)
            try house.damage("plan", of: id)
            let said: JSON = verdict == "failed" ? ["verdict": "failed", "code": "1"] : paid("U1")
            try await house.callback(back, says: said)
            #expect(try await house.record(back).state.rawValue == verdict)
            guard verdict == "failed" else { return }
            try await house.callback(back, says: ["verdict": "succeeded", "code": "0"])
            #expect(try await house.record(back).disputes.map(\.kind) == [.noReceipt])
        }
    }
}
