import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `What lets a key do more` {
    private func bureau(_ test: (Bureau, Person, Person) async throws -> Void) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop, hasSecondFactor: true)
            let other = try await bureau.person("other", .orgAdmin, of: bureau.shop, hasSecondFactor: true)
            try await test(bureau, admin, other)
        }
    }

    @Test(
        arguments: [
            (["is_agent": true], ["is_agent": JSON.null]), (["is_agent": true], ["is_agent": false]),
            ([:], ["is_agent": false]), (["amount_max": 500], ["amount_max": 501]),
            (["amount_max": 500], ["amount_max": JSON.null]),
            (["tools": ["fake_collect"]], ["tools": ["fake_collect", "fake_pay"]]),
            (["tools": ["fake_collect"]], ["tools": JSON.null]), (["role": "user"], ["role": "manager"]),
            (["scopes": ["payments:write"]], ["scopes": ["payments:write", "transactions:read"]]),
            (["sources": ["192.0.2.0/25"]], ["sources": ["192.0.2.0/24"]]),
            (["sources": ["192.0.2.7"]], ["sources": ["192.0.2.8"]]),
            (["sources": ["192.0.2.7"]], ["sources": JSON.null]),
        ] as [(JSONObject, JSONObject)]
    )
    func `is not one administrator's alone, whichever of its rules it is about`(
        _ old: JSONObject,
        _ new: JSONObject
    ) async throws {
        try await bureau { bureau, admin, _ in
            let key = try await bureau.makeKey(old, by: admin)
            let before = await bureau.ask("keys.list", as: admin.token).data[0]
            var change = new
            change["id"] = key.id
            let updated = await bureau.ask("keys.update", .object(change), as: admin.token)

            #expect(updated.data["pending"]?["by"] == .string("user:\(admin.user.id)"))
            for name in ["is_agent", "amount_max", "tools", "role", "scopes", "sources"] {
                #expect(updated.data[name] == before?[name], "\(name)")
            }
            bureau.clock.advance(.seconds(86_400))
            let again = try await bureau.logIn(admin.user)
            let held = await bureau.ask("keys.list", as: again.token).data[0]
            #expect(held?["pending"] == nil)
            for (name, value) in new { #expect(held?[name] == (value == .null ? nil : value), "\(name)") }
        }
    }

    @Test func `holds for calls from that moment on, and not before`() async throws {
        try await bureau { bureau, admin, _ in
            let key = try await bureau.makeKey(["is_agent": true], by: admin)
            _ = await bureau.ask("keys.update", ["id": key.id, "is_agent": false], as: admin.token)
            #expect(try await bureau.principal(key.text).kind(at: .rest) == .agent)
            bureau.clock.advance(.seconds(86_390))
            #expect(try await bureau.principal(key.text).kind(at: .rest) == .agent)

            bureau.clock.advance(.seconds(10))
            #expect(try await bureau.principal(key.text).kind(at: .rest) == .machine)
        }
    }

    @Test func `does not keep what lets it do less from holding at once`() async throws {
        try await bureau { bureau, admin, other in
            let key = try await bureau.makeKey(["tools": ["fake_collect", "fake_ask"], "amount_max": 500], by: admin)
            let change: JSON = ["id": key.id, "tools": ["fake_ask", "fake_pay"], "amount_max": 100]
            let mixed = await bureau.ask("keys.update", change, as: admin.token).data
            #expect(mixed["tools"] == ["fake_ask"] && mixed["amount_max"] == 100)
            #expect(mixed["pending"]?["tools"] == ["fake_ask", "fake_pay"])

            // Whoever makes it stricter does not speak for what waits.
            let less = await bureau.ask("keys.update", ["id": key.id, "amount_max": 50], as: other.token).data
            #expect(less["amount_max"] == 50 && less["tools"] == ["fake_ask"] && less["pending"] == nil)
            let renamed = await bureau.ask("keys.update", ["id": key.id, "name": "n"], as: admin.token).data
            #expect(renamed["pending"] == nil && renamed["amount_max"] == 50)
        }
    }

    @Test func `is refused by another administrator who says what holds`() async throws {
        try await bureau { bureau, admin, other in
            let key = try await bureau.makeKey(["amount_max": 500], by: admin)
            _ = await bureau.ask("keys.update", ["id": key.id, "amount_max": 900], as: admin.token)
            let renamed = await bureau.ask("keys.update", ["id": key.id, "name": "n"], as: other.token)
            #expect(renamed.data["pending"]?["amount_max"] == 900)

            let refused = await bureau.ask("keys.update", ["id": key.id, "amount_max": 500], as: other.token)
            #expect(refused.data["pending"] == nil && refused.data["amount_max"] == 500)
            #expect(await bureau.ask("keys.agree", ["id": key.id], as: other.token).code == .conflict)
        }
    }

    @Test func `holds once another administrator agrees who may`() async throws {
        try await bureau { bureau, admin, other in
            let plain = try await bureau.person("plain", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(["amount_max": 500], by: admin)
            let more: JSON = ["id": key.id, "amount_max": 900]
            _ = await bureau.ask("keys.update", more, as: admin.token)
            for who in [admin, plain] {
                #expect(await bureau.ask("keys.agree", ["id": key.id], as: who.token).code == .permissionDenied)
            }
            let agreed = await bureau.ask("keys.agree", ["id": key.id], as: other.token)
            #expect(agreed.data["amount_max"] == 900 && agreed.data["pending"] == nil)
            #expect(await bureau.collect(900, as: key.text).code == nil)
            #expect(await bureau.ask("keys.agree", ["id": key.id], as: other.token).code == .conflict)
        }
    }

    @Test func `waits in a new key too, beside those that may do less`() async throws {
        try await bureau { bureau, admin, other in
            let agent = try await bureau.makeKey(["is_agent": true], by: admin)
            _ = await bureau.ask("keys.revoke", ["id": agent.id], as: admin.token)
            let loose = try await bureau.makeKey(by: admin)
            #expect(await bureau.collect(1, as: loose.text).code == .notFound)
            let same = try await bureau.makeKey(["is_agent": true, "amount_max": 10], by: admin)
            #expect(await bureau.collect(2, as: same.text).code == nil)

            #expect(await bureau.ask("keys.agree", ["id": loose.id], as: other.token).code == nil)
            #expect(await bureau.collect(3, as: loose.text).code == nil)
            let next = try await bureau.makeKey(by: admin)
            #expect(await bureau.collect(4, as: next.text).code == nil)
        }
    }

    @Test func `is not its addresses where they are fewer, or some of those that were`() async throws {
        try await bureau { bureau, admin, _ in
            let key = try await bureau.makeKey(["sources": ["192.0.2.0/24"]], by: admin)
            func set(_ sources: JSON) async -> JSON {
                await bureau.ask("keys.update", ["id": key.id, "sources": sources], as: admin.token).data
            }
            let fewer = await set(["192.0.2.0/28"])
            #expect(fewer["pending"] == nil && fewer["sources"] == ["192.0.2.0/28"])
            let other = await set(["192.0.2.1", "198.51.100.0/24"])
            #expect(other["sources"] == ["192.0.2.1"])
            #expect(other["pending"]?["sources"] == ["192.0.2.1", "198.51.100.0/24"])
        }
    }

    @Test func `waits in a new key too, where a limit or a stop names the others`() async throws {
        try await bureau { bureau, admin, other in
            let named = try await bureau.makeKey(by: admin)
            func says(_ change: @escaping @Sendable (inout ApprovalPolicy) -> Void) async throws {
                _ = try await bureau.store.change(bureau.shop.id) { change(&$0.approvals) }
                bureau.gateway.configuration.forget()
            }
            let key = named.id.stringValue ?? ""
            try await says { $0.stops = PaymentStop("key:\(key)").map { [$0] } ?? [] }
            let beside = await bureau.ask("keys.create", ["name": "a", "environment": "test"], as: admin.token)
            #expect(beside.data["key"]?["pending"] != nil && beside.data["key"]?["tools"] == [])

            try await says { policy in
                policy.stops = []
                policy.limits = [MoneyLimit(subject: "key:\(key)", dayMax: 10)]
            }
            let second = await bureau.ask("keys.create", ["name": "b", "environment": "test"], as: admin.token)
            #expect(second.data["key"]?["pending"] != nil)

            try await says { $0.limits = [MoneyLimit(subject: "user:\(admin.user.id)", dayMax: 10)] }
            let theirs = await bureau.ask("keys.create", ["name": "c", "environment": "test"], as: other.token)
            #expect(theirs.data["key"]?["pending"] != nil)
            let own = await bureau.ask("keys.create", ["name": "d", "environment": "test"], as: admin.token)
            #expect(own.data["key"]?["id"] != nil && own.data["key"]?["pending"] == nil)
        }
    }

    @Test func `waits in a new key too, however long there was none`() async throws {
        try await bureau { bureau, admin, _ in
            let first = try await bureau.makeKey(["is_agent": true], by: admin)
            _ = await bureau.ask("keys.revoke", ["id": first.id], as: admin.token)
            bureau.clock.advance(.seconds(3 * 86_400))
            let again = try await bureau.logIn(admin.user)
            let loose = await bureau.ask("keys.create", ["name": "a", "environment": "test"], as: again.token)
            #expect(loose.data["key"]?["pending"] != nil)
            let same: JSON = ["name": "b", "environment": "test", "is_agent": true]
            let held = await bureau.ask("keys.create", same, as: again.token)
            #expect(held.data["key"]?["id"] != nil && held.data["key"]?["pending"] == nil)
        }
    }

    @Test func `is no way around for whoever has seen its secret`() async throws {
        try await bureau { bureau, admin, other in
            let third = try await bureau.person("third", .manager, of: bureau.shop, hasSecondFactor: true)
            let key = try await bureau.makeKey(["is_agent": true], by: admin)
            let rotated = await bureau.ask("keys.rotate", ["id": key.id], as: other.token)
            let text = Secret(try #require(rotated.data["api_key"]?.stringValue))
            let paid = await bureau.call("fake_pay", ["phone": "254711000001", "amount": 5], as: text)
            #expect(paid.state == .draft)
            let id: JSON = ["id": .string(try #require(paid.record).description)]

            for who in [admin, other] {
                #expect(await bureau.ask("approvals.approve", id, as: who.token).code == .permissionDenied)
            }
            #expect(await bureau.ask("approvals.approve", id, as: third.token).code == nil)
        }
    }
}
