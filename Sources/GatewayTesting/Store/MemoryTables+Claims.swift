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
        try checkHold(record)
        for (index, rule) in new.guards.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            try claimSlot(of: rule, at: index, for: record)
        }
        for (index, key) in new.unique.enumerated().sorted(by: { $0.element.key < $1.element.key }) {
            let name = Name(record, key.key)
            if let held = unique[name] {
                let holder = records[held.record]?.record
                let isReleased = holder.map { !$0.state.isWaiting && held.releasedBy.contains($0.state) } ?? false
                guard isReleased else { throw undo(.duplicate(index: index, by: held.record)) }
            }
            unique[name] = UniqueRow(record: record.id, releasedBy: key.releasedBy)
        }
        if let quota = new.quota, take(quota) == nil { throw undo(.quotaSpent) }
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

    private func checkHold(_ record: Record) throws {
        guard record.direction == .incoming || record.direction == .outgoing, let party = record.intent.party,
            let amount = record.intent.amount,
            let hold = guards[Name(record, Self.holdKey(record.direction, party, amount))]?[0],
            record.createdAt < hold.until
        else { return }
        throw undo(.held(by: hold.record, until: hold.until))
    }

    private static func holdKey(_ direction: OperationDirection, _ party: String, _ amount: Shillings) -> String {
        "*hold:\(direction.rawValue):\(party):\(amount.amount)"
    }

    private mutating func claimSlot(of rule: Guard, at index: Int, for record: Record) throws {
        let name = Name(record, rule.key)
        let slots = guards[name] ?? [:]
        let free = (0..<rule.openMax).first { slots[$0].map { isFree($0, at: record.createdAt) } ?? true }
        guard let free else { throw undo(guarded(index, slots, at: record.createdAt)) }
        guards[name, default: [:]][free] = Slot(record: record.id, until: record.createdAt + rule.window)
    }

    private func isFree(_ slot: Slot, at now: Timestamp) -> Bool {
        guard let holder = records[slot.record]?.record else { return false }
        return !holder.state.isWaiting && slot.until <= now || holder.state == .rejected && holder.sentAt == nil
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
        if let claim = change.receipt {
            let name = Name(record, Self.receiptName(claim.account, claim.direction, claim.receipt))
            if let holder = receipts[name], holder != record.id {
                throw MemoryStore.Undo(outcome: ApplyOutcome.receiptTaken(record.id, by: holder))
            }
            receipts[name] = record.id
        }
        guard let old = records[record.id], old.record.version == record.version - 1,
            old.record.organization == record.organization
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
        if let place = change.uncounted, let count = quotas[place] { quotas[place]?.used = max(0, count.used - 1) }
        audit += change.audit
        usage += change.usage
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
