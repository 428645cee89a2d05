/// Which way the money goes.
package enum OperationDirection: String, Sendable, Hashable, CaseIterable {
    /// To the organization.
    case incoming = "in"
    /// From the organization.
    case outgoing = "out"
    /// Back to where it came from.
    case reverse
    /// Nowhere: the kind makes exchanges.
    case none
}

/// How the host asks about an open record.
///
/// Part of every record, so that no upgrade changes it.
package struct QueryPlan: Sendable, Hashable {
    /// The exchange kind that asks.
    package let operation: String
    /// From sending to the first question.
    package let firstAfter: Duration
    /// The waits between questions; the last repeats.
    package let every: [Duration]
    /// How old the sending must be before a failure learned by asking is believed.
    package let trustFailureAfter: Duration
    /// When the host stops asking and a person must look.
    package let horizon: Duration

    /// Makes a plan.
    ///
    /// `every` must not be empty.
    package init(
        operation: String,
        firstAfter: Duration,
        every: [Duration],
        trustFailureAfter: Duration,
        horizon: Duration
    ) {
        self.operation = operation
        self.firstAfter = firstAfter
        self.every = every
        self.trustFailureAfter = trustFailureAfter
        self.horizon = horizon
    }

    /// The first of the plan's moments after `now`, counted from when the request was sent.
    ///
    /// By age alone: who asks in between, however often, does not put the host's own questions off.
    package func next(after now: Timestamp, sentAt: Timestamp) -> Timestamp {
        var moment = sentAt + firstAfter
        for wait in every {
            if moment > now { return moment }
            moment = moment + wait
        }
        guard moment <= now, let last = every.last, last > .zero else { return moment }
        let step = last.wholeMilliseconds
        let behind = (now - moment).wholeMilliseconds
        return moment + .milliseconds((behind / step + 1) * step)
    }
}
