import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `Usage` {
    @Test func `is read by hour, day and month, by tool and by who called`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            for amount in 1...3 { #expect(await bureau.collect(Int64(amount), as: key.text).code == nil) }
            #expect(await bureau.collect(0, as: key.text).code == .invalidArgument)
            bureau.clock.advance(.seconds(86_400))
            let next = try await bureau.logIn(admin.user)
            #expect(await bureau.collect(9, as: next.token).code == nil)
            try await bureau.store.append([], usage: [])

            let days = await bureau.ask("usage.list", ["by": "tool,subject"], as: next.token)
            let collected = (days.data.arrayValue ?? []).filter { $0["tool"] == "fake_collect" }
            #expect(collected.map { $0["succeeded"] } == [3, 1] && collected.map { $0["failed"] } == [1, 0])
            #expect(collected.first?["subject"] == .string("key:\(key.id.stringValue ?? "")"))
            let months = await bureau.ask("usage.list", ["by": "counted", "period": "month"], as: next.token)
            let money = (months.data.arrayValue ?? []).first { $0["counted"] == "money" }
            #expect(money?["succeeded"] == 4 && money?["tool"] == nil)
            let statistics = await bureau.ask("usage.statistics", as: next.token)
            #expect(statistics.data["calls"]?["failed"] == 1 && statistics.data["is_whole"] == true)
            let volume = statistics.data["transactions"]?.arrayValue ?? []
            #expect(volume.count == 1 && volume.first?["count"] == 4 && volume.first?["total_amount"] == 15)
        }
    }

    @Test func `is told apart by the account that a call was for, refused or not`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till: JSON = ["account": "till", "environment": "test", "business_short_code": "600111"]
            #expect(await bureau.ask("accounts.create", till, as: admin.token).code == nil)
            let collect = { (amount: Int64, account: String) in
                await bureau.call(
                    "fake_collect",
                    ["phone": "254711000001", "amount": .integer(amount), "account": .string(account)],
                    as: admin.token
                )
            }
            #expect(await collect(1, "till").code == nil)
            #expect(await collect(2, "main").code == nil)
            #expect(await collect(3, "main").code == nil)
            bureau.upstream.answer { _ in .notSent("no way out") }
            #expect(await collect(4, "till").code != nil)
            try await bureau.store.append([], usage: [])

            let usage = await bureau.ask("usage.list", ["by": "account,counted", "period": "month"], as: admin.token)

            let money = (usage.data.arrayValue ?? []).filter { $0["counted"] == "money" }
            #expect(
                Set(money.map { "\($0["account"]?.text ?? "") \($0["succeeded"]?.text ?? "")" }) == [
                    "\"main\" 2", "\"till\" 1",
                ]
            )
            #expect(money.first { $0["account"] == "till" }?["failed"] == 1)
            // What is for none has none.
            #expect(
                (usage.data.arrayValue ?? []).contains { $0["counted"] == "administration" && $0["account"] == nil }
            )
        }
    }

    @Test func `knows no account that a caller has made up`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till: JSON = ["account": "till", "environment": "test", "business_short_code": "600111"]
            #expect(await bureau.ask("accounts.create", till, as: admin.token).code == nil)
            let held = try await bureau.makeKey(["accounts": ["till"]], by: admin)
            for number in 0..<20 {
                let made = JSON.string("made-up-\(number)")
                let reply = await bureau.call(
                    "fake_collect",
                    ["phone": "254711000001", "amount": 5, "account": made],
                    as: number % 2 == 0 ? admin.token : held.text
                )
                #expect(reply.code == .invalidArgument)
            }
            try await bureau.store.append([], usage: [])

            let usage = await bureau.ask("usage.list", ["by": "account,counted", "period": "month"], as: admin.token)

            let money = (usage.data.arrayValue ?? []).filter { $0["counted"] == "money" }
            #expect(money.count == 1 && money.first?["account"] == nil && money.first?["failed"] == 20)
        }
    }

    @Test func `of a quota is read with what is left`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["money": 10, "read": 1000])))
            let manager = try await bureau.person("manager", .manager, of: bureau.shop)
            for amount in 1...3 { #expect(await bureau.collect(Int64(amount), as: manager.token).code == nil) }

            let quotas = await bureau.ask("usage.quotas", as: manager.token).data.arrayValue ?? []

            #expect(quotas.map { $0["counted"] } == ["money", "read"])
            #expect(quotas.first?["used"] == 3 && quotas.first?["remaining"] == 7)
        }
    }
}

struct `An invoice` {
    private func prepare(_ bureau: Bureau) async throws -> (boss: Person, admin: Person) {
        let price = Plan.Price(monthCents: 100_000, callCents: ["money": 250])
        try await bureau.openShop(Bureau.tradePlan(price: price))
        let record = { (succeeded: Bool) in
            UsageRecord(
                organization: bureau.shop.id,
                environment: .live,
                tool: "fake_collect",
                counted: "money",
                subject: "key:1",
                at: bureau.clock.now,
                succeeded: succeeded
            )
        }
        try await bureau.store.append([], usage: [record(true), record(true), record(true), record(false)])
        bureau.clock.advance(.seconds(32 * 86_400))
        return (
            try await bureau.person("boss", .superAdmin, of: bureau.host),
            try await bureau.person("admin", .orgAdmin, of: bureau.shop)
        )
    }

    @Test func `has lines that trace to calls, is issued once and corrected by lines behind`() async throws {
        try await Bureau.with { (bureau) async throws in
            let (boss, admin) = try await prepare(bureau)
            let id = JSON.string(bureau.shop.id.description)
            let issue: JSON = ["org_id": id, "month": "2027-01"]

            let issued = await bureau.ask("invoices.issue", issue, as: boss.token)
            let again = await bureau.ask("invoices.issue", issue, as: boss.token)
            let correct: JSON = [
                "org_id": id, "month": "2027-01", "description": "One call, twice counted", "amount_cents": -250,
            ]
            let corrected = await bureau.ask("invoices.correct", correct, as: boss.token)

            #expect(issued.data["total_cents"] == 100_750 && again.code == .conflict)
            #expect(issued.data["lines"]?[1]?["tool"] == "fake_collect" && issued.data["lines"]?[1]?["quantity"] == 3)
            #expect(corrected.data["total_cents"] == 100_500)
            let own = await bureau.ask("invoices.show", ["month": "2027-01"], as: admin.token)
            #expect(own.data == corrected.data)
            let listed = await bureau.ask("invoices.list", as: admin.token)
            #expect(listed.data == [["month": "2027-01", "total_cents": 100_500]])
            let file = await bureau.ask("invoices.save", ["month": "2027-01"], as: admin.token)
            guard case .success(.file(_, _, let bytes)) = file.result else {
                Issue.record("no file")
                return
            }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
            #expect(lines.count == 4 && lines[3].contains("\"One call, twice counted\",1,-250,-250"))
            #expect(try await bureau.audit(bureau.shop).contains { $0.action == "INVOICE_CORRECTED" })
        }
    }

    @Test func `is of a month that is over, and nobody else's`() async throws {
        try await Bureau.with { (bureau) async throws in
            let (boss, admin) = try await prepare(bureau)
            let id = JSON.string(bureau.shop.id.description)
            for month in ["2027-02", "2027-13", "2030-01"] {
                let reply = await bureau.ask("invoices.issue", ["org_id": id, "month": .string(month)], as: boss.token)
                #expect(reply.code == .invalidArgument, "\(month)")
            }
            #expect(await bureau.ask("invoices.issue", ["org_id": id, "month": "2027-01"], as: boss.token).code == nil)
            let other = try await bureau.person("other", .orgAdmin, of: bureau.host)
            #expect(await bureau.ask("invoices.show", ["month": "2027-01"], as: other.token).code == .notFound)
            #expect(await bureau.ask("invoices.show", ["month": "2027-01"], as: admin.token).code == nil)
        }
    }
}
