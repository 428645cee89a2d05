import GatewayTesting
import OrderedJSON
import Testing

@testable import Gateway

extension House {
    /// Payments that M-Pesa says failed.
    fileprivate func failed(_ count: Int) async throws -> [RecordID] {
        var ids: [RecordID] = []
        for number in 1...count {
            let id = try #require(await collect(phone: "25471100000\(number)", amount: 60).record)
            try await callback(id, says: ["verdict": "failed", "code": "1"])
            ids.append(id)
        }
        return ids
    }

    /// They were paid after all.
    fileprivate func succeed(_ ids: [RecordID]) async throws {
        for (number, id) in ids.enumerated() {
            try await callback(id, says: House.success(60, "R\(number)AAAAAAAA"))
        }
    }
}

struct `Corrections of earlier reports` {
    @Test func `outlive the report that they correct`() async throws {
        try await House.with { (house) async throws in
            let ids = try await house.failed(1)
            let name = try await house.keepReport("MONTHLY")["report_id"] ?? .null
            house.clock.advance(.seconds(31 * 86_400))
            try await house.gateway.forgetting.forget()
            #expect(await house.ask("reports.show", ["id": name]).code == .notFound)
            try await house.succeed(ids)

            let next = try await house.keepReport("MONTHLY")["corrections"]

            #expect(next?["transactions"]?[0]?["reports"] == [name] && next?["is_whole"] == true)
            #expect(next?["missed"] == false)
            #expect(try await house.keepReport("MONTHLY")["corrections"]?["count"] == 0)
        }
    }

    @Test func `are forgotten with the days that are remembered`() async throws {
        try await House.with { (house) async throws in
            _ = try await house.keepReport("MONTHLY")
            house.clock.advance(.seconds(431 * 86_400))
            try await house.gateway.forgetting.forget()

            #expect(try await house.keepReport("MONTHLY")["corrections"] == .null)
        }
    }

    @Test func `are found by their place in the feed, wherever the clock stood`() async throws {
        try await House.with { (house) async throws in
            let ids = try await house.failed(1)
            _ = try await house.keepReport()
            house.clock.advance(.seconds(-7_200))
            try await house.succeed(ids)

            #expect(try await house.keepReport()["corrections"]?["count"] == 1)
        }
    }

    @Test func `that are too many for one report go on in the next`() async throws {
        var bounds = Assembly.Settings()
        bounds.services.corrections.eventsMax = 2
        try await House.with(bounds: bounds) { (house) async throws in
            let ids = try await house.failed(3)
            _ = try await house.keepReport()
            try await house.succeed(ids)

            var named: [JSON] = []
            var rounds: [JSON] = []
            repeat {
                let corrections = try #require(try await house.keepReport()["corrections"])
                named += corrections["transactions"]?.arrayValue?.compactMap { $0["transaction_id"] } ?? []
                rounds.append(corrections["is_whole"] ?? .null)
            } while rounds.last == false && rounds.count < 10

            #expect(named == ids.map { .string($0.description) })
            #expect(rounds.first == false && rounds.last == true)
            #expect(try await house.keepReport()["corrections"]?["count"] == 0)
        }
    }

    @Test func `are of the same kind and of what the same people see`() async throws {
        try await House.with { (house) async throws in
            let ids = try await house.failed(1)
            _ = try await house.keepReport()
            try await house.succeed(ids)
            let clerk = try await house.addKey(role: .user)

            #expect(try await house.keepReport("WEEKLY")["corrections"] == .null)
            #expect(try await house.keepReport(as: clerk)["corrections"] == .null)
        }
    }
}

struct `What a report did not know` {
    private func page(_ house: House, _ arguments: JSON) async throws -> (data: JSON, next: String?) {
        let reply = await house.ask("reports.diff", arguments)
        guard case .success(.data(_, _, let beside)) = reply.result else { throw Missing(what: "\(reply.result)") }
        let next = beside.first { $0.name == "next_after" }
        return (reply.data, try next.map { try JSON(parsing: $0.value) }?.stringValue)
    }

    @Test func `is named page by page, and counted on each`() async throws {
        var bounds = Assembly.Settings()
        bounds.services.corrections.namedMax = 2
        bounds.services.corrections.pageMax = 2
        try await House.with(bounds: bounds) { (house) async throws in
            let ids = try await house.failed(5)
            let name = try await house.keepReport()["report_id"] ?? .null
            try await house.succeed(ids)

            var named: [JSON] = []
            var counts: [JSON?] = []
            var next: String?
            repeat {
                let arguments: JSON = next.map { ["id": name, "after": .string($0)] } ?? ["id": name]
                let page = try await page(house, arguments)
                named += page.data["transactions"]?.arrayValue?.compactMap { $0["transaction_id"] } ?? []
                counts.append(page.data["count"])
                next = page.next
            } while next != nil && counts.count < 10

            #expect(named == ids.map { .string($0.description) } && counts == [5, 3, 1])
        }
    }

    @Test func `is no other organization's, and goes on at no place that was not given`() async throws {
        try await House.with { (house) async throws in
            let name = try await house.keepReport()["report_id"] ?? .null

            #expect(await house.ask("reports.diff", ["id": name, "after": "7"]).code == .invalidArgument)
        }
    }
}
