import Gateway
import OrderedJSON
import Testing

struct `M-Pesa accounts` {
    private func add(
        _ name: String,
        _ shortCode: String,
        _ more: JSONObject = [:],
        by person: Person,
        in bureau: Bureau
    ) async -> ActionReply {
        var arguments: JSONObject = [
            "account": .string(name), "environment": "test", "business_short_code": .string(shortCode),
        ]
        for (name, value) in more { arguments[name] = value }
        return await bureau.ask("accounts.create", .object(arguments), as: person.token)
    }

    @Test func `are made, listed, shown and changed, each with secrets of its own`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            #expect(await add("main", "174379", by: admin, in: bureau).data["is_default"] == true)
            let till = await add("till", "600111", ["till_number": "5600111"], by: admin, in: bureau)
            #expect(till.data["short_code_type"] == "till" && till.data["is_default"] == false)

            let saved = await bureau.ask(
                "credentials.update",
                [
                    "org_id": .string(bureau.shop.id.description), "environment": "test", "account": "till",
                    "lipa_na_mpesa_passkey": "hush", "initiator_name": "operator",
                ],
                as: admin.token
            )

            #expect(saved.data["account"] == "till" && saved.data["business_short_code"] == "600111")
            #expect(bureau.safe.secrets(of: bureau.shop.id).isEmpty)
            let name = try #require(AccountName("till"))
            #expect(bureau.safe.secrets(of: bureau.shop.id, account: name) == ["lipa_na_mpesa_passkey": "hush"])
            let at: JSON = ["account": "till", "environment": "test"]
            let shown = await bureau.ask("accounts.show", at, as: admin.token)
            #expect(shown.data["fields"] == ["lipa_na_mpesa_passkey"] && shown.data["initiator_name"] == "operator")
            let listed = await bureau.ask("accounts.list", ["environment": "test"], as: admin.token)
            #expect(listed.data.arrayValue?.compactMap { $0["name"]?.stringValue } == ["main", "till"])
            let live = await bureau.ask("accounts.list", ["environment": "live"], as: admin.token)
            #expect(live.data == [])
        }
    }

    @Test func `are edited as they were read, by one name and short code each`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            _ = await add("main", "174379", by: admin, in: bureau)
            #expect(await add("main", "600000", by: admin, in: bureau).code == .conflict)
            #expect(await add("other", "174379", by: admin, in: bureau).code == .conflict)
            #expect(await add("Other", "600000", by: admin, in: bureau).code == .invalidArgument)
            let first: JSON = [
                "account": "main", "environment": "test", "version": 1, "business_short_code": "174380",
            ]

            #expect(await bureau.ask("accounts.update", first, as: admin.token).data["version"] == 2)
            #expect(await bureau.ask("accounts.update", first, as: admin.token).code == .staleVersion)
            let foreign: JSON = ["account": "none", "environment": "test"]
            #expect(await bureau.ask("accounts.update", foreign, as: admin.token).code == .notFound)
        }
    }

    @Test func `have one default, which is not retired`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            for (name, code) in [("a", "174379"), ("b", "600000")] {
                _ = await add(name, code, by: admin, in: bureau)
            }
            let (a, b): (JSON, JSON) = (
                ["account": "a", "environment": "test"], ["account": "b", "environment": "test"],
            )
            #expect(await bureau.ask("accounts.retire", a, as: admin.token).code == .conflict)
            #expect(await bureau.ask("accounts.set_default", b, as: admin.token).data["is_default"] == true)

            let retired = await bureau.ask("accounts.retire", a, as: admin.token)

            #expect(retired.data["is_retired"] == true && retired.data["is_default"] == false)
            #expect(await bureau.ask("accounts.set_default", a, as: admin.token).code == .invalidArgument)
            let lines = try await bureau.audit(bureau.shop).map(\.action)
            #expect(lines.contains("ACCOUNT_RETIRED") && lines.contains("ACCOUNT_MADE_DEFAULT"))
        }
    }

    @Test func `that only pay out collect nothing`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let till = try await bureau.makeKey(by: admin)
            let made = await add("payroll", "600222", ["short_code_type": "payout"], by: admin, in: bureau)
            #expect(made.code == nil)

            let arguments: JSON = ["phone": "254711000001", "amount": 5, "account": "payroll"]

            #expect(await bureau.call("fake_collect", arguments, as: till.text).code == .invalidArgument)
        }
    }
}
