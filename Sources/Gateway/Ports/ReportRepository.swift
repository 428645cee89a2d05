/// What reports are made of, and those that are kept.
package protocol ReportRepository: Sendable {
    /// What is summed up of some days, and how far it is summed up.
    func totals(_ question: ReportQuestion) async throws(GatewayError) -> ReportTotals
    /// What has not ended, whenever it was begun.
    func open(_ question: ReportQuestion) async throws(GatewayError) -> [OpenSum]
    /// What an organization's records say of the days in question, counted from them one by one: of those that were
    /// begun after one, at most so many; and the last that was looked at, nil at the end.
    func counted(
        _ question: ReportQuestion,
        after record: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> (sums: [RollupPlace: RollupSum], last: RecordID?)
    /// What has become true of an organization after a place in the feed, in the order of the events' ids, of which it
    /// begins behind one.
    func changes(
        of organization: OrganizationID,
        after position: Int64,
        behind id: Identifier,
        limit: Int
    ) async throws(GatewayError) -> [FeedEntry]
    /// What each account was last told to hold, of these accounts of the organization's or all.
    func balances(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?
    ) async throws(GatewayError) -> [ToldBalance]
    /// What they were told to hold, newest first, before a moment.
    func balanceHistory(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?,
        before: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [ToldBalance]
    /// Forgets every organization's balances of before a moment, at most so many; how many it forgot.
    func removeBalances(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int
    /// Keeps a report.
    ///
    /// - Throws: `limitExceeded` where the organization has so many already.
    func keep(_ report: StoredReport, reportsMax: Int) async throws(GatewayError)
    /// A report that is kept.
    func report(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment,
        now: Timestamp
    ) async throws(GatewayError) -> StoredReport?
    /// Those that are kept, newest first, of one kind or all; older than `before`. Their documents are left out.
    func reports(
        organization: OrganizationID,
        environment: Environment,
        kind: String?,
        before: Identifier?,
        limit: Int,
        now: Timestamp
    ) async throws(GatewayError) -> [StoredReport]
    /// Forgets every organization's reports that have expired, at most so many; how many it forgot.
    func removeExpiredReports(at now: Timestamp, limit: Int) async throws(GatewayError) -> Int
}

/// Which transactions a report is about.
package struct ReportQuestion: Sendable, Equatable {
    /// Whose.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Days in Nairobi.
    package let days: ClosedRange<Int64>
    /// Asked for by this subject; nil for anybody of the organization.
    package let madeBy: String?
    /// Of these accounts; nil for all.
    package let accounts: Set<AccountName>?

    /// States a question.
    package init(
        organization: OrganizationID,
        environment: Environment,
        days: ClosedRange<Int64>,
        madeBy: String?,
        accounts: Set<AccountName>?
    ) {
        self.organization = organization
        self.environment = environment
        self.days = days
        self.madeBy = madeBy
        self.accounts = accounts
    }

    /// What a principal may see of some days.
    package init(_ days: ClosedRange<Int64>, seenBy principal: Principal) {
        self.init(
            organization: principal.organization,
            environment: principal.environment,
            days: days,
            madeBy: principal.maker,
            accounts: principal.accounts
        )
    }

    /// Whether it is about what is counted there.
    package func includes(_ place: RollupPlace) -> Bool {
        place.organization == organization && place.environment == environment && days.contains(place.day)
            && madeBy.map { $0 == place.madeBy } ?? true
            && accounts?.contains { $0.description == place.account } ?? true
    }
}

/// What is summed up of some days.
package struct ReportTotals: Sendable, Equatable {
    /// By everything but the hour; an hour of 0 stands for all.
    package var rows: [RollupPlace: RollupSum]
    /// By the hour of the day, the direction and the outcome.
    package var hours: [ReportHour: RollupSum]
    /// Up to which event it is summed up.
    package var position: Int64
    /// The newest event that there is.
    package var newest: Int64

    /// Gathers them.
    package init(
        rows: [RollupPlace: RollupSum],
        hours: [ReportHour: RollupSum],
        position: Int64,
        newest: Int64
    ) {
        self.rows = rows
        self.hours = hours
        self.position = position
        self.newest = newest
    }
}

/// What ended alike in one hour of the day, whatever day.
package struct ReportHour: Sendable, Hashable {
    /// 0 to 23, in Nairobi.
    package let hour: Int64
    /// Which way the money went.
    package let direction: OperationDirection
    /// How they ended.
    package let outcome: RecordState

    /// Names an hour.
    package init(hour: Int64, direction: OperationDirection, outcome: RecordState) {
        self.hour = hour
        self.direction = direction
        self.outcome = outcome
    }
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

/// A report as it was made: it never changes.
package struct StoredReport: Sendable, Equatable {
    /// Names it.
    package let id: Identifier
    /// Such as `DAILY`.
    package let kind: String
    /// What it is about.
    package let question: ReportQuestion
    /// Who had it made: `user:<id>` or `key:<id>`.
    package let madeBy: String
    /// When.
    package let madeAt: Timestamp
    /// When it is forgotten.
    package let expiresAt: Timestamp
    /// Up to which event it knows what became true.
    package let position: Int64
    /// JSON, as it was answered.
    package let document: [UInt8]

    /// Gathers them.
    package init(
        id: Identifier,
        kind: String,
        question: ReportQuestion,
        madeBy: String,
        madeAt: Timestamp,
        expiresAt: Timestamp,
        position: Int64,
        document: [UInt8]
    ) {
        self.id = id
        self.kind = kind
        self.question = question
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.expiresAt = expiresAt
        self.position = position
        self.document = document
    }

    /// Whether somebody may see it: what tells of everybody's is not for who sees only their own, or some accounts.
    package func isSeen(by principal: Principal) -> Bool {
        (principal.maker == nil && principal.accounts == nil) || madeBy == principal.subjectText
    }
}
