/// Proves that what is summed up is what the records say, counted from them one by one.
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
        /// What the records say in all.
        package let counted: RollupSum
        /// How many records were looked at.
        package let records: Int
        /// Up to which event the sums count.
        package let position: Int64
        /// The first that differ; none where it is proven.
        package let differences: [Difference]
    }

    private let reports: any ReportRepository
    private let sums: any RollupRepository
    private let reader: RollupReader
    private let settings: Settings

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
    /// - Throws: `unavailable` where the days changed each time; `limitExceeded` where there are too many records.
    package func verify(_ question: ReportQuestion) async throws(GatewayError) -> Outcome {
        try await reader.catchUp()
        var before = try await summed(question)
        for _ in 0..<max(1, settings.countingsMax) {
            let (counted, records) = try await count(question)
            // What ended while it was counted is summed up now: then it is counted again.
            try await reader.catchUp()
            let after = try await summed(question)
            if after == before {
                let position = try await reports.totals(question).position
                return outcome(before, counted, records, position)
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

    private func count(_ question: ReportQuestion) async throws(GatewayError) -> ([RollupPlace: RollupSum], Int) {
        var sums: [RollupPlace: RollupSum] = [:]
        var last: RecordID?
        var records = 0
        repeat {
            let page = try await reports.counted(question, after: last, limit: settings.pageMax)
            for (place, sum) in page.sums { sums[place, default: RollupSum()].add(sum) }
            last = page.last
            records += settings.pageMax
            guard records <= settings.recordsMax else {
                throw GatewayError(
                    .limitExceeded,
                    "At most \(settings.recordsMax) transactions are counted one by one at a time."
                )
            }
            guard !Task.isCancelled else { throw GatewayError(.deadlineExceeded, "Nobody waits for it any more.") }
        } while last != nil
        return (sums.filter { $0.value != RollupSum() }, records)
    }

    private func outcome(
        _ summed: [RollupPlace: RollupSum],
        _ counted: [RollupPlace: RollupSum],
        _ records: Int,
        _ position: Int64
    ) -> Outcome {
        var all = RollupSum()
        for sum in counted.values { all.add(sum) }
        let places = Set(summed.keys).union(counted.keys)
            .filter { summed[$0] ?? RollupSum() != counted[$0] ?? RollupSum() }
        let differences = places.sorted { ($0.day, $0.hour, $0.tool) < ($1.day, $1.hour, $1.tool) }
            .prefix(settings.differencesMax)
            .map {
                Difference(place: $0, summed: summed[$0] ?? RollupSum(), counted: counted[$0] ?? RollupSum())
            }
        return Outcome(counted: all, records: records, position: position, differences: Array(differences))
    }
}
