/// What is counted together: transactions that ended alike, in one hour of one day in Nairobi.
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
    /// Who asked for them: `user:<id>`, `key:<id>` or `host`.
    package let madeBy: String
    /// How they ended.
    package let outcome: RecordState
    /// The hour of that day, 0 to 23.
    package let hour: Int64

    /// Names a place.
    package init(
        organization: OrganizationID,
        environment: Environment,
        day: Int64,
        account: String,
        source: String,
        direction: OperationDirection,
        tool: String,
        madeBy: String,
        outcome: RecordState,
        hour: Int64
    ) {
        self.organization = organization
        self.environment = environment
        self.day = day
        self.account = account
        self.source = source
        self.direction = direction
        self.tool = tool
        self.madeBy = madeBy
        self.outcome = outcome
        self.hour = hour
    }

    /// Where a transaction that has ended is counted; nil for everything else.
    package init?(of record: Record) {
        guard record.recordClass == .transaction, record.state.isEnded,
            let moment = record.countedAt ?? record.endedAt
        else { return nil }
        self.init(
            organization: record.organization,
            environment: record.environment,
            day: RollupPlace.day(of: moment),
            account: record.accountName.description,
            source: FeedEvent.ownCalls,
            direction: record.direction,
            tool: record.tool,
            madeBy: record.madeBy,
            outcome: record.state,
            hour: RollupPlace.hour(of: moment)
        )
    }

    private static let dayMilliseconds: Int64 = 86_400_000

    /// The day in Nairobi that a moment is of.
    package static func day(of moment: Timestamp) -> Int64 {
        let milliseconds = inNairobi(moment)
        return (milliseconds >= 0 ? milliseconds : milliseconds - dayMilliseconds + 1) / dayMilliseconds
    }

    /// The hour in Nairobi that a moment is of.
    package static func hour(of moment: Timestamp) -> Int64 {
        (inNairobi(moment) - day(of: moment) * dayMilliseconds) / 3_600_000
    }

    /// The moment at which a day begins in Nairobi.
    package static func start(of day: Int64) -> Timestamp {
        Timestamp(milliseconds: day * dayMilliseconds - eastAfrica)
    }

    /// East Africa Time is UTC+3 all year.
    private static let eastAfrica: Int64 = 3 * 3_600_000

    private static func inNairobi(_ moment: Timestamp) -> Int64 { moment.milliseconds + eastAfrica }
}

/// How many there are at a place, and how much they are together.
package struct RollupSum: Sendable, Equatable {
    /// How many.
    package var transactions: Int64 = 0
    /// Whole shillings.
    package var amount: Int64 = 0
    /// What M-Pesa took for those of which it states that, in cents.
    package var feeCents: Int64 = 0
    /// Of how many of them it states that.
    package var feesStated: Int64 = 0

    /// Counts them.
    package init(transactions: Int64 = 0, amount: Int64 = 0, feeCents: Int64 = 0, feesStated: Int64 = 0) {
        self.transactions = transactions
        self.amount = amount
        self.feeCents = feeCents
        self.feesStated = feesStated
    }

    /// Counts a transaction.
    package init(of record: Record) {
        self.init(amount: record.intent.amount?.amount ?? 0, feeCents: record.feeCents)
    }

    /// The most that one transaction counts as: a thousand billion shillings, and a billion of fee in cents.
    ///
    /// Whatever a plugin reads from an answer, sums of it must never be more than a number holds.
    private static let most = (amount: Int64(1_000_000_000_000), feeCents: Int64(100_000_000_000))

    /// Counts one.
    package init(amount: Int64, feeCents: Int64?) {
        self.init(
            transactions: 1,
            amount: min(amount, RollupSum.most.amount),
            feeCents: min(feeCents ?? 0, RollupSum.most.feeCents),
            feesStated: feeCents == nil ? 0 : 1
        )
    }

    /// Adds others.
    package mutating func add(_ other: RollupSum) {
        transactions = RollupSum.sum(transactions, other.transactions)
        amount = RollupSum.sum(amount, other.amount)
        feeCents = RollupSum.sum(feeCents, other.feeCents)
        feesStated = RollupSum.sum(feesStated, other.feesStated)
    }

    private static func sum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, isOver) = one.addingReportingOverflow(other)
        return isOver ? (one < 0 ? -.max : .max) : sum
    }

    /// As many less.
    package static prefix func - (sum: RollupSum) -> RollupSum {
        RollupSum(
            transactions: -sum.transactions,
            amount: -sum.amount,
            feeCents: -sum.feeCents,
            feesStated: -sum.feesStated
        )
    }
}

/// What events change of the rollups: a pure sum, so that counting from the beginning and counting on agree.
package enum Rollups {
    /// One change that an event makes.
    package struct Change: Sendable, Equatable {
        /// Where.
        package let place: RollupPlace
        /// By how much.
        package let sum: RollupSum

        /// States a change.
        package init(place: RollupPlace, sum: RollupSum) {
            self.place = place
            self.sum = sum
        }
    }

    /// The change that some events make, each place once, without those that do not change.
    package static func changes(by events: [FeedEvent]) -> [RollupPlace: RollupSum] {
        var sums: [RollupPlace: RollupSum] = [:]
        for change in events.lazy.flatMap(changes) { sums[change.place, default: RollupSum()].add(change.sum) }
        return sums.filter { $0.value != RollupSum() }
    }

    /// What one event changes: it is counted where it is now, and what had ended otherwise is taken out where it was.
    package static func changes(by event: FeedEvent) -> [Change] {
        guard event.kind.isCounted else { return [] }
        let amount = event.payload["amount"]?.integerValue ?? 0
        var changes: [Change] = []
        let counted = event.payload["counted_ms"]?.integerValue.map { Timestamp(milliseconds: $0) }
        if let place = place(of: event, "state", at: counted ?? event.at) {
            let sum = RollupSum(amount: amount, feeCents: event.payload["fee_cents"]?.integerValue)
            changes.append(Change(place: place, sum: sum))
        }
        if let was = event.payload["was_ms"]?.integerValue,
            let place = place(of: event, "was", at: Timestamp(milliseconds: was))
        {
            let sum = RollupSum(amount: amount, feeCents: event.payload["was_fee_cents"]?.integerValue)
            changes.append(Change(place: place, sum: -sum))
        }
        return changes
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
            madeBy: text("made_by"),
            outcome: outcome,
            hour: RollupPlace.hour(of: moment)
        )
    }
}
