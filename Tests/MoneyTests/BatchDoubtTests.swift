import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

private let day: Duration = .seconds(86_400)

/// A moment so far ahead, as an argument.
private func moment(after duration: Duration, in house: House) -> JSONObject {
    ["not_before_ms": .integer((house.clock.entropy.wall() + duration).milliseconds)]
}

struct `The moment of a batch` {
    @Test(arguments: [1e20, 1e30, -1e20])
    func `is none past what a number holds, and nothing leaves for that`(moment: Double) async throws {
        try await House.forBatches { (house) async throws in
            let made = await house.batch(
                "b",
                of: House.payments(2),
                ["not_before_ms": .number(moment), "release": true]
            )
            #expect(made.code == .invalidArgument)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 0)
        }
    }
}

struct `Rows that others pay while their batch waits` {
    /// A payment to the first of the sample's people.
    private func pay(in house: House) async throws -> RecordID {
        let reply = await house.pay(phone: "254711010001", amount: 100, key: "\(house.clock.entropy.identifier())")
        return try #require(reply.record, "\(reply.result)")
    }

    @Test func `are refused at its release, until a person names them`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            let other = try await pay(in: house)
            let (who, batches) = (try await house.releaser(), house.gateway.batches)

            let error = try await house.refusal { try await batches.release("b", by: who) }
            #expect(error?.code == .conflict && error?.errors.map(\.pointer) == ["/confirmed_rows"])
            #expect(error?.errors.first?.message.contains("row 1") == true)
            #expect(error?.message.contains("\(other)") == true)
            #expect(try await house.refusal { try await batches.release("b", by: who, confirming: [2]) } != nil)
            #expect(try await house.batch("b").state == .draft)

            #expect(try await batches.release("b", by: who, confirming: [1]).state == .running)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == 3)
        }
    }

    @Test func `are refused by the action, which takes the rows that are meant`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            _ = try await pay(in: house)
            let (_, token) = try await house.addPerson("wanjiku", role: .manager, hasSecondFactor: true)

            #expect(await house.ask("batches.release", ["id": "b"], as: token).code == .conflict)
            let named: JSON = ["id": "b", "confirmed_rows": [1]]
            #expect(await house.ask("batches.release", named, as: token).data["state"] == "running")
        }
    }

    @Test func `are asked about when it is resumed, with what is to be tried again`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 2)
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            #expect(try await house.batch("b").state == .paused && house.upstream.count("pay") == 1)
            house.upstream.accept()
            house.clock.advance(.seconds(61))
            _ = try await pay(in: house)
            let (who, batches) = (try await house.releaser(), house.gateway.batches)

            let error = try await house.refusal { try await batches.resume("b", by: who) }
            #expect(error?.errors.first?.message.contains("row 1") == true)
            #expect(try await batches.resume("b", by: who, confirming: [1]).state == .running)
        }
    }

    @Test func `do not leave at its moment, which nobody attends`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3, moment(after: .seconds(3_600), in: house))
            house.clock.advance(.seconds(600))
            let other = try await pay(in: house)
            await house.sendBatches(after: .seconds(3_000))
            await house.sendBatches()

            let items = try await house.items("b")
            #expect(items.map(\.state) == [.withdrawn, .accepted, .accepted])
            let why = items[0].meaning ?? ""
            #expect(why.contains("\(other)") && why.contains("confirmed_rows"))
            #expect(house.upstream.count("pay") == 3)
            #expect(try await house.batch("b").state == .running)
        }
    }

    @Test func `leave at its moment where a person has named them at its release`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(1), moment(after: .seconds(3_600), in: house))
            _ = try await pay(in: house)
            house.clock.advance(.seconds(5))
            let who = try await house.releaser()
            _ = try await house.gateway.batches.release("b", by: who, confirming: [1])
            await house.sendBatches(after: .seconds(3_600))
            await house.sendBatches()

            #expect(try await house.items("b").map(\.state) == [.accepted])
        }
    }

    @Test(arguments: [false, true])
    func `are asked about once more where they were confirmed before, by what is new alone`(isNew: Bool) async throws {
        try await House.forBatches { (house) async throws in
            func payOnce() async throws {
                let id = try await pay(in: house)
                try await house.callback(
                    id,
                    says: ["verdict": "succeeded", "receipt": .string("R\(id)"), "amount": 100]
                )
                house.clock.advance(.seconds(61))
            }
            try await payOnce()
            let made = await house.batch("b", of: House.payments(1), ["confirmed_rows": [1]])
            #expect(made.code == nil, "\(made.result)")
            house.clock.advance(.seconds(61))
            if isNew { try await payOnce() }

            let who = try await house.releaser()
            let error = try await house.refusal { try await house.gateway.batches.release("b", by: who) }
            #expect((error == nil) == !isNew)
        }
    }

    @Test func `are not those of a batch that repeats it on purpose`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("a", of: House.payments(2))
            house.clock.advance(.seconds(5))
            _ = await house.batch("b", of: House.payments(2), ["repeats": "a"])
            let (first, second) = (try await house.releaser("first"), try await house.releaser("second"))

            #expect(try await house.gateway.batches.release("a", by: first).state == .running)
            #expect(try await house.gateway.batches.release("b", by: second).state == .running)
        }
    }
}

struct `A batch that waits long` {
    @Test func `is known for as long as it may pay, and some days after it has`() async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 2, moment(after: .seconds(30 * 86_400), in: house))
            for wait in [day * 10, day * 19] {
                await house.sendBatches(after: wait)
                try await house.payAll("b")
                await house.sendBatches()
                await house.sendBatches(after: day)

                #expect(await house.batch("c", of: House.payments(2)).code == .conflict)
                // One of its rows, in another batch.
                let error = await house.batch("d", of: House.payments(1)).refused
                #expect(error?.code == .conflict && error?.errors.map(\.pointer) == ["/payments/0"])
            }
            #expect(try await house.batch("b").state == .completed && house.upstream.count("pay") == 2)
            house.clock.advance(day * 8)
            #expect(await house.batch("c", of: House.payments(2)).code == nil)
        }
    }

    @Test func `is the same one when nobody has named it, whenever it is sent again`() async throws {
        try await House.forBatches { (house) async throws in
            var asked = moment(after: .seconds(40 * 86_400), in: house)
            asked["payments"] = House.payments(2)
            let first = await house.call("fake_pay_many", .object(asked))
            let id = try #require(first.output["batch_id"]?.stringValue)
            _ = try await house.gateway.batches.release(id, by: try await house.releaser())
            for _ in 0..<3 {
                house.clock.advance(day * 9)
                let again = await house.call("fake_pay_many", .object(asked))
                #expect(again.output["batch_id"] == .string(id), "\(again.result)")
            }
        }
    }
}

struct `What is asked about rows` {
    @Test func `names no payment and no batch to whoever does not see them`() async throws {
        try await House.forBatches { (house) async throws in
            let reply = await house.pay(phone: "254711010001", amount: 100, key: "k")
            let paid = try #require(reply.record)
            _ = await house.batch("theirs", of: House.payments(1, amount: 7))
            let (_, token) = try await house.addPerson("otieno", role: .user)
            let desk = try await ApprovalDesk(in: house)

            let row = await desk.make("b", of: House.payments(1), as: token).refused
            #expect(row?.code == .conflict && row?.message.contains("\(paid)") == false)
            let same = await desk.make("c", of: House.payments(1, amount: 7), as: token).refused
            #expect(same?.code == .conflict && same?.message.contains("theirs") == false)
        }
    }
}

struct `A batch that waits for weeks` {
    @Test(arguments: [[-36, 40], [40, -36], [-36, -40], [0, 0]])
    func `leaves once, after its time, however often the clock is set`(hours: [Int64]) async throws {
        try await House.forBatches { (house) async throws in
            try await house.run("b", 3, moment(after: day * 30, in: house))
            for set in hours {
                house.clock.advance(day * 10)
                house.clock.setWallClock(by: .seconds(set * 3_600))
                await house.gateway.sweeper.sweep()
                await house.sendBatches()
            }
            // Twenty days have passed, and whatever was set is less than three.
            #expect(house.upstream.sent.isEmpty)
            house.clock.advance(day * 7)
            await house.sendBatches()
            #expect(house.upstream.sent.isEmpty)

            for _ in 0..<14 {
                house.clock.advance(day / 2)
                await house.sendBatches()
                await house.sendBatches()
            }
            #expect(house.upstream.count("pay") == 3)
            try await house.payAll("b")
            await house.sendBatches()
            #expect(try await house.batch("b").state == .completed && house.upstream.count("pay") == 3)
        }
    }
}
