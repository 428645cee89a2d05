import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

@testable import Gateway

struct `What ended unpaid of a batch` {
    /// A batch of three, of which the first failed, one was paid and one is undecided; nothing more leaves.
    private func stopped(_ house: House, _ id: String = "b") async throws {
        let asked = Mutex(0)
        house.upstream.answer { _ in
            let number = asked.withLock { number in
                number += 1
                return number
            }
            let failure: JSON = ["verdict": "failed", "code": "17", "meaning": "Not a customer."]
            let taken: JSON = ["verdict": "accepted", "external_ids": ["fake_id": .string("\(id)\(number)")]]
            return .answered(status: 200, body: (number == 1 ? failure : taken).bytes)
        }
        try await house.run(id, 3)
        await house.sendBatches()
        try await house.payAll(id)
        await house.sendBatches()
        house.upstream.accept()
        _ = try await house.gateway.batches.cancel(id, by: try await house.releaser("s" + id), because: "Enough.")
        // What is undecided has given its account's place back by then.
        await house.sendBatches(after: .seconds(601))
        #expect(try await house.items(id).map(\.state) == [.failed, .succeeded, .accepted])
    }

    private func retry(_ house: House, _ more: JSONObject = [:], of id: String = "b") async -> ActionReply {
        var arguments = more
        arguments["id"] = .string(id)
        return await house.ask("batches.retry", .object(arguments))
    }

    /// Releases a batch and has it paid.
    private func pay(_ id: String, in house: House) async throws {
        _ = try await house.gateway.batches.release(id, by: try await house.releaser("r" + id))
        for _ in 0..<2 {
            await house.sendBatches()
            try await house.payAll(id)
        }
        await house.sendBatches()
    }

    @Test func `is paid by another batch, which waits for a person and is linked both ways`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let sent = house.upstream.count("pay")

            let made = await retry(house, ["batch_id": "again"])
            #expect(made.data["state"] == "draft" && made.data["total_amount"] == 100, "\(made)")
            #expect(made.data["total_payments"] == 1 && made.data["retry_of"] == "b")
            #expect(made.data["approved_by"] == nil && made.data["released_by"] == nil)
            await house.sendBatches()
            #expect(house.upstream.count("pay") == sent)

            let (failed, item) = (try await house.items("b")[0], try #require(try await house.items("again").first))
            #expect(
                item.batch?.retryOf == failed.id && item.batch?.row == 1 && item.intent.party == failed.intent.party
            )
            let old = await house.ask("batches.items", ["id": "b"]).data
            #expect(old[0]?["retried_by"] == .string(item.id.description) && old[0]?["retried_by_batch"] == "again")
            #expect(old[1]?["retried_by"] == nil)
            let new = await house.ask("batches.items", ["id": "again"]).data
            #expect(new[0]?["retry_of"] == .string(failed.id.description) && new[0]?["retry_of_batch"] == "b")
            #expect(await house.ask("batches.show", ["id": "b"]).data["retried_by"] == ["again"])
            let saved = String(decoding: try await house.saved("batches.result", ["id": "b"]), as: UTF8.self)
            #expect(saved.contains("retried_by") && saved.contains(item.id.description))

            try await pay("again", in: house)
            #expect(try await house.items("again").map(\.state) == [.succeeded])
            let events = try await house.store.events(of: failed.id, organization: house.organization, limit: 20)
            #expect(events.last?.meaning?.contains("\(item.id)") == true, "its history says by what it was tried again")
        }
    }

    @Test func `is no row that was paid, is undecided or waits for a person, and each is named`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)

            let refused = await retry(house, ["rows": [1, 2, 3, 9]]).error
            #expect(refused?.code == .conflict && refused?.errors.map(\.pointer) == ["/rows/1", "/rows/2", "/rows/3"])
            let words = refused?.errors.map(\.message) ?? []
            #expect(words.count == 3 && words[0].contains("was paid") && words[1].contains("has not ended"))
            #expect(await retry(house).data["total_payments"] == 1)
        }
    }

    @Test func `is not tried again by another while its own batch may pay it yet`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            #expect(await retry(house).code == .conflict)
            _ = try await house.gateway.batches.release("b", by: try await house.releaser())
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            #expect(try await house.batch("b").state == .paused)
            #expect(await retry(house).code == .conflict)
        }
    }

    @Test func `is tried again once: what fails there is tried again there`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            #expect(await retry(house, ["batch_id": "second"]).data["state"] == "draft")
            let again = await retry(house, ["batch_id": "other"]).error
            #expect(again?.code == .conflict && again?.message.contains("second") == true)
            #expect(await retry(house, ["rows": [1]]).code == .conflict)

            house.upstream.answer(with: ["verdict": "failed", "code": "17", "meaning": "Not a customer."])
            try await pay("second", in: house)
            #expect(try await house.batch("second").endedAt != nil)
            #expect(await retry(house, ["rows": [1]]).code == .conflict, "the later try stands for it")
            #expect(await retry(house, ["batch_id": "third"], of: "second").data["retry_of"] == "second")
            house.upstream.accept()
            // The guard that keeps repeats apart holds against what is tried again by another batch, too.
            house.clock.advance(.seconds(601))
            try await pay("third", in: house)
            #expect(try await house.items("third").map(\.state) == [.succeeded])
            #expect(await retry(house, of: "third").code == .conflict)
            #expect(await retry(house, of: "second").code == .conflict)
        }
    }

    @Test func `is the same batch where it is asked for once more, and stands for nothing else`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let first = await retry(house, ["batch_id": "again"])
            let same = await retry(house, ["batch_id": "again"])
            #expect(first.data["batch_id"] == "again" && same.data["is_earlier"] == true, "\(same)")
            #expect(await retry(house, ["batch_id": "again", "rows": [1]]).code == .idempotencyKeyReused)
            #expect(await house.batch("again", of: House.payments(1)).code == .idempotencyKeyReused)
        }
    }

    @Test(arguments: ["again", nil])
    func `is one batch, whoever asks at once, and nobody is told to confirm what is that batch's`(id: String?)
        async throws
    {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let asked: JSONObject = id.map { ["batch_id": .string($0)] } ?? [:]
            let replies = await withTaskGroup { group in
                for _ in 0..<12 { group.addTask { await retry(house, asked) } }
                return await group.reduce(into: [ActionReply]()) { $0.append($1) }
            }

            let (made, others) = (replies.filter { $0.code == nil }, replies.filter { $0.code != nil })
            #expect(Set(made.map { $0.data["batch_id"] }).count == 1)
            #expect(made.count { $0.data["is_earlier"] != true } == 1)
            #expect(id == nil || made.count == 12, "\(others)")
            for other in others {
                #expect(other.code == .conflict && other.error?.message.contains("tried again") == true, "\(other)")
            }
        }
    }

    @Test func `is doubled by nothing that waits to try it again, should it have been paid after all`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            _ = await retry(house, ["batch_id": "again"])
            let (failed, waiting) = (try await house.items("b")[0], try await house.items("again")[0])
            try await house.callback(failed.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R9"])

            for id in [failed.id, waiting.id] {
                #expect(try await !house.record(id).disputes.contains { $0.kind == .possibleDouble }, "\(id)")
            }
            #expect(try await house.record(failed.id).state == .succeeded)
        }
    }

    @Test func `is explained by what tries it again, or by how it may be`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let failed = try await house.items("b")[0].id
            let can = {
                await house.ask("transactions.explain", ["id": .string(failed.description)]).data["can"]?.text ?? ""
            }
            #expect(await can().contains("batches.retry"))
            _ = await retry(house, ["batch_id": "again"])

            let item = try await house.items("again")[0].id
            #expect(await can().contains("tried again by \(item)"))
        }
    }

    @Test func `is explained while the guard of what failed holds it`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            _ = await retry(house, ["batch_id": "again"])
            _ = try await house.gateway.batches.release("again", by: try await house.releaser())

            let item = try #require(try await house.items("again").first)
            let said = await house.ask("transactions.explain", ["id": .string(item.id.description)]).data
            let failed = try await house.items("b")[0].id
            #expect(said["waits_for"]?.stringValue?.contains("repeats of \(failed)") == true, "\(said.text)")
            #expect((said["next_ms"]?.integerValue ?? .max) <= (said["until_ms"]?.integerValue ?? 0))
        }
    }

    @Test func `is kept by nothing where it is only checked, and is still to be tried again`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let checked = await retry(house, ["validate_only": true]).data
            #expect(checked["state"] == "checked" && checked["total_amount"] == 100 && checked["errors"] == [])
            #expect(await house.ask("batches.show", ["id": "b"]).data["retried_by"] == nil)
            #expect(await retry(house).data["state"] == "draft")
        }
    }

    @Test func `is judged by the rules of now, and not by who agreed before`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let asked = Hold.Asked(role: .manager, count: 2)
            house.doorkeeper.holdAll(until: house.clock.now + .seconds(3_600), asking: asked)
            try await house.set { $0.rules = [ApprovalRule(directions: [.outgoing], outcome: .approve, count: 2)] }

            let made = await retry(house, ["batch_id": "again"]).data
            #expect(made["releaser"] == "another" && made["approvals_needed"] == 2, "\(made.text)")
            let batches = house.gateway.batches
            #expect(try await batches.release("again", by: try await house.releaser("one")).state == .draft)
            #expect(try await batches.release("again", by: try await house.releaser("two")).state == .running)
        }
    }

    @Test func `is asked about where others have paid it meanwhile`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            #expect(await house.pay(phone: "254711010001", amount: 100, key: "by-hand").code == nil)

            let refused = await retry(house).error
            #expect(refused?.code == .conflict && refused?.errors.map(\.pointer) == ["/rows/1"], "\(refused as Any)")
            #expect(await retry(house, ["confirmed_rows": [1]]).data["confirmed_rows"] == 1)
        }
    }

    @Test func `is not sent where it was paid after all while its retry waited`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            _ = await retry(house, ["batch_id": "again"])
            let (failed, sent) = (try await house.items("b")[0], house.upstream.count("pay"))
            _ = try await house.gateway.batches.release("again", by: try await house.releaser())
            try await house.callback(failed.id, says: ["verdict": "succeeded", "amount": 100, "receipt": "R9"])
            for _ in 0..<2 { await house.sendBatches(after: .seconds(61)) }

            #expect(try await house.items("again").map(\.state) == [.withdrawn])
            #expect(house.upstream.count("pay") == sent)
            #expect(await retry(house, ["withdrawn": true], of: "again").code == .conflict, "it was paid")
        }
    }

    @Test func `is what never left too, where that is asked for`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(2))
            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser(), because: "Not yet.")
            for _ in 0..<2 { await house.sendBatches() }
            #expect(await retry(house).code == .conflict)

            #expect(await retry(house, ["withdrawn": true, "batch_id": "again"]).data["total_payments"] == 2)
            try await pay("again", in: house)
            #expect(try await house.items("again").map(\.state) == [.succeeded, .succeeded])
            #expect(house.upstream.count("pay") == 2)
        }
    }

    @Test func `is what a person found to have failed, and goes on within its batch where money lacks`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await house.run("b", 1)
            house.upstream.answer { _ in .unknown("the connection was cut") }
            await house.sendBatches()
            let lost = try #require(try await house.items("b").first)
            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser(), because: "Enough.")
            await house.sendBatches(after: Resolutions.failedAfter)
            #expect(await retry(house).code == .conflict, "nobody knows yet")
            let who = try await house.addPerson("ann", role: .orgAdmin, hasSecondFactor: true)
            let said: JSON = [
                "id": .string(lost.id.description), "outcome": "failed",
                "evidence": "the statement of that day has no such line",
            ]
            let resolved = await house.ask("transactions.resolve", said, as: who.token)
            #expect(resolved.data["status"] == "FAILED", "\(resolved)")
            #expect(await retry(house, ["batch_id": "again"]).data["state"] == "draft")

            _ = try await house.gateway.batches.release("again", by: try await house.releaser("wambui"))
            house.upstream.answer(with: ["verdict": "failed", "code": "1", "meaning": "No money."])
            await house.sendBatches()
            house.upstream.accept()
            #expect(try await house.batch("again").state == .paused)
            _ = try await house.gateway.batches.resume("again", by: try await house.releaser("atieno"))
            await house.sendBatches(after: .seconds(61))
            #expect(try await house.items("again").map(\.state) == [.failed, .accepted])
        }
    }

    @Test func `is nobody's who does not see its batch`() async throws {
        try await House.forBatches(inFlightMax: 1) { (house) async throws in
            try await stopped(house)
            let (stranger, token) = try await house.addPerson("stranger", role: .user)
            #expect(stranger.role == .user)
            #expect(await house.ask("batches.retry", ["id": "b"], as: token).code == .notFound)
        }
    }
}
