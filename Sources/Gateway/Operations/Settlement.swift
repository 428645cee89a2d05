import Logging

/// Carries what happened to a record through the core and into the store, and performs what follows.
///
/// Optimistic: the step is decided on the version that was read; when the store has a newer one, it is decided again
/// on that. So a callback, a reply and a sweep that meet never overwrite each other.
struct Settlement: Sendable {
    let records: any RecordRepository
    private let directory: DirectoryCache
    private let registry: ToolRegistry
    private let waiters: OutcomeWaiters
    private let entropy: Entropy
    private let limits: RecordMachine.Rules
    let logger: Logger
    /// How often a step is decided again before giving up for now.
    private let attemptsMax = 16
    /// How many other records for the same customer and amount are named as possible doubles.
    let twinsMax = 4
    /// How long nothing more is asked of a customer after a success without a receipt.
    private let holdFor: Duration = .seconds(600)
    private let withdrawals: Withdrawals
    private let metrics: EvidenceMetrics

    /// Makes it.
    ///
    /// `limits` are the host's; a kind's own are added to them.
    init(
        records: any RecordRepository,
        directory: DirectoryCache,
        registry: ToolRegistry,
        waiters: OutcomeWaiters,
        entropy: Entropy,
        limits: RecordMachine.Rules,
        metrics: EvidenceMetrics = EvidenceMetrics(),
        logger: Logger
    ) {
        self.records = records
        self.directory = directory
        self.registry = registry
        withdrawals = Withdrawals()
        self.metrics = metrics
        self.waiters = waiters
        self.entropy = entropy
        self.limits = limits
        self.logger = logger
    }

    /// What came of settling.
    struct Settled: Sendable {
        /// The record as it now stands.
        let record: Record
        /// The step that this happening led to; nil when it changed nothing.
        let event: RecordEvent?

        /// Whether this happening changed it.
        var hasChanged: Bool { event != nil }
    }

    /// The step to `sending` of a record that is about to be committed: its request leaves as soon as it is durable.
    func beginning(_ record: Record, at now: Timestamp? = nil) -> RecordMachine.Step? {
        machine(for: record).step(record, .sending, at: now ?? record.createdAt)
    }

    /// Ends a record for which nothing was sent: its commit failed and it may be written all the same, or it could not be
    /// kept that nothing left.
    ///
    /// Nothing was sent by this sending of the record, and nothing will be. Where the store is away, it is tried again
    /// (`withdrawPending`).
    /// - Returns: Whether nothing is left to do.
    func withdraw(_ record: Record, because reason: String) async -> Bool {
        if await isWithdrawn(record, because: reason) { return true }
        if !withdrawals.add(record, because: reason, at: entropy.now()) {
            logger.error("too many transactions wait to be withdrawn", metadata: ["record": "\(record.id)"])
        }
        return false
    }

    /// Tries again to end what was not sent and may have been kept.
    func withdrawPending() async {
        for waiting in withdrawals.all {
            let isLast = entropy.now() > waiting.until
            if await isWithdrawn(waiting.record, because: waiting.reason, isLast: isLast) {
                withdrawals.remove(waiting.record.id)
            }
        }
    }

    /// Why nothing was sent by this sending of a record, where that is known here and could not be kept yet.
    func whyUnsent(_ record: Record) -> String? { withdrawals.reason(for: record) }

    /// Whether nothing is left to do.
    ///
    /// A row that is not there may still come, as long as its commit is on its way.
    private func isWithdrawn(_ record: Record, because reason: String, isLast: Bool = false) async -> Bool {
        do {
            let found = try await records.record(
                record.id,
                organization: record.organization,
                environment: record.environment
            )
            guard let found else { return isLast }
            // It may have been given up for lost and asked about meanwhile: what is known here is of this sending.
            guard found.attempts == record.attempts else { return true }
            _ = try await settle(found) { $0.attempts == record.attempts ? .notSent(reason) : nil }
            return true
        } catch {
            logger.warning(
                "it is not known whether a transaction that was not sent was kept",
                metadata: ["record": "\(record.id)", "reason": "\(error.detail ?? error.message)"]
            )
            return false
        }
    }

    /// Applies what `happening` says of the record's newest version.
    ///
    /// It is asked again for each version, because what bytes prove can depend on what is known; nil means that nothing
    /// happened after all. `unread` are bytes that nobody could read: kept in the same commit, for later.
    ///
    /// - Throws: `unavailable` when the store is; `conflict` when others kept changing the record.
    func settle(
        _ record: Record,
        callback: CallbackID? = nil,
        unread: ReceivedCallback? = nil,
        failpoints: (Failpoints, Failpoint)? = nil,
        _ happening: (Record) async throws(GatewayError) -> RecordMachine.Happening?
    ) async throws(GatewayError) -> Settled {
        var current = record
        var holder: RecordID?
        for _ in 0..<attemptsMax {
            guard let what = try await happening(current)?.repeating(holder),
                let step = await machine(for: current, what).step(current, what, at: entropy.now())
            else { return Settled(record: current, event: nil) }
            failpoints.map { $0.0.reach($0.1) }
            let moves =
                try await [Move(step: step, before: current, takesReceipt: holder == nil)] + consequences(of: step)
            let changes = moves.map { move in
                let isFirst = move.isFirst(of: current)
                return change(move, callback: isFirst ? callback : nil, unread: isFirst ? unread : nil)
            }
            switch try await records.apply(changes) {
            case .applied:
                for move in moves { perform(move.step, from: move.before) }
                return Settled(
                    record: moves.last { $0.before.id == current.id }?.step.record ?? step.record,
                    event: step.event
                )
            case .receiptTaken(_, let other): holder = other
            case .conflict: current = try await reload(current)
            }
        }
        throw Settlement.isBeingChanged(record)
    }

    /// Applies one answer to an exchange and to the transaction it is about, in one commit.
    ///
    /// - Returns: The transaction as it then stands, and whether anything changed.
    func settle(
        exchange: Record,
        about transaction: Record,
        evidence: Evidence,
        from source: Evidence.Source = .reply,
        callback: CallbackID? = nil
    ) async throws(GatewayError) -> Settled {
        var (exchange, current) = (exchange, transaction)
        var holder: RecordID?
        for _ in 0..<attemptsMax {
            let now = entropy.now()
            let ended = await machine(for: exchange, nil).step(exchange, .evidence(evidence, source), at: now)
            let what = RecordMachine.Happening.evidence(evidence, .query).repeating(holder)
            let step = await machine(for: current, what).step(current, what, at: now)
            var moves = ended.map { [Move(step: $0, before: exchange)] } ?? []
            if let step {
                moves +=
                    try await [Move(step: step, before: current, takesReceipt: holder == nil)] + consequences(of: step)
            }
            guard let first = moves.first?.before else { return Settled(record: current, event: nil) }
            switch try await records.apply(moves.map { change($0, callback: $0.isFirst(of: first) ? callback : nil) }) {
            case .applied:
                for move in moves where move.before.id != exchange.id { perform(move.step, from: move.before) }
                let newest = moves.last { $0.before.id == current.id }?.step.record
                return Settled(record: newest ?? current, event: step?.event ?? ended?.event)
            case .receiptTaken(_, let other): holder = other
            // The answer's reply and its callback may meet: what was read of either is read again, and nothing is lost.
            case .conflict(let id) where id == exchange.id: exchange = try await reload(exchange)
            case .conflict: current = try await reload(current)
            }
        }
        throw Settlement.isBeingChanged(current)
    }

    private static func isBeingChanged(_ record: Record) -> GatewayError {
        GatewayError(
            .conflict,
            "The transaction is being changed by others. Ask for its status.",
            record: record.id
        )
    }

    /// The record's newest version.
    func reload(_ record: Record) async throws(GatewayError) -> Record {
        let found = try await records.record(
            record.id,
            organization: record.organization,
            environment: record.environment
        )
        guard let found else { throw GatewayError.fault("record \(record.id) is gone from the store") }
        return found
    }

    func machine(for record: Record) -> RecordMachine {
        var rules = limits
        guard let (plugin, index) = registry.snapshot.generation(of: record.plugin, for: record.operation) else {
            // Without its plugin nobody knows how an exchange is answered: it goes on waiting.
            rules.awaitsCallback = true
            return RecordMachine(rules: rules)
        }
        let kind = plugin.operations[index]
        rules.resendLimit = kind.resendLimit
        rules.resendGrace = kind.resendGrace
        rules.resendWindow = kind.sendWithin
        rules.awaitsCallback = !kind.callbacks.isEmpty
        if case .hostID = kind.deduplication { rules.carriesOwnID = true }
        return RecordMachine(rules: rules)
    }

    /// The same, with what the organization allows where the happening depends on it.
    private func machine(for record: Record, _ what: RecordMachine.Happening?) async -> RecordMachine {
        let machine = machine(for: record)
        guard case .evidence(let evidence, _) = what else { return machine }
        if evidence.verdict == .duplicate, record.direction == .reverse {
            var rules = machine.rules
            rules.isOnlyReversal = await isOnlyReversal(record)
            return RecordMachine(rules: rules)
        }
        guard evidence.verdict == .notFound,
            // An organization that cannot be read now has switched nothing on.
            let membership = try? await directory.membership(of: record.organization)
        else { return machine }
        var rules = machine.rules
        rules.resendsNotFound = membership.organization.resendsNotFound
        return RecordMachine(rules: rules)
    }

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
            guard takesReceipt, after.recordClass == .transaction, after.state == .succeeded,
                let receipt = after.receipt,
                before.receipt == nil || before.state != .succeeded
            else { return nil }
            return ReceiptClaim(account: after.account, direction: after.direction, receipt: receipt)
        }
    }

    /// What a step does to other records, in the same commit: a reversal that succeeds gives back so much of its original;
    /// a late success and what was begun since for the same customer and amount name each other.
    private func consequences(of step: RecordMachine.Step) async throws(GatewayError) -> [Move] {
        if step.record.direction == .reverse {
            return step.effects.contains(.reverseOriginal) ? try await reversing(by: step) : []
        }
        guard step.effects.contains(.announceLateSuccess) else { return [] }
        let twins = try await records.laterTwins(of: step.record, limit: twinsMax)
        return doubles(of: step.record, twins, at: step.event.at)
    }

    /// Records that may be the same payment name each other.
    func doubles(of record: Record, _ twins: [Record], at now: Timestamp) -> [Move] {
        var moves: [Move] = []
        var late = record
        for twin in twins {
            if let named = move(.possibleDouble(twin.id), on: late, at: now) {
                moves.append(named)
                late = named.step.record
            }
            if let named = move(.possibleDouble(late.id), on: twin, at: now) { moves.append(named) }
        }
        return moves
    }

    /// What follows for a record from another's step; it takes no receipt.
    func move(_ what: RecordMachine.Happening, on record: Record, at now: Timestamp) -> Move? {
        machine(for: record).step(record, what, at: now).map { Move(step: $0, before: record, takesReceipt: false) }
    }

    /// A move as the store is told.
    func change(_ move: Move, callback: CallbackID? = nil, unread: ReceivedCallback? = nil) -> RecordChange {
        RecordChange(
            record: move.step.record,
            events: [move.step.event],
            newIDs: newIDs(of: move),
            audit: auditLines(move.step, from: move.before),
            settledCallback: callback,
            receipt: move.receipt,
            hold: hold(of: move.step),
            unread: unread
        )
    }

    private func hold(of step: RecordMachine.Step) -> PartyHold? {
        guard step.effects.contains(.holdParty), step.record.direction == .incoming,
            let party = step.record.intent.party, let amount = step.record.intent.amount
        else { return nil }
        return PartyHold(party: party, amount: amount, until: step.event.at + holdFor)
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
        guard step.record.recordClass == .transaction, isNotable || isReversed || hasEnded else { return [] }
        let action =
            if isReversed {
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
                subject: step.event.source.hasPrefix("callback") ? "mpesa" : "host",
                action: action,
                tool: step.record.tool,
                door: step.event.source,
                outcome: step.record.state == .succeeded || isReversed ? .success : .failed,
                code: step.event.code,
                record: step.record.id,
                environment: step.record.environment
            )
        ]
    }

    /// What is told once a step is durable.
    private func perform(_ step: RecordMachine.Step, from before: Record) {
        var metadata: Logger.Metadata = [
            "record": "\(step.record.id)", "organization": "\(step.record.organization)",
            "operation": "\(step.record.operation)", "from": "\(before.state.rawValue)",
            "to": "\(step.record.state.rawValue)", "source": "\(step.event.source)",
        ]
        if let code = step.event.code { metadata["code"] = "\(code)" }
        if step.effects.contains(.raiseDispute) {
            logger.warning("evidence contradicts a transaction", metadata: metadata)
        } else if step.effects.contains(.callPerson) {
            logger.warning("a transaction needs a person", metadata: metadata)
        } else if step.effects.contains(.announceLateSuccess) {
            logger.warning("a transaction succeeded after it had ended otherwise", metadata: metadata)
        } else if before.state != step.record.state, step.record.state.isEnded {
            logger.info("transaction ended", metadata: metadata)
        } else {
            logger.debug("transaction changed", metadata: metadata)
        }
        metrics.count(step.event)
        if step.event.verdict == Evidence.Verdict.unknown.rawValue {
            metadata["meaning"] = "\(step.event.meaning ?? "")"
            logger.warning("what M-Pesa said proves nothing", metadata: metadata)
        }
        if step.effects.contains(.announceEnd) { waiters.announce(step.record.id) }
    }
}

extension RecordMachine.Happening {
    /// The same evidence, once it is known that its receipt is another record's.
    fileprivate func repeating(_ holder: RecordID?) -> RecordMachine.Happening {
        guard let holder, case .evidence(let evidence, let source) = self else { return self }
        return .repeatedReceipt(evidence, source, holder: holder)
    }
}
