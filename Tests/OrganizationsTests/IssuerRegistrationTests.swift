import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A registered issuer` {
    @Test func `is felt at once where it is switched off, on or deleted, and where its key is revoked`() async throws {
        try await LogInService.with { (service) async throws in
            let (bureau, admin, token) = (service.bureau, service.admin, service.token())
            #expect(await service.code(token) == nil)
            for isActive in [false, true] {
                let arguments: JSON = ["id": service.id, "is_active": .bool(isActive)]
                #expect(await bureau.ask("issuers.update", arguments, as: admin.token).code == nil)
                #expect(await service.code(token) == (isActive ? nil : .unauthenticated))
            }
            #expect(await bureau.ask("keys.revoke", ["id": service.key], as: admin.token).code == nil)
            #expect(await service.code(token) == .unauthenticated)
            let other = try await bureau.makeKey(by: admin)
            let linked: JSON = ["id": service.id, "subjects": [["subject": "till-7", "key": other.id]]]
            #expect(await bureau.ask("issuers.update", linked, as: admin.token).code == nil)
            #expect(await service.code(token) == nil)
            #expect(await bureau.ask("issuers.delete", ["id": service.id], as: admin.token).code == nil)
            #expect(await service.code(token) == .unauthenticated)
            #expect(await bureau.ask("issuers.list", as: admin.token).data == [])
        }
    }

    @Test func `that another host has switched off is felt within a second`() async throws {
        try await LogInService.with { (service) async throws in
            let token = service.token()
            #expect(await service.code(token) == nil)
            let id = try #require(service.id.stringValue.flatMap { Identifier($0) })
            _ = try await service.bureau.store.changeIssuer(id, of: service.bureau.shop.id) { $0.isActive = false }
            service.bureau.clock.advance(.seconds(1))
            #expect(await service.code(token) == .unauthenticated)
        }
    }

    @Test func `of two organizations is each one's own, and a token is for one of them`() async throws {
        try await LogInService.with { (service) async throws in
            let bureau = service.bureau
            let other = Organization(
                id: OrganizationID(bureau.clock.entropy.identifier()),
                slug: "bar",
                name: "Bar",
                subscription: .active,
                plan: "trade"
            )
            try await bureau.store.save(other)
            let admin = try await bureau.person("bea", .orgAdmin, of: other)
            let key = try await bureau.makeKey(by: admin)
            let registration: JSON = [
                "issuer": .string(LogInService.url), "environment": "test", "keys_url": "https://evil.example/keys",
                "key": key.id,
            ]
            #expect(await bureau.ask("issuers.create", registration, as: admin.token).code == nil)
            bureau.issuer.publish(keys: ["1": "evil"], at: "https://evil.example/keys")
            let (ours, theirs) = (service.resource, "https://gw.example/mcp/\(other.id)")

            // What was issued for the shop is no token in the bar, and what the bar's keys sign none in the shop.
            let seen = await bureau.ask("auth.verify", as: service.token())
            #expect(seen.data["organization"]?["slug"] == "shop")
            #expect(await service.code(service.token(by: "evil")) == .unauthenticated)
            #expect(await service.code(service.token(["aud": .string(theirs)])) == .unauthenticated)
            let bars = await bureau.ask("auth.verify", as: service.token(["aud": .string(theirs)], by: "evil"))
            #expect(bars.data["organization"]?["slug"] == "bar")
            // One that is for both is for neither; one that is for somebody else besides is ours all the same.
            #expect(await service.code(service.token(["aud": [.string(ours), .string(theirs)]])) == .unauthenticated)
            #expect(await service.code(service.token(["aud": [.string(ours), "https://other.example"]])) == nil)
            #expect(await bureau.ask("issuers.delete", ["id": service.id], as: admin.token).code == .notFound)
            #expect(await bureau.ask("issuers.update", ["id": service.id], as: admin.token).code == .notFound)
            #expect(await bureau.ask("issuers.list", as: admin.token).data.arrayValue?.count == 1)
        }
    }

    @Test func `lets everybody else act as its key only where it has one`() async throws {
        try await LogInService.with { (service) async throws in
            let token = service.token(["sub": "anybody"])
            #expect(await service.code(token) == .unauthenticated)
            let arguments: JSON = ["id": service.id, "key": service.key]
            #expect(await service.bureau.ask("issuers.update", arguments, as: service.admin.token).code == nil)
            #expect(await service.code(token) == nil)
            let none: JSON = ["id": service.id, "key": .null]
            #expect(await service.bureau.ask("issuers.update", none, as: service.admin.token).code == nil)
            #expect(await service.code(token) == .unauthenticated)
        }
    }

    @Test func `is one of its environment, with keys of the organization that do no more than whoever names them`()
        async throws
    {
        try await LogInService.with { (service) async throws in
            let (bureau, admin) = (service.bureau, service.admin)
            let live = try await bureau.makeKey(["environment": "live"], by: admin)
            let stranger = try await bureau.person("root", .superAdmin, of: bureau.host)
            let foreign = try await bureau.makeKey(by: stranger)
            let ended = try await bureau.makeKey(by: admin)
            #expect(await bureau.ask("keys.revoke", ["id": ended.id], as: admin.token).code == nil)
            for key in [live.id, foreign.id, ended.id, "x"] {
                let arguments: JSON = ["id": service.id, "key": key]
                let code = await bureau.ask("issuers.update", arguments, as: admin.token).code
                #expect(code == .invalidArgument, "\(key)")
            }
            for issuer in ["login.example", "https://a@b.example", "https://x.example/?a", "ftp://x.example"] {
                let arguments: JSON = ["issuer": .string(issuer), "environment": "test"]
                #expect(
                    await bureau.ask("issuers.create", arguments, as: admin.token).code == .invalidArgument,
                    "\(issuer)"
                )
            }
            let plain: JSON = ["issuer": "http://x.example", "environment": "live"]
            #expect(await bureau.ask("issuers.create", plain, as: admin.token).code == .invalidArgument)
            let twice: JSON = ["issuer": .string(LogInService.url), "environment": "test"]
            #expect(await bureau.ask("issuers.create", twice, as: admin.token).code == .conflict)
            for (role, name) in [(Role.manager, "mel"), (.user, "una")] {
                let person = try await bureau.person(name, role, of: bureau.shop)
                #expect(await bureau.ask("issuers.list", as: person.token).code == .permissionDenied)
            }
        }
    }

    @Test func `is a person's to register, who then approves nothing that its keys ask for`() async throws {
        try await LogInService.with(["role": "org_admin"]) { (service) async throws in
            let bureau = service.bureau
            let id = try #require(service.key.stringValue.flatMap { APIKeyID($0) })
            let token = service.token(["scope": "administration:write administration:read"])
            let made: JSON = ["issuer": "https://more.example", "environment": "test"]
            #expect(await bureau.ask("issuers.create", made, as: token).code == .permissionDenied)
            let second = try await bureau.person("bob", .orgAdmin, of: bureau.shop)
            let arguments: JSON = ["id": service.id, "algorithms": ["ES256"]]
            #expect(await bureau.ask("issuers.update", arguments, as: second.token).code == nil)
            let key = try #require(try await bureau.store.apiKey(id, organization: bureau.shop.id))
            #expect(key.owner == service.admin.user.id && key.knownTo == [second.user.id])
            #expect(await service.code(token) == .unauthenticated)
        }
    }

    @Test func `is one of ten at most, and is changed as it was seen`() async throws {
        try await LogInService.with { (service) async throws in
            let (bureau, admin) = (service.bureau, service.admin)
            let late: JSON = ["id": service.id, "is_active": false, "version": 2]
            #expect(await bureau.ask("issuers.update", late, as: admin.token).code == .staleVersion)
            for number in 1...TokenIssuer.countMax {
                let one: JSON = ["issuer": .string("https://\(number).example"), "environment": "test"]
                let code = await bureau.ask("issuers.create", one, as: admin.token).code
                #expect(code == (number < TokenIssuer.countMax ? nil : .limitExceeded))
            }
        }
    }
}
