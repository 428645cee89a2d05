import Gateway

/// What a commit claims and a change takes, in the order and with the meaning of the SQL stores.
extension MemoryTables {
    func entry(_ name: Name) -> IdempotencyEntry? {
        guard let (claim, id) = idempotency[name], let record = records[id]?.record else { return nil }
        return IdempotencyEntry(
            claim: claim,
            record: id,
            standing: IdempotencyEntry.Standing(
                state: record.state,
                direction: record.direction,
                createdAt: record.createdAt,
                endedAt: record.endedAt,
                releasedAt: record.releasedAt,
                wasSent: record.sentAt != nil,
                isDisputed: record.isDisputed
            )
        )
    }

    /// Claims all that a new record needs.
    ///
    /// - Throws: `Undo` with the outcome, when another record stands in the way.
    mutating func claim(_ new: NewRecord) throws {
        let record = new.record
        if let claim = new.idempotency { try self.claim(claim, for: record) }
        begunUnder[record.id] = new.idempotency?.key
        let all = LateClaims(guards: new.guards, unique: new.unique, at: record.createdAt)
        if let outcome = take(all, for: record) { throw undo(outcome) }
        if let quota = new.quota, take(quota) == nil { throw undo(.quotaSpent) }
        if let full = count(new.limits) { throw undo(.limitReached(full)) }
    }

    /// Claims what a record that was held takes only now; what it has already counts from now on.
    ///
    /// - Throws: `Undo` with the outcome, when another record stands in the way.
    mutating func claim(_ claims: LateClaims, for record: Record) throws {
        var outcome = take(claims, for: record)
        if outcome == nil { outcome = count(claims.limits).map { .limitReached($0) } }
        guard let outcome else { return }
        throw MemoryStore.Undo(outcome: ApplyOutcome.refused(record.id, outcome))
    }

    /// Counts calls against limits; answers where one would be past its own.
    private mutating func count(_ claims: [LimitClaim]) -> LimitPlace? {
        for claim in claims.sorted(by: { $0.place.scope < $1.place.scope }) {
            let old = moneyCounts[claim.place] ?? (0, 0)
            guard old.calls < claim.countMax, old.amount <= claim.amountMax - claim.amount else { return claim.place }
            let moved = (calls: old.calls + 1, amount: old.amount + claim.amount)
            moneyCounts[claim.place] = moved
            for event in claim.told(after: moved.calls, moved.amount)
            where toldOfLimits[claim.place] ?? 0 < event.version {
                toldOfLimits[claim.place] = event.version
                tell([event])
            }
        }
        return nil
    }

    /// What stands in the way; nil when all is claimed.
    private mutating func take(_ claims: LateClaims, for record: Record) -> CommitOutcome? {
        if let held = held(record, at: claims.at) { return held }
        for (index, rule) in claims.guards.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            if let outcome = claimSlot(of: rule, at: index, for: record, at: claims.at) { return outcome }
        }
        for (index, key) in claims.unique.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            let name = Name(record, key.key)
            if let held = unique[name], held.record != record.id {
                let holder = records[held.record]?.record.state
                let isReleased = holder.map {
                    !$0.isWaiting && (held.releasedBy.contains($0) || $0 == .withdrawn)
                }
                guard isReleased ?? false else { return .duplicate(index: index, by: held.record) }
            }
            unique[name] = UniqueRow(record: record.id, releasedBy: key.releasedBy)
        }
        return nil
    }

    private func undo(_ outcome: CommitOutcome) -> MemoryStore.Undo<CommitOutcome> {
        MemoryStore.Undo(outcome: outcome)
    }

    private mutating func claim(_ claim: IdempotencyClaim, for record: Record) throws {
        let name = Name(record, claim.key)
        if let entry = entry(name) {
            switch entry.answer(to: claim, at: record.createdAt) {
            case .free: break
            case .replay: throw undo(.replay(entry.record))
            case .reused: throw undo(.keyReused(entry.record))
            case .stillOpen: throw undo(.keyStillOpen(entry.record))
            }
        }
        idempotency[name] = (claim, record.id)
    }

    private func held(_ record: Record, at now: Timestamp) -> CommitOutcome? {
        guard record.direction == .incoming || record.direction == .outgoing, let party = record.intent.party,
            let amount = record.intent.amount,
            let hold = guards[Name(record, Self.holdKey(record.direction, party, amount))]?[0],
            now < hold.until
        else { return nil }
        return .held(by: hold.record, until: hold.until)
    }

    private static func holdKey(_ direction: OperationDirection, _ party: String, _ amount: Shillings) -> String {
        "*hold:\(direction.rawValue):\(party):\(amount.amount)"
    }

    private mutating func claimSlot(
        of rule: Guard,
        at index: Int,
        for record: Record,
        at now: Timestamp
    ) -> CommitOutcome? {
        let name = Name(record, rule.key)
        let slots = guards[name] ?? [:]
        let own = slots.first { $0.value.record == record.id }?.key
        let free = own ?? (0..<rule.openMax).first { slots[$0].map { isFree($0, at: now) } ?? true }
        guard let free else { return guarded(index, slots, at: now) }
        guards[name, default: [:]][free] = Slot(record: record.id, until: now + rule.window)
        return nil
    }

    private func isFree(_ slot: Slot, at now: Timestamp) -> Bool {
        guard let holder = records[slot.record]?.record else { return false }
        return !holder.state.isWaiting && slot.until <= now
            || (holder.state == .rejected || holder.state == .withdrawn) && holder.sentAt == nil
            || holder.releasedAt.map { $0 <= now } ?? false
    }

    private func guarded(_ index: Int, _ slots: [Int: Slot], at now: Timestamp) -> CommitOutcome {
        let first = slots.sorted { $0.key < $1.key }.map(\.value)
            .min { left, right in
                (isWaiting(left) ? 1 : 0, left.until.milliseconds) < (
                    isWaiting(right) ? 1 : 0, right.until.milliseconds
                )
            }
        guard let first else { return .committed }
        let until = max(first.until, records[first.record]?.record.releasedAt ?? first.until)
        return .guarded(index: index, by: first.record, until: until > now ? until : nil)
    }

    private func isWaiting(_ slot: Slot) -> Bool { records[slot.record]?.record.state.isWaiting ?? true }

    // MARK: Changes

    static func receiptName(_ account: String, _ direction: OperationDirection, _ receipt: String) -> String {
        "\(account) \(direction.rawValue) \(receipt)"
    }

    /// Writes a record's next version, and what is committed with it.
    ///
    /// - Parameter conflict: How the transaction answers that the record has another version by now.
    mutating func apply<Outcome: Sendable>(_ change: RecordChange, with conflict: (RecordID) -> Outcome) throws {
        let record = change.record
        if let left = change.leftReceipt {
            let name = Name(record, Self.receiptName(left.account, left.direction, left.receipt))
            if receipts[name] == record.id { receipts[name] = nil }
        }
        if let claim = change.receipt {
            let name = Name(record, Self.receiptName(claim.account, claim.direction, claim.receipt))
            if let holder = receipts[name], holder != record.id {
                throw MemoryStore.Undo(outcome: ApplyOutcome.receiptTaken(record.id, by: holder))
            }
            receipts[name] = record.id
        }
        guard let old = records[record.id], old.record.version == record.version - 1,
            old.record.organization == record.organization,
            change.whileRunning.map({ runs($0, record.organization) }) ?? true
        else { throw MemoryStore.Undo(outcome: conflict(record.id)) }
        records[record.id] = RecordRow(record: record, events: old.events + change.events)
        if let hold = change.hold {
            guards[Name(record, Self.holdKey(hold.direction, hold.party, hold.amount)), default: [:]][0] =
                Slot(record: record.id, until: hold.until)
        }
        for (namespace, value) in change.newIDs {
            let name = Name(record, namespace + " " + value)
            if let holder = externalIDs[name], holder != record.id {
                throw MemoryStore.Undo(
                    outcome: ApplyOutcome.idTaken(record.id, namespace: namespace, by: holder)
                )
            }
            externalIDs[name] = record.id
        }
        if let callback = change.settledCallback { end(callback, of: record.organization, as: "applied") }
        if let unread = change.unread { keep(unread) }
        balances += change.balances.map {
            ToldBalance(
                account: record.accountName.description,
                balance: $0,
                at: record.updatedAt,
                record: record.id
            )
        }
        if let place = change.uncounted, let count = quotas[place] { quotas[place]?.used = max(0, count.used - 1) }
        for charge in change.charges {
            guard let old = moneyCounts[charge.place] else { continue }
            moneyCounts[charge.place] = (old.calls + charge.calls, old.amount + charge.amount)
        }
        if let halt = change.halt { self.halt(halt, of: record.organization) }
        audit += change.audit
        tell(change.told)
        usage += change.usage
    }

    mutating func tell(_ events: [FeedEvent]) {
        for event in events { feed.append(FeedEntry(event: event, position: (feed.last?.position ?? 0) + 1)) }
    }

    mutating func end(_ id: CallbackID, of organization: OrganizationID, as end: String, digest: String = "") {
        guard let row = callbacks[id], row.callback.organization == organization, row.end == nil else { return }
        callbacks[id]?.end = end
        callbacks[id]?.digest = digest
    }

    mutating func keep(_ callback: ReceivedCallback) {
        if callbacks[callback.id] == nil { callbacks[callback.id] = CallbackRow(callback: callback) }
    }
}
