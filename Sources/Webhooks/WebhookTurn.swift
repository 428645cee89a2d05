import Gateway
import Logging

/// One endpoint's turn: what is due and what is new is sent, and what came of it is written in one commit.
///
///     the store's row -> due deliveries, then events behind its place -> sent, some at once -> one note
///
/// It begins with what the store says now and keeps nothing, so that a process that dies in the middle costs nothing but
/// that what was sent and not noted is sent again: the same id, the same bytes.
struct WebhookTurn: Sendable {
    /// What it needs.
    struct Parts: Sendable {
        let webhooks: any WebhookRepository
        let feed: any FeedRepository
        let documents: WebhookDocuments
        let safe: any WebhookSafe
        let sender: any WebhookSender
        let judge: WebhookJudge
        let entropy: Entropy
        let logger: Logger
        let metrics: WebhookMetrics
    }

    /// How an endpoint stands after its turn.
    struct Standing: Sendable, Equatable {
        /// Whether it is there and on.
        var isThere = true
        /// When it wants a turn without anything new; nil where it does not.
        var next: Timestamp?
        /// Whether it failed or took long; nil where nothing was sent.
        var isSlow: Bool?
        /// Whether so much is asked for once more, and waits, that no more is looked for.
        var isBehind = false
        /// How many attempts in a row have failed of what was asked for once more; nil where none was made.
        var replayFailures: Int?
    }

    /// Something to be sent.
    private struct Item {
        let event: FeedEvent
        let delivery: WebhookDelivery
        /// Where it stands in the feed, where it is taken from there; nil for one that was due.
        let place: Int64?
    }

    /// What there is to do.
    private struct Work {
        var items: [Item] = []
        /// Deliveries of events that the feed has forgotten: they are given up.
        var lost: [WebhookDelivery] = []
        /// Up to which place of the feed that is all.
        var upTo: Int64
        var isMore = false
        /// Whether as much is due as is read at a time.
        var isBehind = false
        let place: Int64

        var isEmpty: Bool { items.isEmpty && lost.isEmpty && !isMore && upTo == place }
    }

    private struct Answer: Sendable {
        let index: Int
        let found: WebhookJudge.Found
    }

    let parts: Parts
    let place: WebhookPlace
    /// How many attempts in a row have failed before of what was asked for once more.
    let replayFailures: Int

    private var settings: WebhookSettings { parts.judge.settings }

    /// Takes it.
    ///
    /// - Throws: as the store does; then nothing was noted.
    func take() async throws(GatewayError) -> Standing {
        let found = try await parts.webhooks.webhook(
            place.endpoint,
            organization: place.organization,
            environment: place.environment
        )
        guard let served = found, served.endpoint.off == nil else { return Standing(isThere: false) }
        let now = parts.entropy.now()
        if let until = served.progress.pausedUntil, until > now {
            return Standing(next: until, isSlow: true, isBehind: true)
        }
        let work = try await work(of: served, at: now)
        if work.isEmpty { return Standing(next: served.dueAt) }
        let keys = work.items.isEmpty ? [] : try await keys(of: served.endpoint, at: now)
        var note = WebhookNote(organization: place.organization, endpoint: place.endpoint)
        note.deliveries = work.lost
        note.version = served.endpoint.version
        let answers = await send(work.items, served, keys)
        var standing = Standing(isBehind: work.isBehind)
        let isSlow = judge(answers, of: work, served, into: &note)
        standing.replayFailures = stop(answers, of: work, into: &note)
        try await parts.webhooks.note([note])
        if note.off != nil { return Standing(isThere: false) }
        let end = parts.entropy.now()
        if !answers.isEmpty { standing.isSlow = isSlow }
        if let until = note.progress?.to.pausedUntil, until > end {
            (standing.next, standing.isSlow, standing.isBehind) = (until, true, true)
        } else if answers.isEmpty, !work.items.isEmpty {
            // Where nothing left, and nobody says why, others have their turn first.
            standing.next = end + .seconds(1)
        } else if work.isMore || answers.count < work.items.count {
            standing.next = end
        } else {
            standing.next = try await dueAt(served)
        }
        return standing
    }

    private func dueAt(_ served: ServedWebhook) async throws(GatewayError) -> Timestamp? {
        try await parts.webhooks.webhook(
            place.endpoint,
            organization: place.organization,
            environment: place.environment
        )?
        .dueAt
    }

    // MARK: What there is to do

    private func work(of served: ServedWebhook, at now: Timestamp) async throws(GatewayError) -> Work {
        let (endpoint, place) = (served.endpoint, served.progress.place)
        var work = Work(upTo: place, place: place)
        let dueMax = max(1, settings.eventsMax / 2)
        let due = try await parts.webhooks.dueDeliveries(
            to: endpoint.id,
            organization: self.place.organization,
            at: now,
            limit: dueMax
        )
        for var delivery in due {
            if let event = try await parts.documents.event(of: delivery, to: endpoint) {
                work.items.append(Item(event: event, delivery: delivery, place: nil))
            } else {
                (delivery.state, delivery.dueAt, delivery.at) = (.givenUp, nil, now)
                work.lost.append(delivery)
            }
        }
        let page = try await parts.feed.feed(
            lane: FeedReader.lane,
            of: self.place.organization,
            after: place,
            limit: settings.eventsMax
        )
        for entry in page.entries where endpoint.wants(entry.event) {
            let delivery = WebhookDelivery(
                organization: self.place.organization,
                endpoint: endpoint.id,
                event: entry.event.id,
                kind: entry.event.kind,
                position: entry.position,
                state: .waiting,
                at: now
            )
            work.items.append(Item(event: entry.event, delivery: delivery, place: entry.position))
        }
        work.upTo = max(place, page.upTo)
        work.isBehind = due.count == dueMax
        work.isMore = page.entries.count == settings.eventsMax || work.isBehind
        return work
    }

    private func keys(of endpoint: WebhookEndpoint, at now: Timestamp) async throws(GatewayError) -> [WebhookKey] {
        var keys: [WebhookKey] = []
        for secret in endpoint.secrets where secret.endsAt.map({ $0 > now }) ?? true {
            let bytes = try await parts.safe.open(secret, of: endpoint.id, organization: endpoint.organization)
            guard let key = WebhookKey(secret.form, bytes: bytes.reveal()) else {
                throw GatewayError.fault("a webhook's secret is damaged")
            }
            keys.append(key)
        }
        return keys
    }

    // MARK: Sending

    /// Sends in order, some at once, until something says that it is enough; of what was begun, all answers.
    private func send(_ items: [Item], _ served: ServedWebhook, _ keys: [WebhookKey]) async -> [Answer] {
        var began: Uptime?
        // One alone first: a receiver that hangs holds one connection.
        var width = 1
        var (answers, next, failures, isEnough) = ([Answer](), 0, served.progress.failures, false)
        var replayFailures = replayFailures
        return await withTaskGroup(of: Answer.self) { group in
            var underWay = 0
            while true {
                while next < items.count, underWay < width, !isEnough {
                    let (index, item) = (next, items[next])
                    // Where the store does not say what there is to say, it is said later.
                    guard let body = try? await parts.documents.bytes(of: item.event, for: served.endpoint) else {
                        isEnough = true
                        break
                    }
                    group.addTask { Answer(index: index, found: await post(body, item, served.endpoint, keys)) }
                    next += 1
                    underWay += 1
                }
                guard let answer = await group.next() else { return answers }
                underWay -= 1
                if answer.found.outcome == .busy {
                    // Nothing left: neither an attempt nor a reason to think ill of anybody.
                    isEnough = true
                    continue
                }
                answers.append(answer)
                width = answer.found.isTaken && served.progress.failures == 0 ? settings.atOnceMax : 1
                let delivery = items[answer.index].delivery
                if isAsked(delivery) {
                    replayFailures = answer.found.isTaken ? 0 : replayFailures + 1
                    isEnough = isEnough || replayFailures >= settings.failuresMax
                } else if !delivery.isReplay {
                    failures = answer.found.isTaken ? 0 : failures + 1
                    isEnough = isEnough || answer.found.isGone || failures >= settings.failuresMax
                }
                // From the first answer on: whoever is slow is asked some at once all the same.
                let now = parts.entropy.uptime()
                let isOver = now - (began ?? now) >= settings.turnMax
                began = began ?? now
                isEnough = isEnough || isOver || Task.isCancelled
            }
        }
    }

    private func post(
        _ body: [UInt8],
        _ item: Item,
        _ endpoint: WebhookEndpoint,
        _ keys: [WebhookKey]
    ) async -> WebhookJudge.Found {
        let at = parts.entropy.now()
        let (id, seconds) = (item.event.id.description, parts.entropy.wall().milliseconds / 1_000)
        let signatures = keys.compactMap { try? $0.signature(of: body, id: id, at: seconds) }
        // What is not signed is not sent.
        guard !signatures.isEmpty, signatures.count == keys.count else {
            return WebhookJudge.Found(at: at, endedAt: at, outcome: .busy)
        }
        let outcome = await parts.sender.post(
            body,
            [
                ("Content-Type", "application/json"), ("webhook-id", id), ("webhook-timestamp", String(seconds)),
                ("webhook-signature", signatures.joined(separator: " ")),
            ],
            to: endpoint.url,
            in: endpoint.environment
        )
        return WebhookJudge.Found(at: at, endedAt: parts.entropy.now(), outcome: outcome)
    }
}

extension WebhookTurn {
    /// Writes what answers mean into a note; whether the endpoint failed or took long.
    private func judge(
        _ answers: [Answer],
        of work: Work,
        _ served: ServedWebhook,
        into note: inout WebhookNote
    ) -> Bool {
        var (progress, isSlow) = (served.progress, false)
        var answered = Set<Int>()
        for answer in answers {
            let (item, found) = (work.items[answer.index], answer.found)
            answered.insert(answer.index)
            let delivery = parts.judge.delivery(item.delivery, after: found, chance: chance())
            note.deliveries.append(delivery)
            parts.metrics.count(delivery, isTaken: found.isTaken)
            isSlow = isSlow || !found.isTaken || found.endedAt - found.at >= settings.slowAfter
            guard !item.delivery.isReplay else { continue }
            progress = parts.judge.progress(progress, after: found)
            if note.off == nil, let off = parts.judge.off(progress, after: found) {
                note.off = (off, at: found.endedAt)
                note.told.append(told(off, progress, served.endpoint, at: found.endedAt))
            } else if note.off == nil, parts.judge.isNoticed(progress, at: found.endedAt) {
                progress.noticedAt = found.endedAt
                note.told.append(told(nil, progress, served.endpoint, at: found.endedAt))
            }
        }
        // Up to before the first that was taken from the feed and has no answer.
        let left = work.items.enumerated().first { $0.element.place != nil && !answered.contains($0.offset) }
        progress.place = max(served.progress.place, left?.element.place.map { $0 - 1 } ?? work.upTo)
        note.progress = (from: served.progress.place, to: progress)
        return isSlow
    }

    /// Whether somebody asked for it once more; a test is one attempt by itself.
    private func isAsked(_ delivery: WebhookDelivery) -> Bool { delivery.isReplay && delivery.kind != .webhookTest }

    /// Gives up what was asked for once more where as many attempts in a row have failed as pause an endpoint: whoever
    /// asked is told, and asks again.
    ///
    /// - Returns: How many have failed in a row by now; nil where none was made.
    private func stop(_ answers: [Answer], of work: Work, into note: inout WebhookNote) -> Int? {
        var (failures, failed, isTried) = (replayFailures, Set<Identifier>(), false)
        for answer in answers where isAsked(work.items[answer.index].delivery) {
            isTried = true
            failures = answer.found.isTaken ? 0 : failures + 1
            failed =
                answer.found.isTaken ? [] : failed.union([work.items[answer.index].delivery.replay].compactMap(\.self))
        }
        guard isTried else { return nil }
        guard failures >= settings.failuresMax else { return failures }
        // What waits beside it would fail alike.
        let due = work.items.filter { $0.place == nil && isAsked($0.delivery) }.compactMap(\.delivery.replay)
        note.stopped = (replays: failed.union(due), at: parts.entropy.now())
        return 0
    }

    private func chance() -> Double { Double(parts.entropy.random() >> 11) / Double(1 << 53) }

    private func told(
        _ off: WebhookEndpoint.Off?,
        _ progress: WebhookProgress,
        _ endpoint: WebhookEndpoint,
        at moment: Timestamp
    ) -> FeedEvent {
        FeedEvent.about(
            endpoint,
            off: off,
            address: WebhookAddress.masked(endpoint.url),
            failingSince: progress.failingSince,
            at: moment
        )
    }
}
