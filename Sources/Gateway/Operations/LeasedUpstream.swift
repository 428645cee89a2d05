import Synchronization

/// The way out to M-Pesa for as long as this host alone serves its store: whoever has lost it sends nothing more, because
/// another host may be settling the same payments.
package struct LeasedUpstream: Upstream {
    private let upstream: any Upstream
    private let lease: any HostLease
    private let entropy: Entropy
    private let seen = Seen()
    /// For how long a lease that was held need not be looked at again before a request is prepared: a look asks the file
    /// system, and what counts is the one before the request leaves.
    private static let seenFor: Int64 = 10_000_000

    /// When the lease was last seen to be held: nanoseconds of uptime.
    private final class Seen: Sendable {
        let at = Atomic<Int64>(.min / 2)
    }

    /// Puts a lease before a way out.
    package init(upstream: any Upstream, lease: any HostLease, entropy: Entropy) {
        self.upstream = upstream
        self.lease = lease
        self.entropy = entropy
    }

    package func prepare(_ request: UpstreamRequest) async throws(GatewayError) -> PreparedRequest {
        guard isHeld else {
            throw GatewayError(
                .unavailable,
                "This gateway may not serve its database now. Nothing was sent; try again in a moment.",
                retryAfter: .seconds(1)
            )
        }
        return try await upstream.prepare(request)
    }

    private var isHeld: Bool {
        let now = entropy.uptime().nanoseconds
        let age = now - seen.at.load(ordering: .relaxed)
        if age > 0, age < LeasedUpstream.seenFor { return true }
        guard lease.isHeld else { return false }
        seen.at.store(now, ordering: .relaxed)
        return true
    }

    package func send(_ request: PreparedRequest) async -> UpstreamOutcome {
        guard let left = lease.timeLeft else { return await upstream.send(request) }
        guard left > .zero else { return .notSent("This gateway may not serve its database now. Nothing was sent.") }
        // What waits for a connection or a token meanwhile must not leave when the lease is over.
        var request = request
        let end = entropy.uptime() + left
        request.leaveBy = request.leaveBy.map { min($0, end) } ?? end
        return await upstream.send(request)
    }
}
