import Synchronization

/// What the limiter said of a call: enough for the `RateLimit` fields of a reply.
package struct RateDecision: Sendable, Equatable {
    /// The limit that is nearest to being spent.
    package let limit: RateLimit
    /// Whose limit it is: `organization` or `credential`.
    package let scope: String
    /// The bucket.
    package let bucket: String
    /// Units left right now.
    package let remaining: Int
    /// When all units are back, or, for a refusal, when the call may come again.
    package let reset: Duration
    /// Whether the call may go on.
    package let isAllowed: Bool
}

/// Fourth stage: not more often than the plan says, for the organization as a whole and for each credential.
///
/// GCRA: per key one number, the theoretical arrival time of the next unit if all came evenly. In memory, in this
/// process; several hosts share a limit by leases (a later issue). Both limits are checked before either is charged,
/// so that a refused call costs nothing.
package final class LimitRate: Sendable {
    private struct Key: Hashable, Sendable {
        let owner: Identifier
        let bucket: String
    }

    private let entropy: Entropy
    private let keysMax: Int
    private let arrivals = Mutex<[Key: Int64]>([:])

    /// Makes a limiter.
    ///
    /// At most `keysMax` keys are remembered; past that, those whose units are all back are dropped.
    package init(entropy: Entropy, keysMax: Int = 200_000) {
        self.entropy = entropy
        self.keysMax = keysMax
    }

    /// Charges a call against the limits that the plan and the organization's own overrides give its bucket.
    ///
    /// - Returns: The tighter of the two limits; nil when the plan limits neither.
    /// - Throws: `rateLimited` with the time to wait.
    package func check(
        _ tool: ToolDescriptor,
        principal: Principal,
        membership: DirectoryCache.Membership
    ) throws(GatewayError) -> RateDecision? {
        let organization = membership.organization
        let shared = organization.limitOverrides[tool.bucket] ?? membership.plan.organizationLimits[tool.bucket]
        let own = membership.plan.principalLimits[tool.bucket]
        var limits: [(Key, RateLimit, String)] = []
        if let shared {
            limits.append((Key(owner: organization.id.raw, bucket: tool.bucket), shared, "organization"))
        }
        if let own {
            limits.append((Key(owner: principal.subjectIdentifier, bucket: tool.bucket), own, "credential"))
        }
        guard let decision = decide(limits, cost: tool.cost, bucket: tool.bucket) else { return nil }
        guard decision.isAllowed else {
            throw GatewayError(
                .rateLimited,
                "The limit of \(decision.limit.units) \(tool.bucket) calls per \(decision.limit.period) "
                    + "for this \(decision.scope) is spent.",
                retryAfter: decision.reset
            )
        }
        return decision
    }

    private func decide(_ limits: [(Key, RateLimit, String)], cost: Int, bucket: String) -> RateDecision? {
        // Microseconds, so that a thousand units per second still have whole intervals.
        let now = entropy.now().milliseconds * 1000
        return arrivals.withLock { arrivals in
            var tightest: RateDecision?
            var next: [(Key, Int64)] = []
            for (key, limit, scope) in limits {
                let interval = max(1, limit.period.wholeMilliseconds * 1000 / Int64(limit.units))
                let arrival = max(now, arrivals[key] ?? now) + interval * Int64(cost)
                let excess = arrival - now - interval * Int64(limit.burst)
                let decision = RateDecision(
                    limit: limit,
                    scope: scope,
                    bucket: bucket,
                    remaining: excess > 0 ? 0 : Int(-excess / interval),
                    reset: .microseconds(excess > 0 ? excess : arrival - now),
                    isAllowed: excess <= 0
                )
                if !decision.isAllowed { return decision }
                next.append((key, arrival))
                if decision.remaining < tightest?.remaining ?? .max { tightest = decision }
            }
            if arrivals.count + next.count > keysMax { arrivals = arrivals.filter { $0.value > now } }
            for (key, arrival) in next { arrivals[key] = arrival }
            return tightest
        }
    }
}
