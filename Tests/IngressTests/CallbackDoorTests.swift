import Cryptography
import Gateway
import GatewayTesting
import HTTPServer
import NIOHTTP1
import Synchronization
import Testing

@testable import Ingress

/// The door that M-Pesa's callbacks come by, and a store behind it that may go away.
struct `The door for callbacks` {
    private static let keys = Assembly.Keys(master: Secret([UInt8](repeating: 7, count: 32)))

    let disk = MemoryDisk()
    let journal = MemoryJournal()
    let clock = ManualEntropy()
    let isAway = Switch()
    let gateway: Assembly
    let door: GatewayResponder
    let path: String

    init() throws {
        let registry = ToolRegistry()
        try registry.publish(FakePlugin.make())
        let store = MemoryStore(
            disk: disk,
            way: MemoryStore.Way(
                before: { [isAway] _ throws(GatewayError) in
                    if isAway.isOn { throw GatewayError(.unavailable, "The store is away.") }
                }
            )
        )
        let ports = Assembly.Ports(
            store: Assembly.Repositories(
                records: store,
                callbacks: store,
                claims: store,
                directory: store,
                plans: store,
                quotas: store,
                uses: store,
                audit: store,
                once: store,
                data: NoPluginData()
            ),
            journal: journal,
            upstream: FakeUpstream.accepting(),
            registry: registry,
            tokens: NoSessions(),
            passwords: NoSessions(),
            entropy: clock.entropy,
            logger: .quiet
        )
        gateway = Assembly(ports, keys: Self.keys, settings: Assembly.Settings())
        door = GatewayResponder(
            GatewayResponder.Parts(
                mode: .hybrid,
                version: "1",
                publicURL: "",
                gateway: gateway,
                actions: ActionRegistry(gateway.actions)
            )
        )
        path = gateway.addresses.address(
            for: CallbackAddresses.Target(
                organization: OrganizationID(clock.entropy.identifier()),
                environment: .test,
                record: RecordID(clock.entropy.identifier()),
                name: "result"
            )
        )
    }

    private func head(_ path: String) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .POST, uri: path)
    }

    private func post(_ path: String) async -> UInt {
        let request = Request(head(path), body: .whole(Array("{}".utf8)), address: "203.0.113.9")
        return await door.respond(to: request).status.code
    }

    @Test func `takes a callback while the store is away, and gives it to the store when it is back`() async throws {
        isAway.isOn = true
        let status = await post(path)

        #expect(status == 200)
        #expect(await journal.entries().map(\.address) == ["203.0.113.9"])
        isAway.isOn = false
        clock.advance(.seconds(10))
        await gateway.inbox.takeUpUnsettled()
        #expect(await journal.entries().isEmpty)
        // There is no such record: it came to an end, and did not stay.
        #expect(disk.unsettledCallbacks == 0)
    }

    @Test func `lets no stranger write anything, whether the store is there or not`() async {
        let wrong = path.dropLast(2) + (path.hasSuffix("00") ? "11" : "00")
        for away in [false, true] {
            isAway.isOn = away
            #expect(await post(String(wrong)) == 404)
        }
        #expect(await journal.entries().isEmpty)
        #expect(disk.unsettledCallbacks == 0)
    }

    @Test func `is found in absolute form`() async {
        #expect(await post("http://gateway.example" + path) == 200)
        #expect(disk.unsettledCallbacks == 1)
    }

    @Test func `lets in more than a stranger may send where the token is good, and only there`() async {
        let wrong = path.dropLast(2) + (path.hasSuffix("00") ? "11" : "00")

        #expect(door.bodyBytesMax(path: path[...], head: head(path)) == 1 << 20)
        #expect(await door.refusal(of: head(path), address: nil) == nil)
        for stranger in [String(wrong), "/cb/x/y", "/mpesa/callback/x"] {
            #expect(door.bodyBytesMax(path: stranger[...], head: head(stranger)) == 64 << 10, "\(stranger)")
            #expect(await door.refusal(of: head(stranger), address: nil)?.status.code == 404, "\(stranger)")
        }
    }
}

/// What a test switches while others look.
final class Switch: Sendable {
    private let state = Mutex(false)

    var isOn: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
