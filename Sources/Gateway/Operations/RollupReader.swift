import Logging

/// Sums up the feed, each event exactly once: what it adds and how far it is are one commit.
///
/// It begins where it was, whoever ran before; counting from the first event gives the same sums.
package struct RollupReader: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks for more.
        ///
        /// Default 1 s.
        package var every: Duration = .seconds(1)
        /// How many events it takes at a time.
        ///
        /// Default 500.
        package var batchMax = 500

        /// The defaults.
        package init() {}
    }

    private let feed: any FeedRepository
    private let rollups: any RollupRepository
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings

    package init(
        feed: any FeedRepository,
        rollups: any RollupRepository,
        entropy: Entropy,
        logger: Logger,
        settings: Settings
    ) {
        self.feed = feed
        self.rollups = rollups
        self.entropy = entropy
        self.logger = logger
        self.settings = settings
    }

    /// Reads until cancelled.
    package func run() async {
        await entropy.sleep.repeating(every: settings.every) {
            do throws(GatewayError) { try await catchUp() } catch {
                logger.warning("what is summed up waits", metadata: ["reason": "\(error.message)"])
            }
        }
    }

    /// Reads all that there is.
    package func catchUp() async throws(GatewayError) {
        for lane in try await feed.feedLanes() {
            while !Task.isCancelled, try await takeSome(of: lane) {}
        }
    }

    /// Takes the next events; false when there were no more than those.
    private func takeSome(of lane: Int) async throws(GatewayError) -> Bool {
        let old = try await feed.cursor(of: FeedReader.rollups, lane: lane)
        let entries = try await feed.feed(lane: lane, after: old, limit: settings.batchMax)
        guard let last = entries.last else { return false }
        let changes = Rollups.changes(by: entries.map(\.event))
        // Where somebody else has moved on meanwhile, it is read again from there.
        _ = try await rollups.add(changes, lane: lane, from: old, to: last.position)
        return entries.count == settings.batchMax
    }
}
