import Gateway

extension MemoryStore: RecordRepository {
    package func commit(_ new: NewRecord) async throws(GatewayError) -> CommitOutcome {
        try await write { tables in
            try tables.claim(new)
            tables.records[new.record.id] = MemoryTables.RecordRow(record: new.record, events: new.events)
            if let change = new.change { try tables.apply(change, with: CommitOutcome.stale) }
            tables.audit += new.audit
            tables.tell(new.told)
            return .committed
        }
    }

    package func apply(_ changes: [RecordChange]) async throws(GatewayError) -> ApplyOutcome {
        try await write { tables in
            for change in changes {
                if let claims = change.claims { try tables.claim(claims, for: change.record) }
                try tables.apply(change, with: ApplyOutcome.conflict)
            }
            return .applied
        }
    }

    package func idempotencyEntry(
        _ key: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> IdempotencyEntry? {
        try await read { $0.entry(MemoryTables.Name(organization, environment, key)) }
    }

    package func record(
        _ id: RecordID,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { $0.record(id, organization, environment) }
    }

    package func record(
        receipt: String,
        accounts: [String],
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { tables in
            let names = [OperationDirection.incoming, .outgoing]
                .flatMap { direction in
                    accounts.map { MemoryTables.receiptName($0, direction, receipt) }
                }
            let holder = names.lazy
                .compactMap { tables.receipts[MemoryTables.Name(organization, environment, $0)] }.first
            return holder.flatMap { tables.record($0, organization, environment) }
        }
    }

    package func record(
        externalID: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> Record? {
        try await read { tables in
            tables.externalIDs[MemoryTables.Name(organization, environment, namespace + " " + externalID)]
                .flatMap { tables.record($0, organization, environment) }
        }
    }

    package func recordAndEvents(
        named id: String,
        namespace: String,
        organization: OrganizationID,
        environment: Environment,
        limit: Int
    ) async throws(GatewayError) -> (record: Record, events: [RecordEvent])? {
        try await read { tables in
            let known = tables.externalIDs[MemoryTables.Name(organization, environment, namespace + " " + id)]
            guard let own = known ?? RecordID(id), let record = tables.record(own, organization, environment) else {
                return nil
            }
            return (record, Array((tables.records[own]?.events ?? []).suffix(limit)))
        }
    }

    package func events(
        of id: RecordID,
        organization: OrganizationID,
        limit: Int
    ) async throws(GatewayError) -> [RecordEvent] {
        try await read { tables in
            guard let row = tables.records[id], row.record.organization == organization else { return [] }
            return Array(row.events.suffix(limit))
        }
    }

    package func records(
        matching filter: RecordFilter,
        organization: OrganizationID,
        environment: Environment
    ) async throws(GatewayError) -> [Record] {
        try await read { tables in
            let found = tables.sorted {
                $0.organization == organization && $0.environment == environment && filter.matches($0)
            }
            return Array(found.reversed().prefix(max(1, filter.limit)))
        }
    }

    package func drafts(
        of organization: OrganizationID,
        in environments: [Environment],
        madeBy maker: String?,
        before: RecordID?,
        limit: Int
    ) async throws(GatewayError) -> [Record] {
        try await read { tables in
            let found = tables.sorted { record in
                record.organization == organization && environments.contains(record.environment)
                    && record.state == .draft && record.batch == nil
                    && maker.map { $0 == record.madeBy } ?? true
                    && before.map { record.id.raw < $0.raw } ?? true
            }
            return Array(found.reversed().prefix(max(1, limit)))
        }
    }

    package func moved(at place: LimitPlace) async throws(GatewayError) -> (calls: Int64, amount: Int64) {
        try await read { $0.moneyCounts[place] ?? (0, 0) }
    }

    package func laterTwins(of record: Record, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { tables in
            let found = tables.sorted { other in
                guard other.organization == record.organization, other.environment == record.environment,
                    other.id != record.id, other.isTwin(of: record)
                else { return false }
                return other.recordClass == .transaction
                    && other.direction == record.direction && record.intent.party != nil && record.intent.amount != nil
                    && other.intent.party == record.intent.party && other.intent.amount == record.intent.amount
            }
            return Array(found.prefix(limit))
        }
    }

    package func openRecordsByPlugin() async throws(GatewayError) -> [String: Int] {
        try await read { tables in
            Dictionary(tables.sorted { !$0.state.isEnded }.map { ($0.plugin, 1) }, uniquingKeysWith: +)
        }
    }

    package func records(in state: RecordState, limit: Int) async throws(GatewayError) -> [Record] {
        try await read { Array($0.sorted { $0.state == state && state.isWaiting }.prefix(limit)) }
    }
}

extension MemoryStore: DueRepository {
    package func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        try await due(at: now, limit: limit, except: accounts) { !$0.state.isHeld }
    }

    package func dueHeld(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>
    ) async throws(GatewayError) -> [Record] {
        try await due(at: now, limit: limit, except: accounts) { $0.state.isHeld && $0.batch == nil }
    }

    package func organizationsHolding(
        after organization: OrganizationID?,
        limit: Int
    ) async throws(GatewayError) -> [OrganizationID] {
        try await read { tables in
            let holding = Set(tables.sorted { $0.state.isHeld }.map(\.organization.description))
            let found = holding.filter { $0 > organization?.description ?? "" }.sorted()
            return found.prefix(max(1, limit)).compactMap { OrganizationID($0) }
        }
    }

    private func due(
        at now: Timestamp,
        limit: Int,
        except accounts: Set<AccountID>,
        name: String = #function,
        where isWanted: (Record) -> Bool
    ) async throws(GatewayError) -> [Record] {
        try await read(name) { tables in
            let due = tables.sorted { record in
                guard let next = record.nextActionAt, next <= now, !record.state.isEnded, isWanted(record) else {
                    return false
                }
                return !accounts.contains(AccountID(of: record))
            }
            // What waits for a person comes last; those of one moment stay in the order of their beginning.
            let order = { (record: Record) in
                (record.state == .manual ? 1 : 0, record.nextActionAt?.milliseconds ?? 0, record.id.raw)
            }
            return Array(due.sorted { order($0) < order($1) }.prefix(limit))
        }
    }

    package func keep(moment: Timestamp) async throws(GatewayError) { try await write { $0.moment = moment } }

    package func newestMoment() async throws(GatewayError) -> Timestamp? {
        try await read { tables in
            let seen = tables.sorted {
                $0.state.isWaiting && $0.updatedAt > tables.moment ?? Timestamp(milliseconds: 0)
            }
            let came = tables.callbacks.values.filter { $0.end == nil }.map(\.callback.receivedAt)
            return ([tables.moment].compactMap(\.self) + seen.map(\.updatedAt) + came).max()
        }
    }

    package func bringForward(by duration: Duration, after moment: Timestamp) async throws(GatewayError) {
        try await write { tables in
            func moved(_ time: Timestamp?) -> Timestamp? {
                time.map { $0 > moment ? $0 + (.zero - duration) : $0 }
            }
            for id in tables.records.keys {
                guard var record = tables.records[id]?.record else { continue }
                if !record.state.isEnded { record.nextActionAt = moved(record.nextActionAt) }
                if let until = record.hold?.until { record.hold?.until = moved(until) ?? until }
                record.sentAt = moved(record.sentAt)
                record.updatedAt = moved(record.updatedAt) ?? record.updatedAt
                record.endedAt = moved(record.endedAt)
                record.releasedAt = moved(record.releasedAt)
                tables.records[id]?.record = record
            }
            for (name, slots) in tables.guards {
                for (number, slot) in slots where slot.until > moment {
                    tables.guards[name]?[number]?.until = slot.until + (.zero - duration)
                }
            }
            for (id, row) in tables.callbacks where row.end == nil || row.end == CallbackEnd.quarantined.rawValue {
                tables.callbacks[id]?.callback = row.callback.received(by: moment)
            }
            for (name, batch) in tables.batches where batch.endedAt == nil {
                tables.batches[name]?.until = moved(batch.until) ?? batch.until
                tables.postponed[name] = moved(tables.postponed[name])
            }
            tables.moment = moment
        }
    }

    package func bringEndedForward(
        after place: RecordPlace?,
        now: Timestamp,
        limit: Int
    ) async throws(GatewayError) -> RecordPlace? {
        // All of it moves at once here.
        nil
    }

    package func postpone(_ record: Record, until moment: Timestamp) async throws(GatewayError) {
        try await write { tables in
            guard tables.records[record.id]?.record.version == record.version else { return }
            tables.records[record.id]?.record.nextActionAt = moment
        }
    }
}

extension RecordFilter {
    fileprivate func matches(_ record: Record) -> Bool {
        guard accounts?.contains(record.accountName) ?? true else { return false }
        guard recordClass == nil || recordClass == record.recordClass, status == nil || status == record.state.status,
            operation == nil || operation == record.operation, party == nil || party == record.intent.party,
            madeBy == nil || madeBy == record.madeBy, direction == nil || direction == record.direction,
            reference == nil || reference == record.intent.reference, receipt == nil || receipt == record.receipt
        else { return false }
        let amount = record.intent.amount?.amount
        if let amountMin, amount ?? -1 < amountMin { return false }
        if let amountMax, amount ?? .max > amountMax { return false }
        if let from, record.createdAt < from { return false }
        if let until, record.createdAt >= until { return false }
        return before.map { record.id.raw < $0.raw } ?? true
    }
}
