import Gateway
import GatewayTesting
import NIOCore
import NIOHTTP1
import OrderedJSON
import Testing

@testable import HTTPServer
@testable import Ingress

/// The metadata of a protected resource, and what leads to it.
struct `Who issues tokens for the gateway` {
    private static let base = "https://gw.example"
    private let shop = OrganizationID(Identifier(high: 1, low: 1))
    private let bar = OrganizationID(Identifier(high: 1, low: 2))

    private func door(owner: OrganizationID? = nil) async throws -> GatewayResponder {
        let (store, registry) = (MemoryStore(), ToolRegistry())
        try registry.publish(FakePlugin.make())
        for (number, organization, name, isActive) in [
            (1, shop, "a", true), (2, shop, "b", false), (3, bar, "c", false),
        ] {
            try await store.save(
                TokenIssuer(
                    id: Identifier(high: UInt64(number), low: 9),
                    organization: organization,
                    url: "https://\(name).example",
                    environment: .test,
                    isActive: isActive
                )
            )
        }
        try await store.save(
            Plan(
                name: "all",
                tools: ["fake_*", "fake_collect", "fake_pay"],
                organizationLimits: [:],
                principalLimits: [:]
            )
        )
        return door(over: store, registry, owner)
    }

    private func door(
        over store: MemoryStore,
        _ registry: ToolRegistry,
        _ owner: OrganizationID?
    ) -> GatewayResponder {
        let (clock, issuer) = (ManualEntropy(), FakeIssuer())
        var ports = Assembly.Ports(
            store: Assembly.Repositories(withoutPluginData: store),
            journal: MemoryJournal(),
            upstream: FakeUpstream.accepting(),
            registry: registry,
            tokens: NoSessions(),
            passwords: NoSessions(),
            entropy: clock.entropy,
            logger: .quiet
        )
        ports.issued = IssuedTokenPorts(
            resource: ProtectedResource(base: Self.base, owner: owner),
            documents: issuer,
            keys: issuer
        )
        let gateway = Assembly(
            ports,
            keys: Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32))),
            settings: Assembly.Settings()
        )
        return GatewayResponder(
            GatewayResponder.Parts(
                mode: .hybrid,
                version: "1",
                publicURL: Self.base,
                gateway: gateway,
                actions: ActionRegistry(gateway.actions)
            )
        )
    }

    private func ask(
        _ path: String,
        _ method: HTTPMethod = .GET,
        at door: GatewayResponder,
        _ headers: HTTPHeaders = [:]
    ) async -> Response {
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
        return await door.respond(to: Request(head, body: .whole([]), address: "192.0.2.1"))
    }

    private func metadata(_ path: String, at door: GatewayResponder) async throws -> JSON? {
        let response = await ask("/.well-known/oauth-protected-resource" + path, at: door)
        return response.status == .ok ? try JSON(parsing: response.body) : nil
    }

    @Test func `is told of an organization at its own address, and of nobody where nobody does`() async throws {
        let door = try await door()
        let told = try #require(try await metadata("/mcp/\(shop)", at: door))
        #expect(told["resource"] == .string(Self.base + "/mcp/\(shop)"))
        #expect(
            told["authorization_servers"] == ["https://a.example"] && told["bearer_methods_supported"] == ["header"]
        )
        for path in [
            "", "/", "/mcp", "/mcp/\(bar)", "/mcp/x", "/x", "x", "/mcp/\(OrganizationID(Identifier(high: 9, low: 9)))",
        ] {
            #expect(try await metadata(path, at: door) == nil, "\(path)")
        }
        let path = "/.well-known/oauth-protected-resource/mcp/\(shop)"
        #expect(await ask(path, .POST, at: door).status == .methodNotAllowed)
        #expect(await ask(path, .OPTIONS, at: door).status == .noContent)
        #expect(header("access-control-allow-origin", of: await ask(path, at: door)) == "*")
    }

    @Test func `is told at both plain addresses of the organization that the operator chose`() async throws {
        let door = try await door(owner: shop)
        for (path, name) in [
            ("", Self.base), ("/mcp", Self.base + "/mcp"), ("/mcp/\(shop)", Self.base + "/mcp/\(shop)"),
        ] {
            let told = try #require(try await metadata(path, at: door))
            #expect(told["resource"] == .string(name) && told["authorization_servers"] == ["https://a.example"])
        }
    }

    @Test func `is where a refusal leads, with what to ask for`() async throws {
        let (nobodys, owned) = (try await door(), try await door(owner: shop))
        let place = Self.base + "/.well-known/oauth-protected-resource"
        for (path, method, leads) in [
            ("/mcp", HTTPMethod.POST, place + "/mcp"), ("/mcp/\(shop)", .POST, place + "/mcp/\(shop)"),
            ("/transactions", .GET, place),
        ] {
            let refusal = await ask(path, method, at: owned)
            let challenge = try #require(header("www-authenticate", of: refusal))
            #expect(refusal.status == .unauthorized && challenge.hasPrefix("Bearer realm="))
            #expect(challenge.contains("resource_metadata=\"\(leads)\""), "\(challenge)")
        }
        let shown = await ask("/mcp/\(shop)", .POST, at: nobodys, ["authorization": "Bearer x"])
        let challenge = try #require(header("www-authenticate", of: shown))
        #expect(challenge.contains("error=\"invalid_token\"") && challenge.contains("/mcp/\(shop)\""))
        for path in ["/mcp", "/transactions"] {
            let plain = header("www-authenticate", of: await ask(path, path == "/mcp" ? .POST : .GET, at: nobodys))
            #expect(plain == "Bearer realm=\"mpesa-gateway\"")
        }
        #expect(await ask("/mcp/x", .POST, at: owned).status == .notFound)
    }

    @Test func `leads nowhere for an organization without an issuer, as for none`()
        async throws
    {
        let (nobody, door) = (OrganizationID(Identifier(high: 9, low: 9)), try await door(owner: bar))
        for path in ["/mcp/\(bar)", "/mcp/\(nobody)", "/mcp"] {
            #expect(try await metadata(path, at: door) == nil)
            let refusal = await ask(path, .POST, at: door)
            #expect(refusal.status == .unauthorized, "\(path)")
            #expect(header("www-authenticate", of: refusal) == "Bearer realm=\"mpesa-gateway\"", "\(path)")
        }
    }

    private func header(_ name: String, of response: Response) -> String? {
        let text = String(decoding: response.fields.bytes, as: UTF8.self)
        let line = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ": ") }
        return line.map { String($0.dropFirst(name.count + 2)) }
    }
}
