import Logging

/// Forgets what is kept for a while: events, reports, balances.
///
/// In slices, so that nobody waits for it.
package struct Forgetting: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How long events are kept.
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
    private let reports: any ReportRepository
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    init(
        feed: any FeedRepository,
        reports: any ReportRepository,
        entropy: Entropy,
        logger: Logger,
        settings: Settings
    ) {
        self.feed = feed
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
        for lane in try await feed.feedLanes() {
            try await inSlices { limit throws(GatewayError) in
                try await feed.forgetFeed(
                    lane: lane,
                    before: now + settings.events * -1,
                    exceptFor: settings.deadReaders,
                    limit: limit
                )
            }
        }
    }

    private func inSlices(_ forget: (Int) async throws(GatewayError) -> Int) async throws(GatewayError) {
        for _ in 0..<settings.slicesMax {
            guard try await forget(settings.sliceMax) == settings.sliceMax, !Task.isCancelled else { return }
        }
    }
}
