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
    /// Until all units are back, or, for a refusal, until the call may come again: microseconds.
    package let resetMicroseconds: Int64
    /// Whether the call may go on.
    package let isAllowed: Bool
    /// Where the month's quota stands; nil where there is none.
    package var quota: QuotaState?

    /// The same, with where the month's quota stands; without a limit by time the quota stands for itself.
    static func with(_ quota: QuotaState?, _ rate: RateDecision?, at now: Timestamp) -> RateDecision? {
        guard let quota else { return rate }
        guard var rate else {
            let wait = quota.month.end - now
            return RateDecision(
                limit: RateLimit(units: quota.limit, per: quota.month.end - quota.month.start),
                scope: "organization",
                bucket: quota.counted + "-month",
                remaining: max(0, quota.limit - quota.used),
                resetMicroseconds: wait.wholeMilliseconds * 1000,
                isAllowed: true
            )
        }
        rate.quota = quota
        return rate
    }
}
