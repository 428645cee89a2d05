// What a step changes, in one commit: the record itself, others that it says something of, and what is kept with them.
extension Settlement {
    /// A step and the version that it was decided on.
    struct Move {
        let step: RecordMachine.Step
        let before: Record
        /// Whether the receipt that it names is looked for; not once it is known to be another's.
        var takesReceipt = true

        func isFirst(of record: Record) -> Bool { before.id == record.id && before.version == record.version }

        /// The receipt that this step brought.
        var receipt: ReceiptClaim? {
            let after = step.record
            guard takesReceipt, after.recordClass == .transaction, after.hasMoved, let receipt = after.receipt,
                before.receipt != receipt || !before.hasMoved
            else { return nil }
            return ReceiptClaim(account: after.account, direction: after.direction, receipt: receipt)
        }

        /// The receipt that it names no longer.
        var leftReceipt: ReceiptClaim? {
            guard let receipt = before.receipt, step.record.receipt != receipt else { return nil }
            return ReceiptClaim(account: before.account, direction: before.direction, receipt: receipt)
        }
    }

    /// Whose is what a step would take.
    struct Others {
        /// The receipt's holder.
        var receipt: RecordID?
        /// One of M-Pesa's ids, and its holder.
        var id: (String, RecordID)?
        /// Who has the receipt by a person's word alone, which M-Pesa's takes the place of.
        var mistaken: Record?
    }

    /// A step of a record, and what follows from it.
    func moves(
        _ step: RecordMachine.Step,
        of record: Record,
        contestedBy others: Others
    ) async throws(GatewayError) -> [Move] {
        let own = Move(step: step, before: record, takesReceipt: others.receipt == nil)
        // Whoever has the receipt wrongly gives it up first.
        let mistaken = others.mistaken.flatMap { holder in
            step.record.receipt.flatMap { move(.receiptIsAnothers($0, step.record.id), on: holder, at: step.event.at) }
        }
        var moved = mistaken.map { [$0.before.id: $0.step.record] } ?? [:]
        let shared = try await sharing(others.id, by: step, besides: moved)
        if let shared { moved[shared.before.id] = shared.step.record }
        return try await [mistaken, own, shared].compactMap(\.self) + consequences(of: step, besides: moved)
    }

    /// A record as it is by then: what the same commit changes already, as that leaves it.
    func newest(
        _ id: RecordID,
        of record: Record,
        besides moved: [RecordID: Record]
    ) async throws(GatewayError) -> Record? {
        if let moved = moved[id] { return moved }
        return try await records.record(id, of: record)
    }

    /// Who has a receipt that M-Pesa names for another, where a person alone has said that it is theirs.
    func mistaken(_ holder: RecordID, about record: Record) async throws(GatewayError) -> Record? {
        let found = try await records.record(holder, of: record)
        return found?.hasUnconfirmedReceipt == true && found?.isDamaged == false ? found : nil
    }

    /// Who holds an id that M-Pesa has named to another record too is told so while it is open.
    private func sharing(
        _ id: (String, RecordID)?,
        by step: RecordMachine.Step,
        besides moved: [RecordID: Record]
    ) async throws(GatewayError) -> Move? {
        guard let (id, holder) = id else { return nil }
        let found = try await newest(holder, of: step.record, besides: moved)
        return found.flatMap { move(.idShared(id, with: step.record.id), on: $0, at: step.event.at) }
    }

    /// What a step does to other records, in the same commit: a reversal that succeeds gives back so much of its original;
    /// a success that came late, or of what had let go of its customer, and what was begun since for the same customer and
    /// amount name each other; a reversal that may have moved after all keeps its sum.
    func consequences(
        of step: RecordMachine.Step,
        besides moved: [RecordID: Record] = [:]
    ) async throws(GatewayError) -> [Move] {
        let freed = try await freedTwins(by: step)
        if !freed.isEmpty { return freed }
        if step.effects.contains(.reverseOriginal) { return try await reversing(by: step, besides: moved) }
        if step.effects.contains(.restoreOriginal) { return try await restoring(by: step) }
        if step.record.direction == .reverse { return try await doubting(by: step) }
        guard step.effects.contains(.nameTwins) else { return [] }
        // One that something is said of in the same commit already is as it is by then.
        let twins = try await records.laterTwins(of: step.record, limit: twinsMax).map { moved[$0.id] ?? $0 }
        return doubles(of: step.record, twins, at: step.event.at)
    }

    /// Whoever was named as a possible double of what has never left is none.
    func freedTwins(
        by step: RecordMachine.Step,
        besides moved: [RecordID: Record] = [:]
    ) async throws(GatewayError) -> [Move] {
        var moves: [Move] = []
        for effect in step.effects {
            guard case .freeTwin(let other) = effect else { continue }
            let found = try await newest(other, of: step.record, besides: moved)
            guard let found else { continue }
            if let move = move(.noDouble(step.record.id), on: found, at: step.event.at) { moves.append(move) }
        }
        return moves
    }

    /// Records that may be the same payment name each other.
    func doubles(of record: Record, _ twins: [Record], at now: Timestamp) -> [Move] {
        var moves: [Move] = []
        var late = record
        // What tries it again and never left is withdrawn instead: the look at what it tries again keeps it from leaving.
        for twin in twins where !(twin.state.isHeld && twin.batch?.retryOf == record.id) {
            if let named = move(.possibleDouble(twin.id), on: late, at: now) {
                moves.append(named)
                late = named.step.record
            }
            if let named = move(.possibleDouble(late.id), on: twin, at: now) { moves.append(named) }
        }
        return moves
    }

    /// What follows for a record from another's step; it takes no receipt.
    ///
    /// What is damaged and has ended is written by nothing, and keeps nothing else from being written.
    func move(_ what: RecordMachine.Happening, on record: Record, at now: Timestamp) -> Move? {
        guard !record.isDamaged || !record.state.isEnded && record.endedAt == nil else { return nil }
        return machine(for: record).step(record, what, at: now)
            .map { Move(step: $0, before: record, takesReceipt: false) }
    }

    /// A move as the store is told.
    func change(
        _ move: Move,
        callback: CallbackID? = nil,
        unread: ReceivedCallback? = nil,
        claims: LateClaims? = nil,
        whileRunning batch: BatchID? = nil,
        with lines: ChangeLines? = nil
    ) -> RecordChange {
        var (audit, usage) = (auditLines(move.step, from: move.before), usage(of: move))
        if let lines {
            audit.insert(lines.audit, at: 0)
            if let counted = lines.usage { usage.append(counted) }
        }
        return RecordChange(
            record: move.step.record,
            events: [move.step.event],
            newIDs: newIDs(of: move),
            audit: audit,
            usage: usage,
            settledCallback: callback,
            receipt: move.receipt,
            leftReceipt: move.leftReceipt,
            hold: hold(of: move.step),
            unread: unread,
            uncounted: uncounted(by: move),
            charges: charges(by: move),
            told: move.step.told.map { .about(move.step, from: move.before, $0, id: entropy.identifier()) },
            claims: claims,
            balances: move.step.balances,
            whileRunning: batch,
            halt: halt(by: move)
        )
    }

    /// The count of the call that made a transaction: in the commit of its first outcome, which every one has once,
    /// whatever becomes of the process.
    ///
    /// What was never sent and what M-Pesa refused at once are failures; how a payment ends is no matter of the call.
    private func usage(of move: Move) -> [UsageRecord] {
        let (before, after) = (move.before, move.step.record)
        guard before.recordClass == .transaction, !before.tool.isEmpty else { return [] }
        if after.hold != nil { return usage(ofHeld: move) }
        guard before.state == .sending, before.attempts == 1, after.state != .sending else { return [] }
        return [call(of: before, at: move.step.event.at, succeeded: after.state != .rejected)]
    }

    /// The same of what was held: when something of it has left, or nothing ever will.
    ///
    /// What was taken for sent, and is known now not to have left, waits again: its count is taken back.
    private func usage(ofHeld move: Move) -> [UsageRecord] {
        let (before, after) = (move.before, move.step.record)
        switch (before.hold?.countedAt, after.hold?.countedAt) {
        case (nil, let at?):
            return [call(of: before, at: at, succeeded: after.state != .rejected && after.state != .withdrawn)]
        case (let at?, nil): return [call(of: before, at: at, succeeded: true).takenBack]
        default: return []
        }
    }

    private func call(of record: Record, at moment: Timestamp, succeeded: Bool) -> UsageRecord {
        UsageRecord(
            organization: record.organization,
            environment: record.environment,
            tool: record.tool,
            counted: Ceilings.Counted.money,
            subject: record.madeBy,
            caller: record.caller,
            account: record.accountName,
            at: moment,
            succeeded: succeeded
        )
    }

    /// The quota in which a record was counted that is known now never to have left.
    private func uncounted(by move: Move) -> QuotaPlace? {
        guard move.step.record.countedIn == nil, let month = move.before.countedIn else { return nil }
        return QuotaPlace(organization: move.before.organization, counted: Ceilings.Counted.money, month: month)
    }

    /// What is counted against limits no longer, because nothing has moved, or it leaves on another day; or again, because
    /// something has moved after all.
    private func charges(by move: Move) -> [LimitCharge] {
        let (before, after) = (move.before, move.step.record)
        guard let mark = after.limited, let old = before.limited else { return [] }
        // On the day on which it leaves it is claimed in the same commit.
        if mark.day != old.day { return old.isGivenBack ? [] : charges(for: after, at: old, times: -1) }
        guard mark.isGivenBack != old.isGivenBack else { return [] }
        return charges(for: after, at: mark, times: mark.isGivenBack ? -1 : 1)
    }

    private func charges(for record: Record, at mark: LimitMark, times sign: Int64) -> [LimitCharge] {
        mark.scopes.map { scope in
            LimitCharge(
                place: LimitPlace(
                    organization: record.organization,
                    environment: record.environment,
                    scope: scope,
                    day: mark.day
                ),
                amount: sign * (record.intent.amount?.amount ?? 0),
                calls: sign
            )
        }
    }

    private func hold(of step: RecordMachine.Step) -> PartyHold? {
        let direction = step.record.direction
        guard step.effects.contains(.holdParty), direction == .incoming || direction == .outgoing,
            let party = step.record.intent.party, let amount = step.record.intent.amount
        else { return nil }
        return PartyHold(direction: direction, party: party, amount: amount, until: step.event.at + holdFor)
    }

    /// The ids that this step brought: an id that is known stays as it is.
    private func newIDs(of move: Move) -> [String: String] {
        let (after, before) = (move.step.record, move.before)
        guard after.recordClass == .transaction, after.externalIDs.count != before.externalIDs.count else { return [:] }
        return after.externalIDs.filter { name, _ in before.externalIDs[name] == nil }
    }

    /// An audit line for each change of state, and for each thing that a person should see.
    private func auditLines(_ step: RecordMachine.Step, from before: Record) -> [AuditRecord] {
        let isNotable = !step.effects.isDisjoint(with: [.raiseDispute, .announceLateSuccess, .callPerson])
        let isReversed = step.record.state == .reversed && before.state != .reversed
        let hasEnded = step.record.state.isEnded != before.state.isEnded
        let isReleased = step.record.state == .released && before.state == .draft
        guard step.record.recordClass == .transaction, isNotable || isReversed || hasEnded || isReleased else {
            return []
        }
        let action =
            if isReleased {
                "TRANSACTION_RELEASED"
            } else if step.record.state == .withdrawn {
                "TRANSACTION_WITHDRAWN"
            } else if isReversed {
                "TRANSACTION_REVERSED"
            } else if step.effects.contains(.raiseDispute) {
                "TRANSACTION_DISPUTED"
            } else if step.effects.contains(.announceLateSuccess) {
                "TRANSACTION_LATE_SUCCESS"
            } else if step.effects.contains(.callPerson) { "TRANSACTION_NEEDS_PERSON" } else { "TRANSACTION_ENDED" }
        return [
            AuditRecord(
                id: entropy.identifier(),
                organization: step.record.organization,
                at: step.event.at,
                call: CallID(step.record.id.raw),
                subject: subject(of: step, before),
                action: action,
                tool: step.record.tool,
                door: step.event.source,
                outcome: step.record.state == .succeeded || isReversed || isReleased ? .success : .failed,
                code: step.event.code,
                record: step.record.id,
                environment: step.record.environment
            )
        ]
    }

    /// Who did it, as audit names them.
    private func subject(of step: RecordMachine.Step, _ before: Record) -> String {
        if before.state.isHeld, step.record.state.isHeld || step.record.state == .withdrawn {
            return step.record.hold?.decidedBy ?? "host"
        }
        if step.event.source == Evidence.Source.person.text { return step.record.resolution?.by ?? "host" }
        return step.event.source.hasPrefix("callback") ? "mpesa" : "host"
    }
}

extension RecordMachine.Happening {
    /// The same evidence, once it is known that what it names is another record's.
    func contested(by others: Settlement.Others) -> RecordMachine.Happening {
        guard case .evidence(var evidence, let source) = self else { return self }
        if let holder = others.receipt {
            if others.id != nil { evidence.externalIDs = [:] }
            return .repeatedReceipt(evidence, source, holder: holder)
        }
        return others.id.map { .sharedID(evidence, source, id: $0.0, holder: $0.1) } ?? self
    }
}
