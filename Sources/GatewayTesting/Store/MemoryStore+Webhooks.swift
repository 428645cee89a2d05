import Gateway

extension MemoryStore: WebhookRepository {
    package func webhooks(
        of organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [ServedWebhook] {
        try await read { tables in
            tables.webhooks.values
                .filter { $0.endpoint.organization == organization && $0.endpoint.environment == environment }
                .sorted { $0.endpoint.id < $1.endpoint.id }.map(tables.served)
        }
    }

    package func webhook(
        _ id: Identifier,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> ServedWebhook? {
        try await read { tables in
            guard let row = tables.webhooks[.init(organization, id)], row.endpoint.environment == environment else {
                return nil
            }
            return tables.served(row)
        }
    }

    package func servedWebhooks(
        after place: (organization: OrganizationID, endpoint: Identifier)?,
        limit: Int
    ) async throws(GatewayError) -> [ServedWebhook] {
        try await read { tables in
            let order = { (row: MemoryTables.WebhookRow) in
                (row.endpoint.organization.description, row.endpoint.id.description)
            }
            let last = place.map { ($0.organization.description, $0.endpoint.description) } ?? ("", "")
            let found = tables.webhooks.values.filter { $0.endpoint.off == nil && order($0) > last }
            return found.sorted { order($0) < order($1) }.prefix(max(1, limit)).map(tables.served)
        }
    }

    package func add(_ endpoint: WebhookEndpoint, endpointsMax: Int) async throws(GatewayError) {
        try await write("add a webhook") { tables in
            let there = tables.webhooks.values.count {
                $0.endpoint.organization == endpoint.organization && $0.endpoint.environment == endpoint.environment
            }
            guard there < endpointsMax else {
                throw GatewayError(
                    .limitExceeded,
                    "At most \(endpointsMax) endpoints may be there: delete one that is not needed."
                )
            }
            tables.webhooks[.init(endpoint.organization, endpoint.id)] = MemoryTables.WebhookRow(
                endpoint: endpoint,
                progress: WebhookProgress(place: tables.feed.last?.position ?? 0)
            )
            tables.directory.countChange(of: endpoint.organization)
        }
    }

    package func change(
        _ endpoint: WebhookEndpoint,
        begins: Bool,
        telling told: [FeedEvent] = []
    ) async throws(GatewayError) -> Bool {
        try await write("change a webhook") { tables in
            let name = MemoryTables.WebhookName(endpoint.organization, endpoint.id)
            guard tables.webhooks[name]?.endpoint.version == endpoint.version - 1 else { return false }
            tables.webhooks[name]?.endpoint = endpoint
            if endpoint.off != nil { tables.endWishes(name, at: endpoint.offSince ?? endpoint.madeAt) }
            if begins {
                tables.webhooks[name]?.progress = WebhookProgress(place: tables.feed.last?.position ?? 0)
            }
            tables.directory.countChange(of: endpoint.organization)
            tables.tell(told)
            return true
        }
    }

    package func removeWebhook(_ id: Identifier, organization: OrganizationID) async throws(GatewayError) -> Bool {
        try await write("remove a webhook") { tables in
            let isGone = tables.webhooks.removeValue(forKey: .init(organization, id)) != nil
            tables.replays = tables.replays.filter { $0.value.endpoint != id || $0.value.organization != organization }
            tables.directory.countChange(of: organization)
            return isGone
        }
    }

    package func deliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        state: WebhookDelivery.State?,
        before: Identifier?,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery] {
        try await read { tables in
            let found = tables.deliveries[.init(organization, endpoint), default: [:]].values
                .filter { delivery in
                    (state.map { $0 == delivery.state } ?? true) && (before.map { delivery.event < $0 } ?? true)
                }
            return Array(found.sorted { $0.event > $1.event }.prefix(max(1, limit)))
        }
    }

    package func deliveries(
        of events: [Identifier],
        to endpoint: Identifier,
        organization: OrganizationID
    ) async throws(GatewayError) -> [WebhookDelivery] {
        try await read { tables in
            events.compactMap { tables.deliveries[.init(organization, endpoint)]?[$0] }
        }
    }

    package func dueDeliveries(
        to endpoint: Identifier,
        organization: OrganizationID,
        at now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [WebhookDelivery] {
        try await read { tables in
            let order = { (delivery: WebhookDelivery) in
                (delivery.dueAt?.milliseconds ?? 0, delivery.event.description)
            }
            let due = tables.deliveries[.init(organization, endpoint), default: [:]].values
                .filter { delivery in
                    delivery.dueAt.map { $0 <= now } ?? false
                }
            return Array(due.sorted { order($0) < order($1) }.prefix(max(1, limit)))
        }
    }

    // MARK: Wishes

    package func begin(_ replay: WebhookReplay, openMax: Int) async throws(GatewayError) {
        try await write("begin a replay") { tables in
            let open = tables.replays.values.count {
                $0.organization == replay.organization && $0.endedAt == nil
            }
            guard open < openMax else {
                throw GatewayError(
                    .limitExceeded,
                    "\(openMax) replays are being worked off already. Ask again when one of them has ended."
                )
            }
            guard tables.webhooks[.init(replay.organization, replay.endpoint)] != nil else {
                throw GatewayError(.notFound, "There is no such endpoint.")
            }
            tables.replays[replay.id] = replay
        }
    }

    package func replays(
        to endpoint: Identifier,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [WebhookReplay] {
        try await read { tables in
            let found = tables.replays.values.filter { $0.organization == organization && $0.endpoint == endpoint }
            return Array(found.sorted { $0.id > $1.id }.prefix(max(1, limit)))
        }
    }

    package func openReplays(limit: Int) async throws(GatewayError) -> [WebhookReplay] {
        try await read { tables in
            Array(tables.replays.values.filter { $0.endedAt == nil }.sorted { $0.id < $1.id }.prefix(max(1, limit)))
        }
    }

    // MARK: Sending

    package func note(_ notes: [WebhookNote]) async throws(GatewayError) {
        try await write("note what came of webhooks") { tables in
            for note in notes { tables.write(note) }
        }
    }

    package func forgetDeliveries(before moment: Timestamp, limit: Int) async throws(GatewayError) -> Int {
        try await write("forget deliveries") { tables in
            let old = tables.deliveries.values.flatMap(\.values)
                .filter { $0.at < moment }.sorted { $0.at < $1.at }.prefix(max(1, limit))
            for delivery in old {
                tables.deliveries[.init(delivery.organization, delivery.endpoint)]?[delivery.event] = nil
            }
            let done = tables.replays.values.filter { $0.endedAt.map { $0 < moment } ?? false }.prefix(max(1, limit))
            for replay in done { tables.replays[replay.id] = nil }
            return old.count + done.count
        }
    }
}

extension MemoryTables {
    /// An endpoint's name.
    struct WebhookName: Hashable, Sendable {
        let organization: OrganizationID
        let endpoint: Identifier

        init(_ organization: OrganizationID, _ endpoint: Identifier) {
            self.organization = organization
            self.endpoint = endpoint
        }
    }

    struct WebhookRow: Sendable {
        var endpoint: WebhookEndpoint
        var progress: WebhookProgress
    }

    fileprivate func served(_ row: WebhookRow) -> ServedWebhook {
        let waiting = deliveries[WebhookName(row.endpoint.organization, row.endpoint.id), default: [:]].values
        return ServedWebhook(
            endpoint: row.endpoint,
            progress: row.progress,
            dueAt: waiting.compactMap(\.dueAt).min()
        )
    }

    fileprivate mutating func endWishes(_ name: WebhookName, at moment: Timestamp) {
        for (id, replay) in replays
        where replay.organization == name.organization && replay.endpoint == name.endpoint && replay.endedAt == nil {
            replays[id]?.endedAt = moment
        }
    }

    private mutating func stop(_ stopped: Set<Identifier>, _ name: WebhookName, at moment: Timestamp) {
        for (event, delivery) in deliveries[name, default: [:]] {
            guard delivery.dueAt != nil, let replay = delivery.replay, stopped.contains(replay) else { continue }
            deliveries[name]?[event]?.state = .givenUp
            deliveries[name]?[event]?.dueAt = nil
            deliveries[name]?[event]?.at = moment
        }
        for id in stopped {
            guard var replay = replays[id], replay.organization == name.organization, replay.endpoint == name.endpoint,
                replay.stoppedAt == nil
            else { continue }
            (replay.endedAt, replay.stoppedAt) = (replay.endedAt ?? moment, moment)
            replays[id] = replay
        }
    }

    fileprivate mutating func write(_ note: WebhookNote) {
        let name = WebhookName(note.organization, note.endpoint)
        guard let row = webhooks[name] else { return }
        if let replay = note.replay {
            guard let open = replays[replay.id], open.endedAt == nil else { return }
            replays[replay.id] = replay
        }
        for delivery in note.deliveries { deliveries[name, default: [:]][delivery.event] = delivery }
        if let (replays, moment) = note.stopped { stop(replays, name, at: moment) }
        if let (from, progress) = note.progress, row.progress.place == from { webhooks[name]?.progress = progress }
        if let (off, moment) = note.off {
            guard row.endpoint.off == nil, note.version.map({ $0 == row.endpoint.version }) ?? true else { return }
            webhooks[name]?.endpoint.off = off
            webhooks[name]?.endpoint.offSince = moment
            webhooks[name]?.endpoint.version += 1
            endWishes(name, at: moment)
            directory.countChange(of: note.organization)
        }
        tell(note.told)
    }
}
