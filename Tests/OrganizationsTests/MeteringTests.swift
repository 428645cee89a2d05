import Gateway
import GatewayTesting
import OrderedJSON
import Testing

@testable import Store

/// What is read here is what a `kill -9` would leave: nothing that still waits to be written is asked for.
struct `What is metered` {
    /// Calls by what they count as, as they are durable now.
    private func durable(_ bureau: Bureau, _ counted: String) async throws -> [String] {
        try await bureau.store.read { sql in
            try sql.query(
                "SELECT tool, succeeded, failed FROM usage WHERE counted = $1 ORDER BY tool",
                [.text(counted)]
            ) { "\($0.text(0) ?? "") \($0.integer(1) ?? 0) \($0.integer(2) ?? 0)" }
        }
    }

    @Test func `of a payment is durable with its first outcome, once`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let paid = await bureau.collect(1, as: admin.token)
            #expect(try await durable(bureau, "money") == ["fake_collect 1 0"])
            #expect(await bureau.collect(1, as: admin.token).record == paid.record)
            bureau.upstream.answer { _ in .notSent("no way out") }
            #expect(await bureau.collect(2, as: admin.token).code != nil)

            try await bureau.store.append([], usage: [])
            #expect(try await durable(bureau, "money") == ["fake_collect 1 1"])
            // A repeat pays nothing: it reads what became of the payment.
            #expect(try await durable(bureau, "read").contains("fake_collect 1 0"))
        }
    }

    @Test func `of a payment that is refused before it begins is durable before that is told`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            #expect(await bureau.collect(0, as: admin.token).code == .invalidArgument)
            #expect(try await durable(bureau, "money") == ["fake_collect 0 1"])
            let lines = try await bureau.store.records(organization: bureau.shop.id, before: nil, limit: 10)
            #expect(lines.contains { $0.tool == "fake_collect" && $0.outcome == .failed })

            try await bureau.store.append([], usage: [])
            #expect(try await durable(bureau, "money") == ["fake_collect 0 1"])
        }
    }

    @Test func `of a payment whose answer is lost is counted by whoever settles it`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            bureau.upstream.answer { _ in .unknown("cut") }

            #expect(await bureau.collect(1, as: admin.token).record != nil)
            #expect(try await durable(bureau, "money") == ["fake_collect 1 0"])
            await bureau.gateway.sweeper.sweep()

            try await bureau.store.append([], usage: [])
            #expect(try await durable(bureau, "money") == ["fake_collect 1 0"])
        }
    }

    @Test func `of a change is durable as it begins, and is a failure's where it failed`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)

            let made = await bureau.ask("keys.create", ["name": "k", "environment": "test"], as: admin.token)
            #expect(made.code == nil)
            #expect(try await durable(bureau, "administration") == ["keys.create 1 0"])
            #expect(await bureau.ask("keys.revoke", ["id": "nobody"], as: admin.token).code == .notFound)
            #expect(try await durable(bureau, "administration") == ["keys.create 1 0", "keys.revoke 0 1"])

            try await bureau.store.append([], usage: [])
            #expect(try await durable(bureau, "administration") == ["keys.create 1 0", "keys.revoke 0 1"])
        }
    }

    @Test func `of a change that is asked for again is a reading`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till: JSON = ["name": "k", "environment": "test"]
            for _ in 0..<3 { #expect(await bureau.ask("keys.create", till, as: admin.token, key: "k").code == nil) }

            try await bureau.store.append([], usage: [])

            #expect(try await durable(bureau, "administration") == ["keys.create 1 0"])
            #expect(try await durable(bureau, "read") == ["keys.create 2 0"])
        }
    }

    @Test func `of a change under a quota is durable with the quota's count`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(quotas: ["administration": 1])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till: JSON = ["name": "k", "environment": "test"]

            #expect(await bureau.ask("keys.create", till, as: admin.token).code == nil)
            #expect(try await durable(bureau, "administration") == ["keys.create 1 0"])
            #expect(await bureau.ask("keys.create", till, as: admin.token).code == .rateLimited)

            try await bureau.store.append([], usage: [])
            #expect(try await durable(bureau, "administration") == ["keys.create 1 1"])
        }
    }
}
