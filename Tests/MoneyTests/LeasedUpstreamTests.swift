import Gateway
import GatewayTesting
import Synchronization
import Testing

/// A lease that a test takes away.
private final class SwitchedLease: HostLease {
    private let state = Mutex((left: Duration.seconds(3), looks: 0))

    var timeLeft: Duration? {
        state.withLock { state in
            state.looks += 1
            return state.left
        }
    }

    var looks: Int { state.withLock { $0.looks } }

    func lose() { state.withLock { $0.left = .zero } }
}

struct `A host that holds its lease` {
    @Test func `looks at it for every request that leaves, and seldom before`() async throws {
        let lease = SwitchedLease()
        let clock = ManualEntropy()
        let leased = LeasedUpstream(upstream: FakeUpstream.accepting(), lease: lease, entropy: clock.entropy)
        let request = try makeRequest()
        let ready = try await leased.prepare(request)
        clock.advance(.milliseconds(9))
        _ = try await leased.prepare(request)
        #expect(lease.looks == 1)

        for _ in 0..<2 { _ = await leased.send(ready) }
        #expect(lease.looks == 3)
        lease.lose()
        clock.advance(.milliseconds(1))

        await #expect(throws: GatewayError.self) { _ = try await leased.prepare(request) }
    }
}

private func makeRequest() throws -> UpstreamRequest {
    UpstreamRequest(
        organization: OrganizationID(Identifier(high: 1, low: 1)),
        environment: .test,
        kind: try #require(FakePlugin.make().operations.first),
        template: RequestTemplate(body: ["Amount": "100"]),
        callbacks: [:]
    )
}

struct `A host that has lost its lease` {
    @Test func `sends nothing, not even what it had ready`() async throws {
        let upstream = FakeUpstream.accepting()
        let lease = SwitchedLease()
        let clock = ManualEntropy()
        let leased = LeasedUpstream(upstream: upstream, lease: lease, entropy: clock.entropy)
        let request = try makeRequest()
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
