import Addresses
import Cryptography
import Gateway
import GatewayTesting
import HTTPServer
import NIOHTTP1
import OrderedJSON
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
            store: Assembly.Repositories(withoutPluginData: store),
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

    private func post(_ path: String, at door: GatewayResponder? = nil) async -> UInt {
        await answer(path, at: door ?? self.door).status.code
    }

    private func answer(
        _ path: String,
        at door: GatewayResponder,
        from address: String = "203.0.113.9",
        _ body: JSON = [:]
    ) async -> Response {
        await door.respond(to: Request(head(path), body: .whole(body.bytes), address: address))
    }

    /// A door that takes callbacks from these addresses alone.
    private func door(_ sources: CallbackSources) -> GatewayResponder {
        GatewayResponder(
            GatewayResponder.Parts(
                mode: .hybrid,
                version: "1",
                publicURL: "",
                gateway: gateway,
                actions: ActionRegistry(gateway.actions),
                sources: sources
            )
        )
    }

    @Test func `takes none from an address that is not on the list, which is told what every stranger is`() async throws
    {
        let lines = LogLines()
        let blocks = try #require(AddressBlock("203.0.113.0/24"))
        let sources = CallbackSources([blocks], entropy: clock.entropy, logger: lines.logger)
        let door = door(sources)
        let wrong = String(path.dropLast(2) + (path.hasSuffix("00") ? "11" : "00"))

        let refused = await answer(path, at: door, from: "198.51.100.1")
        let stranger = await answer(wrong, at: self.door)
        for _ in 0..<20 { _ = await answer(wrong, at: door, from: "198.51.100.1") }
        _ = await answer("/mpesa/callback/x", at: door, from: "198.51.100.1")

        let (told, known) = (try words(of: refused), try words(of: stranger))
        #expect(refused.status == stranger.status && told == known)
        #expect(disk.unsettledCallbacks == 0)
        #expect(sources.refused == 22)
        // One line of strangers, one of whoever knew an address of ours.
        #expect(lines.all.count == 2)
        #expect(await door.admission(of: head(path), address: "198.51.100.1").refusal?.status.code == 404)
        #expect(await post(path, at: door) == 200)
        #expect(disk.unsettledCallbacks == 1)
    }

    @Test func `knows a callback that this gateway sent to itself, once, and keeps nothing of it`() async throws {
        let list = CallbackSources([], entropy: clock.entropy, logger: .quiet)
        let organization = OrganizationID(clock.entropy.identifier())
        let taken = try gateway.probes.begin(for: organization)
        let refused = try gateway.probes.begin(for: organization)

        #expect(await post(taken.path.uppercased().replacing("/CB/", with: "/cb//")) == 200)
        #expect(await post(taken.path) == 404)
        #expect(await post(refused.path, at: door(list)) == 404)
        #expect(gateway.probes.end(taken) == CallbackProbes.Arrival(address: "203.0.113.9", isAdmitted: true))
        #expect(gateway.probes.end(refused)?.isAdmitted == false)
        #expect(await post(refused.path) == 404)
        #expect(disk.unsettledCallbacks == 0)
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

    @Test(arguments: ["/mpesa/confirmation", "/mpesa/validation", "/mpesa/c2b/confirmation", "/mpesa/callback"])
    func `takes nothing at the seed's paths that nobody here would keep (seed's bug 15)`(path: String) async {
        let paid: JSON = [
            "TransactionType": "Pay Bill", "TransID": "RKTQDM7W6S", "TransTime": "20261128103000", "TransAmount": "10",
            "BusinessShortCode": "600638", "BillRefNumber": "invoice008", "MSISDN": "254712345678",
        ]
        let organization = OrganizationID(clock.entropy.identifier())
        for body: JSON in [paid, [:], ["Body": ["stkCallback": ["CheckoutRequestID": "ws_CO_1"]]]] {
            let answer = await answer("\(path)/\(organization)", at: door, body)
            #expect(answer.status == .notFound, "\(body.text)")
            #expect(!String(decoding: answer.body, as: UTF8.self).contains("ResultCode"))
        }
        #expect(disk.unsettledCallbacks == 0)
    }

    @Test func `lets in more than a stranger may send where the token is good, and only there`() async {
        let wrong = path.dropLast(2) + (path.hasSuffix("00") ? "11" : "00")

        #expect(door.bodyBytesMax(path: path[...], head: head(path)) == 1 << 20)
        #expect(await door.admission(of: head(path), address: nil).refusal == nil)
        for stranger in [String(wrong), "/cb/x/y", "/mpesa/callback/x"] {
            #expect(door.bodyBytesMax(path: stranger[...], head: head(stranger)) == 64 << 10, "\(stranger)")
            #expect(await door.admission(of: head(stranger), address: nil).refusal?.status.code == 404, "\(stranger)")
        }
    }
}

/// What a problem document says, without the call that it names.
private func words(of response: Response) throws -> [JSON?] {
    let document = try JSON(parsing: response.body)
    return ["type", "title", "status", "detail", "code", "error"].map { document[$0] }
}

/// What a test switches while others look.
final class Switch: Sendable {
    private let state = Mutex(false)

    var isOn: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

extension BodyAdmission {
    /// What is answered instead of reading the body; nil where it is let in.
    fileprivate var refusal: Response? { if case .refused(let response) = self { response } else { nil } }
}
