import Synchronization

/// Fourth stage: not more often than the plan says, for the organization as a whole and for each credential.
///
/// By `EvenPace` and the clock that is never set back. In memory, in this process, which is the only host of its database. Both limits are checked before
/// either is charged, so that a refused call costs nothing.
package final class LimitRate: Sendable {
    private struct Key: Hashable, Sendable {
        let owner: Identifier
        let bucket: String
        var isApart = false
        /// Which of the limits of one bucket: 0, or one beside it.
        var period = 0
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
        try check(bucket: tool.bucket, cost: tool.cost, principal: principal, membership: membership)
    }

    /// Why a call would be refused now; it is charged to nobody.
    func refusal(
        of tool: ToolDescriptor,
        _ principal: Principal,
        _ membership: DirectoryCache.Membership
    ) -> GatewayError? {
        do throws(GatewayError) {
            _ = try check(
                bucket: tool.bucket,
                cost: tool.cost,
                principal: principal,
                membership: membership,
                isCharged: false
            )
            return nil
        } catch { return error }
    }

    /// The same for whatever costs so much of a bucket.
    ///
    /// - Parameter isApart: Whether what the organization may is counted for this caller alone, apart from all others: what
    ///   its programs spend, or whoever found one of their keys, keeps no administrator from ending that.
    package func check(
        bucket: String,
        cost: Int,
        principal: Principal,
        membership: DirectoryCache.Membership,
        isApart: Bool = false,
        isCharged: Bool = true
    ) throws(GatewayError) -> RateDecision? {
        let organization = membership.organization
        let shared = organization.limitOverrides[bucket] ?? membership.plan.organizationLimits[bucket]
        let own = membership.plan.principalLimits[bucket]
        let now = entropy.uptime().nanoseconds / 1000
        let decision = arrivals.withLock { arrivals in
            var charges = Charges(now: now, cost: Int64(cost), bucket: bucket)
            if isApart {
                charges.add(shared, of: principal.subjectIdentifier, isApart: true, scope: "credential", arrivals)
            } else {
                charges.add(shared, of: organization.id.raw, scope: "organization", arrivals)
            }
            charges.add(own, of: principal.subjectIdentifier, scope: "credential", arrivals)
            if isCharged { charges.settle(in: &arrivals, keysMax: keysMax) }
            return charges.decision
        }
        guard let decision else { return nil }
        guard decision.isAllowed else {
            throw GatewayError(
                .rateLimited,
                "The limit of \(decision.limit.units) \(bucket) calls per \(decision.limit.period) "
                    + "for this \(decision.scope) is spent.",
                retryAfter: .microseconds(decision.resetMicroseconds)
            )
        }
        return decision
    }

    /// What one call would cost its limits: all are looked at before any is charged.
    private struct Charges {
        let now: Int64
        let cost: Int64
        let bucket: String
        /// The tightest limit so far, or the first that is spent.
        var decision: RateDecision?
        private var first: (key: Key, arrival: Int64)?
        private var second: (key: Key, arrival: Int64)?
        /// Where a bucket has limits of several periods.
        private var more: [(key: Key, arrival: Int64)] = []

        init(now: Int64, cost: Int64, bucket: String) {
            self.now = now
            self.cost = cost
            self.bucket = bucket
        }

        mutating func add(
            _ limit: RateLimit?,
            of owner: Identifier,
            isApart: Bool = false,
            scope: String,
            _ arrivals: [Key: Int64]
        ) {
            guard let limit else { return }
            add(limit, Key(owner: owner, bucket: bucket, isApart: isApart), scope, arrivals)
            for (index, beside) in limit.besides.enumerated() {
                add(beside, Key(owner: owner, bucket: bucket, isApart: isApart, period: index + 1), scope, arrivals)
            }
        }

        private mutating func add(_ limit: RateLimit, _ key: Key, _ scope: String, _ arrivals: [Key: Int64]) {
            guard decision?.isAllowed ?? true else { return }
            let pace = EvenPace(limit)
            var known = arrivals[key] ?? now
            // More than this limit lets anybody spend was spent under another one, before the plan was changed.
            if known > now + pace.depth { known = now + pace.depth - pace.interval * cost }
            let (arrival, excess) = pace.adding(cost, to: known, at: now)
            let remaining = excess > 0 ? 0 : Int(-excess / pace.interval)
            if excess <= 0 {
                if first == nil {
                    first = (key, arrival)
                } else if second == nil {
                    second = (key, arrival)
                } else {
                    more.append((key, arrival))
                }
                if let decision, decision.remaining <= remaining { return }
            }
            decision = RateDecision(
                limit: limit,
                scope: scope,
                bucket: bucket,
                remaining: remaining,
                resetMicroseconds: excess > 0 ? excess : arrival - now,
                isAllowed: excess <= 0
            )
        }

        func settle(in arrivals: inout [Key: Int64], keysMax: Int) {
            guard decision?.isAllowed ?? false else { return }
            if arrivals.count + 2 + more.count > keysMax { arrivals = arrivals.filter { $0.value > now } }
            if let first { arrivals[first.key] = first.arrival }
            if let second { arrivals[second.key] = second.arrival }
            for (key, arrival) in more { arrivals[key] = arrival }
        }
    }
}
