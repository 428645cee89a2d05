import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A key that spends all that its organization may` {
    private func bureau(_ test: (Bureau, Person, (id: JSON, text: Secret<String>)) async throws -> Void) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            var plan = Bureau.tradePlan()
            plan.organizationLimits = ["read": RateLimit(units: 5, per: .seconds(60))]
            try await bureau.setPlan(plan)
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            while await bureau.ask("transactions.list", as: key.text).code == nil {}
            try await test(bureau, admin, key)
        }
    }

    @Test func `keeps no administrator from finding and revoking it`() async throws {
        try await bureau { bureau, admin, key in
            #expect(await bureau.ask("transactions.list", as: key.text).code == .rateLimited)
            #expect(await bureau.ask("keys.list", as: admin.token).data.arrayValue?.count == 1)
            #expect(await bureau.ask("keys.revoke", ["id": key.id], as: admin.token).code == nil)
            #expect(await bureau.ask("transactions.list", as: key.text).code == .unauthenticated)
        }
    }

    @Test func `keeps nobody from logging out, and leaves what is not administration to all together`() async throws {
        try await bureau { bureau, admin, _ in
            let seller = try await bureau.person("seller", .user, of: bureau.shop)
            #expect(await bureau.ask("transactions.list", as: seller.token).code == .rateLimited)
            #expect(await bureau.ask("transactions.list", as: admin.token).code == .rateLimited)
            #expect(await bureau.ask("auth.logout", as: seller.token).code == nil)
        }
    }

    @Test func `is no help to a person who asks without end`() async throws {
        try await bureau { bureau, admin, _ in
            var codes: [GatewayError.Code?] = []
            for _ in 0..<8 { codes.append(await bureau.ask("keys.list", as: admin.token).code) }
            #expect(codes.contains(nil) && codes.last == .rateLimited)
        }
    }
}

struct `A key's secret` {
    @Test func `is changed with an overlap, and the key and what it did stay the same`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(["role": "user"], by: admin)
            let paid = await bureau.collect(100, as: key.text)

            let rotated = await bureau.ask("keys.rotate", ["id": key.id, "overlap_minutes": 10], as: admin.token)

            let new = Secret(try #require(rotated.data["api_key"]?.stringValue))
            #expect(new.reveal() != key.text.reveal() && rotated.data["key"]?["id"] == key.id)
            #expect(rotated.data["key"]?["owner"] == admin.id)
            // Without a key of its own the same call is the same payment, by whichever secret.
            let repeated = await bureau.collect(100, as: new)
            #expect(repeated.record == paid.record && repeated.isReplayed)
            #expect(await bureau.ask("transactions.list", as: new).data.arrayValue?.count == 1)
            #expect(await bureau.ask("auth.verify", as: key.text).code == nil)
            bureau.clock.advance(.seconds(601))
            #expect(await bureau.ask("auth.verify", as: key.text).code == .unauthenticated)
            #expect(await bureau.ask("auth.verify", as: new).code == nil)
        }
    }

    @Test func `ends at once without an overlap, and before one that took its place earlier`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            let second = await bureau.ask("keys.rotate", ["id": key.id], as: admin.token)
            let third = await bureau.ask("keys.rotate", ["id": key.id], as: admin.token)
            let texts = try [second, third].map { Secret(try #require($0.data["api_key"]?.stringValue)) }

            #expect(await bureau.ask("auth.verify", as: key.text).code == .unauthenticated)
            for text in texts { #expect(await bureau.ask("auth.verify", as: text).code == nil) }
            let last = await bureau.ask("keys.rotate", ["id": key.id, "overlap_minutes": 0], as: admin.token)
            #expect(last.code == nil)
            for text in texts { #expect(await bureau.ask("auth.verify", as: text).code == .unauthenticated) }
            let long = await bureau.ask("keys.rotate", ["id": key.id, "overlap_minutes": 1441], as: admin.token)
            #expect(long.code == .invalidArgument)
            _ = await bureau.ask("keys.revoke", ["id": key.id], as: admin.token)
            #expect(await bureau.ask("keys.rotate", ["id": key.id], as: admin.token).code == .conflict)
        }
    }

    @Test func `that another process ends is refused within a second`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(by: admin)
            #expect(await bureau.ask("auth.verify", as: key.text).code == nil)
            let now = bureau.clock.now
            let id = try #require(key.id.stringValue.flatMap { APIKeyID($0) })

            _ = try await bureau.store.change(id, organization: bureau.shop.id) { $0.revokedAt = now }

            bureau.clock.advance(.seconds(1))
            #expect(await bureau.ask("auth.verify", as: key.text).code == .unauthenticated)
        }
    }
}

struct `A key's rules` {
    @Test func `leave it the tools that it names, and hide the others`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(["tools": ["fake_collect"]], by: admin)

            #expect(await bureau.collect(100, as: key.text).code == nil)
            let other = await bureau.call("fake_pay", ["phone": "254711000001", "amount": 5], as: key.text)
            #expect(other.error == Authorize.noSuchTool("fake_pay"))
            let known = await bureau.pipeline.recognize(.token(key.text), environment: nil, address: nil, at: .rest)
            let tools = try await bureau.pipeline.visibleTools(to: known)
            #expect(tools.map(\.tool.name) == ["fake_collect"])
            // Null takes the rule away, after a day.
            _ = await bureau.ask("keys.update", ["id": key.id, "tools": JSON.null], as: admin.token)
            bureau.clock.advance(.seconds(86_400))
            #expect(await bureau.call("fake_pay", ["phone": "254711000001", "amount": 5], as: key.text).code == nil)
        }
    }

    @Test func `limit one call's amount, before anything is kept or sent`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop(Bureau.tradePlan(Ceilings(amounts: [.incoming: try #require(Shillings(5000))])))
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let wide = try await bureau.makeKey(by: admin)
            let small = try await bureau.makeKey(["amount_max": 1000], by: admin)

            #expect(await bureau.collect(1000, as: small.text).code == nil)
            #expect(await bureau.collect(1001, as: small.text).code == .limitExceeded)
            #expect(await bureau.collect(5000, as: wide.text).code == nil)
            #expect(await bureau.collect(5001, as: wide.text).code == .limitExceeded)
            #expect(await bureau.ask("transactions.list", as: wide.text).data.arrayValue?.count == 2)
        }
    }

    @Test func `let it be used from its addresses alone`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let sources: JSON = ["198.51.100.0/24", "2001:db8::/32"]
            let key = try await bureau.makeKey(["sources": sources], by: admin)

            for (address, code): (String?, GatewayError.Code?) in [
                ("198.51.100.7", nil), ("2001:db8:1::1", nil), ("198.51.101.7", .permissionDenied),
                ("::ffff:198.51.100.9", nil), (nil, .permissionDenied), ("proxy", .permissionDenied),
            ] {
                let reply = await bureau.call("fake_ask", as: key.text, from: address)
                #expect(reply.code == code, "\(address ?? "nowhere")")
            }
            let line = try #require(try await bureau.audit(bureau.shop).first { $0.action == "CREDENTIAL_REFUSED" })
            #expect(line.code == "permission_denied")
            for wrong: JSON in [["198.51.100.0/33"], ["example.com"], ["198.51.100.1:80"], [""]] {
                let reply = await bureau.ask("keys.update", ["id": key.id, "sources": wrong], as: admin.token)
                #expect(reply.code == .invalidArgument, "\(wrong.text)")
            }
        }
    }

    @Test func `are shown with whose it is and when it was last used, and edited as they were seen`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(["is_agent": true, "amount_max": 70], by: admin)
            for _ in 0..<3 { #expect(await bureau.ask("auth.verify", as: key.text).code == nil) }
            await bureau.uses.flush()

            let shown = try #require(await bureau.ask("keys.list", as: admin.token).data.arrayValue?.first)
            #expect(shown["owner"] == admin.id && shown["is_agent"] == true && shown["amount_max"] == 70)
            #expect(shown["last_used_at"]?.stringValue != nil && shown["version"] == 1)
            let renamed = await bureau.ask("keys.update", ["id": key.id, "name": "a", "version": 1], as: admin.token)
            #expect(renamed.data["version"] == 2 && renamed.data["is_agent"] == true)
            let stale = await bureau.ask("keys.update", ["id": key.id, "name": "b", "version": 1], as: admin.token)
            #expect(stale.code == .staleVersion)
            #expect(await bureau.ask("keys.list", as: admin.token).data.arrayValue?.first?["name"] == "a")
        }
    }
}

struct `Why a key may call a tool` {
    private func failing(_ reply: ActionReply) -> [String] {
        (reply.data["rules"]?.arrayValue ?? []).filter { $0["passes"] == false }.compactMap { $0["rule"]?.stringValue }
    }

    @Test func `is told rule by rule`() async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(
                ["tools": ["fake_collect"], "amount_max": 10, "sources": ["198.51.100.0/24"]],
                by: admin
            )
            let explain = { (more: JSONObject) async -> ActionReply in
                var arguments: JSONObject = ["id": key.id, "tool": "fake_collect"]
                for (name, value) in more { arguments[name] = value }
                return await bureau.ask("keys.explain", .object(arguments), as: admin.token)
            }
            #expect(failing(await explain([:])) == ["credentials"])
            _ = try await bureau.safe.put(
                ["consumer_key": Secret("k"), "consumer_secret": Secret("s")],
                organization: bureau.shop.id,
                environment: .test,
                account: .main
            )
            let good = await explain(["amount": 10, "address": "198.51.100.1"])
            #expect(good.data["is_allowed"] == true, "\(good.data.text)")
            #expect(failing(await explain(["amount": 11, "address": "192.0.2.1"])) == ["amount", "address"])
            #expect(failing(await explain(["tool": "fake_pay"])) == ["tools"])
            #expect(failing(await explain(["tool": "mpesa_x"])) == ["plan", "tools"])
            _ = await bureau.ask("organization.update", ["disabled_tools": ["fake_collect"]], as: admin.token)
            #expect(failing(await explain([:])) == ["switch"])
            _ = await bureau.ask("keys.revoke", ["id": key.id], as: admin.token)
            #expect(failing(await explain([:])) == ["key", "switch"])
        }
    }
}
