import Gateway
import Logging

/// Sends organizations' events to their receivers: gives each endpoint its turns, fairly between organizations.
///
///     the feed has something new --+
///     a delivery is due, a pause over --+-> the endpoint waits for a turn -> WebhookTurn -> waits for what comes next
///     somebody wishes it once more --+
///
/// What it holds is one place and a moment for each endpoint; all else is in the store, so a new process goes on where
/// this one was. It waits on no payment and no payment on it: it only reads what is committed.
package actor WebhookRunner {
    /// What is known of an endpoint.
    private struct Known {
        /// When it wants a turn.
        var next: Timestamp?
        /// Whether there is something new for its organization.
        var hasNews = true
        /// Since when it has its turn; nil while it has none.
        var began: Uptime?
        var isSlow = false
        /// How many of its turns in a row could not be taken, or noted.
        var errors = 0
        var replay: WebhookReplay?
        /// How many attempts in a row have failed of what was asked for once more.
        var replayFailures = 0
        /// Whether so much of that waits that no more is looked for.
        var isBehind = false
    }

    private let parts: WebhookTurn.Parts
    private let replays: WebhookReplays
    private let directory: any DirectoryRepository
    private var endpoints: [WebhookPlace: Known] = [:]
    private var ofOrganization: [OrganizationID: Set<WebhookPlace>] = [:]
    /// Whose turn is next: organizations, and of each its endpoints.
    private var waiting = WebhookQueue()
    /// Those that have their turn, and may be quick; and those that are known to be slow.
    private var running: Set<WebhookPlace> = []
    private var slow: Set<WebhookPlace> = []
    private var seen: Int64 = 0
    private var configuration: Int64?
    private var lookedAt: Uptime?
    private var forgotAt: Uptime?

    /// What has been counted.
    package nonisolated let metrics = WebhookMetrics()

    private var settings: WebhookSettings { parts.judge.settings }
    private var entropy: Entropy { parts.entropy }

    /// Makes one over a store and a way out.
    package init(
        webhooks: any WebhookRepository,
        feed: any FeedRepository,
        records: any RecordRepository,
        directory: any DirectoryRepository,
        safe: any WebhookSafe,
        sender: any WebhookSender,
        entropy: Entropy,
        logger: Logger,
        settings: WebhookSettings = WebhookSettings()
    ) {
        parts = WebhookTurn.Parts(
            webhooks: webhooks,
            feed: feed,
            documents: WebhookDocuments(feed: feed, records: records),
            safe: safe,
            sender: sender,
            judge: WebhookJudge(settings: settings),
            entropy: entropy,
            logger: logger,
            metrics: metrics
        )
        replays = WebhookReplays(webhooks: webhooks, feed: feed, entropy: entropy, settings: settings)
        self.directory = directory
    }

    /// Sends until cancelled; what is under way is finished and noted.
    package func run() async {
        await withDiscardingTaskGroup { group in
            await entropy.sleep.repeating(every: settings.every) {
                do throws(GatewayError) { try await look() } catch {
                    parts.logger.warning("webhooks wait", metadata: ["reason": "\(error.message)"])
                }
                begin(in: &group)
            }
        }
    }

    /// Looks once for what there is to do, and does it: for tests, which let time pass themselves.
    package func runOnce() async throws(GatewayError) {
        lookedAt = nil
        try await look()
        await withDiscardingTaskGroup { group in begin(in: &group) }
    }

    /// How many endpoints are known.
    package var count: Int { endpoints.count }

    // MARK: What there is

    private func look() async throws(GatewayError) {
        let now = entropy.uptime()
        if lookedAt.map({ now - $0 >= settings.lookEvery }) ?? true {
            try await learn()
            lookedAt = now
        }
        if forgotAt.map({ now - $0 >= settings.forgetEvery }) ?? true {
            let moment = entropy.now() + (.zero - settings.keptFor)
            _ = try await parts.webhooks.forgetDeliveries(before: moment, limit: settings.forgetMax)
            forgotAt = now
        }
        try await listen()
        let moment = entropy.now()
        for place in running where endpoints[place]?.began.map({ now - $0 >= settings.slowAfter }) ?? false {
            // Whoever hangs holds no place of those that answer.
            guard hasRoom(for: place.organization, in: slow, of: settings.slowTurnsMax) else { continue }
            running.remove(place)
            slow.insert(place)
            endpoints[place]?.isSlow = true
        }
        for (place, known) in endpoints where known.began == nil {
            if known.hasNews || known.replay != nil || known.next.map({ $0 <= moment }) ?? false {
                waiting.add(place, isSlow: known.isSlow)
            }
        }
    }

    /// Learns which endpoints there are: all at first, then those of organizations in which something was changed.
    private func learn() async throws(GatewayError) {
        if let version = configuration {
            let changes = try await directory.configurationChanges(after: version, limit: 1_000)
            for organization in Set(changes.compactMap(\.organization)) {
                for environment in Environment.allCases {
                    let own = try await parts.webhooks.webhooks(of: organization, environment: environment)
                    own.filter { $0.endpoint.off == nil }.forEach(meet)
                }
            }
            configuration = changes.last?.version ?? version
        } else {
            let version = try await directory.configurationVersion()
            // Each of them begins with a look at its own feed: what was there before is nothing new.
            seen = max(seen, try await parts.feed.feedEnd(lane: FeedReader.lane))
            var last: (organization: OrganizationID, endpoint: Identifier)?
            while true {
                let page = try await parts.webhooks.servedWebhooks(after: last, limit: 500)
                page.forEach(meet)
                last = page.last.map { (organization: $0.endpoint.organization, endpoint: $0.endpoint.id) }
                if page.count < 500 { break }
            }
            configuration = version
        }
        for replay in try await parts.webhooks.openReplays(limit: settings.replaysRead) {
            for place in ofOrganization[replay.organization] ?? [] where place.endpoint == replay.endpoint {
                if endpoints[place]?.replay == nil { endpoints[place]?.replay = replay }
            }
        }
    }

    private func meet(_ served: ServedWebhook) {
        let place = WebhookPlace(served.endpoint)
        guard endpoints[place] == nil else {
            // Its next turn reads what it is now.
            endpoints[place]?.hasNews = true
            return
        }
        endpoints[place] = Known(next: served.dueAt, isSlow: served.progress.failures > 0)
        ofOrganization[place.organization, default: []].insert(place)
    }

    private func forget(_ place: WebhookPlace) {
        endpoints[place] = nil
        ofOrganization[place.organization]?.remove(place)
        if ofOrganization[place.organization]?.isEmpty ?? false { ofOrganization[place.organization] = nil }
    }

    /// Hears whose feed has something new.
    private func listen() async throws(GatewayError) {
        guard !endpoints.isEmpty else {
            seen = max(seen, try await parts.feed.feedEnd(lane: FeedReader.lane))
            return
        }
        while true {
            let page = try await parts.feed.feed(lane: FeedReader.lane, after: seen, limit: 500)
            for organization in Set(page.map(\.event.organization)) {
                for place in ofOrganization[organization] ?? [] { endpoints[place]?.hasNews = true }
            }
            seen = page.last?.position ?? seen
            if page.count < 500 || Task.isCancelled { return }
        }
    }

    // MARK: Turns

    private func begin(in group: inout DiscardingTaskGroup) {
        while let turn = nextTurn() { group.addTask { await self.work(turn) } }
    }

    /// Takes turns for as long as anybody waits for one.
    private func work(_ first: (place: WebhookPlace, known: Known)) async {
        var turn = first
        while true {
            await take(turn.place, turn.known)
            guard let next = nextTurn() else { return }
            turn = next
        }
    }

    /// Whoever has the next turn; nil where nobody may, or all is to end.
    private func nextTurn() -> (place: WebhookPlace, known: Known)? {
        while !Task.isCancelled,
            let place = waiting.next(
                quick: { hasRoom(for: $0, in: running, of: settings.turnsMax) },
                slow: { hasRoom(for: $0, in: slow, of: settings.slowTurnsMax) }
            )
        {
            guard var known = endpoints[place], known.began == nil else { continue }
            known.began = entropy.uptime()
            known.hasNews = false
            known.next = nil
            endpoints[place] = known
            if known.isSlow { slow.insert(place) } else { running.insert(place) }
            return (place, known)
        }
        return nil
    }

    /// Whether one more of an organization's may have its turn: half of the places are for others.
    private func hasRoom(for organization: OrganizationID, in turns: Set<WebhookPlace>, of most: Int) -> Bool {
        turns.count < most && turns.count { $0.organization == organization } < max(1, most / 2)
    }

    private func take(_ place: WebhookPlace, _ known: Known) async {
        var (standing, errors, replayFailures) = (WebhookTurn.Standing(), 0, known.replayFailures)
        do throws(GatewayError) {
            if let wish = known.replay, !(wish.isOfMany && known.isBehind) {
                // What failed of wishes before says nothing of one that begins.
                if wish.place == 0, wish.wish != .test { replayFailures = 0 }
                try await replays.advance(wish)
            }
            let turn = WebhookTurn(parts: parts, place: place, replayFailures: replayFailures)
            standing = try await turn.take()
        } catch {
            parts.logger.warning(
                "a webhook waits",
                metadata: ["endpoint": "\(place.endpoint)", "reason": "\(error.message)"]
            )
            errors = known.errors + 1
            standing = WebhookTurn.Standing(next: entropy.now() + .seconds(1 << min(errors - 1, 6)), isSlow: true)
        }
        running.remove(place)
        slow.remove(place)
        guard standing.isThere || endpoints[place]?.hasNews ?? false else { return forget(place) }
        let isSlow = standing.isSlow ?? known.isSlow
        endpoints[place]?.began = nil
        endpoints[place]?.next = standing.next
        endpoints[place]?.isSlow = isSlow
        endpoints[place]?.errors = errors
        endpoints[place]?.replay = nil
        endpoints[place]?.replayFailures = standing.replayFailures ?? replayFailures
        endpoints[place]?.isBehind = standing.isBehind
        // Others come first.
        if standing.next.map({ $0 <= entropy.now() }) ?? false { waiting.add(place, isSlow: isSlow) }
    }
}
