import Gateway

extension MemoryStore: CallbackRepository {
    package func receive(_ callback: ReceivedCallback) async throws(GatewayError) {
        try await write { $0.keep(callback) }
    }

    package func countAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) -> Int {
        try await write { tables in
            guard let row = tables.callbacks[id], row.callback.organization == organization else { return 0 }
            tables.callbacks[id]?.callback.attempts += 1
            return row.callback.attempts + 1
        }
    }

    package func forgiveAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await write { tables in
            guard let row = tables.callbacks[id], row.callback.organization == organization, row.callback.attempts > 0
            else { return }
            tables.callbacks[id]?.callback.attempts -= 1
        }
    }

    package func end(
        _ id: CallbackID,
        organization: OrganizationID,
        as end: CallbackEnd,
        at: Timestamp
    ) async throws(GatewayError) { try await write { $0.end(id, of: organization, as: end.rawValue) } }

    package func quarantine(
        _ id: CallbackID,
        organization: OrganizationID,
        digest: String,
        at: Timestamp
    ) async throws(GatewayError) {
        try await write { $0.end(id, of: organization, as: "quarantined", digest: digest) }
    }

    package func quarantined(
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [(callback: ReceivedCallback, digest: String)] {
        try await read { tables in
            tables.callbacks(after: place, limit: limit) { $0.end == "quarantined" }.map { ($0.callback, $0.digest) }
        }
    }

    package func reopen(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) {
        try await write { tables in
            guard let row = tables.callbacks[id], row.callback.organization == organization, row.end == "quarantined"
            else { return }
            tables.callbacks[id]?.end = nil
            tables.callbacks[id]?.callback.attempts = 0
        }
    }

    package func unsettled(
        before: Timestamp,
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [ReceivedCallback] {
        try await read { tables in
            tables.callbacks(after: place, limit: limit) { $0.end == nil && $0.callback.receivedAt <= before }
                .map(\.callback)
        }
    }
}

extension MemoryTables {
    /// The oldest first.
    fileprivate func callbacks(
        after place: CallbackPlace?,
        limit: Int,
        where isWanted: (CallbackRow) -> Bool
    ) -> [CallbackRow] {
        let found = callbacks.values.filter(isWanted)
            .filter { row in
                place.map { (row.callback.receivedAt, row.callback.id.raw) > ($0.receivedAt, $0.id.raw) } ?? true
            }
            .sorted { ($0.callback.receivedAt, $0.callback.id.raw) < ($1.callback.receivedAt, $1.callback.id.raw) }
        return Array(found.prefix(limit))
    }
}

extension MemoryStore: ClaimRepository {
    package func forgetClaims(
        after place: ClaimPlace,
        limit: Int,
        endedBy moment: Timestamp,
        late: Timestamp
    ) async throws(GatewayError) -> (forgotten: Int, next: ClaimPlace?) {
        try await write { tables in
            let rows = tables.claims(of: place.kind).filter { place.key.isEmpty || $0.order > place.order }
            let slice = rows.prefix(max(1, limit))
            var forgotten = 0
            for row in slice where tables.hasEnded(row, by: moment, late: late) {
                tables.forget(row)
                forgotten += 1
            }
            return (forgotten, slice.count == max(1, limit) ? slice.last?.place : nil)
        }
    }
}

/// One claim on a walk.
private struct WalkedClaim {
    let place: ClaimPlace
    let name: MemoryTables.Name
    let slot: Int

    var order: (String, String, String) { place.order }
}

extension ClaimPlace {
    fileprivate var order: (String, String, String) { (organization, environment, key) }
}

extension MemoryTables {
    fileprivate func claims(of kind: ClaimPlace.Kind) -> [WalkedClaim] {
        func claim(_ name: Name, _ slot: Int = 0) -> WalkedClaim {
            let place = ClaimPlace(
                kind,
                organization: name.organization.description,
                environment: name.environment.rawValue,
                key: name.text
            )
            return WalkedClaim(place: place, name: name, slot: slot)
        }
        let all =
            switch kind {
            case .idempotency: idempotency.keys.map { claim($0) }
            case .guards: guards.flatMap { name, slots in slots.keys.sorted().map { claim(name, $0) } }
            }
        return all.sorted { $0.order < $1.order || $0.order == $1.order && $0.slot < $1.slot }
    }

    fileprivate func hasEnded(_ claim: WalkedClaim, by moment: Timestamp, late: Timestamp) -> Bool {
        switch claim.place.kind {
        case .idempotency:
            guard let (kept, id) = idempotency[claim.name], let record = records[id]?.record,
                let end = record.endedAt, end + kept.retention <= moment
            else { return false }
            let mayNotSucceed =
                record.state == .succeeded || record.state == .reversed || record.recordClass == .exchange
                || record.sentAt == nil
            return mayNotSucceed || end <= late
        case .guards:
            guard let slot = guards[claim.name]?[claim.slot], let record = records[slot.record]?.record else {
                return false
            }
            return slot.until <= moment && !record.state.isWaiting
        }
    }

    fileprivate mutating func forget(_ claim: WalkedClaim) {
        switch claim.place.kind {
        case .idempotency: idempotency[claim.name] = nil
        case .guards:
            guards[claim.name]?[claim.slot] = nil
            if guards[claim.name]?.isEmpty == true { guards[claim.name] = nil }
        }
    }
}
