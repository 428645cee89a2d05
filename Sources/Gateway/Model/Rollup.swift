/// What is counted together: transactions that ended alike, on one day in Nairobi.
package struct RollupPlace: Sendable, Hashable {
    /// Whose.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Days since 1970, in Nairobi.
    package let day: Int64
    /// Which of the organization's accounts.
    package let account: String
    /// Where they come from: `calls`, of the organization's own.
    package let source: String
    /// Which way the money went.
    package let direction: OperationDirection
    /// What made them.
    package let tool: String
    /// How they ended.
    package let outcome: RecordState

    /// Names a place.
    package init(
        organization: OrganizationID,
        environment: Environment,
        day: Int64,
        account: String,
        source: String,
        direction: OperationDirection,
        tool: String,
        outcome: RecordState
    ) {
        self.organization = organization
        self.environment = environment
        self.day = day
        self.account = account
        self.source = source
        self.direction = direction
        self.tool = tool
        self.outcome = outcome
    }

    /// The day in Nairobi that a moment is of.
    package static func day(of moment: Timestamp) -> Int64 {
        // East Africa Time is UTC+3 all year.
        let milliseconds = moment.milliseconds + 3 * 3_600_000
        return milliseconds >= 0 ? milliseconds / 86_400_000 : (milliseconds - 86_399_999) / 86_400_000
    }
}

/// How many there are at a place, and how much they are together.
package struct RollupSum: Sendable, Equatable {
    /// How many.
    package var transactions: Int64 = 0
    /// Whole shillings.
    package var amount: Int64 = 0

    /// Counts them.
    package init(transactions: Int64 = 0, amount: Int64 = 0) {
        self.transactions = transactions
        self.amount = amount
    }

    /// Adds others.
    package mutating func add(_ other: RollupSum) {
        transactions += other.transactions
        amount += other.amount
    }
}

/// What events change of the rollups: a pure sum, so that counting from the beginning and counting on agree.
package enum Rollups {
    /// The change that some events make, each place once, without those that do not change.
    package static func changes(by events: [FeedEvent]) -> [RollupPlace: RollupSum] {
        var sums: [RollupPlace: RollupSum] = [:]
        for event in events { add(event, to: &sums) }
        return sums.filter { $0.value != RollupSum() }
    }

    private static func add(_ event: FeedEvent, to sums: inout [RollupPlace: RollupSum]) {
        switch event.kind {
        case .disputed, .needsPerson: return
        case .succeeded, .failed, .cancelled, .expired, .withdrawn, .lateSuccess, .reversed: break
        }
        let amount = event.payload["amount"]?.integerValue ?? 0
        if let place = place(of: event, "state", at: event.at) {
            sums[place, default: RollupSum()].add(RollupSum(transactions: 1, amount: amount))
        }
        // What had ended otherwise is taken out where it was counted.
        if let was = event.payload["was_ms"]?.integerValue,
            let place = place(of: event, "was", at: Timestamp(milliseconds: was))
        {
            sums[place, default: RollupSum()].add(RollupSum(transactions: -1, amount: -amount))
        }
    }

    private static func place(of event: FeedEvent, _ member: String, at moment: Timestamp) -> RollupPlace? {
        let text = { (name: String) in event.payload[name]?.stringValue ?? "" }
        guard let environment = Environment(rawValue: text("environment")),
            let direction = OperationDirection(rawValue: text("direction")),
            let outcome = RecordState(rawValue: text(member))
        else { return nil }
        return RollupPlace(
            organization: event.organization,
            environment: environment,
            day: RollupPlace.day(of: moment),
            account: text("account"),
            source: text("source"),
            direction: direction,
            tool: text("tool"),
            outcome: outcome
        )
    }
}
