import Gateway
import GatewayTesting
import HTTPServer
import NIOHTTP1
import OrderedJSON
import Synchronization
import Testing

@testable import Ingress

/// No token is good; how often one was looked at is counted.
private final class Looks: AccessTokens {
    private let count = Mutex(0)

    func take() -> Int {
        count.withLock { count in
            defer { count = 0 }
            return count
        }
    }

    func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> {
        throw GatewayError.fault("no tokens here")
    }

    func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        count.withLock { $0 += 1 }
        throw GatewayError(.unauthenticated, "no tokens here")
    }
}

struct `Whoever sends a request` {
    private let looks = Looks()
    private let door: GatewayResponder

    init() throws {
        let registry = ToolRegistry()
        try registry.publish(FakePlugin.make())
        let store = MemoryStore(disk: MemoryDisk())
        let ports = Assembly.Ports(
            store: Assembly.Repositories(withoutPluginData: store),
            journal: MemoryJournal(),
            upstream: FakeUpstream.accepting(),
            registry: registry,
            tokens: looks,
            passwords: NoSessions(),
            entropy: ManualEntropy().entropy,
            logger: .quiet
        )
        let keys = Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32)))
        let gateway = Assembly(ports, keys: keys, settings: Assembly.Settings())
        let parts = GatewayResponder.Parts(
            mode: .hybrid,
            version: "1",
            publicURL: "",
            gateway: gateway,
            actions: ActionRegistry(gateway.actions)
        )
        door = GatewayResponder(parts)
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: String, _ more: [(String, String)] = []) async
        -> UInt
    {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers = HTTPHeaders([("Authorization", "Bearer nobody"), ("Content-Type", "application/json")] + more)
        return await door.respond(to: Request(head, body: .whole(Array(body.utf8)), address: "192.0.2.1")).status.code
    }

    @Test(
        arguments: [
            ("POST", "/tools/fake_ask", "{}"), ("POST", "/tools/fake_ask", "no JSON"), ("GET", "/tools/fake_ask", ""),
            ("GET", "/tools/none", ""), ("GET", "/transactions", ""), ("GET", "/tools", ""),
            ("POST", "/tools/fake_collect", #"{"phone":"254711000001","amount":100}"#),
        ]
    )
    func `has their credential looked at once by REST`(method: String, path: String, body: String) async {
        #expect(await send(HTTPMethod(rawValue: method), path, body) == 401)
        #expect(looks.take() == 1)
    }

    @Test(
        arguments: [
            #"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "no JSON",
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fake_ask","arguments":{}}}"#,
            #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, #"{"jsonrpc":"2.0","id":1,"method":"none"}"#,
        ]
    )
    func `has their credential looked at once by MCP`(body: String) async {
        for more in [[], [("Mcp-Session-Id", "none")]] {
            _ = await send(.POST, "/mcp", body, [("MCP-Protocol-Version", "2025-06-18")] + more)
            #expect(looks.take() == 1, "\(body) \(more)")
        }
    }
}
