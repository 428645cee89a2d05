import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A page of transactions` {
    @Test func `holds what matches, and never money with questions`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", amount: 50, receipt: "R1AAAAAAAA")
            try await house.paid(phone: "254711000002", amount: 70, receipt: "R2AAAAAAAA")
            _ = await house.call("fake_ask")

            let find = { (narrowing: JSON) in
                (try await house.service("x-transaction.page", narrowing))["transactions"]?.arrayValue ?? []
            }
            #expect(try await find([:]).count == 2)
            let listed = try await house.service("transaction.list", [:])["transactions"]?.arrayValue ?? []
            #expect(listed.map { $0["class"] } == ["transaction", "transaction"])
            #expect(try await find(["class": "exchange"]).map { $0["class"] } == ["exchange"])
            #expect(try await find(["receipt": "r2aaaaaaaa"]).map { $0["amount"] } == [70])
            #expect(try await find(["amount_min": 51]).count == 1)
            #expect(try await find(["amount_max": 50, "status": "SUCCESS", "direction": "in"]).count == 1)
            #expect(try await find(["account": "other"]).isEmpty)
            #expect(try await find(["until_ms": .integer(house.clock.now.milliseconds - 3_600_000)]).isEmpty)
        }
    }

    @Test func `goes on where it ended, whatever is begun meanwhile`() async throws {
        try await House.with { (house) async throws in
            for number in 1...5 {
                try await house.paid(phone: "25471100000\(number)", receipt: "R\(number)AAAAAAAA")
                house.clock.advance(.seconds(1))
            }
            var found: [JSON] = []
            var cursor: JSON = .null
            repeat {
                let page = try await house.service("x-transaction.page", ["limit": 2, "cursor": cursor])
                found += page["transactions"]?.arrayValue ?? []
                cursor = page["next"] ?? .null
                try await house.paid(phone: "25472200000\(found.count)", receipt: "S\(found.count)AAAAAAAA")
                house.clock.advance(.seconds(1))
            } while !cursor.isNull

            let receipts = found.compactMap { $0["receipt"]?.stringValue }
            #expect(receipts == (1...5).reversed().map { "R\($0)AAAAAAAA" })
        }
    }

    @Test(arguments: ["class", "direction", "status", "account", "cursor"])
    func `refuses a word that means nothing, by its name`(_ member: String) async throws {
        try await House.with { (house) async throws in
            let refusal = await #expect(throws: GatewayError.self) {
                try await house.service("x-transaction.page", [member: "Nonsense !"])
            }
            #expect(refusal?.errors.map(\.pointer) == ["/" + member])
        }
    }
}

struct `Sums of transactions` {
    @Test func `are of the day on which M-Pesa says that it was completed, else ours`() async throws {
        try await House.with { (house) async throws in
            // An hour after midnight in Nairobi.
            let midnight = RollupPlace.start(of: RollupPlace.day(of: house.clock.now) + 1)
            house.clock.advance(midnight - house.clock.now + .seconds(3_600))
            let last = midnight + .milliseconds(-1)
            let yesterday = NairobiDay.text(RollupPlace.day(of: last))
            try await house.paid(phone: "254711000001", amount: 30, receipt: "R1AAAAAAAA", at: last)
            try await house.paid(phone: "254711000002", amount: 40, receipt: "R2AAAAAAAA")
            // A time that cannot be is another clock's.
            let longAgo = house.clock.now + .seconds(-3 * 86_400)
            try await house.paid(phone: "254711000003", amount: 50, receipt: "R3AAAAAAAA", at: longAgo)

            let found = try await house.sums((yesterday, house.today), by: ["day"])
            #expect(found.map { $0["amount"] } == [30, 90])
        }
    }

    @Test func `tell what M-Pesa took, and of how many it says so`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", receipt: "R1AAAAAAAA", fee: 2_240)
            try await house.paid(phone: "254711000002", receipt: "R2AAAAAAAA")

            let found = try await house.sums(by: [])
            #expect(found.map { $0["fee_cents"] } == [2_240] && found.map { $0["fees_stated"] } == [1])
        }
    }

    @Test func `take what M-Pesa states only after the end was known`() async throws {
        try await House.with { (house) async throws in
            let midnight = RollupPlace.start(of: RollupPlace.day(of: house.clock.now) + 1)
            house.clock.advance(midnight - house.clock.now + .seconds(60))
            let id = try await house.paid(phone: "254711000001", amount: 30, receipt: "R1AAAAAAAA")
            let name = try await house.keepReport()["report_id"] ?? .null
            let stated = midnight + .seconds(-30)
            let late = House.success(30, "R1AAAAAAAA", at: stated, fee: 150)

            // The same again says nothing new.
            for _ in 1...2 { try await house.callback(id, says: late) }

            let yesterday = NairobiDay.text(RollupPlace.day(of: stated))
            let found = try await house.sums((yesterday, house.today), by: ["day"])
            #expect(found.map { $0["day"] } == [.string(yesterday)] && found.first?["fee_cents"] == 150)
            let told = await house.ask("events.list", ["types": "transaction.corrected"]).data.arrayValue
            #expect(told?.map { $0["subject"] } == [.string(id.description)])
            let diff = await house.ask("reports.diff", ["id": name]).data
            #expect(diff["changes"]?.arrayValue?.map { $0["amount"] } == [-30])
            // M-Pesa's first word stands.
            try await house.callback(id, says: House.success(30, "R1AAAAAAAA", at: midnight, fee: 1))
            #expect(try await house.sums((yesterday, house.today), by: ["day"]) == found)
        }
    }

    @Test func `take it after all of it has gone back, too`() async throws {
        try await House.with { (house) async throws in
            let midnight = RollupPlace.start(of: RollupPlace.day(of: house.clock.now) + 1)
            house.clock.advance(midnight - house.clock.now + .seconds(60))
            let id = try await house.paid(phone: "254711000001", amount: 30, receipt: "R1AAAAAAAA")
            house.clock.advance(.seconds(3_600))
            let refund = await house.call("fake_refund", ["original": .string(id.description)], key: "whole")
            let back: JSON = ["verdict": "succeeded", "receipt": "U1AAAAAAAA", "amount": 30, "code": "0"]
            try await house.callback(try #require(refund.record), says: back)
            #expect(try await house.record(id).state == .reversed)

            let stated = midnight + .seconds(-30)
            for _ in 1...2 { try await house.callback(id, says: House.success(30, "R1AAAAAAAA", at: stated)) }
            #expect(try await house.record(id).countedAt == stated)
            let yesterday = NairobiDay.text(RollupPlace.day(of: stated))
            let found = try await house.sums((yesterday, yesterday), by: ["state"])
            #expect(found.map { $0["amount"] } == [30], "\(found)")
            // M-Pesa's first word stands.
            try await house.callback(id, says: House.success(30, "R1AAAAAAAA", at: midnight))
            #expect(try await house.record(id).countedAt == stated)
        }
    }

    /// The seed let any caller name any organization; here nobody names one, and who sees only their own sums that.
    @Test func `are of what their caller may see (seed's bug 16)`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", receipt: "R1AAAAAAAA")
            try await house.gateway.rollups.catchUp()
            let clerk = try await house.addKey(role: .user)
            let asked: JSON = ["from": .string(house.today), "to": .string(house.today), "groups": [["state"]]]

            let own = try await house.service("x-transaction.aggregate", asked, as: clerk)
            let all = try await house.service("x-transaction.aggregate", asked)

            #expect(own["groups"] == [[]] && all["groups"]?[0]?.arrayValue?.count == 1)
        }
    }

    @Test func `refuse days that are backwards, too many or none, by their name`() async throws {
        try await House.with { (house) async throws in
            for (from, to, field) in [
                ("2026-11-27", "2026-11-26", "/to"), ("2006-01-01", "2026-01-01", "/to"),
                ("2026-02-30", "2026-03-01", "/from"),
            ] {
                let refusal = await #expect(throws: GatewayError.self) {
                    try await house.service(
                        "x-transaction.aggregate",
                        ["from": .string(from), "to": .string(to), "groups": [["day"]]]
                    )
                }
                #expect(refusal?.errors.map(\.pointer) == [field])
            }
        }
    }

    @Test func `are of one moment with what is open, however far their reader is`() async throws {
        try await House.with { (house) async throws in
            try await house.gateway.rollups.catchUp()
            try await house.paid(phone: "254711000001", amount: 30, receipt: "R1AAAAAAAA")
            _ = await house.collect(phone: "254711000002", amount: 40)

            let answer = try await house.service(
                "x-transaction.aggregate",
                ["from": .string(house.today), "to": .string(house.today), "groups": [["state"]], "open": true]
            )

            #expect(answer["groups"]?[0]?.arrayValue?.map { $0["amount"] } == [30] && answer["late"] == 1)
            #expect(answer["open"]?.arrayValue?.map { $0["amount"] } == [40])
        }
    }

    @Test func `of what is open say how old it is`() async throws {
        try await House.with { (house) async throws in
            _ = await house.collect(amount: 30)
            house.clock.advance(.seconds(90))

            let answer = try await house.service(
                "x-transaction.aggregate",
                ["from": .string(house.today), "to": .string(house.today), "groups": [[]], "open": true]
            )
            let open = answer["open"]?[0]
            #expect(open?["transactions"] == 1 && open?["amount"] == 30)
            #expect((open?["oldest_age_ms"]?.integerValue ?? 0) >= 90_000)
        }
    }
}

struct `A report that is kept` {
    @Test func `never changes, and what comes later stands beside it and in the next one`() async throws {
        try await House.with { (house) async throws in
            let id = try #require(await house.collect(amount: 60).record)
            try await house.callback(id, says: ["verdict": "failed", "code": "1"])
            let first = try await house.keepReport()
            #expect(first["organization_id"] == .string(house.organization.description))
            let name = first["report_id"] ?? .null
            #expect(first["corrections"] == .null)
            let shown = await house.ask("reports.show", ["id": name]).data

            try await house.callback(id, says: House.success(60, "R1AAAAAAAA"))
            house.clock.advance(.seconds(2))

            #expect(await house.ask("reports.show", ["id": name]).data == shown)
            let diff = await house.ask("reports.diff", ["id": name]).data
            #expect(diff["transactions"]?[0]?["transaction_id"] == .string(id.description))
            #expect(diff["transactions"]?[0]?["kind"] == "transaction.late_success")
            #expect(diff["changes"]?.arrayValue?.map { $0["amount"] } == [-60, 60])
            let next = try await house.keepReport()
            #expect(next["corrections"]?["transactions"]?[0]?["reports"] == [name])
            let third = try await house.keepReport()
            #expect(third["corrections"]?["count"] == 0)
        }
    }

    @Test func `is a table for spreadsheets too, of every sum, as CSV and as XLSX`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", amount: 55, receipt: "R1AAAAAAAA")
            let name = try await house.keepReport()["report_id"] ?? .null
            func file(_ format: JSON) async throws -> [UInt8] {
                try await house.saved("reports.file", ["id": name, "format": format])
            }
            let text = String(decoding: try await file("csv"), as: UTF8.self)
            #expect(text.hasPrefix("part,name,value") && text.contains("states,1,"), "\(text)")
            #expect(try await file("xlsx").starts(with: Array("PK".utf8)))
            #expect(await house.ask("reports.file", ["id": "none"]).code == .notFound)
        }
    }

    @Test func `is proven by the records, and what does not add up is named`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", amount: 55, receipt: "R1AAAAAAAA")
            let name = try await house.keepReport()["report_id"] ?? .null

            let proven = await house.ask("reports.verify", ["id": name]).data
            #expect(proven["is_proven"] == true && proven["transactions"] == 1 && proven["amount"] == 55)

            let place = try await house.store.rollups(
                organization: house.organization,
                environment: .test,
                days: 0...100_000
            )
            let wrong = try #require(place.keys.first)
            let cursor = try await house.store.cursor(of: FeedReader.rollups, lane: FeedReader.lane)
            _ = try await house.store.add(
                [wrong: RollupSum(transactions: 1, amount: 5)],
                lane: FeedReader.lane,
                from: cursor,
                to: cursor
            )
            let broken = await house.ask("reports.verify", ["id": name]).data
            #expect(broken["is_proven"] == false)
            #expect(broken["differences"]?[0]?["summed"] == ["transactions": 2, "amount": 60])
        }
    }

    @Test func `of days before there was a feed is not proven, and says why`() async throws {
        try await House.with { (house) async throws in
            try await house.paid(phone: "254711000001", amount: 55, receipt: "R1AAAAAAAA")
            // As one is that ended before events were kept.
            let id = try #require(await house.collect(phone: "254711000002", amount: 7).record)
            var old = try await house.record(id)
            old.state = .failed
            old.version += 1
            old.endedAt = house.clock.now
            old.nextActionAt = nil
            _ = try await house.store.apply([RecordChange(record: old, events: [])])
            let name = try await house.keepReport()["report_id"] ?? .null

            let answer = await house.ask("reports.verify", ["id": name]).data

            #expect(answer["is_proven"] == false && answer["differences"] == [])
            #expect(answer["before_feed"] == ["transactions": 1, "amount": 7] && answer["amount"] == 55)
            let clerk = try await house.addKey(role: .user)
            #expect(await house.ask("reports.verify", ["id": name], as: clerk.text).code == .permissionDenied)
        }
    }

    @Test func `is its organization's, and of role user its maker's`() async throws {
        try await House.with { (house) async throws in
            let name = try await house.keepReport()["report_id"] ?? .null
            let clerk = try await house.addKey(role: .user)

            #expect(await house.ask("reports.list").data.arrayValue?.count == 1)
            #expect(await house.ask("reports.list", as: clerk.text).data == [])
            #expect(await house.ask("reports.show", ["id": name], as: clerk.text).code == .notFound)
        }
    }

    @Test func `is not shown to whoever made it once they may see less than it tells`() async throws {
        try await House.with { (house) async throws in
            let maker = try await house.addKey()
            let name = try await house.keepReport(as: maker)["report_id"] ?? .null
            #expect(await house.ask("reports.show", ["id": name], as: maker.text).code == nil)
            _ = try await house.store.change(maker.id, organization: house.organization) {
                $0.rules.accounts = [.main]
            }
            house.gateway.authenticate.forget()

            #expect(await house.ask("reports.show", ["id": name], as: maker.text).code == .notFound)
            #expect(await house.ask("reports.list", as: maker.text).data == [])
            let narrow = try await house.keepReport(as: maker)["report_id"] ?? .null
            #expect(await house.ask("reports.show", ["id": narrow], as: maker.text).code == nil)
        }
    }

    @Test func `is kept once by its key, and answered as it was kept first, to who may see it`() async throws {
        try await House.with { (house) async throws in
            let maker = try await house.addKey()
            try await house.paid(phone: "254711000001", receipt: "R1AAAAAAAA")
            let first = try await house.keepReport(as: maker, key: "a")
            try await house.paid(phone: "254711000002", receipt: "R2AAAAAAAA")

            let again = try await house.keepReport(as: maker, key: "a")

            let name = first["report_id"] ?? .null
            #expect(again["report_id"] == name && again["expires_at_ms"] == first["expires_at_ms"])
            #expect(await house.ask("reports.show", ["id": name]).data == again["document"])
            #expect(again["document"]?["states"]?[0]?["transactions"] == 1)
            #expect(first["document"] == nil)
            #expect(await house.ask("reports.list").data.arrayValue?.count == 1)
            #expect(try await house.keepReport(as: maker, key: "b")["report_id"] != name)

            _ = try await house.store.change(maker.id, organization: house.organization) {
                $0.rules.accounts = [.main]
            }
            house.gateway.authenticate.forget()
            await #expect(throws: GatewayError.self) { try await house.keepReport(as: maker, key: "a") }
        }
    }

    @Test func `as a file is not shown either to who may see less by now`() async throws {
        try await House.with { (house) async throws in
            let maker = try await house.addKey()
            let opened = try await house.service("export.open", ["name": "a.csv", "mime_type": "text/csv"], as: maker)
            let export: JSON = ["export": opened["export"] ?? ""]
            _ = try await house.service("export.append", ["export": opened["export"] ?? "", "text": "a"], as: maker)
            _ = try await house.service("export.close", export, as: maker)
            let file: JSON = ["id": opened["export"] ?? ""]
            let clerk = try await house.addKey(role: .user)
            let shown = { (key: APIKeyText) in await house.ask("exports.read", file, as: key.text).code }
            #expect(await [shown(maker), shown(house.key), shown(clerk)] == [nil, nil, .notFound])
            _ = try await house.store.change(maker.id, organization: house.organization) { $0.role = .user }
            house.gateway.authenticate.forget()

            #expect(await [shown(maker), shown(house.key)] == [.notFound, nil])
        }
    }

    @Test func `that has expired takes no place of those that are kept`() async throws {
        var bounds = Assembly.Settings()
        bounds.services.reportsMax = 1
        try await House.with(bounds: bounds) { (house) async throws in
            _ = try await house.keepReport()
            await #expect(throws: GatewayError.self) { try await house.keepReport() }
            house.clock.advance(.seconds(31 * 86_400))

            #expect(try await house.keepReport()["report_id"] != nil)
        }
    }

    @Test func `is forgotten after thirty days`() async throws {
        try await House.with { (house) async throws in
            let name = try await house.keepReport()["report_id"] ?? .null
            house.clock.advance(.seconds(29 * 86_400))
            #expect(await house.ask("reports.show", ["id": name]).code == nil)
            house.clock.advance(.seconds(2 * 86_400))

            #expect(await house.ask("reports.show", ["id": name]).code == .notFound)
        }
    }
}
