import Logging

/// Forgets what is kept for a while: events, reports, balances.
///
/// In slices, so that nobody waits for it.
package struct Forgetting: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How long events are kept, in whole days, where no plan says longer.
        ///
        /// Default 90 days; longer than reports are, because they tell what a report did not know.
        package var events: Duration = .seconds(90 * 86_400)
        /// How long it is remembered that a report was made, after it has expired: of which days it told, so that the next one
        /// can say what became known of them.
        ///
        /// Default 400 days.
        package var reports: Duration = .seconds(400 * 86_400)
        /// How long it is kept what M-Pesa said that accounts hold.
        ///
        /// Default 400 days.
        package var balances: Duration = .seconds(400 * 86_400)
        /// Readers of the feed for which nothing is kept any more, by name.
        ///
        /// Default none: events wait for the slowest reader, however long it is away.
        package var deadReaders: Set<String> = []
        /// How often it looks.
        ///
        /// Default 60 s.
        package var every: Duration = .seconds(60)
        /// How many rows it forgets in one commit.
        ///
        /// Default 1,000.
        package var sliceMax = 1_000
        /// How many commits it makes of one kind before it looks at the next.
        ///
        /// Default 20.
        package var slicesMax = 20

        /// The defaults.
        package init() {}
    }

    private let feed: any FeedRepository
    private let plans: any PlanRepository
    private let reports: any ReportRepository
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    init(
        feed: any FeedRepository,
        plans: any PlanRepository,
        reports: any ReportRepository,
        entropy: Entropy,
        logger: Logger,
        settings: Settings
    ) {
        self.feed = feed
        self.plans = plans
        self.reports = reports
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Looks until cancelled.
    package func run() async {
        while !Task.isCancelled {
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await entropy.sleep(for: settings.every)
            guard !Task.isCancelled else { return }
            do throws(GatewayError) { try await forget() } catch {
                logger.warning("what is old is kept for now", metadata: ["reason": "\(error.message)"])
            }
        }
    }

    /// Forgets what is due now.
    package func forget() async throws(GatewayError) {
        let now = entropy.now()
        try await inSlices { limit throws(GatewayError) in
            try await reports.emptyExpiredReports(at: now, limit: limit)
        }
        try await inSlices { limit throws(GatewayError) in
            try await reports.removeReports(expiredBefore: now + settings.reports * -1, limit: limit)
        }
        try await inSlices { limit throws(GatewayError) in
            try await reports.removeBalances(before: now + settings.balances * -1, limit: limit)
        }
        let longer = try await plansThatKeepLonger()
        for lane in try await feed.feedLanes() {
            let former = try await feed.feedAges(lane: lane)
            // Before anything goes by everybody's age: what a plan keeps longer goes by the plan's, also where the plan
            // keeps nothing longer any more by then.
            for age in Set(longer.values).subtracting(former).sorted() {
                let reader = FeedReader.forgotten(after: age)
                _ = try await feed.moveCursor(of: reader, lane: lane, from: 0, to: 0)
            }
            for age in ages(longer, and: former, at: now) {
                try await inSlices { limit throws(GatewayError) in
                    try await feed.forgetFeed(lane: lane, age, exceptFor: settings.deadReaders, limit: limit)
                }
            }
        }
    }

    private var days: Int { Int(settings.events.components.seconds / 86_400) }

    /// Plans that keep events longer than everybody's are kept, and how many days.
    private func plansThatKeepLonger() async throws(GatewayError) -> [String: Int] {
        var (found, last): ([String: Int], String?) = ([:], nil)
        while true {
            let page = try await plans.plans(after: last, limit: 100)
            for plan in page { if let kept = plan.eventDays, kept > days { found[plan.name] = kept } }
            guard page.count == 100 else { return found }
            last = page.last?.name
        }
    }

    /// The ages at which events are forgotten, those of former plans too: what an organization left when it took
    /// another plan is kept for as long as it was to be.
    private func ages(_ longer: [String: Int], and former: Set<Int>, at now: Timestamp) -> [FeedAge] {
        let known = former.union(longer.values).filter { $0 > days }
        return ([days] + known.sorted())
            .map { age in
                FeedAge(
                    days: age,
                    before: now + .seconds(-86_400 * age),
                    longer: Set(longer.filter { $0.value > age }.keys)
                )
            }
    }

    private func inSlices(_ forget: (Int) async throws(GatewayError) -> Int) async throws(GatewayError) {
        for _ in 0..<settings.slicesMax {
            guard try await forget(settings.sliceMax) == settings.sliceMax, !Task.isCancelled else { return }
        }
    }
}
