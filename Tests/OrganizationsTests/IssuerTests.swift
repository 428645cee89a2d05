import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization
import Testing

/// A shop whose own log-in service issues tokens, and a key that they act as.
struct LogInService: Sendable {
    static let url = "https://login.example"
    static let keysURL = "https://login.example/keys"

    let bureau: Bureau
    let admin: Person
    let key: JSON
    let id: JSON
    var resource: String { "https://gw.example/mcp/\(bureau.shop.id)" }

    static func with(
        _ key: JSONObject = [:],
        _ registration: JSONObject = [:],
        _ test: (LogInService) async throws -> Void
    ) async throws {
        try await Bureau.with { (bureau) async throws in
            try await bureau.openShop()
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let key = try await bureau.makeKey(key, by: admin)
            bureau.issuer.publish(keys: ["1": "first"], at: keysURL)
            var arguments: JSONObject = [
                "issuer": .string(url), "environment": "test", "keys_url": .string(keysURL),
                "subjects": [["subject": "till-7", "key": key.id]],
            ]
            for (name, value) in registration { arguments[name] = value }
            let made = await bureau.ask("issuers.create", .object(arguments), as: admin.token)
            #expect(made.code == nil, "\(made)")
            let id = try #require(made.data["id"])
            try await test(LogInService(bureau: bureau, admin: admin, key: key.id, id: id))
        }
    }

    /// What a good token says, with some of it otherwise; null leaves it out.
    func claims(_ more: JSONObject = [:]) -> JSON {
        let now = bureau.clock.now.milliseconds / 1000
        var claims: JSONObject = [
            "iss": .string(LogInService.url), "sub": "till-7", "aud": .string(resource), "exp": .integer(now + 300),
            "iat": .integer(now), "nbf": .integer(now), "scope": "administration:read fake:pay",
        ]
        for (name, value) in more { claims[name] = value == .null ? nil : value }
        return .object(claims)
    }

    func token(
        _ more: JSONObject = [:],
        header: JSON = ["alg": "RS256", "kid": "1", "typ": "at+jwt"],
        by word: String = "first"
    ) -> Secret<String> { FakeIssuer.token(header, claims(more), by: word) }

    /// How a token is answered; nil where it is good.
    func code(_ token: Secret<String>) async -> GatewayError.Code? {
        await bureau.ask("auth.verify", as: token).code
    }
}

struct `A token of an organization's issuer` {
    @Test func `acts as the key that its subject is linked to, and the audit says who it was`() async throws {
        try await LogInService.with { (service) async throws in
            let (bureau, token) = (service.bureau, service.token())

            let seen = await bureau.ask("auth.verify", as: token)

            #expect(seen.data["subject"] == .string("key:\(service.key.stringValue ?? "")"), "\(seen)")
            #expect(seen.data["issuer"] == .string(LogInService.url) && seen.data["issued_to"] == "till-7")
            #expect(seen.data["organization"]?["id"] == .string(bureau.shop.id.description))
            #expect(seen.data["role"] == "manager" && seen.data["environment"] == "test")
            let line = try #require(try await bureau.audit(bureau.shop).first { $0.action == "CREDENTIAL_VERIFIED" })
            let detail = try JSON(parsing: line.detail ?? "")
            #expect(detail["$issuer"] == .string(LogInService.url) && detail["$issued_to"] == "till-7")
            let lines = try await bureau.lines(bureau.shop)
            #expect(!lines.contains { $0.detail?.contains(token.reveal()) ?? false })
            #expect(try await bureau.principal(token).kind(at: .mcp) == .agent)
        }
    }

    static let others: [(String, JSONObject)] = [
        ("another issuer", ["iss": "https://other.example"]), ("almost this issuer", ["iss": "https://login.example/"]),
        ("no issuer", ["iss": .null]), ("no subject", ["sub": .null]), ("an empty subject", ["sub": ""]),
        ("another subject", ["sub": "till-8"]), ("a subject in two lines", ["sub": "till-7\n"]),
        ("no audience", ["aud": .null]), ("another audience", ["aud": "https://gw.example.evil/mcp"]),
        ("the plain address, which is nobody's", ["aud": "https://gw.example/mcp"]),
        ("another gateway", ["aud": "https://other.example/mcp/00000000-0000-7000-8000-000000000001"]),
        ("another organization", ["aud": "https://gw.example/mcp/00000000-0000-7000-8000-000000000001"]),
        ("an audience that is no text", ["aud": [1]]), ("no end", ["exp": .null]), ("an end in words", ["exp": "soon"]),
        ("an end long ago", ["exp": 1_700_000_000]), ("an end in years", ["exp": 2_000_000_000]),
        ("a beginning to come", ["nbf": 1_800_000_100]), ("a making to come", ["iat": 1_800_000_100]),
        ("a beginning in words", ["nbf": "now"]), ("scopes in numbers", ["scope": 7]),
    ]

    @Test(arguments: others.indices)
    func `is refused where it says something else, before any key is asked for`(index: Int) async throws {
        let (name, claims) = Self.others[index]
        try await LogInService.with { (service) async throws in
            #expect(await service.code(service.token(claims)) == .unauthenticated, "\(name)")
            #expect(service.bureau.issuer.asked.isEmpty, "\(name)")
            #expect(await service.code(service.token()) == nil)
        }
    }

    static let headers: [(String, JSON)] = [
        ("no algorithm", ["kid": "1"]), ("none", ["alg": "none", "kid": "1"]), ("None", ["alg": "nOnE", "kid": "1"]),
        ("HMAC", ["alg": "HS256", "kid": "1"]), ("small letters", ["alg": "rs256", "kid": "1"]),
        ("one that is not on the list", ["alg": "PS256", "kid": "1"]),
        ("an unknown one", ["alg": "RS1", "kid": "1"]), ("an id token's type", ["alg": "RS256", "typ": "id+jwt"]),
        ("what must be understood", ["alg": "RS256", "kid": "1", "crit": ["exp"]]),
        ("what is compressed", ["alg": "RS256", "kid": "1", "zip": "DEF"]),
        ("a key id that is no text", ["alg": "RS256", "kid": 1]),
        ("a long key id", ["alg": "RS256", "kid": .string(String(repeating: "k", count: 257))]),
    ]

    @Test(arguments: headers.indices)
    func `is refused for its header, before any key is asked for`(index: Int) async throws {
        let (name, header) = Self.headers[index]
        try await LogInService.with { (service) async throws in
            #expect(await service.code(service.token(header: header)) == .unauthenticated, "\(name)")
            #expect(service.bureau.issuer.asked.isEmpty, "\(name)")
        }
    }

    @Test func `is refused where it is too long, no token, or says something twice`() async throws {
        try await LogInService.with { (service) async throws in
            let long = service.token(["more": .string(String(repeating: "x", count: 8192))])
            #expect(await service.code(long) == .unauthenticated)
            let header = #"{"alg":"RS256","kid":"1"}"#
            let twice = service.claims().text.dropLast() + #","sub":"till-7"}"#
            #expect(await service.code(FakeIssuer.token(header, String(twice), by: "first")) == .unauthenticated)
            #expect(await service.code(FakeIssuer.token(header, "[]", by: "first")) == .unauthenticated)
            let good = service.token().reveal()
            for text in [good + ".", String(good.dropLast()) + "=", good + " ", "." + good] {
                #expect(await service.code(Secret(text)) == .unauthenticated, "\(text)")
            }
            #expect(service.bureau.issuer.asked.isEmpty)
        }
    }

    @Test func `is refused where another key signed it, and tries no other of the issuer's`() async throws {
        try await LogInService.with { (service) async throws in
            service.bureau.issuer.publish(keys: ["1": "first", "2": "second"], at: LogInService.keysURL)
            #expect(await service.code(service.token(by: "second")) == .unauthenticated)
            #expect(await service.code(service.token(by: "")) == .unauthenticated)
            let header: JSON = ["alg": "RS256", "kid": "2"]
            #expect(await service.code(service.token(header: header)) == .unauthenticated)
            #expect(await service.code(service.token(header: header, by: "second")) == nil)
            // Two would do: which it is nobody says.
            #expect(await service.code(service.token(header: ["alg": "RS256"])) == .unauthenticated)
            #expect(service.bureau.issuer.asked.count == 1)
        }
    }

    @Test func `may be a minute off, and counts no longer than it says`() async throws {
        try await LogInService.with { (service) async throws in
            let now = service.bureau.clock.now.milliseconds / 1000
            #expect(await service.code(service.token(["nbf": .integer(now + 59)])) == nil)
            #expect(await service.code(service.token(["nbf": .integer(now + 62)])) == .unauthenticated)
            let token = service.token(["exp": .integer(now + 10)])
            #expect(await service.code(token) == nil)
            service.bureau.clock.advance(.seconds(69))
            #expect(await service.code(token) == nil)
            service.bureau.clock.advance(.seconds(1))
            #expect(await service.code(token) == .unauthenticated)
        }
    }

    @Test func `chooses neither its organization, nor its role, nor which M-Pesa it acts on`() async throws {
        try await LogInService.with(["role": "user"]) { (service) async throws in
            let host = service.bureau.host.id.description
            let token = service.token([
                "organization": .string(host), "organization_id": .string(host), "role": "super_admin", "live": true,
                "environment": "live", "roles": ["org_admin"], "client_id": "x",
            ])

            let seen = await service.bureau.ask("auth.verify", as: token)

            #expect(seen.data["organization"]?["id"] == .string(service.bureau.shop.id.description), "\(seen)")
            #expect(seen.data["role"] == "user" && seen.data["environment"] == "test")
        }
    }
}

struct `The scopes of a token of an issuer` {
    private func scopes(_ service: LogInService, _ claims: JSONObject) async -> JSON? {
        await service.bureau.ask("auth.verify", as: service.token(claims)).data["scopes"]
    }

    @Test func `are those that the token and the key both have`() async throws {
        try await LogInService.with(["scopes": ["fake:pay", "transactions:read"]]) { (service) async throws in
            #expect(await scopes(service, ["scope": "fake:pay administration:write"]) == ["fake:pay"])
            #expect(await scopes(service, ["scope": "administration:write"]) == [])
            #expect(
                await scopes(service, ["scope": .null, "scp": ["transactions:read", "x"]]) == ["transactions:read"]
            )
            #expect(await scopes(service, ["scope": .null]) == [])
        }
    }

    @Test func `are the token's where the key has none of its own, but what must be named`() async throws {
        try await LogInService.with { (service) async throws in
            #expect(await scopes(service, ["scope": "fake:pay phones:read"]) == ["fake:pay"])
        }
    }

    @Test func `that are missing are told with all that is needed`() async throws {
        try await LogInService.with(["role": "org_admin"]) { (service) async throws in
            let refused = await service.bureau.ask("keys.list", as: service.token(["scope": "fake:pay"]))
            #expect(refused.code == .permissionDenied && refused.error?.scopes == ["administration:read"])
            #expect(await service.bureau.ask("keys.list", as: service.token()).code == nil)
        }
    }
}

struct `An issuer's keys` {
    @Test func `are fetched once for many tokens, and anew for a new key`() async throws {
        try await LogInService.with { (service) async throws in
            let (bureau, header): (_, JSON) = (service.bureau, ["alg": "RS256", "kid": "2"])
            for number in 0..<5 { #expect(await service.code(service.token(["jti": .integer(Int64(number))])) == nil) }
            #expect(bureau.issuer.asked == [LogInService.keysURL])
            bureau.issuer.publish(keys: ["2": "second"], at: LogInService.keysURL)
            // It was asked a moment ago: strangers who make up ids make nobody ask more often.
            for number in 0..<5 {
                #expect(
                    await service.code(service.token(["jti": .integer(Int64(number))], header: header, by: "second"))
                        == .unauthenticated
                )
            }
            #expect(bureau.issuer.asked.count == 1)
            bureau.clock.advance(.seconds(30))
            #expect(await service.code(service.token(header: header, by: "second")) == nil)
            #expect(await service.code(service.token(["jti": "x"])) == .unauthenticated)
            #expect(bureau.issuer.asked.count == 2)
        }
    }

    @Test func `that it has taken back count no longer than their time`() async throws {
        try await LogInService.with { (service) async throws in
            let token = service.token(["exp": .integer(service.bureau.clock.now.milliseconds / 1000 + 3600)])
            #expect(await service.code(token) == nil)
            service.bureau.issuer.publish(keys: ["2": "second"], at: LogInService.keysURL)
            service.bureau.clock.advance(.seconds(601))
            #expect(await service.code(token) == .unauthenticated)
        }
    }

    @Test func `are the last that there were while it does not answer, for a day`() async throws {
        try await LogInService.with { (service) async throws in
            let bureau = service.bureau
            #expect(await service.code(service.token()) == nil)
            bureau.issuer.publish(nil, at: LogInService.keysURL)
            bureau.clock.advance(.seconds(3600))
            #expect(await service.code(service.token()) == nil)
            #expect(bureau.issuer.asked.count == 2)
            bureau.clock.advance(.seconds(86_400))
            #expect(await service.code(service.token()) == .unavailable)
        }
    }

    @Test func `that cannot be had are asked for again after a while, and not before`() async throws {
        try await LogInService.with { (service) async throws in
            service.bureau.issuer.publish(nil, at: LogInService.keysURL)
            for _ in 0..<3 { #expect(await service.code(service.token()) == .unavailable) }
            #expect(service.bureau.issuer.asked.count == 1)
            service.bureau.issuer.publish(keys: ["1": "first"], at: LogInService.keysURL)
            service.bureau.clock.advance(.seconds(31))
            #expect(await service.code(service.token()) == nil)
        }
    }

    @Test func `are fetched once for all who wait for them`() async throws {
        try await LogInService.with { (service) async throws in
            service.bureau.issuer.meanwhile { for _ in 0..<100 { await Task.yield() } }
            let tokens = (0..<20).map { service.token(["jti": .integer($0)]) }
            let codes = await withTaskGroup(of: GatewayError.Code?.self) { group in
                for token in tokens { group.addTask { await service.code(token) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.allSatisfy { $0 == nil } && service.bureau.issuer.asked.count == 1, "\(codes)")
        }
    }

    @Test func `are for one algorithm each, whatever a token says`() async throws {
        let keys: [(JSONObject, Bool)] = [
            (["kty": "RSA"], true), (["kty": "RSA", "alg": "RS256", "use": "sig"], true),
            (["kty": "RSA", "alg": "PS256"], false), (["kty": "RSA", "alg": "HS256"], false),
            (["kty": "oct", "k": "AAAA"], false), (["kty": "oct", "alg": "RS256"], false),
            (["kty": "EC", "crv": "P-256"], false), (["kty": "RSA", "use": "enc"], false),
            (["kty": "RSA", "key_ops": ["encrypt"]], false), ([:], false),
        ]
        try await LogInService.with([:], ["algorithms": ["RS256", "PS256", "ES256"]]) { (service) async throws in
            for (number, (key, isGood)) in keys.enumerated() {
                service.bureau.clock.advance(.seconds(31))
                let document = FakeIssuer.key("k\(number)", "first", key)
                service.bureau.issuer.publish(["keys": [document]], at: LogInService.keysURL)
                let code = await service.code(service.token(header: ["alg": "RS256", "kid": .string("k\(number)")]))
                #expect((code == nil) == isGood, "\(key)")
            }
        }
    }

    @Test func `are found by its metadata, which must be its own`() async throws {
        let places = [
            "https://login.example/.well-known/oauth-authorization-server",
            "https://login.example/.well-known/openid-configuration",
        ]
        try await LogInService.with([:], ["keys_url": .null]) { (service) async throws in
            let issuer = service.bureau.issuer
            let own: JSON = ["issuer": .string(LogInService.url), "jwks_uri": .string(LogInService.keysURL)]
            issuer.publish(
                ["issuer": "https://other.example", "jwks_uri": .string(LogInService.keysURL)],
                at: places[0]
            )
            issuer.publish(["issuer": .string(LogInService.url), "jwks_uri": "file:///etc/passwd"], at: places[1])
            #expect(await service.code(service.token()) == .unavailable)
            #expect(issuer.asked == places)
            issuer.publish(own, at: places[1])
            service.bureau.clock.advance(.seconds(31))
            #expect(await service.code(service.token()) == nil)
            #expect(issuer.asked == places + places + [LogInService.keysURL])
        }
    }
}
