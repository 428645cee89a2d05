/// What reports are made of, and those that are kept.
package protocol ReportRepository: Sendable {
    /// Sums of some days, and what is open, all of one place in the feed.
    ///
    /// - Throws: `limitExceeded` where there are more rows than are asked for at most; `unavailable` where what is summed
    ///   up is too far behind the feed.
    func totals(_ asked: ReportTotals.Asked) async throws(GatewayError) -> ReportTotals
    /// What has not ended, whenever it was begun.
    func open(_ question: ReportQuestion) async throws(GatewayError) -> [OpenSum]
    /// How many batches were made on the days in question, by their tool, whatever has become of them.
    ///
    /// - Throws: `limitExceeded` where there are more than so many.
    func batchesMade(_ question: ReportQuestion, countMax: Int) async throws(GatewayError) -> [String: Int64]
    /// What an organization's records say of the days in question, counted from them one by one: of those that were
    /// begun after one, at most so many.
    func counted(
        _ question: ReportQuestion,
        after record: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> CountedRecords
    /// What each account was last told to hold before a moment, of these accounts of the organization's or all.
    func balances(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?,
        before moment: Timestamp
    ) async throws(GatewayError) -> [ToldBalance]
    /// What they were told to hold, newest first, before a moment: at most so many, and all that was told in the same
    /// moment as the last of them.
    func balanceHistory(
        of organization: OrganizationID,
        in environment: Environment,
        accounts: Set<AccountName>?,
        before: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [ToldBalance]
    /// Forgets every organization's balances of before a moment, at most so many; how many it forgot.
    func removeBalances(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int
    /// Keeps a report, unless the organization has one of its key that has not expired.
    ///
    /// - Returns: The one that is kept now.
    /// - Throws: `limitExceeded` where the organization has so many already that have not expired.
    @discardableResult
    func keep(_ report: StoredReport, reportsMax: Int) async throws(GatewayError) -> StoredReport
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
    /// The newest reports of a kind that ask for the same transactions, whatever their days, also those that have
    /// expired: what they told of is remembered. Their documents are left out.
    func reports(
        kind: String,
        like question: ReportQuestion,
        limit: Int
    ) async throws(GatewayError) -> [StoredReport]
    /// Forgets what every organization's reports said that have expired, at most so many, and remembers that they were
    /// made; of how many it forgot it.
    func emptyExpiredReports(at now: Timestamp, limit: Int) async throws(GatewayError) -> Int
    /// Forgets that reports were made that expired before a moment, at most so many; how many it forgot.
    func removeReports(expiredBefore moment: Timestamp, limit: Int) async throws(GatewayError) -> Int
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

    /// From the first moment of its days on, until the first one after them.
    package var moments: Range<Timestamp> {
        RollupPlace.start(of: days.lowerBound)..<RollupPlace.start(of: days.upperBound + 1)
    }

    /// There are too many batches to be counted.
    package static func tooManyBatches(_ most: Int) -> GatewayError {
        GatewayError(.limitExceeded, "More than \(most) batches were made on these days. Ask for fewer days.")
    }

    /// Whether it is about what is counted there.
    package func includes(_ place: RollupPlace) -> Bool {
        place.organization == organization && place.environment == environment && days.contains(place.day)
            && madeBy.map { $0 == place.madeBy } ?? true
            && accounts?.contains { $0.description == place.account } ?? true
    }
}
