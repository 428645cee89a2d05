import Gateway

/// Works off wishes that events are sent once more: finds them, some in each commit, and has them wait to be sent.
struct WebhookReplays: Sendable {
    let webhooks: any WebhookRepository
    let feed: any FeedRepository
    let entropy: Entropy
    let settings: WebhookSettings

    /// How much earlier than its time an event may stand in the feed: commits are not in the order of what they tell.
    private static let slack: Duration = .seconds(3_600)

    /// Looks for the next events of a wish.
    ///
    /// - Throws: as the store does; then nothing was written.
    func advance(_ replay: WebhookReplay) async throws(GatewayError) {
        var note = WebhookNote(organization: replay.organization, endpoint: replay.endpoint)
        var next = replay
        switch replay.wish {
        case .test:
            note.deliveries = [waiting(replay.id, .webhookTest, at: 0, of: replay)]
            next.found = 1
            next.endedAt = entropy.now()
        case .event(let id): try await find(id, &next, into: &note)
        case .span(let from, let to, let kinds, let onlyMissing):
            if replay.place == 0 { next.place = try await place(before: from + (.zero - Self.slack)) }
            // Of what arrived longer ago nobody knows any more that it did.
            let from = onlyMissing ? max(from, entropy.now() + (.zero - settings.keptFor)) : from
            let isWanted = { (event: FeedEvent) in
                event.at >= from && event.at <= to && (kinds.isEmpty || kinds.contains(event.kind))
            }
            try await find(
                &next,
                into: &note,
                isWanted,
                isEnough: { $0.at > to + Self.slack },
                isMissing: { $0.state != .delivered || !onlyMissing }
            )
        }
        note.replay = next
        try await webhooks.note([note])
    }

    /// One event, by what was sent of it before, else by looking for it around the time of its id.
    private func find(
        _ id: Identifier,
        _ replay: inout WebhookReplay,
        into note: inout WebhookNote
    ) async throws(GatewayError) {
        let known = try await webhooks.deliveries(of: [id], to: replay.endpoint, organization: replay.organization)
        if let delivery = known.first {
            note.deliveries = [again(delivery, by: replay)]
            replay.found = 1
            replay.endedAt = entropy.now()
            return
        }
        if replay.place == 0 { replay.place = try await place(before: id.time + (.zero - Self.slack)) }
        try await find(
            &replay,
            into: &note,
            { $0.id == id },
            isEnough: { $0.id == id || $0.at > id.time + Self.slack },
            isMissing: { _ in true }
        )
    }

    private func find(
        _ replay: inout WebhookReplay,
        into note: inout WebhookNote,
        _ isWanted: (FeedEvent) -> Bool,
        isEnough: (FeedEvent) -> Bool,
        isMissing: (WebhookDelivery) -> Bool
    ) async throws(GatewayError) {
        let served = try await endpoint(of: replay)
        let page = try await feed.feed(
            lane: FeedReader.lane,
            of: replay.organization,
            after: replay.place,
            limit: settings.replayMax
        )
        // What is behind its place is on its way.
        let wanted = page.entries.filter { entry in
            isWanted(entry.event)
                && served.map { $0.endpoint.wants(entry.event) && entry.position <= $0.progress.place } ?? false
        }
        let known = Dictionary(
            try await webhooks.deliveries(
                of: wanted.map(\.event.id),
                to: replay.endpoint,
                organization: replay.organization
            )
            .map { ($0.event, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for entry in wanted {
            let before = known[entry.event.id]
            guard before.map(isMissing) ?? true else { continue }
            let new = waiting(entry.event.id, entry.event.kind, at: entry.position, of: replay)
            note.deliveries.append(before.map { again($0, by: replay) } ?? new)
            replay.found += 1
        }
        replay.place = page.upTo
        if page.entries.count < settings.replayMax || page.entries.contains(where: { isEnough($0.event) }) {
            replay.endedAt = entropy.now()
        }
    }

    private func endpoint(of replay: WebhookReplay) async throws(GatewayError) -> ServedWebhook? {
        for environment in Environment.allCases {
            let found = try await webhooks.webhook(
                replay.endpoint,
                organization: replay.organization,
                environment: environment
            )
            if let found { return found }
        }
        return nil
    }

    /// What was sent before, or waits, as it is sent at once.
    ///
    /// What waits by itself is the endpoint's own still: it is only tried sooner, and is not given up with the wish.
    private func again(_ delivery: WebhookDelivery, by replay: WebhookReplay) -> WebhookDelivery {
        var next = delivery
        if delivery.state == .waiting, !delivery.isReplay {
            next.dueAt = min(delivery.dueAt ?? entropy.now(), entropy.now())
            return next
        }
        next.state = .waiting
        next.tries = 0
        next.dueAt = entropy.now()
        next.at = entropy.now()
        next.isReplay = true
        next.replay = replay.id
        return next
    }

    private func waiting(
        _ event: Identifier,
        _ kind: FeedEvent.Kind,
        at position: Int64,
        of replay: WebhookReplay
    ) -> WebhookDelivery {
        WebhookDelivery(
            organization: replay.organization,
            endpoint: replay.endpoint,
            event: event,
            kind: kind,
            position: position,
            state: .waiting,
            dueAt: entropy.now(),
            isReplay: true,
            replay: replay.id,
            at: entropy.now()
        )
    }

    /// A place of the feed before which nothing is of a moment or later, but for the slack: found by halving.
    private func place(before moment: Timestamp) async throws(GatewayError) -> Int64 {
        let lane = FeedReader.lane
        // Of those that are kept longest: whoever asks has what its own plan keeps.
        let floor = try await feed.feedFloor(lane: lane, keptFor: .max)
        var (low, high) = (floor, try await feed.feedEnd(lane: lane))
        while low < high {
            let middle = low + (high - low) / 2
            let entry = try await feed.feed(lane: lane, after: middle, limit: 1).first
            if let entry, entry.event.at < moment { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
