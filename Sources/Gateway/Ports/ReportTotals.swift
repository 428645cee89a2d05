/// What is summed up of some days.
package struct ReportTotals: Sendable, Equatable {
    /// What is asked for.
    package struct Asked: Sendable {
        /// Of what.
        package let question: ReportQuestion
        /// By what the sums are told apart, each way by itself.
        package let groups: [[ReportGroup]]
        /// Whether what is open is wanted too.
        package let hasOpen: Bool
        /// How many rows there may be, all ways together.
        package let rowsMax: Int
        /// How many events may be counted that the reader has not summed up yet.
        package let lateMax: Int

        /// States it.
        package init(
            _ question: ReportQuestion,
            by groups: [[ReportGroup]],
            hasOpen: Bool = false,
            rowsMax: Int = 20_000,
            lateMax: Int = 10_000
        ) {
            self.question = question
            self.groups = groups
            self.hasOpen = hasOpen
            self.rowsMax = rowsMax
            self.lateMax = lateMax
        }

        /// There are too many rows.
        package var isTooMuch: GatewayError {
            GatewayError(
                .limitExceeded,
                "Sums that are told apart so are more than \(rowsMax) rows. Ask for fewer days, or tell less apart."
            )
        }

        /// The sums are too far behind.
        package var isTooLate: GatewayError {
            GatewayError(
                .unavailable,
                "What is summed up is more than \(lateMax) events behind. It catches up by itself: ask again in a moment.",
                retryAfter: .seconds(5)
            )
        }
    }

    /// The sums of each way that was asked for, by the values of its members in their order.
    package var groups: [[[String]: RollupSum]]
    /// What is open, where that was asked for.
    package var open: [OpenSum]
    /// The place in the feed that all of it is of: nothing of the organization's has been told behind it.
    package var position: Int64
    /// How many events of the organization's the reader had not summed up yet; they are counted all the same.
    package var late: Int

    /// Gathers what is summed up, to which it adds what the reader has not come to yet.
    ///
    /// - Throws: As `ReportRepository.totals`.
    package init(
        _ asked: Asked,
        summed: [[[String]: RollupSum]],
        upTo cursor: Int64,
        late entries: [FeedEntry],
        open: [OpenSum]
    ) throws(GatewayError) {
        guard entries.count <= asked.lateMax else { throw asked.isTooLate }
        let changes = Rollups.changes(by: entries.map(\.event)).filter { asked.question.includes($0.key) }
        var groups: [[[String]: RollupSum]] = []
        for (group, summed) in zip(asked.groups, summed) {
            var sums = summed
            for (place, sum) in changes { sums[group.map { $0.value(at: place) }, default: RollupSum()].add(sum) }
            groups.append(sums.filter { $0.value != RollupSum() })
        }
        guard groups.reduce(0, { $0 + $1.count }) <= asked.rowsMax else { throw asked.isTooMuch }
        self.groups = groups
        self.open = open
        position = max(cursor, entries.last?.position ?? 0)
        late = entries.count
    }
}

/// By what sums are told apart.
package enum ReportGroup: String, CaseIterable, Sendable {
    /// The day in Nairobi.
    case day
    /// Which of the organization's accounts.
    case account
    /// Where they come from.
    case source
    /// Which way the money went.
    case direction
    /// What made them.
    case tool
    /// Who asked for them.
    case madeBy = "made_by"
    /// How exactly they ended.
    case state
    /// The organization's word for that.
    case status
    /// The hour of the day in Nairobi, two digits.
    case hour

    /// What it is at a place.
    package func value(at place: RollupPlace) -> String {
        switch self {
        case .day: NairobiDay.text(place.day)
        case .account: place.account
        case .source: place.source
        case .direction: place.direction.rawValue
        case .tool: place.tool
        case .madeBy: place.madeBy
        case .state: place.outcome.rawValue
        case .status: place.outcome.status
        case .hour: ReportGroup.text(ofHour: place.hour)
        }
    }

    /// An hour in two digits.
    package static func text(ofHour hour: Int64) -> String { (hour < 10 ? "0" : "") + String(hour) }
}

/// Transactions that stand alike and have not ended.
package struct OpenSum: Sendable, Equatable {
    /// Where they stand.
    package let state: RecordState
    /// Which way their money would go.
    package let direction: OperationDirection
    /// What made them.
    package let tool: String
    /// Which of the organization's accounts.
    package let account: String
    /// How many.
    package let transactions: Int64
    /// How much, in whole shillings.
    package let amount: Int64
    /// When the oldest was begun.
    package let oldest: Timestamp

    /// States them.
    package init(
        state: RecordState,
        direction: OperationDirection,
        tool: String,
        account: String,
        transactions: Int64,
        amount: Int64,
        oldest: Timestamp
    ) {
        self.state = state
        self.direction = direction
        self.tool = tool
        self.account = account
        self.transactions = transactions
        self.amount = amount
        self.oldest = oldest
    }
}

/// What some of an organization's records say of the days in question.
package struct CountedRecords: Sendable, Equatable {
    /// What the feed has told of.
    package var sums: [RollupPlace: RollupSum] = [:]
    /// What ended before there was a feed, which is in no sum.
    package var beforeFeed = RollupSum()
    /// How many records were looked at.
    package var records = 0
    /// The last of them; nil where there are no more.
    package var last: RecordID?

    /// Nothing yet.
    package init() {}

    /// Counts a record that stands at a place.
    package mutating func add(_ sum: RollupSum, at place: RollupPlace, isTold: Bool) {
        if isTold { sums[place, default: RollupSum()].add(sum) } else { beforeFeed.add(sum) }
    }
}
