import Synchronization

/// Proves that what is summed up is what the records say, counted from them one by one.
///
/// It reads all of an organization's records, so there is one at a time of each organization, and few in all.
package struct Verification: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How many records are read at a time.
        ///
        /// Default 2,000.
        package var pageMax = 2_000
        /// How many records are looked at in all.
        ///
        /// Default 5,000,000; for more it is refused.
        package var recordsMax = 5_000_000
        /// How often it counts again where the days that are counted changed meanwhile.
        ///
        /// Default 3.
        package var countingsMax = 3
        /// How many differences are told.
        ///
        /// Default 100.
        package var differencesMax = 100

        /// How many organizations' records are counted at the same time.
        ///
        /// Default 2.
        package var atOnceMax = 2

        /// The defaults.
        package init() {}
    }

    /// One place of which the sum is another than the records'.
    package struct Difference: Sendable, Equatable {
        /// Where.
        package let place: RollupPlace
        /// What is summed up.
        package let summed: RollupSum
        /// What the records say.
        package let counted: RollupSum
    }

    /// What came of it.
    package struct Outcome: Sendable, Equatable {
        /// What the records say in all that the feed has told of.
        package let counted: RollupSum
        /// What ended before there was a feed: no sum holds it.
        package let beforeFeed: RollupSum
        /// How many records were looked at.
        package let records: Int
        /// Up to which event the sums count.
        package let position: Int64
        /// The first that differ; none where the sums are right.
        package let differences: [Difference]

        /// Whether the sums of these days are all that the records say of them.
        package var isProven: Bool { differences.isEmpty && beforeFeed == RollupSum() }
    }

    /// The organizations whose records are being counted.
    private final class Running: Sendable {
        private let organizations = Mutex<Set<OrganizationID>>([])

        /// Takes a place; gives it back with `leave`.
        func enter(_ organization: OrganizationID, atOnceMax: Int) throws(GatewayError) {
            let isFree = organizations.withLock { running in
                guard running.count < atOnceMax else { return false }
                return running.insert(organization).inserted
            }
            guard !isFree else { return }
            throw GatewayError(
                .rateLimited,
                "Transactions are being counted already: one report of an organization at a time. Ask again later.",
                retryAfter: .seconds(10)
            )
        }

        func leave(_ organization: OrganizationID) { organizations.withLock { _ = $0.remove(organization) } }
    }

    private let reports: any ReportRepository
    private let sums: any RollupRepository
    private let reader: RollupReader
    private let settings: Settings
    private let running = Running()

    package init(
        reports: any ReportRepository,
        sums: any RollupRepository,
        reader: RollupReader,
        settings: Settings = Settings()
    ) {
        self.reports = reports
        self.sums = sums
        self.reader = reader
        self.settings = settings
    }

    /// Counts, and compares.
    ///
    /// - Throws: `unavailable` where the days changed each time; `limitExceeded` where there are too many records;
    ///   `rateLimited` where it is being done already.
    package func verify(_ question: ReportQuestion) async throws(GatewayError) -> Outcome {
        try running.enter(question.organization, atOnceMax: settings.atOnceMax)
        defer { running.leave(question.organization) }
        try await reader.catchUp()
        var before = try await summed(question)
        for _ in 0..<max(1, settings.countingsMax) {
            let counted = try await count(question)
            // What ended while it was counted is summed up now: then it is counted again.
            try await reader.catchUp()
            let after = try await summed(question)
            if after == before {
                let position = try await reports.totals(ReportTotals.Asked(question, by: [])).position
                return outcome(before, counted, position)
            }
            before = after
        }
        throw GatewayError(
            .unavailable,
            "Transactions of these days ended while they were counted. Ask again, best once the days are over.",
            retryAfter: .seconds(10)
        )
    }

    private func summed(_ question: ReportQuestion) async throws(GatewayError) -> [RollupPlace: RollupSum] {
        let all = try await sums.rollups(
            organization: question.organization,
            environment: question.environment,
            days: question.days
        )
        return all.filter { question.includes($0.key) }
    }

    private func count(_ question: ReportQuestion) async throws(GatewayError) -> CountedRecords {
        var all = CountedRecords()
        repeat {
            let page = try await reports.counted(question, after: all.last, limit: settings.pageMax)
            for (place, sum) in page.sums { all.sums[place, default: RollupSum()].add(sum) }
            all.beforeFeed.add(page.beforeFeed)
            all.last = page.last
            all.records += page.records
            guard all.records <= settings.recordsMax else {
                throw GatewayError(
                    .limitExceeded,
                    "At most \(settings.recordsMax) transactions are counted one by one at a time."
                )
            }
            guard !Task.isCancelled else { throw GatewayError(.deadlineExceeded, "Nobody waits for it any more.") }
        } while all.last != nil
        all.sums = all.sums.filter { $0.value != RollupSum() }
        return all
    }

    private func outcome(
        _ summed: [RollupPlace: RollupSum],
        _ counted: CountedRecords,
        _ position: Int64
    ) -> Outcome {
        var all = RollupSum()
        for sum in counted.sums.values { all.add(sum) }
        let places = Set(summed.keys).union(counted.sums.keys)
            .filter { summed[$0] ?? RollupSum() != counted.sums[$0] ?? RollupSum() }
        let differences = places.sorted { ($0.day, $0.hour, $0.tool) < ($1.day, $1.hour, $1.tool) }
            .prefix(settings.differencesMax)
            .map {
                Difference(place: $0, summed: summed[$0] ?? RollupSum(), counted: counted.sums[$0] ?? RollupSum())
            }
        return Outcome(
            counted: all,
            beforeFeed: counted.beforeFeed,
            records: counted.records,
            position: position,
            differences: Array(differences)
        )
    }
}
