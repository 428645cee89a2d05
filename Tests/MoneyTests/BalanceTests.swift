import Gateway
import GatewayTesting
import OrderedJSON
import Testing

private func told(utility cents: Int64) -> JSON {
    let holdings = ["Working Account": Int64(500), "Utility Account": cents]
        .map { name, cents -> JSON in
            [
                "name": .string(name), "currency": "KES", "current_cents": .integer(cents),
                "available_cents": .integer(cents), "reserved_cents": 0, "uncleared_cents": 0,
            ]
        }
    return ["verdict": "succeeded", "data": ["as_of": "now"], "x-balances": .array(holdings)]
}

struct `Balances` {
    /// The seed stored M-Pesa's whole text as one number.
    @Test func `are accounts with their history and their age (seed's bug 14)`() async throws {
        try await House.with { (house) async throws in
            for cents: Int64 in [10_050, 7_005] {
                let asked = try #require(await house.call("fake_ask").record)
                try await house.callback(asked, says: told(utility: cents))
                house.clock.advance(.seconds(30))
            }

            let shown = await house.ask("balances.list", ["history": 10]).data
            let balances = shown["balances"]?.arrayValue ?? []
            #expect(balances.map { $0["name"] } == ["Utility Account", "Working Account"])
            #expect(balances.first?["available_cents"] == 7_005 && (balances.first?["age_s"]?.integerValue ?? 0) >= 30)
            #expect(shown["history"]?.arrayValue?.count == 4)
        }
    }

    @Test func `are told page by page, and no page ends within an answer`() async throws {
        try await House.with { (house) async throws in
            for cents: Int64 in [1_000, 2_000, 3_000] {
                let asked = try #require(await house.call("fake_ask").record)
                try await house.callback(asked, says: told(utility: cents))
                house.clock.advance(.seconds(30))
            }

            var found: [JSON] = []
            var before: JSON?
            repeat {
                let page =
                    await house.ask(
                        "balances.list",
                        before.map { ["history": 1, "before_ms": $0] } ?? ["history": 1]
                    )
                    .data
                found += page["history"]?.arrayValue ?? []
                before = page["next_before_ms"]
            } while before != nil && found.count < 20

            #expect(found.map { $0["available_cents"] } == [3_000, 500, 2_000, 500, 1_000, 500])
        }
    }

    @Test func `stand in a report as they were at its end, for who may read them`() async throws {
        try await House.with { (house) async throws in
            let asked = try #require(await house.call("fake_ask").record)
            try await house.callback(asked, says: told(utility: 10_000))
            let (day, clerk) = (house.today, try await house.addKey(role: .user))
            house.clock.advance(.seconds(86_400))
            let later = try #require(await house.call("fake_ask").record)
            try await house.callback(later, says: told(utility: 20_000))

            let balances = { (from: String, key: APIKeyText?) in
                let body: JSON = ["from": .string(from), "to": .string(from), "groups": [[]], "balances": true]
                return (try await house.service("x-transaction.aggregate", body, as: key))["balances"]
            }
            #expect(try await balances(day, nil)?[0]?["available_cents"] == 10_000)
            #expect(try await balances(house.today, nil)?[0]?["available_cents"] == 20_000)
            #expect(try await balances(day, clerk) == nil)
            let payer = try await house.addKey(scopes: ["reports:read", "transactions:read"])
            #expect(try await balances(day, payer) == nil)
        }
    }

    @Test func `forecast what is left once all is paid that waits`() async throws {
        try await House.with { (house) async throws in
            let asked = try #require(await house.call("fake_ask").record)
            try await house.callback(asked, says: told(utility: 50_000))
            _ = await house.pay(amount: 120)

            let forecast = await house.ask("balances.list").data["forecast"]?[0]
            #expect(forecast?["on_its_way_cents"] == 12_000 && forecast?["queued_cents"] == 0)
            #expect(forecast?["left_cents"] == 38_000)
        }
    }

    @Test func `forecast what waits too: drafts, what was let go, and batches`() async throws {
        try await House.with { (house) async throws in
            let asked = try #require(await house.call("fake_ask").record)
            try await house.callback(asked, says: told(utility: 100_000))
            _ = try await house.held { await house.pay(phone: "254711000001", amount: 30) }
            let released = try await house.held { await house.pay(phone: "254711000002", amount: 50) }
            try await house.release(released)
            _ = try await house.held { await house.collect(phone: "254711000003", amount: 7) }
            _ = await house.batch("b", of: House.payments(2, amount: 110))

            let forecast = await house.ask("balances.list").data["forecast"]?[0]
            #expect(forecast?["queued_cents"] == 30_000 && forecast?["on_its_way_cents"] == 0)
            #expect(forecast?["left_cents"] == 70_000)
            _ = try await house.gateway.batches.cancel("b", by: try await house.releaser(), because: "No.")
            house.clock.advance(.seconds(6))
            await house.gateway.batchRunner.sendDue()
            let later = await house.ask("balances.list").data["forecast"]?[0]
            #expect(later?["queued_cents"] == 8_000 && later?["left_cents"] == 92_000)
        }
    }

    @Test func `are for managers alone`() async throws {
        try await House.with { (house) async throws in
            let clerk = try await house.addKey(role: .user)

            #expect(await house.ask("balances.list", as: clerk.text).code == .permissionDenied)
        }
    }
}

/// What a stream was written, and how many pieces at a time were waited for.
private actor Reader {
    private(set) var text = ""
    private(set) var pieces = 0

    func take(_ piece: [UInt8]) {
        text += String(decoding: piece, as: UTF8.self)
        pieces += 1
    }
}

struct `A file of all transactions` {
    private func read(_ house: House, _ arguments: JSON = [:], as key: APIKeyText? = nil) async throws -> [[Substring]]
    {
        let reply = await house.ask("transactions.save", arguments, as: key?.text)
        guard case .success(.stream(let file)) = reply.result else { throw Missing(what: "a file: \(reply.result)") }
        let reader = Reader()
        try await file.write { (piece) async throws(GatewayError) in await reader.take(piece) }
        return await reader.text.split(separator: "\r\n")
            .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }

    @Test func `has a row for each, newest first, and counts them`() async throws {
        try await House.with { (house) async throws in
            for number in 1...3 {
                _ = await house.collect(phone: "25471100000\(number)", amount: Int64(number))
                house.clock.advance(.seconds(1))
            }
            _ = await house.pay(phone: "254711000009", amount: 9)
            let clerk = try await house.addKey(role: .user)

            let rows = try await read(house)
            #expect(rows.count == 5 && rows.allSatisfy { $0.count == rows[0].count })
            #expect(rows.dropFirst().map { $0[0] } == ["1", "2", "3", "4"])
            #expect(rows.dropFirst().map { $0[8] } == ["9", "3", "2", "1"])
            #expect(try await read(house, ["direction": "in"]).count == 4)
            #expect(try await read(house, as: clerk).count == 1)
        }
    }

    @Test func `is read for as long as it takes, hours between two pieces, and counts how far it is`() async throws {
        try await House.forBatches { (house) async throws in
            _ = await house.batch("b", of: House.payments(1_100))
            let reply = await house.ask("transactions.save")
            guard case .success(.stream(let file)) = reply.result else { throw Missing(what: "a file") }
            let slow = Reader()
            try await file.write { (piece) async throws(GatewayError) in
                await slow.take(piece)
                // Longer than any call may take, and than a log-in lasts.
                house.clock.advance(.seconds(36 * 3_600))
            }

            let rows = await slow.text.split(separator: "\r\n").dropFirst()
            #expect(rows.compactMap { $0.split(separator: ",").first.flatMap { Int($0) } } == Array(1...1_100))
            // The header, then a page at a time.
            #expect(await slow.pieces == 4)
        }
    }

    @Test func `ends where its reader's key is revoked`() async throws {
        try await House.with { (house) async throws in
            _ = await house.collect()
            let gone = try await house.addKey()
            let reply = await house.ask("transactions.save", as: gone.text)
            guard case .success(.stream(let file)) = reply.result else { throw Missing(what: "a file") }
            let now = house.clock.now
            _ = try await house.store.change(gone.id, organization: gone.organization) { $0.revokedAt = now }
            house.gateway.authenticate.forget()

            await #expect(throws: GatewayError.self) { try await file.write { _ in } }
        }
    }
}

struct `The feed of an organization` {
    @Test func `is read by its own credential, from a cursor and of some types`() async throws {
        try await House.with { (house) async throws in
            let paid = try #require(await house.collect(phone: "254711000001").record)
            try await house.callback(paid, says: ["verdict": "succeeded", "receipt": "R1AAAAAAAA", "amount": 100])
            let lost = try #require(await house.collect(phone: "254711000002").record)
            try await house.callback(lost, says: ["verdict": "failed", "code": "1"])

            let all = await house.ask("events.list").data.arrayValue ?? []
            #expect(all.map { $0["type"] } == ["transaction.succeeded", "transaction.failed"])
            #expect(all.map { $0["subject"] } == [.string(paid.description), .string(lost.description)])
            let first = await house.ask("events.list", ["limit": 1])
            #expect(first.beside("has_more") == true)
            let rest = await house.ask("events.list", ["after": first.beside("next_after") ?? .null])
            #expect(rest.data.arrayValue?.count == 1 && rest.beside("has_more") == false)
            let failed = await house.ask("events.list", ["types": "transaction.failed"]).data
            #expect(failed.arrayValue?.count == 1)
            let clerk = try await house.addKey(role: .user)
            #expect(await house.ask("events.list", as: clerk.text).data == [])
        }
    }

    @Test func `tells those who manage the organization of its keys and its plan`() async throws {
        try await House.with { (house) async throws in
            let (gone, clerk) = (try await house.addKey(), try await house.addKey(role: .user))
            let now = house.clock.now
            _ = try await house.store.change(gone.id, organization: house.organization) { $0.revokedAt = now }
            try await house.store.save(Plan(name: "more", tools: ["**"], organizationLimits: [:], principalLimits: [:]))
            _ = try await house.store.change(house.organization, at: now) { $0.plan = "more" }

            let told = await house.ask("events.list").data.arrayValue ?? []
            #expect(told.map { $0["type"] } == ["key.revoked", "plan.changed"])
            #expect(await house.ask("events.list", as: clerk.text).data == [])
        }
    }

    @Test(arguments: [["after": "-1"], ["after": "x"], ["types": "transaction.nonsense"]] as [JSON])
    func `refuses a cursor or type that means nothing`(_ arguments: JSON) async throws {
        try await House.with { (house) async throws in
            #expect(await house.ask("events.list", arguments).code == .invalidArgument)
        }
    }

    @Test func `says that events were missed which are no longer kept`() async throws {
        try await House.with { (house) async throws in
            for number in 1...3 {
                let paid = try #require(await house.collect(phone: "25471100000\(number)").record)
                try await house.callback(paid, says: ["verdict": "failed", "code": "1"])
            }
            try await house.gateway.rollups.catchUp()
            let first = await house.ask("events.list", ["limit": 1])
            house.clock.advance(.seconds(91 * 86_400))
            try await house.gateway.forgetting.forget()

            let late = await house.ask("events.list", ["after": first.beside("next_after") ?? .null])
            #expect(late.beside("missed") == true && late.data.arrayValue?.count == 1)
        }
    }
}
