import Gateway

extension MemoryStore: BatchRepository {
    package func commit(_ new: NewBatch) async throws(GatewayError) -> BatchOutcome {
        let batch = new.batch
        return try await write("commit a batch") { tables in
            let name = MemoryTables.BatchName(batch.organization, batch.id)
            if let taken = tables.batches[name] { return .taken(taken) }
            if batch.repeats == nil, let same = tables.batch(like: batch, since: new.sameSince), same != batch.retryOf {
                return .sameItems(same)
            }
            let open = tables.batches.values.count { $0.organization == batch.organization && $0.endedAt == nil }
            if open >= new.openMax { return .tooManyOpen }
            let again = Set(new.items.compactMap { $0.batch?.retryOfBatch == nil ? nil : $0.batch?.retryOf })
            if tables.retries(in: batch.organization).contains(where: { again.contains($0.item) }) { return .retried }
            if let known = new.known, tables.isOvertaken(batch, new.items, since: known) { return .overtaken }
            if let quota = new.quota, tables.take(quota) == nil { return .quotaSpent }
            tables.batches[name] = batch
            tables.begin(new.items, told: new.told)
            tables.audit += new.audit
            return .committed
        }
    }

    package func batch(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Batch? {
        try await read { $0.batches[MemoryTables.BatchName(organization, id)] }
    }

    package func batches(
        of organization: OrganizationID,
        environment: Environment,
        before: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await read { tables in
            let order = { (batch: Batch) in (batch.createdAt.milliseconds, batch.id.description) }
            let last = before.flatMap { tables.batches[MemoryTables.BatchName(organization, $0)] }
            let found = tables.batches.values.filter { batch in
                batch.organization == organization && batch.environment == environment
                    && (last.map { order(batch) < order($0) } ?? true)
            }
            return Array(found.sorted { order($0) > order($1) }.prefix(max(1, limit)))
        }
    }

    package func batch(
        containing content: [UInt8],
        organization: OrganizationID,
        environment: Environment,
        since: Timestamp
    ) async throws(GatewayError) -> BatchID? {
        try await read { $0.batch(containing: content, organization, environment, since: since) }
    }

    package func openBatches(at now: Timestamp, limit: Int) async throws(GatewayError) -> [Batch] {
        try await read { tables in
            let next = { (batch: Batch) in
                tables.postponed[MemoryTables.BatchName(batch.organization, batch.id)] ?? batch.nextAt
            }
            let open = tables.batches.values.filter { $0.endedAt == nil && next($0) <= now }
            let order = { (batch: Batch) in (next(batch).milliseconds, batch.id.description) }
            let turns = Dictionary(grouping: open, by: \.organization).values
                .flatMap { $0.sorted { order($0) < order($1) }.enumerated() }
            let all = turns.sorted { one, other in
                (one.offset, order(one.element).0, "\(one.element.organization)", order(one.element).1)
                    < (other.offset, order(other.element).0, "\(other.element.organization)", order(other.element).1)
            }
            return all.prefix(max(1, limit)).map(\.element)
        }
    }

    package func postpone(_ batches: [Batch], until moment: Timestamp) async throws(GatewayError) {
        try await write("put batches off") { tables in
            for batch in batches {
                let name = MemoryTables.BatchName(batch.organization, batch.id)
                guard let found = tables.batches[name], found.version == batch.version, found.endedAt == nil else {
                    continue
                }
                tables.postponed[name] = moment
            }
        }
    }

    package func openBatches(
        of organization: OrganizationID,
        in states: Set<BatchState>,
        after: BatchID?,
        limit: Int
    ) async throws(GatewayError) -> [Batch] {
        try await read { tables in
            let found = tables.batches.values.filter { batch in
                batch.organization == organization && batch.endedAt == nil && states.contains(batch.state)
                    && (after.map { batch.id.description > $0.description } ?? true)
            }
            return Array(found.sorted { $0.id.description < $1.id.description }.prefix(max(1, limit)))
        }
    }

    package func apply(_ change: BatchChange) async throws(GatewayError) -> Bool {
        try await write("change a batch") { tables in
            let name = MemoryTables.BatchName(change.batch.organization, change.batch.id)
            // One record may be changed by several, each on what the one before made of it.
            var versions: [RecordID: Int] = [:]
            let isStruckNow = change.struck.allSatisfy { struck in
                let before = versions[struck.record.id] ?? tables.records[struck.record.id]?.record.version
                versions[struck.record.id] = struck.record.version
                return before == struck.record.version - 1
            }
            guard tables.batches[name]?.version == change.batch.version - 1, isStruckNow else { return false }
            if let known = change.known, tables.isOvertaken(change.batch, change.items, since: known) { return false }
            for struck in change.struck { try tables.apply(struck, with: ApplyOutcome.conflict) }
            tables.batches[name] = change.batch
            tables.postponed[name] = nil
            tables.begin(change.items, told: change.told)
            return true
        }
    }

    package func retries(
        of id: BatchID,
        organization: OrganizationID,
        between ids: ClosedRange<String>?
    ) async throws(GatewayError) -> [BatchRetry] {
        try await read { tables in
            tables.retries(in: organization, of: id)
                .filter { ids?.contains($0.item.description) ?? true }
                .sorted { $0.item.raw < $1.item.raw }
        }
    }

    package func items(_ question: BatchItems) async throws(GatewayError) -> [Record] {
        try await read { tables in
            let found = tables.sorted { record in
                guard let place = record.batch, record.organization == question.organization,
                    place.batch == question.batch, place.sequence > question.after,
                    question.states?.contains(record.state) ?? true
                else { return false }
                guard let due = question.dueAt, record.state == .released else { return true }
                return record.nextActionAt.map { $0 <= due } ?? false
            }
            return Array(
                found.sorted { $0.batch?.sequence ?? 0 < $1.batch?.sequence ?? 0 }.prefix(max(1, question.limit))
            )
        }
    }

    package func undecidedItems(
        of account: AccountID,
        sentSince moment: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> [UndecidedItem] {
        try await read { tables in
            let found = tables.records.values.compactMap { row -> UndecidedItem? in
                let record = row.record
                guard AccountID(of: record) == account, !record.state.isEnded, !record.state.isHeld,
                    record.state != .manual, let place = record.batch, let sentAt = record.sentAt, sentAt >= moment
                else { return nil }
                return UndecidedItem(record: record.id, batch: place.batch, sentAt: sentAt)
            }
            let order = { (item: UndecidedItem) in (item.sentAt.milliseconds, item.record.description) }
            return Array(found.sorted { order($0) > order($1) }.prefix(max(1, limit)))
        }
    }

    package func hasUndecided(_ id: BatchID, organization: OrganizationID) async throws(GatewayError) -> Bool {
        try await read { tables in
            tables.records.values.contains { row in
                row.record.organization == organization && row.record.batch?.batch == id
                    && !row.record.state.isEnded && !row.record.state.isHeld
            }
        }
    }

    package func undecided(
        of id: BatchID,
        organization: OrganizationID,
        sentBy moment: Timestamp
    ) async throws(GatewayError) -> Int64 {
        let states: [RecordState] = [.accepted, .unknown, .reconciling]
        return try await read { tables in
            let found = tables.records.values.count { row in
                row.record.organization == organization && row.record.batch?.batch == id
                    && states.contains(row.record.state) && row.record.sentAt.map { $0 <= moment } ?? false
            }
            return Int64(found)
        }
    }

    package func sums(
        of id: BatchID,
        organization: OrganizationID
    ) async throws(GatewayError) -> [RecordState: RollupSum] {
        try await read { tables in
            var sums: [RecordState: RollupSum] = [:]
            for row in tables.records.values
            where row.record.organization == organization && row.record.batch?.batch == id {
                let amount = row.record.intent.amount?.amount ?? 0
                sums[row.record.state, default: RollupSum()].add(RollupSum(transactions: 1, amount: amount))
            }
            return sums
        }
    }

    package func recent(_ question: RecentPayments) async throws(GatewayError) -> [RecentPayment] {
        let parties = Set(question.parties)
        return try await read { tables in
            tables.sorted { record in
                record.organization == question.organization && record.environment == question.environment
                    && record.direction == question.direction && !RecentPayment.unpaid.contains(record.state)
                    && (question.batch == nil || record.batch?.batch != question.batch)
                    && (!record.state.isEnded || record.createdAt >= question.from
                        || record.sentAt.map { $0 >= question.from } == true
                        || record.endedAt.map { $0 >= question.from } == true)
            }
            .compactMap { record in
                guard let party = record.intent.party, parties.contains(party), let amount = record.intent.amount
                else { return nil }
                return RecentPayment(
                    party: party,
                    amount: amount.amount,
                    record: record.id,
                    madeAt: record.createdAt
                )
            }
        }
    }
}

extension MemoryTables {
    struct BatchName: Hashable, Sendable {
        let organization: OrganizationID
        let id: BatchID

        init(_ organization: OrganizationID, _ id: BatchID) {
            self.organization = organization
            self.id = id
        }
    }

    /// Which items are tried again by other batches, of one batch or of all.
    func retries(in organization: OrganizationID, of id: BatchID? = nil) -> [BatchRetry] {
        records.values.compactMap { row in
            guard row.record.organization == organization, let place = row.record.batch, let item = place.retryOf,
                let batch = place.retryOfBatch, id.map({ $0 == batch }) ?? true
            else { return nil }
            return BatchRetry(item: item, retry: row.record.id, batch: place.batch)
        }
    }

    func batch(like batch: Batch, since: Timestamp) -> BatchID? {
        self.batch(containing: batch.content, batch.organization, batch.environment, since: since)
    }

    func batch(
        containing content: [UInt8],
        _ organization: OrganizationID,
        _ environment: Environment,
        since: Timestamp
    ) -> BatchID? {
        batches.values
            .filter { batch in
                batch.organization == organization && batch.environment == environment && batch.content == content
                    && batch.stands(since: since) && (batch.state != .cancelled || batch.releasedBy != nil)
            }
            .max { $0.createdAt < $1.createdAt }?
            .id
    }

    /// Whether others have asked for the payment of a row that has not left, besides what was known of them.
    func isOvertaken(_ batch: Batch, _ new: [Record], since known: KnownPayments) -> Bool {
        let own = records.values.map(\.record)
            .filter { $0.organization == batch.organization && $0.batch?.batch == batch.id && $0.state.isHeld }
        let payment = { (record: Record) in
            record.intent.party.map { "\(record.direction) \($0) \(record.intent.amount?.amount ?? 0)" }
        }
        let rows = Set((own + new).compactMap(payment))
        return records.values.map(\.record)
            .contains { other in
                other.organization == batch.organization && other.environment == batch.environment
                    && other.createdAt >= known.since && other.batch?.batch != batch.id
                    && !known.seen.contains(other.id) && !RecentPayment.unpaid.contains(other.state)
                    && payment(other).map { rows.contains($0) } == true
            }
    }

    /// Whether a batch runs.
    func runs(_ id: BatchID, _ organization: OrganizationID) -> Bool {
        batches[BatchName(organization, id)]?.state == .running
    }

    mutating func begin(_ items: [Record], told: [FeedEvent]) {
        for item in items { records[item.id] = RecordRow(record: item, events: [item.firstEvent]) }
        for event in told { feed.append(FeedEntry(event: event, position: Int64(feed.count + 1))) }
    }

    /// Stops a batch in the commit that changes one of its items, if it runs.
    mutating func halt(_ halt: BatchHalt, of organization: OrganizationID) {
        let name = BatchName(organization, halt.batch)
        guard var batch = batches[name],
            batch.state == .running || batch.state == .paused && halt.state == .broken
        else { return }
        batch.state = halt.state
        batch.version += 1
        batch.decidedBy = "host"
        batch.reason = halt.reason
        (batch.until, batch.remindAt) = (halt.until, halt.state == .paused ? halt.remindAt : nil)
        batch.withdrawal = halt.state == .broken ? .obsolete : nil
        batch.approvers = []
        batches[name] = batch
        postponed[name] = nil
        feed.append(FeedEntry(event: halt.told(of: batch), position: Int64(feed.count + 1)))
    }
}
