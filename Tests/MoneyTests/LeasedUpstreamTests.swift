import Gateway
import GatewayTesting
import Synchronization
import Testing

/// A lease that a test takes away.
private final class SwitchedLease: HostLease {
    private let state = Mutex(Duration.seconds(3))

    var timeLeft: Duration? { state.withLock { $0 } }

    func lose() { state.withLock { $0 = .zero } }
}

struct `A host that has lost its lease` {
    @Test func `sends nothing, not even what it had ready`() async throws {
        let upstream = FakeUpstream.accepting()
        let lease = SwitchedLease()
        let clock = ManualEntropy()
        let leased = LeasedUpstream(upstream: upstream, lease: lease, entropy: clock.entropy)
        let request = UpstreamRequest(
            organization: OrganizationID(Identifier(high: 1, low: 1)),
            environment: .test,
            kind: try #require(FakePlugin.make().operations.first),
            template: RequestTemplate(body: ["Amount": "100"]),
            callbacks: [:]
        )
        let ready = try await leased.prepare(request)
        let leaveBy = Mutex<Uptime?>(nil)
        upstream.answer { request in
            leaveBy.withLock { $0 = request.leaveBy }
            return .answered(status: 200, body: [])
        }
        #expect(await leased.send(ready) == .answered(status: 200, body: []))
        // Nor may it wait inside for longer than the lease runs.
        #expect(leaveBy.withLock { $0 } == clock.entropy.uptime() + .seconds(3))

        lease.lose()

        let outcome = await leased.send(ready)
        await #expect(throws: GatewayError.self) { _ = try await leased.prepare(request) }
        #expect(upstream.sent.count == 1)
        if case .notSent = outcome {} else { Issue.record("\(outcome)") }
    }
}
