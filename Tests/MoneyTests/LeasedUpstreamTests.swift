import Gateway
import GatewayTesting
import Synchronization
import Testing

/// A lease that a test takes away.
private final class SwitchedLease: HostLease {
    private let state = Mutex(true)

    var isHeld: Bool { state.withLock { $0 } }

    func lose() { state.withLock { $0 = false } }
}

struct `A host that has lost its lease` {
    @Test func `sends nothing, not even what it had ready`() async throws {
        let upstream = FakeUpstream(answering: House.accepted)
        let lease = SwitchedLease()
        let leased = LeasedUpstream(upstream: upstream, lease: lease)
        let request = UpstreamRequest(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            environment: .test,
            kind: try #require(FakePlugin.make().operations.first),
            template: RequestTemplate(body: ["Amount": "100"]),
            callbacks: [:]
        )
        let ready = try await leased.prepare(request)
        #expect(await leased.send(ready) == .answered(status: 200, body: House.accepted.bytes))

        lease.lose()

        let outcome = await leased.send(ready)
        await #expect(throws: GatewayError.self) { _ = try await leased.prepare(request) }
        #expect(upstream.sent.count == 1)
        if case .notSent = outcome {} else { Issue.record("\(outcome)") }
    }
}
