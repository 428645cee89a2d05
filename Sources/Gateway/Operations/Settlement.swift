import Logging

/// Carries what happened to a record through the core and into the store, and performs what follows.
///
/// Optimistic: the step is decided on the version that was read; when the store has a newer one, it is decided again
/// on that. So a callback, a reply and a sweep that meet never overwrite each other.
struct Settlement: Sendable {
    let records: any RecordRepository
    private let directory: DirectoryCache
    let registry: ToolRegistry
    /// Rung when an item of a batch has ended.
    let bell = Bell<Record>()
    private let waiters: OutcomeWaiters
    let entropy: Entropy
    private let limits: RecordMachine.Rules
    let logger: Logger
    /// How often a step is decided again before giving up for now.
    private let attemptsMax = 16
    /// How many other records for the same customer and amount are named as possible doubles.
    let twinsMax = 4
    /// How long nothing more is asked of a customer, or paid to them, after a success without a receipt.
    let holdFor: Duration = .seconds(600)
    /// What was never sent and must end so.
    let withdrawals = Withdrawals()
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
        /// Why it changed nothing, where what it claims is another's.
        var refusal: CommitOutcome?

        /// Whether this happening changed it.
        var hasChanged: Bool { event != nil }
    }

    /// The step to `sending` of a record that is about to be committed: its request leaves as soon as it is durable.
    func beginning(_ record: Record, at now: Timestamp? = nil) -> RecordMachine.Step? {
        machine(for: record).step(record, .sending, at: now ?? record.createdAt)
    }

    /// The same of a record that was held and let go.
    func beginning(_ record: Record, of sending: RecordMachine.ReleasedSending) -> RecordMachine.Step? {
        machine(for: record).step(record, .sendingReleased(sending), at: sending.begunAt)
    }

    /// Why nothing was sent by this sending of a record, where that is known here and could not be kept yet.
    func whyUnsent(_ record: Record) -> String? { withdrawals.reason(for: record) }

    /// Whether a sending of the record that never left may still be written.
    func mayBeBegun(_ record: Record) -> Bool { withdrawals.isWaiting(record.id) }

    /// Ends a record for which nothing was sent.
    ///
    /// A row that is not there may still come, as long as its commit is on its way.
    func withdraw(_ waiting: Withdrawals.Waiting, at now: Timestamp) async -> Withdrawals.Outcome {
        let record = waiting.record
        do {
            let found = try await records.record(record.id, of: record)
            guard let found, found.attempts >= record.attempts else { return now > waiting.until ? .ended : .mayCome }
            // It may have been given up for lost and asked about meanwhile: what is known here is of this sending.
            guard found.isInSending(of: record) else { return .ended }
            _ = try await settle(found) { $0.isInSending(of: record) ? .notSent(waiting.reason) : nil }
            return .ended
        } catch {
            logger.warning(
                "it is not known whether a transaction that was not sent was kept",
                metadata: ["record": "\(record.id)", "reason": "\(error.detail ?? error.message)"]
            )
            return .storeIsAway
        }
    }

    /// Applies what `happening` says of the record's newest version.
    ///
    /// It is asked again for each version, because what bytes prove can depend on what is known; nil means that nothing
    /// happened after all. `unread` are bytes that nobody could read: kept in the same commit, for later.
    ///
    /// `claims` are taken in the same commit, or it is refused. So is `beside`, changes of other records: where one of them
    /// has been changed meanwhile, nothing is written, and what this was decided on must be looked at again. `batch` must
    /// run.
    ///
    /// - Throws: `unavailable` when the store is; `conflict` when others kept changing the record.
    func settle(
        _ record: Record,
        claiming claims: LateClaims? = nil,
        beside: [RecordChange] = [],
        whileRunning batch: BatchID? = nil,
        callback: CallbackID? = nil,
        unread: ReceivedCallback? = nil,
        with lines: ChangeLines? = nil,
        failpoints: (Failpoints, Failpoint)? = nil,
        _ happening: (Record) async throws(GatewayError) -> RecordMachine.Happening?
    ) async throws(GatewayError) -> Settled {
        var current = record
        var others = Others()
        for _ in 0..<attemptsMax {
            guard let what = try await happening(current)?.contested(by: others),
                let step = await machine(for: current, what).step(current, what, at: entropy.now())
            else { return Settled(record: current, event: nil) }
            failpoints.map { $0.0.reach($0.1) }
            let moves = try await moves(step, of: current, contestedBy: others)
            for move in moves { try Settlement.check(move) }
            let changes = moves.map { move in
                let isFirst = move.isFirst(of: current)
                return change(
                    move,
                    callback: isFirst ? callback : nil,
                    unread: isFirst ? unread : nil,
                    claims: isFirst ? claims : nil,
                    whileRunning: isFirst ? batch : nil,
                    with: isFirst ? lines : nil
                )
            }
            switch try await records.apply(changes + beside) {
            case .applied:
                for move in moves { perform(move.step, from: move.before) }
                return Settled(
                    record: moves.last { $0.before.id == current.id }?.step.record ?? step.record,
                    event: step.event
                )
            case .receiptTaken(_, let other):
                if case .resolved = what { throw Settlement.receiptIsAnothers(other) }
                others.mistaken = try await mistaken(other, about: current)
                if others.mistaken == nil { others.receipt = other }
            case .idTaken(_, let name, let other): others.id = (step.record.externalIDs[name] ?? name, other)
            case .refused(_, let outcome): return Settled(record: current, event: nil, refusal: outcome)
            case .conflict(let id) where beside.contains(where: { $0.record.id == id }):
                return Settled(record: current, event: nil, refusal: .stale(id))
            case .conflict(let id) where id == others.mistaken?.id:
                others.mistaken = try await mistaken(id, about: current)
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
        var others = Others()
        for _ in 0..<attemptsMax {
            let now = entropy.now()
            let ended = await machine(for: exchange, nil).step(exchange, .evidence(evidence, source), at: now)
            let what = RecordMachine.Happening.evidence(evidence, .query).contested(by: others)
            let step = await machine(for: current, what).step(current, what, at: now)
            var moves = ended.map { [Move(step: $0, before: exchange)] } ?? []
            if let step { moves += try await self.moves(step, of: current, contestedBy: others) }
            for move in moves { try Settlement.check(move) }
            guard let first = moves.first?.before else { return Settled(record: current, event: nil) }
            switch try await records.apply(moves.map { change($0, callback: $0.isFirst(of: first) ? callback : nil) }) {
            case .applied:
                for move in moves where move.before.id != exchange.id { perform(move.step, from: move.before) }
                let newest = moves.last { $0.before.id == current.id }?.step.record
                return Settled(record: newest ?? current, event: step?.event ?? ended?.event)
            case .receiptTaken(_, let other):
                others.mistaken = try await mistaken(other, about: current)
                if others.mistaken == nil { others.receipt = other }
            case .idTaken(_, let name, let other): others.id = (step?.record.externalIDs[name] ?? name, other)
            // The answer's reply and its callback may meet: what was read of either is read again, and nothing is lost.
            case .conflict(let id) where id == exchange.id: exchange = try await reload(exchange)
            case .conflict(let id) where id == others.mistaken?.id:
                others.mistaken = try await mistaken(id, about: current)
            case .refused, .conflict: current = try await reload(current)
            }
        }
        throw Settlement.isBeingChanged(current)
    }

    private static func receiptIsAnothers(_ other: RecordID) -> GatewayError {
        let message = "receipt: it is the receipt of the transaction \(other)."
        return GatewayError(
            .conflict,
            message,
            errors: [.init(pointer: "/receipt", message: message)],
            record: other
        )
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
        let found = try await records.record(record.id, of: record)
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
        // By the request that was sent, which another version of the plugin may have made.
        if case .hostID(let pointer) = kind.deduplication {
            rules.carriesOwnID = record.request.body.value(at: pointer)?.stringValue == record.id.description
        }
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

    /// What is told once a step is durable.
    private func perform(_ step: RecordMachine.Step, from before: Record) {
        log(step, from: before)
        metrics.count(step.event)
        if step.effects.contains(.announceEnd) {
            waiters.announce(step.record.id)
            if step.record.batch != nil { bell.ring(step.record) }
        }
    }

    private func log(_ step: RecordMachine.Step, from before: Record) {
        let hasEnded = before.state != step.record.state && step.record.state.isEnded
        let (level, words): (Logger.Level, Logger.Message) =
            if step.effects.contains(.raiseDispute) {
                (.warning, "evidence contradicts a transaction")
            } else if step.effects.contains(.callPerson) {
                (.warning, "a transaction needs a person")
            } else if step.effects.contains(.announceLateSuccess) {
                (.warning, "a transaction succeeded after it had ended otherwise")
            } else { hasEnded ? (.info, "transaction ended") : (.debug, "transaction changed") }
        let provesNothing = step.event.verdict == Evidence.Verdict.unknown.rawValue
        // Most of what happens is said to nobody, and what is said is many texts.
        guard logger.logLevel <= level || provesNothing else { return }
        var metadata: Logger.Metadata = [
            "record": "\(step.record.id)", "organization": "\(step.record.organization)",
            "operation": "\(step.record.operation)", "from": "\(before.state.rawValue)",
            "to": "\(step.record.state.rawValue)", "source": "\(step.event.source)",
        ]
        if let code = step.event.code { metadata["code"] = "\(code)" }
        logger.log(level: level, words, metadata: metadata)
        guard provesNothing else { return }
        metadata["meaning"] = "\(step.event.meaning ?? "")"
        logger.warning("what M-Pesa said proves nothing", metadata: metadata)
    }
}
