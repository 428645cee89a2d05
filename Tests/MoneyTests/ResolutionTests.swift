import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

/// What M-Pesa does not say, a person does who has looked it up; what M-Pesa says later still counts.
struct `A person's word` {
    /// A payment or payout of which nobody knows what became, and who may say so.
    private func lost(
        _ tool: String = "fake_pay",
        in house: House,
        role: Role = .manager
    ) async throws -> (id: RecordID, token: Secret<String>) {
        house.upstream.answer { _ in .unknown("the connection was cut") }
        let reply = await house.call(tool, ["phone": "254711000001", "amount": 100], key: "one")
        let id = try #require(reply.record)
        house.clock.advance(Resolutions.failedAfter)
        return (id, try await house.addPerson("ann\(role.rawValue)", role: role).token)
    }

    private func resolve(
        _ id: RecordID,
        _ outcome: String,
        _ more: JSONObject = [:],
        as token: Secret<String>,
        in house: House
    ) async -> ActionReply {
        var arguments: JSONObject = [
            "id": .string(id.description), "outcome": .string(outcome), "evidence": "statement of 26 November, line 4",
        ]
        for (name, value) in more { arguments[name] = value }
        return await house.ask("transactions.resolve", .object(arguments), as: token)
    }

    @Test func `ends what M-Pesa does not, with what was seen and who saw it`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            let reply = await resolve(id, "succeeded", ["receipt": "rab1", "amount": 100], as: token, in: house)

            #expect(reply.data["status"] == "SUCCESS" && reply.data["receipt"] == "RAB1")
            let record = try await house.record(id)
            #expect(record.state == .succeeded && record.endedAt != nil && record.nextActionAt == nil)
            #expect(record.resolution?.outcome == .succeeded && record.resolution?.by.hasPrefix("user:") == true)
            let events = try await house.store.events(of: id, organization: house.organization, limit: 10)
            #expect(events.last?.source == "person")
            #expect(events.last?.meaning?.contains("statement of 26 November, line 4") == true)
            let audit = try await house.audit()
            let by = try #require(record.resolution?.by)
            #expect(audit.contains { $0.action == "TRANSACTION_ENDED" && $0.subject == by && $0.record == id })
            #expect(audit.contains { $0.action == "TRANSACTION_RESOLVED" && $0.subject == by })
        }
    }

    @Test func `that it did not happen lets it be paid again, by another key`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            #expect(await resolve(id, "failed", as: token, in: house).data["status"] == "FAILED")

            let again = await house.pay(key: "one")
            #expect(again.record == id && again.shown["charge_again"] == "yes")
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F9"]])
            house.clock.advance(.seconds(3600))
            let next = try #require(await house.pay(key: "two").record)
            #expect(next != id)
        }
    }

    @Test func `is overridden by a success that M-Pesa proves, and both are shown`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            #expect(await resolve(id, "failed", as: token, in: house).code == nil)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R7", "amount": 100])

            let record = try await house.record(id)
            #expect(record.state == .succeeded && record.receipt == "R7" && record.advice == "no")
            #expect(record.disputes == [Dispute(.resolution, stated: "succeeded", expected: "failed")])
        }
    }

    @Test func `is not undone by a failure, which is raised against it`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            let seen: JSONObject = ["receipt": "R1", "amount": 100]
            #expect(await resolve(id, "succeeded", seen, as: token, in: house).code == nil)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])

            let record = try await house.record(id)
            #expect(record.state == .succeeded && record.advice == "no")
            #expect(record.disputes == [Dispute(.resolution, stated: "failed", expected: "succeeded")])
        }
    }

    @Test func `that it did not happen is too early while its line may yet appear in the statement`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("the connection was cut") }
            let id = try #require(await house.pay(key: "one").record)
            let token = try await house.addPerson("ann", role: .manager).token
            house.clock.advance(Resolutions.failedAfter + .seconds(-1))
            let early = await resolve(id, "failed", as: token, in: house)
            #expect(early.code == .conflict && early.error?.retryAfter == .seconds(1))
            #expect(try await house.record(id).state == .unknown)

            house.clock.advance(.seconds(1))
            #expect(await resolve(id, "failed", as: token, in: house).code == nil)
        }
    }

    @Test func `that it did not happen is not taken while M-Pesa says that it is working on it`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            try await house.callback(id, says: ["verdict": "pending", "code": "p"])

            let reply = await resolve(id, "failed", as: token, in: house)
            #expect(reply.code == .conflict)
            #expect(try await house.record(id).resolution == nil)
        }
    }

    @Test func `that it did not happen is raised once M-Pesa shows that it has the request after all`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            #expect(await resolve(id, "failed", as: token, in: house).code == nil)
            try await house.callback(id, says: ["verdict": "pending", "code": "p"])

            let record = try await house.record(id)
            #expect(record.state == .failed && record.advice == "check_first")
            #expect(record.disputes.map(\.kind) == [.resolution])
        }
    }

    @Test func `said twice is said once, and said otherwise takes the place of what was said`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            #expect(await resolve(id, "failed", as: token, in: house).code == nil)
            let version = try await house.record(id).version
            #expect(await resolve(id, "failed", as: token, in: house).code == nil)
            #expect(try await house.record(id).version == version)

            let other = await resolve(id, "succeeded", ["receipt": "R1", "amount": 100], as: token, in: house)
            #expect(other.code == nil)
            let record = try await house.record(id)
            #expect(record.state == .succeeded && record.receipt == "R1" && record.resolution?.outcome == .succeeded)
            let said = try await house.audit().filter { $0.action == "TRANSACTION_RESOLVED" && $0.outcome == .success }
            #expect(said.count == 3)
        }
    }

    @Test func `holds once M-Pesa has said the same`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            let seen: JSONObject = ["receipt": "R1", "amount": 100]
            #expect(await resolve(id, "succeeded", seen, as: token, in: house).code == nil)
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            #expect(await resolve(id, "failed", as: token, in: house).code == .conflict)
            let other: JSONObject = ["receipt": "R2", "amount": 100]
            #expect(await resolve(id, "succeeded", other, as: token, in: house).code != nil)
            let record = try await house.record(id)
            #expect(record.receipt == "R1" && record.resolution?.isConfirmed == true && record.disputes.isEmpty)
        }
    }

    @Test func `about a receipt gives way to what M-Pesa names, and to another person's`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            for receipt in ["R8", "R9"] {
                let seen: JSONObject = ["receipt": .string(receipt), "amount": 100]
                #expect(await resolve(id, "succeeded", seen, as: token, in: house).code == nil)
                #expect(try await house.record(id).receipt == receipt)
            }
            try await house.callback(id, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            let record = try await house.record(id)
            #expect(record.receipt == "R1" && record.disputes.isEmpty && record.resolution?.receipt == "R9")
            // Nobody has the others any more.
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F2"]])
            for (number, receipt) in ["R8", "R9"].enumerated() {
                let next = try #require(await house.pay(phone: "25471100010\(number)", key: receipt).record)
                let said: JSON = ["verdict": "succeeded", "receipt": .string(receipt), "amount": 100]
                try await house.callback(next, says: said)
                #expect(try await house.record(next).receipt == receipt)
            }
        }
    }

    @Test(arguments: [Environment.test, .live])
    func `that names another's receipt does not keep M-Pesa's own word from that one`(in place: Environment)
        async throws
    {
        try await House.with(environment: place) { (house) async throws in
            let (id, token) = try await lost(in: house)
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F7"]])
            let right = try #require(await house.pay(phone: "254711000002", key: "right").record)
            let seen: JSONObject = ["receipt": "R1", "amount": 100]
            let said = await house.ask(
                "transactions.resolve",
                .object(seen.merging(id, "succeeded")),
                as: token,
                environment: place
            )
            #expect(said.code == nil)
            try await house.callback(right, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])

            let (paid, wrong) = (try await house.record(right), try await house.record(id))
            #expect(paid.state == .succeeded && paid.receipt == "R1" && paid.disputes.isEmpty)
            #expect(wrong.receipt == nil && wrong.advice == "no")
            #expect(wrong.disputes == [Dispute(.repeatedReceipt, stated: "R1", other: right)])
            #expect(try await house.audit().contains { $0.action == "TRANSACTION_DISPUTED" && $0.record == id })
        }
    }

    @Test func `needs the receipt and the amount of what moved, and neither of what did not`() async throws {
        try await House.with { (house) async throws in
            let (id, token) = try await lost(in: house)
            let wrong: [(String, JSONObject, String)] = [
                ("succeeded", [:], "/receipt"), ("succeeded", ["receipt": "R1"], "/amount"),
                ("succeeded", ["receipt": "R1", "amount": 99], "/amount"), ("failed", ["receipt": "R1"], "/receipt"),
                ("failed", ["evidence": "no"], "/evidence"), ("perhaps", [:], "/outcome"),
            ]
            for (outcome, more, place) in wrong {
                let reply = await resolve(id, outcome, more, as: token, in: house)
                #expect(reply.code == .invalidArgument && reply.error?.errors.first?.pointer == place, "\(more)")
            }
            #expect(try await house.record(id).resolution == nil)
        }
    }

    @Test func `may not name a receipt that is another transaction's`() async throws {
        try await House.with { (house) async throws in
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F1"]])
            let paid = try #require(await house.pay(phone: "254711000002", key: "paid").record)
            try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            let (id, token) = try await lost(in: house)

            let seen: JSONObject = ["receipt": "R1", "amount": 100]
            let reply = await resolve(id, "succeeded", seen, as: token, in: house)
            #expect(reply.code == .conflict && reply.error?.record == paid)
            #expect(try await house.record(id).state == .unknown)
        }
    }

    @Test func `is for what M-Pesa leaves open, not for what it has said or is about to say`() async throws {
        try await House.with { (house) async throws in
            let token = try await house.addPerson("ann", role: .manager).token
            house.upstream.answer(with: ["verdict": "accepted", "external_ids": ["fake_id": "F1"]])
            let taken = try #require(await house.pay(key: "taken").record)
            #expect(await resolve(taken, "failed", as: token, in: house).code == .conflict)
            try await house.callback(taken, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            #expect(await resolve(taken, "failed", as: token, in: house).code == .conflict)
            #expect(try await house.record(taken).disputes.isEmpty)
        }
    }

    @Test func `is a manager's own, in a session, of their own organization`() async throws {
        try await House.with { (house) async throws in
            let (id, user) = try await lost(in: house, role: .user)
            #expect(await resolve(id, "failed", as: user, in: house).code != nil)
            #expect(await resolve(id, "failed", as: house.key.text, in: house).code != nil)
            let theirs = try await house.neighbour()
            let stranger = try await house.addPerson("eve", role: .orgAdmin, of: theirs.organization).token
            let foreign = await resolve(id, "failed", as: stranger, in: house)
            let unknown = await resolve(RecordID(house.clock.entropy.identifier()), "failed", as: stranger, in: house)
            #expect(foreign.code == .notFound && foreign.error == unknown.error)
            #expect(try await house.record(id).resolution == nil)
        }
    }
}

extension JSONObject {
    /// The arguments of a resolution.
    fileprivate func merging(_ id: RecordID, _ outcome: String) -> JSONObject {
        var all: JSONObject = [
            "id": .string(id.description), "outcome": .string(outcome), "evidence": "statement of 26 November, line 4",
        ]
        for (name, value) in self { all[name] = value }
        return all
    }
}
