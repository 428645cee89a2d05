import Gateway
import GatewayTesting
import OrderedJSON
import Store
import Testing

/// A house whose organization has a second account, `till`.
private struct TwoAccounts {
    let house: House
    let till: AccountName

    static func with(_ body: (TwoAccounts) async throws -> Void) async throws {
        try await House.with { (house) async throws in
            let till = try #require(AccountName("till"))
            let profile = Profile(
                environment: .test,
                shortCode: "600111",
                shortCodeType: "till",
                tillNumber: "5600111",
                organizationName: "Shop"
            )
            try await house.store.save(MPesaAccount(name: till, profile: profile), organization: house.organization)
            try await body(TwoAccounts(house: house, till: till))
        }
    }

    func call(
        _ tool: String = "fake_collect",
        account: String? = nil,
        phone: String = "254711000001",
        original: RecordID? = nil,
        key: String? = nil,
        door: Door = .rest
    ) async -> ToolReply {
        var arguments: JSONObject = ["amount": 100]
        if let original {
            arguments["original"] = .string(original.description)
        } else {
            arguments["phone"] = .string(phone)
        }
        arguments["account"] = account.map { .string($0) }
        return await house.call(tool, .object(arguments), key: key, door: door)
    }

    func makeDefault(_ name: AccountName) async throws {
        _ = try await house.store.makeDefault(name, organization: house.organization, environment: .test)
        house.gateway.directory.forget()
    }

    func retire(_ name: AccountName) async throws {
        _ = try await house.store.change(name, organization: house.organization, environment: .test) {
            $0.retiredAt = Timestamp(milliseconds: 1)
        }
        house.gateway.directory.forget()
    }

    /// The accounts that requests of a kind left by, first to last.
    func used(_ kind: String) -> [String] {
        house.upstream.sent.filter { $0.kind == kind }.map(\.account.description)
    }
}

struct `A call of an organization with several accounts` {
    @Test(arguments: [Door.rest, .mcp])
    func `goes by the one that it names, or the default one`(door: Door) async throws {
        try await TwoAccounts.with { (two) async throws in
            let named = await two.call(account: "till", door: door)
            let silent = await two.call(phone: "254711000002", door: door)

            #expect(two.used("collect") == ["till", "main"])
            let record = try await two.house.record(named)
            #expect(record.accountName == two.till && record.account == "600111")
            #expect(try await two.house.record(silent).account == "174379")
            #expect(named.shown["account"] == "till")
        }
    }

    @Test func `is refused for a name that is none's, and names nothing where there is one account`() async throws {
        try await TwoAccounts.with { (two) async throws in
            for wrong in ["shop", "", "Till", "till\u{200B}"] {
                #expect(await two.call(account: wrong).code == .invalidArgument, "\(wrong)")
            }
            #expect(two.house.upstream.sent.isEmpty)
        }
        try await House.with { (house) async throws in
            let arguments: JSON = ["phone": "254711000001", "amount": 100, "account": "main"]
            #expect(await house.call("fake_collect", arguments).code == .invalidArgument)
        }
    }

    @Test func `is another payment than the same one by another account`() async throws {
        try await TwoAccounts.with { (two) async throws in
            let first = await two.call()
            let second = await two.call(account: "till")

            #expect(second.code == nil && !second.isReplayed && first.record != second.record)
            // Written out or not, the default account is the same one.
            let again = await two.call(account: "main")
            #expect(again.isReplayed && again.record == first.record)
            #expect(await two.call(account: "till").record == second.record)
            #expect(two.house.upstream.count("collect") == 2)
        }
    }

    @Test func `finds its payment by its key whatever the default is, and no other account's`() async throws {
        try await TwoAccounts.with { (two) async throws in
            let first = await two.call("fake_pay", key: "k")
            try await two.makeDefault(two.till)

            let again = await two.call("fake_pay", key: "k")

            #expect(again.isReplayed && again.record == first.record && again.shown["account"] == "main")
            #expect(await two.call("fake_pay", account: "main", key: "k").record == first.record)
            #expect(await two.call("fake_pay", account: "till", key: "k").code == .idempotencyKeyReused)
            #expect(two.house.upstream.count("pay") == 1)
        }
    }
}

struct `What an account has begun` {
    @Test func `is asked about as it, whatever the default is, though it is retired`() async throws {
        try await TwoAccounts.with { (two) async throws in
            let id = try #require(await two.call(account: "till").record)
            try await two.retire(two.till)
            two.house.upstream.answer(with: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"])
            two.house.clock.advance(.seconds(100))

            await two.house.gateway.sweeper.sweep()

            #expect(two.used("collect_query") == ["till"])
            #expect(try await two.house.record(id).state == .succeeded)
        }
    }

    @Test func `is shown again when it is repeated, though a retired account takes nothing new`() async throws {
        try await TwoAccounts.with { (two) async throws in
            let first = await two.call(account: "till", key: "k")
            try await two.retire(two.till)

            #expect(await two.call(account: "till", phone: "254711000009").code == .invalidArgument)

            let again = await two.call(account: "till", key: "k")
            #expect(again.isReplayed && again.record == first.record)
            #expect(two.house.upstream.count("collect") == 1)
        }
    }

    @Test func `is given back by it alone`() async throws {
        try await TwoAccounts.with { (two) async throws in
            let id = try #require(await two.call(account: "till").record)
            try await two.house.callback(
                id,
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )
            #expect(await two.call("fake_refund", account: "main", original: id, key: "a").code == .invalidArgument)
            #expect(await two.call("fake_undo", original: id, key: "b").code == .invalidArgument)
            try await two.retire(two.till)

            let refund = await two.house.call("fake_refund", ["original": "r1"], key: "c")

            #expect(refund.code == nil, "\(refund.result)")
            #expect(two.used("refund") == ["till"] && two.used("undo").isEmpty)
        }
    }
}
